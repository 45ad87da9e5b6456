//! Packets that belong to no connection, one by one: IPTraf's lower window, and its log.
//!
//! A line is data; [`SinglePacket::words`] puts it together as IPTraf does, with the ends named by whoever shows it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Endpoint, Mac, Timestamp};

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinglePacket {
    /// Counts the lines of its interface from 1, so that whoever looks knows what was not shown.
    pub number: u64,
    /// Time of capture.
    #[serde(rename = "time")]
    pub at: Timestamp,
    /// Its kind.
    pub kind: PacketKind,
    /// `ICMP`, `OSPFv2`, `ARP request for 10.0.0.1`, `Non-IP (DEC LAT)`.
    pub label: String,
    /// `dest unrch (port)`, `hlo (a=5 r=10.77.0.2)`, `fragment`; often empty.
    pub detail: String,
    /// Octets without the link header.
    pub octets: u32,
    /// From.
    pub source: PacketEnd,
    /// To.
    pub destination: PacketEnd,
    /// Source MAC; `None` where the link has none.
    pub mac: Option<Mac>,
}

enumeration! {
    /// Kind of a packet: it decides the colour on screens.
    #[derive(Default)]
    pub enum PacketKind {
        /// UDP.
        Udp = "udp",
        /// ICMP.
        Icmp = "icmp",
        /// ICMPv6.
        Icmpv6 = "icmp6",
        /// OSPF.
        Ospf = "ospf",
        /// IGMP.
        Igmp = "igmp",
        /// IGP.
        Igp = "igp",
        /// IGRP.
        Igrp = "igrp",
        /// GRE.
        Gre = "gre",
        /// IPv6 inside IPv4.
        Ipv6Tunnel = "ipv6_tunnel",
        /// Any other IP protocol.
        #[default]
        OtherIp = "other_ip",
        /// ARP.
        Arp = "arp",
        /// RARP.
        Rarp = "rarp",
        /// Anything that is not IP.
        NonIp = "non_ip",
    }
}

impl Serialize for PacketKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Sender or receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketEnd {
    /// An IP packet.
    Host(Endpoint),
    /// Anything else.
    Station(Mac),
    /// A link without addresses.
    Nobody,
}

impl fmt::Display for PacketEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(end) => end.fmt(f),
            Self::Station(mac) => mac.fmt(f),
            Self::Nobody => f.write_str("?"),
        }
    }
}

impl SinglePacket {
    /// IPTraf's line: `ICMP dest unrch (port) (61 bytes) from A to B (src HWaddr M) on eth0`; the MAC only when asked for.
    pub fn words(&self, interface: &str, mac: bool, name: impl Fn(PacketEnd) -> String) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(" {}", self.detail) };
        let (from, to) = (name(self.source), name(self.destination));
        let mac = self.mac.filter(|_| mac).map(|mac| format!(" (src HWaddr {mac})")).unwrap_or_default();
        format!("{}{detail} ({} bytes) from {from} to {to}{mac} on {interface}", self.label, self.octets)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_reads_as_in_iptraf() {
        let end = |text: &str| PacketEnd::Host(Endpoint::new(text.parse().unwrap(), 0));
        let mut line = SinglePacket {
            number: 1,
            at: Timestamp(0),
            kind: PacketKind::Icmp,
            label: "ICMP".into(),
            detail: "dest unrch (port)".into(),
            octets: 61,
            source: end("10.77.0.1"),
            destination: end("10.77.0.2"),
            mac: Some(Mac([2, 0, 0, 0, 0x77, 1])),
        };
        let words = |line: &SinglePacket, mac| line.words("ipta0", mac, |end| end.to_string());
        assert_eq!(words(&line, false), "ICMP dest unrch (port) (61 bytes) from 10.77.0.1 to 10.77.0.2 on ipta0");
        line.detail = String::new();
        assert_eq!(
            words(&line, true),
            "ICMP (61 bytes) from 10.77.0.1 to 10.77.0.2 (src HWaddr 02:00:00:00:77:01) on ipta0"
        );
    }
}
