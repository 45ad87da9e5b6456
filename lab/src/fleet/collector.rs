//! The collector that a simulated fleet reports to: on the loopback, with its data in a folder of the run.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use traf_model::{Counters, Interval};

use crate::machine::run;
use crate::process::{Memory, Process, binary};
use crate::wait::{Deadline, Probe, eventually};

/// `traf-collector` beside the fleet.
#[derive(Debug)]
pub(super) struct LocalCollector {
    process: Process,
    folder: PathBuf,
    data: PathBuf,
    /// Port of the join service.
    join: u16,
}

/// Clock ticks a second of `/proc/PID/stat` (USER_HZ): 100 on every platform of Linux that we build for.
const TICKS: u64 = 100;

impl LocalCollector {
    /// Starts it; returns when it listens.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("collector");
        let [main, join] = [free_port()?, free_port()?];
        let mut command = Command::new(binary("traf-collector")?);
        command.args(["run", "--listen", &format!("127.0.0.1:{main}"), "--join-listen", &format!("127.0.0.1:{join}")]);
        command.arg("--data").arg(&data);
        let process = Process::start("traf-collector", command, folder.join("collector.log"))?;
        let mut collector = Self { process, folder: folder.to_owned(), data, join };
        collector.wait_until_ready()?;
        Ok(collector)
    }

    /// Kills it and starts it again on the same data.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        fs::remove_file(self.data.join("addresses")).context("removing the addresses of the killed collector")?;
        self.process.start_again()?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (process, addresses) = (&mut self.process, self.data.join("addresses"));
        eventually("the collector to listen", Deadline::seconds(120), || {
            ensure!(process.running()?, "the collector ended: {}", process.log());
            Ok(Probe::when(addresses.exists(), || process.log()))
        })
    }

    /// Its join service.
    pub(super) fn join_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.join)
    }

    /// A new token for so many peers of a role.
    pub(super) fn token(&self, role: &str, uses: usize) -> Result<String> {
        Ok(self.command(&["token", "create", "--role", role, "--uses", &uses.to_string()])?.trim().to_owned())
    }

    /// Checks the invariants; it is an error if one does not hold.
    pub(super) fn verify(&self) -> Result<String> {
        self.command(&["verify"])
    }

    fn command(&self, words: &[&str]) -> Result<String> {
        run(Command::new(binary("traf-collector")?).args(words).arg("--data").arg(&self.data))
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        let log = self.process.log();
        let from = log.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
        log[from..].to_owned()
    }

    /// CPU time of all its threads, those that have ended too.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.process.pid());
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // The name, which may hold anything, ends with the last bracket. utime and stime are fields 14 and 15.
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        ensure!(ticks.len() == 2, "{path} holds no times: {text}");
        Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 1_000 / TICKS))
    }

    /// Its memory now.
    pub(super) fn memory(&self) -> Result<Memory> {
        Memory::of(self.process.pid())
    }

    /// Sensors that have said hello to it.
    pub(super) fn sensors(&self) -> Result<usize> {
        let rows = self.sql("select count(*) from sensor where epoch > 0")?;
        rows.first().and_then(|row| row.parse().ok()).context("no count of sensors")
    }

    /// IP octets and packets of the rows that count in the LAN, of slices that begin in a window.
    pub(super) fn lan(&self, window: Interval) -> Result<Counters> {
        // With its sign no index is made of the mark: SQLite would take that instead of the range of rows, for each slice.
        let sums = self.flows(window, "+f.prim = 1")?;
        Ok(sums.into_values().fold(Counters::default(), |sum, one| sum + one))
    }

    /// IP octets and packets of all rows of each sensor, of slices that begin in a window.
    pub(super) fn by_sensor(&self, window: Interval) -> Result<HashMap<String, Counters>> {
        self.flows(window, "true")
    }

    fn flows(&self, window: Interval, which: &str) -> Result<HashMap<String, Counters>> {
        let (from, to) = (window.from.seconds(), window.to.seconds());
        // Slices in the order of their numbers: then their flows lie one after the other, and nothing is sorted.
        let query = format!(
            "select s.name, sum(g.packets), sum(g.octets)
             from (
                 select d.sensor as sensor, sum(f.forward_packets + f.reverse_packets) as packets,
                     sum(f.forward_octets + f.reverse_octets) as octets
                 from slice d not indexed
                 cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575
                 where d.ts >= {from} and d.ts < {to} and {which}
                 group by d.id
             ) g
             join sensor s on s.id = g.sensor
             group by g.sensor"
        );
        let row = |row: &String| {
            let mut fields = row.split('|');
            let mut next = || fields.next().with_context(|| format!("too few columns in {row:?}"));
            let (name, packets, octets) = (next()?.to_owned(), next()?.parse()?, next()?.parse()?);
            Ok((name, Counters::new(packets, octets)))
        };
        self.sql(&query)?.iter().map(row).collect()
    }

    fn sql(&self, query: &str) -> Result<Vec<String>> {
        let output = run(Command::new("sqlite3").arg("-readonly").arg(self.data.join("history.db")).arg(query))?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// The busiest hosts of the LAN in a window, as the console shows them: both directions.
    pub(super) fn hosts(&self, window: Interval) -> Result<HashMap<IpAddr, Counters>> {
        let config = self.folder.join("console");
        let traf = || -> Result<Command> {
            let mut command = Command::new(binary("traf")?);
            command.env("XDG_CONFIG_HOME", &config);
            Ok(command)
        };
        if !config.exists() {
            fs::create_dir_all(&config).context("making a folder for the console")?;
            let token = self.folder.join("console-token");
            fs::write(&token, self.token("viewer", 1)?).context("writing a token")?;
            run(traf()?.args(["join", &self.join_url(), "--token-file"]).arg(&token))?;
        }
        let (from, to) = (window.from.to_string(), window.to.to_string());
        let words = ["hosts", "--from", &from, "--to", &to, "--limit", "200", "--format", "json"];
        let text = run(traf()?.args(words))?;
        let table: Value =
            serde_json::from_str(&text).with_context(|| format!("traf hosts printed no JSON: {text}"))?;
        let row = |row: &Value| {
            let count = |what: &str| Some(row["in"][what].as_u64()? + row["out"][what].as_u64()?);
            let host = row["address"].as_str()?.parse().ok()?;
            Some((host, Counters::new(count("packets")?, count("octets")?)))
        };
        Ok(table["rows"].as_array().context("traf hosts printed no rows")?.iter().filter_map(row).collect())
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr().context("finding a free port")?.port())
}
