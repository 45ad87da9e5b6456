//! The kernel's own counters of an interface.

use std::ops::{AddAssign, Sub};

use anyhow::{Context, Result};
use serde_json::Value;

/// Frames and octets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Frames, as the kernel hands them over: an offloaded one counts once.
    pub frames: u64,
    /// Octets of whole frames, without the check sequence.
    pub octets: u64,
}

/// Frames and octets in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Count,
    /// Sent.
    pub tx: Count,
}

impl Counters {
    /// Reads one element of `ip -s -j link show`.
    pub fn from_link(link: &Value) -> Result<Self> {
        Self::read(&link["stats64"], ["rx", "tx"], "bytes")
    }

    /// Reads a row that `traf` prints as JSON: `{"in": {"packets": 0, "octets": 0}, "out": …}`.
    pub fn from_row(row: &Value) -> Result<Self> {
        Self::read(row, ["in", "out"], "octets")
    }

    fn read(value: &Value, [rx, tx]: [&str; 2], octets: &str) -> Result<Self> {
        let number = |way: &str, name: &str| {
            value[way][name].as_u64().with_context(|| format!("no number of {name} {way} in {value}"))
        };
        let count = |way| anyhow::Ok(Count { frames: number(way, "packets")?, octets: number(way, octets)? });
        Ok(Self { rx: count(rx)?, tx: count(tx)? })
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.frames += more.frames;
        self.octets += more.octets;
    }
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { frames: self.frames - earlier.frames, octets: self.octets - earlier.octets }
    }
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { rx: self.rx - earlier.rx, tx: self.tx - earlier.tx }
    }
}
