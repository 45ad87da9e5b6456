//! A LAN to look at: four hosts with lively traffic, a sensor on each and one at the mirror port, a collector, a console.

use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::collector::Collector;
use crate::console::Console;
use crate::host::Host;
use crate::lan::Lan;
use crate::process::{Process, binary};
use crate::sensor::Sensor;
use crate::wait::{Deadline, Probe, eventually};

/// All of it, until it is dropped.
#[derive(Debug)]
pub struct Demo {
    /// The console, joined.
    pub console: Console,
    /// The collector on the tower.
    pub collector: Collector,
    /// One for each host and one for the watcher.
    pub sensors: Vec<Sensor>,
    _traffic: Vec<Process>,
    /// What it stands on; named last, so that it goes last.
    pub lan: Lan,
}

/// Who does what, as lines of shell. `$LAB` is this program's `traffic`.
const TRAFFIC: [(&str, &str); 8] = [
    ("anna", "exec $LAB tcp 10.77.1.2:9000 --octets 100000000000 --rate 250000"),
    ("carl", "exec $LAB tcp [fd77:1::2]:9000 --octets 100000000000 --rate 40000"),
    ("dora", "exec $LAB udp 10.77.1.3:5060 --datagrams 4000000000 --size 160 --rate 30"),
    ("anna", "exec $LAB udp 10.77.1.2:53 --datagrams 4000000000 --size 60 --rate 3"),
    ("anna", "exec ping -q -i 0.5 10.77.1.3"),
    ("dora", "exec ping -q -i 1 fd77:1::1"),
    ("dora", "while :; do $LAB tcp 10.77.1.2:80 --octets 400 --reply 60000; sleep 0.7; done"),
    ("carl", "exec $LAB frames --to 02:54:01:00:00:04 --vlan 20 --count 100000000 --rate 10 --size 200"),
];

/// Who answers.
const SERVERS: [(&str, &[&str]); 2] =
    [("ben", &["10.77.1.2:9000", "[fd77:1::2]:9000", "10.77.1.2:53", "10.77.1.2:80"]), ("carl", &["10.77.1.3:5060"])];

impl Demo {
    /// Builds it; returns when every sensor reports.
    ///
    /// # Errors
    /// When the machine allows no lab, or a program does not come up.
    pub fn new() -> Result<Self> {
        let lan = Lan::new(&["anna", "ben", "carl", "dora"])?;
        let named = |name: &str| -> Result<&Host> {
            lan.hosts.iter().find(|host| host.name() == name).with_context(|| format!("no host {name}"))
        };
        let collector = Collector::start(&lan.tower, &lan.tower_address(), &lan.folder.join("collector"))?;
        let mut sensors = Vec::new();
        for host in &lan.hosts {
            sensors.push(Sensor::start(host, &collector, &lan.folder, &["eth0"], &[])?);
        }
        sensors.push(Sensor::start(&lan.watch, &collector, &lan.folder, &["mon0"], &[])?);
        let mut traffic = Vec::new();
        for (name, addresses) in SERVERS {
            let server = named(name)?.start_traffic(&[&["serve"], addresses].concat())?;
            eventually("a server", Deadline::seconds(10), || {
                let log = server.log();
                Ok(Probe::at(log.contains("serving").then_some(()), || log))
            })?;
            traffic.push(server);
        }
        let lab = binary("traf-lab")?;
        for (name, line) in TRAFFIC {
            let line = format!("LAB='{} traffic'; {line}", lab.display());
            traffic.push(named(name)?.start("sh", &["-c", &line])?);
        }
        let console = Console::join(&lan.tower, &collector, &lan.folder)?;
        console.wait_for_sensors(sensors.len())?;
        Ok(Self { console, collector, sensors, _traffic: traffic, lan })
    }

    /// Runs `traf` with these words on this terminal, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn open(&self, words: &[String]) -> Result<ExitStatus> {
        self.console.command().args(words).stdin(Stdio::inherit()).status().context("starting traf")
    }
}
