//! The real sensor on a host of the lab.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::collector::Collector;
use crate::host::Host;
use crate::process::{Process, binary};

/// `traf-sensor run`, joined to a collector; running or killed.
#[derive(Debug)]
pub struct Sensor {
    host: Host,
    words: Vec<String>,
    program: Process,
}

impl Sensor {
    /// Joins the collector and captures from these interfaces. `more` goes to `traf-sensor run`.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn start(
        host: &Host,
        collector: &Collector,
        folder: &Path,
        interfaces: &[&str],
        more: &[&str],
    ) -> Result<Self> {
        let state = join(host, collector, folder)?;
        let mut words: Vec<String> =
            ["run", "--name", host.name(), "--data", &state.to_string_lossy()].map(str::to_owned).into();
        words.extend(interfaces.iter().flat_map(|name| ["--interface".to_owned(), (*name).to_owned()]));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let program = launch(host, &words)?;
        Ok(Self { host: host.clone(), words, program })
    }

    /// Starts it again with the same words.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        self.program = launch(&self.host, &self.words)?;
        Ok(())
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.program
    }
}

/// Makes a host's sensor known to the collector; its state folder.
///
/// # Errors
/// With the program's own words.
pub fn join(host: &Host, collector: &Collector, folder: &Path) -> Result<PathBuf> {
    let (state, token) =
        (folder.join(format!("sensor-{}", host.name())), folder.join(format!("token-{}", host.name())));
    fs::write(&token, collector.token("sensor")?).context("writing a token")?;
    let program = binary("traf-sensor")?;
    host.run(
        &program.to_string_lossy(),
        &[
            "join",
            &collector.join_url(),
            "--token-file",
            &token.to_string_lossy(),
            "--name",
            host.name(),
            "--data",
            &state.to_string_lossy(),
        ],
    )?;
    Ok(state)
}

fn launch(host: &Host, words: &[String]) -> Result<Process> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    host.start(&binary("traf-sensor")?.to_string_lossy(), &words)
}
