//! The kernel's own counters of an interface: the lab's first witness.

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

/// What the kernel counted at an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Count,
    /// Sent.
    pub tx: Count,
}

impl Counters {
    /// From one element of `ip -s -j link show`.
    ///
    /// # Errors
    /// When the element has no counters.
    pub fn from_link(link: &Value) -> Result<Self> {
        let count = |direction: &str, name: &str| {
            let pointer = format!("/stats64/{direction}/{name}");
            link.pointer(&pointer)
                .and_then(Value::as_u64)
                .with_context(|| format!("ip -s -j link: no {pointer} in {link}"))
        };
        Ok(Self {
            rx: Count { frames: count("rx", "packets")?, octets: count("rx", "bytes")? },
            tx: Count { frames: count("tx", "packets")?, octets: count("tx", "bytes")? },
        })
    }

    /// From what `traf` prints as JSON of whatever is counted each way: `{"in": {"packets": 0, "octets": 0}, "out": …}`.
    ///
    /// # Errors
    /// When it has no counts.
    pub fn from_row(row: &Value) -> Result<Self> {
        let number =
            |way: &str, name: &str| row[way][name].as_u64().with_context(|| format!("traf: no {name} {way} in {row}"));
        let count =
            |way| Ok::<_, anyhow::Error>(Count { frames: number(way, "packets")?, octets: number(way, "octets")? });
        Ok(Self { rx: count("in")?, tx: count("out")? })
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
