//! The real collector on a host of the lab.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::host::{Host, run};
use crate::process::{Process, binary};
use crate::wait::{Deadline, Probe, eventually};

/// `traf-collector`, running or killed, with its data folder.
#[derive(Debug)]
pub struct Collector {
    host: Host,
    address: String,
    data: PathBuf,
    program: Process,
}

impl Collector {
    /// Starts it; returns when it listens.
    ///
    /// # Errors
    /// With its own words when it does not come up.
    pub fn start(host: &Host, address: &str, data: &Path) -> Result<Self> {
        let program = launch(host, address, data)?;
        let mut collector = Self { host: host.clone(), address: address.to_owned(), data: data.to_owned(), program };
        collector.ready()?;
        Ok(collector)
    }

    /// Starts it again on the same data.
    ///
    /// # Errors
    /// With its own words when it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.program = launch(&self.host, &self.address, &self.data)?;
        self.ready()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.program
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where machines join it.
    #[must_use]
    pub fn join_url(&self) -> String {
        format!("https://{}:7441", self.address)
    }

    /// A token for a role, as its line stands on the screen.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn token(&self, role: &str) -> Result<String> {
        Ok(self.command(&["token", "create", "--role", role])?.trim().to_owned())
    }

    /// Checks the invariants; what it prints, when they hold.
    ///
    /// # Errors
    /// With what does not add up.
    pub fn verify(&self) -> Result<String> {
        self.command(&["verify"])
    }

    /// Runs one of its commands on the same data.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let program = binary("traf-collector")?;
        self.host.run(&program.to_string_lossy(), &[words, &["--data", &self.data.to_string_lossy()]].concat())
    }

    /// Asks the history in SQL, past the collector: the views as a person with `sqlite3` sees them. Columns are parted by `|`.
    ///
    /// # Errors
    /// With sqlite3's own words.
    pub fn sql(&self, query: &str) -> Result<Vec<String>> {
        let output = run(Command::new("sqlite3").arg("-readonly").arg(self.data.join("history.db")).arg(query))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// Like `sql`, for one number.
    ///
    /// # Errors
    /// When the answer is no number.
    pub fn number(&self, query: &str) -> Result<i64> {
        let rows = self.sql(query)?;
        let text = rows.first().context("no row")?;
        if text.is_empty() { Ok(0) } else { text.parse().with_context(|| format!("{query}: {text:?}")) }
    }

    /// It says where it listens when it listens, and takes the words back when it ends in order; killed, it cannot.
    fn ready(&mut self) -> Result<()> {
        let program = &mut self.program;
        let (host, port) = (&self.host, format!("{} 7440", self.address));
        eventually("the collector to listen", Deadline::seconds(30), || {
            let log = program.log();
            if !program.running()? {
                anyhow::bail!("the collector ended: {log}");
            }
            let listens = host.run("ss", &["-Hltn", "sport = :7440"])?;
            Ok(Probe::at((!listens.is_empty()).then_some(()), || format!("nothing listens at {port}; it says: {log}")))
        })
    }
}

fn launch(host: &Host, address: &str, data: &Path) -> Result<Process> {
    let program = binary("traf-collector")?;
    let (main, join) = (format!("{address}:7440"), format!("{address}:7441"));
    let words = ["run", "--data", &data.to_string_lossy(), "--listen", &main, "--join-listen", &join];
    host.start(&program.to_string_lossy(), &words)
}
