//! How long it takes from a packet on the wire to its row in `traf traffic`.

use std::time::Duration;

use anyhow::Result;

use crate::monitored_lan::MonitoredLan;
use crate::wait::{Deadline, Probe, Stopwatch, eventually};

/// Sends one packet of a flow that never was, and looks for its row; the time until a table showed it.
///
/// # Errors
/// When it never shows.
pub fn until_visible(fleet: &MonitoredLan, number: u16) -> Result<Duration> {
    let port = (1024 + u32::from(number)).to_string();
    let mac = &fleet.lan.interfaces[1].mac;
    fleet.lan.hosts[0].traffic(&["frames", "--to", mac, "--count", "1", "--first", &number.to_string()])?;
    let watch = Stopwatch::start();
    eventually(&format!("a row with port {port}"), Deadline::seconds(20), || {
        let table = fleet.console.table(&["traffic", "--filter", &format!("src port {port}")])?;
        let found =
            table["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["source_port"] == 1024 + number));
        Ok(Probe::at(found.then(|| watch.elapsed()), || table.to_string()))
    })
}
