//! Biflows (RFC 5103): a conversation, both directions in one record.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Cast, Class, Evidence, Family, Mac, Ports, Service, Timestamp, Traffic, Transport};

/// An address and a port; port 0 where the protocol has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IPv4 or IPv6.
    pub address: IpAddr,
    /// TCP, UDP or SCTP port.
    pub port: u16,
}

impl Endpoint {
    /// `address` and `port`.
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }
}

/// `10.0.0.3:22`, `[fd00::3]:22`, or the bare address without a port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => self.address.fmt(f),
            port => SocketAddr::new(self.address, port).fmt(f),
        }
    }
}

/// Protocol, VLAN and endpoints of a flow. Oriented: the source is the initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// IP protocol number.
    pub protocol: u8,
    /// Outermost VLAN identifier: the first tag of either direction, if their tags differ.
    pub vlan: Option<u16>,
    /// The initiator.
    pub source: Endpoint,
    /// The responder.
    pub destination: Endpoint,
}

impl FlowKey {
    /// The same conversation seen from the other end.
    pub const fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source, ..self }
    }

    /// The TCP or UDP service of its packets, so that each counts for one service: the port that `ports` holds where only one
    /// end has such a port, else the port that the initiator asked for.
    pub fn service(&self, ports: &Ports) -> Option<Service> {
        let (source, destination) = (self.source.port, self.destination.port);
        let port = if ports.serves_source(source, destination) { source } else { destination };
        Service::new(self.protocol, port)
    }

    /// The key of an aggregated flow that this one is part of.
    pub const fn aggregated(self) -> Self {
        Self { vlan: None, source: Endpoint::new(self.source.address, 0), ..self }
    }

    /// The same for flows from any source.
    pub const fn from_any(self) -> Self {
        let any = match self.source.address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self { vlan: None, source: Endpoint::new(any, 0), ..self }
    }

    /// True if this key of an aggregated flow stands for any source.
    pub fn is_of_any(&self) -> bool {
        self.source.address.is_unspecified()
    }

    /// The class of its packets: how they were addressed is what the responder's address tells.
    pub fn class(&self) -> Class {
        let (family, cast) = match self.destination.address {
            IpAddr::V4(to) if to.is_broadcast() => (Family::Ipv4, Cast::Broadcast),
            IpAddr::V4(to) if to.is_multicast() => (Family::Ipv4, Cast::Multicast),
            IpAddr::V4(_) => (Family::Ipv4, Cast::Unicast),
            IpAddr::V6(to) if to.is_multicast() => (Family::Ipv6, Cast::Multicast),
            IpAddr::V6(_) => (Family::Ipv6, Cast::Unicast),
        };
        Class { family, transport: Transport::of(self.protocol), cast }
    }

    /// The same for both orientations: the smaller endpoint first.
    pub fn canonical(self) -> Self {
        if self.destination < self.source { self.reversed() } else { self }
    }
}

/// Counts and flags of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Half {
    /// TCP flags seen, or-ed (RFC 9293, 3.1).
    pub flags: u8,
    /// TCP flags of the last packet.
    pub last_flags: u8,
    /// Raw window field of the last TCP packet.
    pub window: u16,
    /// IP octets of the last packet.
    pub size: u32,
    /// Source MAC of this direction; as long as it has sent nothing, the MAC that the other direction's packets go to.
    pub mac: Option<Mac>,
    /// IPTraf's word, where the flags no longer matter.
    pub word: Option<Word>,
}

impl Half {
    /// IPTraf's four characters: the word, or S P A U of the last packet.
    pub fn label(self) -> String {
        if let Some(word) = self.word {
            return word.name().to_owned();
        }
        [(2u8, 'S'), (8, 'P'), (16, 'A'), (32, 'U')]
            .map(|(bit, letter)| if self.last_flags & bit == 0 { '-' } else { letter })
            .iter()
            .collect()
    }
}

enumeration! {
    /// IPTraf's words for a direction, in its precedence.
    pub enum Word {
        /// FIN sent, not yet acknowledged.
        Done = "DONE",
        /// FIN acknowledged by the other side.
        Closed = "CLOS",
        /// RST sent by this direction's source.
        Reset = "RSET",
        /// Idle for too long.
        TimedOut = "TMOU",
    }
}

enumeration! {
    /// Stage in the life of a flow.
    #[derive(Default)]
    pub enum FlowState {
        /// No TCP: seen within the idle timeout.
        #[default]
        Active = "active",
        /// SYN seen, not yet answered.
        Opening = "opening",
        /// Data may flow.
        Established = "established",
        /// One side has sent its FIN.
        Closing = "closing",
        /// Both FINs seen, one acknowledged.
        Closed = "closed",
        /// Ended by RST, or by an ICMP unreachable that speaks of it.
        Reset = "reset",
        /// Nothing seen for the idle timeout.
        TimedOut = "timed_out",
    }
}

impl FlowState {
    /// Nothing more is expected.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Reset | Self::TimedOut)
    }
}

/// One flow: cumulative in a live snapshot, a delta in a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Oriented by the initiator.
    pub key: FlowKey,
    /// Outbound is forward, inbound is reverse. IP octets.
    pub traffic: Traffic,
    /// First packet of the flow, whatever slice this record is of.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// From the source.
    pub forward: Half,
    /// From the destination.
    pub reverse: Half,
    /// Of the whole flow.
    pub state: FlowState,
    /// The beginning was seen: IPTraf's `=`, else `>`.
    pub complete: bool,
    /// Our own stream to the collector.
    pub own: bool,
    /// Of its packets in the slice.
    pub evidence: Evidence,
}

impl Flow {
    /// A flow of which no more is known than its ends, its traffic and a time.
    pub fn new(key: FlowKey, traffic: Traffic, at: Timestamp) -> Self {
        Self {
            key,
            traffic,
            first: at,
            last: at,
            forward: Half::default(),
            reverse: Half::default(),
            state: FlowState::Active,
            complete: false,
            own: false,
            evidence: Evidence::NONE,
        }
    }

    /// Octets of both directions.
    pub fn octets(&self) -> u64 {
        self.traffic.total().octets
    }
}

/// Flows without a row of their own that have the same ends but for the source's port: an aggregated flow (RFC 7015, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregatedFlow {
    /// Without VLAN and the source's port. An unspecified source address stands for any.
    pub key: FlowKey,
    /// Outbound is forward, inbound is reverse. IP octets.
    pub traffic: Traffic,
    /// Number of flows.
    pub flows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_shows_the_flags_of_its_last_packet_until_a_word_replaces_them() {
        let mut half = Half { last_flags: 0x18, ..Half::default() };
        assert_eq!(half.label(), "-PA-");
        half.word = Some(Word::Closed);
        assert_eq!(half.label(), "CLOS");
    }
}
