//! The time from a packet on the wire to its row in `traf traffic`.

use std::time::Duration;

use anyhow::Result;

use crate::monitored_lan::MonitoredLan;
use crate::wait::{Deadline, Probe, Stopwatch, eventually};

/// The time in which a question about a flow that is there already is answered: what a look at the table costs here and now.
pub fn of_question(lan: &MonitoredLan, number: u16) -> Result<Duration> {
    let watch = Stopwatch::start();
    lan.console.table(&["traffic", "--filter", &format!("src port {}", 1024 + number)])?;
    Ok(watch.elapsed())
}

/// Sends one packet of a new flow and waits for its row; returns the time until a table showed it.
pub fn until_visible(lan: &MonitoredLan, number: u16) -> Result<Duration> {
    let port = 1024 + number;
    let mac = &lan.lan.interfaces[1].mac;
    lan.lan.machines[0].traffic(&["frames", "--to", mac, "--count", "1", "--first", &number.to_string()])?;
    let watch = Stopwatch::start();
    eventually(&format!("a row with port {port}"), Deadline::seconds(20), || {
        let table = lan.console.table(&["traffic", "--filter", &format!("src port {port}")])?;
        let found = table["rows"].as_array().into_iter().flatten().any(|row| row["source_port"] == port);
        Ok(Probe::when(found, || table.to_string()))
    })?;
    Ok(watch.elapsed())
}
