//! The real collector on a machine of the lab.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::machine::{Machine, run};
use crate::process::{Process, binary};
use crate::wait::{Deadline, Probe, eventually};

/// `traf-collector`, running or killed, with its data folder.
#[derive(Debug)]
pub struct Collector {
    /// Its process.
    pub process: Process,
    /// Its data folder.
    pub data: PathBuf,
    machine: Machine,
    address: String,
}

impl Collector {
    /// Starts it; returns when it listens.
    pub fn start(machine: &Machine, address: &str, data: &Path) -> Result<Self> {
        let (main, join) = (format!("{address}:7440"), format!("{address}:7441"));
        let words = ["run", "--data", &data.to_string_lossy(), "--listen", &main, "--join-listen", &join];
        let process = machine.start(&binary("traf-collector")?, &words)?;
        let (data, machine, address) = (data.to_owned(), machine.clone(), address.to_owned());
        let mut collector = Self { process, data, machine, address };
        collector.wait_until_ready()?;
        Ok(collector)
    }

    /// Starts it again on the same data.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_ready()
    }

    /// The address where machines join it.
    pub fn join_url(&self) -> String {
        format!("https://{}:7441", self.address)
    }

    /// A new token for a role.
    pub fn token(&self, role: &str) -> Result<String> {
        Ok(self.command(&["token", "create", "--role", role])?.trim().to_owned())
    }

    /// Checks the invariants and returns the report. It is an error if one does not hold.
    pub fn verify(&self) -> Result<String> {
        self.command(&["verify"])
    }

    /// Runs one of its commands on the same data.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        self.machine.run(&binary("traf-collector")?, &[words, &["--data", &self.data.to_string_lossy()]].concat())
    }

    /// Asks the history in SQL by `sqlite3`, past the collector. A row is a line with `|` between its columns.
    pub fn sql(&self, query: &str) -> Result<Vec<String>> {
        let output = run(Command::new("sqlite3").arg("-readonly").arg(self.data.join("history.db")).arg(query))?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// One number in SQL; `null` is 0.
    pub fn number(&self, query: &str) -> Result<i64> {
        let rows = self.sql(query)?;
        let text = rows.first().context("no row")?;
        if text.is_empty() { Ok(0) } else { text.parse().with_context(|| format!("{query}: {text:?}")) }
    }

    /// Waits until so many sensors have delivered two slices. From the second on, a new sensor has the digests' key.
    pub fn wait_for_keys(&self, sensors: usize) -> Result<()> {
        let query = "select count(*) from sensors where stored_records > 1";
        eventually("two slices of every sensor", Deadline::seconds(60), || {
            let count = self.number(query)?;
            Ok(Probe::when(usize::try_from(count)? >= sensors, || format!("{count} of {sensors} sensors")))
        })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (machine, process, address) = (&self.machine, &mut self.process, &self.address);
        eventually("the collector to listen", Deadline::seconds(30), || {
            let log = process.log();
            ensure!(process.running()?, "the collector ended: {log}");
            let listens = machine.run("ss", &["-Hltn", "sport = :7440"])?;
            Ok(Probe::when(!listens.is_empty(), || format!("nothing listens at {address} 7440; its log: {log}")))
        })
    }
}
