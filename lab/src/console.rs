//! The real console on a host of the lab.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::collector::Collector;
use crate::counters::Counters;
use crate::host::{Host, run};
use crate::process::{Process, binary};
use crate::wait::{Deadline, Probe, eventually};

/// `traf`, joined to a collector.
#[derive(Clone, Debug)]
pub struct Console {
    host: Host,
    config: PathBuf,
}

impl Console {
    /// Joins a collector as a viewer.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn join(host: &Host, collector: &Collector, folder: &Path) -> Result<Self> {
        Self::join_as("viewer", host, collector, folder)
    }

    /// Joins a collector in a role.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn join_as(role: &str, host: &Host, collector: &Collector, folder: &Path) -> Result<Self> {
        let name = format!("{role}-{}", host.name());
        let console = Self { host: host.clone(), config: folder.join(format!("console-{name}")) };
        fs::create_dir_all(&console.config).context("making a folder for the console")?;
        let token = folder.join(format!("console-token-{name}"));
        fs::write(&token, collector.token(role)?).context("writing a token")?;
        run(console.command().args(["join", &collector.join_url(), "--token-file"]).arg(&token))?;
        Ok(console)
    }

    /// Keeps a filter under a name; an admin may.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn save_filter(&self, name: &str, rules: &str) -> Result<()> {
        let file = self.config.join(format!("{name}.rules"));
        fs::write(&file, rules).context("writing rules")?;
        let rules = fs::File::open(&file).context("reading rules")?;
        run(self.command().args(["filters", "save", name]).stdin(rules)).map(drop)
    }

    /// Starts it and lets it run, its words in a log of the lab.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<Process> {
        let config = format!("XDG_CONFIG_HOME={}", self.config.display());
        let program = binary("traf")?.to_string_lossy().into_owned();
        self.host.start("env", &[&[config.as_str(), &program], words].concat())
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        run(self.command().args(words)).map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A table, as one document of JSON.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn table(&self, words: &[&str]) -> Result<Value> {
        let text = self.run(&[words, &["--format", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("{words:?} printed no JSON: {text}"))
    }

    /// What `traf interfaces` shows of each sensor, for labs in which a sensor has one interface.
    ///
    /// # Errors
    /// When a row has no counts.
    pub fn interfaces(&self) -> Result<BTreeMap<String, Counters>> {
        let table = self.table(&["interfaces"])?;
        let rows = table["rows"].as_array().with_context(|| format!("no rows in {table}"))?;
        rows.iter()
            .map(|row| {
                let name = row["sensor"].as_str().with_context(|| format!("no sensor in {row}"))?;
                Ok((name.to_owned(), Counters::from_row(row)?))
            })
            .collect()
    }

    /// The line that starts it in a shell of this host.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn line(&self) -> Result<String> {
        Ok(format!("XDG_CONFIG_HOME={} {}", self.config.display(), binary("traf")?.display()))
    }

    /// Waits until so many sensors report.
    ///
    /// # Errors
    /// When they do not in time.
    pub fn wait_for_sensors(&self, count: usize) -> Result<()> {
        eventually(&format!("{count} sensors to report"), Deadline::seconds(60), || {
            let sensors = self.table(&["sensors"])?;
            let rows = sensors["rows"].as_array().cloned().unwrap_or_default();
            let reporting = rows.iter().filter(|row| row["presence"] == "reporting").count();
            Ok(Probe::at((reporting >= count).then_some(()), || sensors.to_string()))
        })
    }

    /// `traf` in this host, with its own configuration.
    #[must_use]
    pub fn command(&self) -> Command {
        let program = binary("traf").unwrap_or_else(|_| "traf".into());
        let mut command = self.host.command(&program.to_string_lossy());
        command.env("XDG_CONFIG_HOME", &self.config);
        command
    }
}
