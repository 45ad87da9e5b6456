//! A LAN for demonstration: four machines with lively traffic, a sensor on each and one at the mirror port, a collector,
//! a console.

use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::monitored_lan::MonitoredLan;
use crate::process::{Process, binary};

/// The demonstration, until it is dropped.
#[derive(Debug)]
pub struct Demo {
    _traffic: Vec<Process>,
    /// The LAN with its sensors, collector and console; named last, so that it ends last.
    pub lan: MonitoredLan,
}

/// The machines of the demonstration.
pub const MACHINES: [&str; 4] = ["anna", "ben", "carl", "dora"];

/// Machines and their traffic, as lines of shell. `$LAB` is this program's `traffic`.
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

/// Machines and the addresses at which they answer.
const SERVERS: [(&str, &[&str]); 2] =
    [("ben", &["10.77.1.2:9000", "[fd77:1::2]:9000", "10.77.1.2:53", "10.77.1.2:80"]), ("carl", &["10.77.1.3:5060"])];

impl Demo {
    /// Builds it; returns when every sensor reports.
    pub fn new() -> Result<Self> {
        let lan = MonitoredLan::new(&MACHINES, true, &[])?;
        Ok(Self { _traffic: start_traffic(&lan)?, lan })
    }

    /// Runs `traf` with these words on this terminal, to its end.
    pub fn open(&self, words: &[String]) -> Result<ExitStatus> {
        self.lan.console.command()?.args(words).stdin(Stdio::inherit()).status().context("starting traf")
    }
}

/// Starts the demonstration's traffic on a LAN of its machines; it goes on until it is dropped.
pub fn start_traffic(lan: &MonitoredLan) -> Result<Vec<Process>> {
    let named = |name: &str| -> Result<&Machine> {
        lan.lan.machines.iter().find(|machine| machine.name == name).with_context(|| format!("no machine {name}"))
    };
    let mut traffic = Vec::new();
    for (name, addresses) in SERVERS {
        traffic.push(named(name)?.serve(addresses)?);
    }
    let lab = binary("traf-lab")?;
    for (name, line) in TRAFFIC {
        traffic.push(named(name)?.start("sh", &["-c", &format!("LAB='{lab} traffic'; {line}")])?);
    }
    Ok(traffic)
}
