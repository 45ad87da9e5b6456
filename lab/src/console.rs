//! The real console on a machine of the lab.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use traf_model::Traffic;

use crate::collector::Collector;
use crate::counters;
use crate::machine::{Machine, run};
use crate::process::{Process, binary};
use crate::wait::{Deadline, Probe, eventually};

/// `traf`, joined to a collector.
#[derive(Clone, Debug)]
pub struct Console {
    machine: Machine,
    config: PathBuf,
}

impl Console {
    /// Joins a collector in a role: `viewer`, `admin`.
    pub fn join(role: &str, machine: &Machine, collector: &Collector, folder: &Path) -> Result<Self> {
        let name = format!("{role}-{}", machine.name);
        let console = Self { machine: machine.clone(), config: folder.join(format!("console-{name}")) };
        fs::create_dir_all(&console.config).context("making a folder for the console")?;
        let token = folder.join(format!("console-token-{name}"));
        fs::write(&token, collector.token(role)?).context("writing a token")?;
        run(console.command()?.args(["join", &collector.join_url(), "--token-file"]).arg(&token))?;
        Ok(console)
    }

    /// Keeps a filter under a name; only an admin may.
    pub fn save_filter(&self, name: &str, rules: &str) -> Result<()> {
        let file = self.config.join(format!("{name}.rules"));
        fs::write(&file, rules).context("writing rules")?;
        let rules = fs::File::open(&file).context("reading rules")?;
        run(self.command()?.args(["filters", "save", name]).stdin(rules)).map(drop)
    }

    /// Starts it; its output goes to a log of the lab.
    pub fn start(&self, words: &[&str]) -> Result<Process> {
        let config = format!("XDG_CONFIG_HOME={}", self.config.display());
        self.machine.start("env", &[&[config.as_str(), &binary("traf")?], words].concat())
    }

    /// A table, as one document of JSON.
    pub fn table(&self, words: &[&str]) -> Result<Value> {
        let text = run(self.command()?.args(words).args(["--format", "json"]))?;
        serde_json::from_str(&text).with_context(|| format!("{words:?} printed no JSON: {text}"))
    }

    /// The counters of `traf interfaces` by sensor, for labs in which a sensor has one interface.
    pub fn interfaces(&self) -> Result<BTreeMap<String, Traffic>> {
        let table = self.table(&["interfaces"])?;
        let rows = table["rows"].as_array().with_context(|| format!("no rows in {table}"))?;
        rows.iter()
            .map(|row| {
                let name = row["sensor"].as_str().with_context(|| format!("no sensor in {row}"))?;
                Ok((name.to_owned(), counters::of_row(row)?))
            })
            .collect()
    }

    /// The line that starts it in a shell of this machine.
    pub fn line(&self) -> Result<String> {
        Ok(format!("XDG_CONFIG_HOME={} {}", self.config.display(), binary("traf")?))
    }

    /// Waits until so many sensors report.
    pub fn wait_for_sensors(&self, count: usize) -> Result<()> {
        eventually(&format!("{count} sensors to report"), Deadline::seconds(60), || {
            let sensors = self.table(&["sensors"])?;
            let rows = sensors["rows"].as_array().into_iter().flatten();
            let reporting = rows.filter(|row| row["presence"] == "reporting").count();
            Ok(Probe::when(reporting >= count, || sensors.to_string()))
        })
    }

    /// `traf` in this machine, with its own configuration.
    pub fn command(&self) -> Result<Command> {
        let mut command = self.machine.command(&binary("traf")?);
        command.env("XDG_CONFIG_HOME", &self.config);
        Ok(command)
    }
}
