//! Observation points: the interfaces of a sensor, and where every frame of theirs went.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Mac;

/// A network interface as its sensor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// As the kernel names it; the file's name for a capture file.
    pub name: String,
    /// The kernel's index; zero for a file.
    pub index: u32,
    /// Its own address.
    pub mac: Option<Mac>,
    /// Its own IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Largest packet without link header, in octets.
    pub mtu: Option<u32>,
    /// Bits a second.
    pub speed: Option<u64>,
    /// pcap's name of the link type: `EN10MB`, `LINUX_SLL2`, `RAW` ...
    #[serde(rename = "type")]
    pub link: String,
    /// Packets never leave the host.
    pub loopback: bool,
    /// A mirror port: no local side, everything is inbound.
    pub mirror: bool,
}

/// The interface's own counters, cumulative (`/proc/net/dev`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nic {
    /// Frames received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_octets: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_octets: u64,
    /// Received frames that the interface or the kernel's backlog threw away.
    pub rx_dropped: u64,
    /// Frames to send that were thrown away.
    pub tx_dropped: u64,
}

impl Nic {
    /// Frames and octets, both directions, since `earlier`; `None` when the counters went backwards (another device).
    pub fn since(&self, earlier: &Self) -> Option<(u64, u64)> {
        let packets =
            (self.rx_packets.checked_sub(earlier.rx_packets)?, self.tx_packets.checked_sub(earlier.tx_packets)?);
        let octets = (self.rx_octets.checked_sub(earlier.rx_octets)?, self.tx_octets.checked_sub(earlier.tx_octets)?);
        Some((packets.0.saturating_add(packets.1), octets.0.saturating_add(octets.1)))
    }
}

/// Account of all frames: [`Ledger::residue`] is zero or something is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Frames that reached the capture, with those it dropped. What a capture filter keeps out does not reach it.
    pub received: u64,
    /// Understood at least to the link layer.
    pub parsed: u64,
    /// Cut or contradictory before the link layer was understood.
    pub malformed: u64,
    /// Of a link type that is not understood.
    pub unsupported: u64,
    /// By the kernel, because we were too slow.
    pub dropped: u64,
    /// IPv4 headers with a wrong checksum; parsed all the same.
    pub bad_checksum: u64,
    /// Octets of malformed and unsupported frames.
    #[serde(skip)]
    pub unparsed_octets: u64,
    /// The interface's own counters, cumulative; `None` for a file.
    pub nic: Option<Nic>,
    /// Frames of the capture socket, cumulative, by the kernel's count, with those dropped; `None` for a file.
    #[serde(skip)]
    pub kernel_received: Option<u64>,
    /// By how many nanoseconds the wall clock moved against the monotonic one.
    #[serde(skip)]
    pub clock_step: i64,
}

impl Ledger {
    /// Frames unaccounted for (invariant I1): zero.
    pub fn residue(&self) -> i128 {
        let accounted = [self.parsed, self.malformed, self.unsupported, self.dropped];
        i128::from(self.received) - accounted.into_iter().map(i128::from).sum::<i128>()
    }

    /// Adds the counts of a later slice; the cumulative witnesses become the later ones.
    pub fn merge(&mut self, later: &Self) {
        self.received = self.received.saturating_add(later.received);
        self.parsed = self.parsed.saturating_add(later.parsed);
        self.malformed = self.malformed.saturating_add(later.malformed);
        self.unsupported = self.unsupported.saturating_add(later.unsupported);
        self.dropped = self.dropped.saturating_add(later.dropped);
        self.bad_checksum = self.bad_checksum.saturating_add(later.bad_checksum);
        self.unparsed_octets = self.unparsed_octets.saturating_add(later.unparsed_octets);
        self.nic = later.nic.or(self.nic);
        self.kernel_received = later.kernel_received.or(self.kernel_received);
        self.clock_step = self.clock_step.saturating_add(later.clock_step);
    }
}
