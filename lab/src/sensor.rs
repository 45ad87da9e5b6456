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
        let words = ["run", "--name", &machine.name, "--data", &state.to_string_lossy(), "--interface", interface];
        let process = machine.start(&binary("traf-sensor")?, &[&words, more].concat())?;
        Ok(Self { machine: machine.clone(), process })
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
