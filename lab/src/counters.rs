//! Counters of an interface, as the kernel and `traf` print them.

use anyhow::{Context, Result};
use serde_json::Value;
use traf_model::{Counters, Traffic};

/// Reads one element of `ip -s -j link show`: frames as the kernel hands them over, an offloaded one counts once; octets of
/// whole frames, without the check sequence.
pub fn of_link(link: &Value) -> Result<Traffic> {
    read(&link["stats64"], ["rx", "tx"], "bytes")
}

/// Reads a row that `traf` prints as JSON: `{"in": {"packets": 0, "octets": 0}, "out": …}`.
pub fn of_row(row: &Value) -> Result<Traffic> {
    read(row, ["in", "out"], "octets")
}

fn read(value: &Value, [inbound, outbound]: [&str; 2], octets: &str) -> Result<Traffic> {
    let number = |way: &str, name: &str| {
        value[way][name].as_u64().with_context(|| format!("no number of {name} {way} in {value}"))
    };
    let counters = |way| anyhow::Ok(Counters::new(number(way, "packets")?, number(way, octets)?));
    Ok(Traffic { inbound: counters(inbound)?, outbound: counters(outbound)? })
}
