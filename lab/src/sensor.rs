//! The real sensor on a machine of the lab.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::collector::Collector;
use crate::machine::Machine;
use crate::process::{Process, binary};

/// `traf-sensor run`, joined to a collector; running or killed.
#[derive(Debug)]
pub struct Sensor {
    /// Its machine.
    pub machine: Machine,
    /// Its process.
    pub process: Process,
    words: Vec<String>,
}

impl Sensor {
    /// Joins the collector and captures from this interface. `more` goes to `traf-sensor run`.
    pub fn start(
        machine: &Machine,
        collector: &Collector,
        folder: &Path,
        interface: &str,
        more: &[&str],
    ) -> Result<Self> {
        let state = join(machine, collector, folder)?;
        let run = ["run", "--name", &machine.name, "--data", &state.to_string_lossy(), "--interface", interface];
        let words: Vec<String> = run.iter().chain(more).map(|word| (*word).to_owned()).collect();
        Ok(Self { machine: machine.clone(), process: launch(machine, &words)?, words })
    }

    /// Starts it again with the same words.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = launch(&self.machine, &self.words)?;
        Ok(())
    }
}

/// Joins a machine's sensor to the collector; returns its state folder.
pub fn join(machine: &Machine, collector: &Collector, folder: &Path) -> Result<PathBuf> {
    let [state, token] = ["sensor", "token"].map(|what| folder.join(format!("{what}-{}", machine.name)));
    fs::write(&token, collector.token("sensor")?).context("writing a token")?;
    let (url, token, data) = (collector.join_url(), token.to_string_lossy(), state.to_string_lossy());
    let words = ["join", &url, "--token-file", &token, "--name", &machine.name, "--data", &data];
    machine.run(&binary("traf-sensor")?, &words)?;
    Ok(state)
}

fn launch(machine: &Machine, words: &[String]) -> Result<Process> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    machine.start(&binary("traf-sensor")?, &words)
}
