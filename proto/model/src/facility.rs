//! The tables of the product as data.
//!
//! Flows, interfaces and single packets have types of their own. Everything else is a *counted facility*: a key and its
//! traffic. A counted facility is one [`Definition`] in a file of its own; the sensor, the wire, the store, the answers and
//! the screens read it. `CONTRIBUTING.md` shows how to add one.
//!
//! ```
//! use traf_model::facility::{COUNTED, HOSTS};
//! use traf_model::Key;
//!
//! let key = HOSTS.parse("10.0.0.3").unwrap();
//! assert_eq!(key, Key::Address([10, 0, 0, 3].into()));
//! assert_eq!(HOSTS.text(key), "10.0.0.3");
//! assert!(COUNTED.contains(&HOSTS));
//! ```

mod dscp;
mod hosts;
mod protocols;
mod services;
mod sizes;
mod stations;
mod vlans;

use std::fmt;
use std::ops::Deref;

pub use dscp::DSCP;
pub use hosts::HOSTS;
pub use protocols::PROTOCOLS;
use serde_json::Value;
pub use services::SERVICES;
pub use sizes::SIZES;
pub use stations::STATIONS;
pub use vlans::VLANS;

use crate::{Class, FlowKey, Key, OrderBy, Ports, Traffic};

/// All counted facilities, in the order of menus and documents.
pub const COUNTED: [Counted; 7] = [SIZES, SERVICES, STATIONS, HOSTS, VLANS, DSCP, PROTOCOLS];

/// A table that a console can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facility {
    /// Flows: the IP traffic monitor.
    #[default]
    Traffic,
    /// Interface statistics, by class.
    Interfaces,
    /// The latest packets that belong to no connection, one by one. Live only.
    Packets,
    /// A key and its traffic.
    Counted(Counted),
}

impl Facility {
    /// All facilities.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Traffic, Self::Interfaces, Self::Packets].into_iter().chain(COUNTED.map(Self::Counted))
    }

    /// Name in commands, JSON and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Interfaces => "interfaces",
            Self::Packets => "lines",
            Self::Counted(facility) => facility.name,
        }
    }

    /// Number on the wire. Numbers are never used twice.
    pub fn number(self) -> u32 {
        match self {
            Self::Traffic => 1,
            Self::Interfaces => 2,
            Self::Packets => 7,
            Self::Counted(facility) => u32::from(facility.number),
        }
    }

    /// The facility of a number; `None` if this program does not know it.
    pub fn of_number(number: u32) -> Option<Self> {
        Self::all().find(|facility| facility.number() == number)
    }

    /// True if flows are the source of the rows.
    pub fn is_of_flows(self) -> bool {
        match self {
            Self::Traffic => true,
            Self::Counted(facility) => facility.shares().is_some(),
            _ => false,
        }
    }

    /// The counted facility, if it is one.
    pub fn counted(self) -> Option<Counted> {
        match self {
            Self::Counted(facility) => Some(facility),
            _ => None,
        }
    }
}

impl From<Counted> for Facility {
    fn from(facility: Counted) -> Self {
        Self::Counted(facility)
    }
}

/// A counted facility: a reference to its definition.
#[derive(Clone, Copy)]
pub struct Counted(&'static Definition);

/// The definition of a counted facility.
pub struct Definition {
    /// Number on the wire and in the store: 1 to 255, never used twice.
    pub number: u8,
    /// Name in commands, JSON and SQL.
    pub name: &'static str,
    /// Kind of key.
    pub key: KeyKind,
    /// Octets of the frame or of the IP packet.
    pub octets: Octets,
    /// Keys of one interface that a sensor keeps apart; the rest is in `other`.
    pub capacity: usize,
    /// Orders that make sense, the default first.
    pub orders: &'static [OrderBy],
    /// Source of the counts.
    pub source: Source,
    /// True for classes whose packets the facility counts: the rows and `other` add up to them.
    pub covers: fn(Class) -> bool,
    /// True if a packet counts twice: inbound under one key and outbound under another.
    pub both_ends: bool,
    /// True if a key means the same at every site; otherwise the rows of two sites are two.
    pub everywhere: bool,
    /// True if answers count the flows of each key and the keys at their other ends.
    pub peers: bool,
    /// Prints a key.
    pub print: fn(Key) -> String,
    /// Reads a printed key.
    pub read: fn(&str) -> Option<Key>,
    /// Names and values of a key in JSON and CSV; all values are null for `other`.
    pub fields: fn(Option<Key>) -> Vec<(&'static str, Value)>,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// [`Key::Address`].
    Address,
    /// [`Key::Mac`].
    Mac,
    /// [`Key::Number`].
    Number,
}

/// The octets that a facility counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// Of the frame, as `ip -s link` counts.
    Frame,
    /// Of the IP packet (RFC 7012, octetDeltaCount).
    Ip,
}

/// Source of a facility's counts. It also says how several observation points add up.
#[derive(Clone, Copy)]
pub enum Source {
    /// Each packet. Over several observation points each of them is counted.
    Packets,
    /// Both MAC addresses of each packet. Of several observation points the fullest counts.
    FrameEnds,
    /// Each flow, under the keys that the function returns. Over several observation points each byte counts once.
    Flows(Shares),
}

/// The keys under which the traffic of a flow counts: at most one for each end.
pub type Shares = fn(&FlowKey, &Ports) -> [Option<Share>; 2];

/// A key under which the traffic of a flow counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The key.
    pub key: Key,
    /// True if the flow's forward direction is inbound for the key.
    pub reversed: bool,
}

impl Counted {
    /// The facility of a number; `None` if this program does not know it.
    pub fn of_number(number: u32) -> Option<Self> {
        COUNTED.into_iter().find(|facility| u32::from(facility.number) == number)
    }

    /// Prints a key.
    pub fn text(self, key: Key) -> String {
        (self.print)(key)
    }

    /// Reads a printed key.
    pub fn parse(self, text: &str) -> Option<Key> {
        (self.read)(text)
    }

    /// The function from a flow to its keys, if flows are the source.
    pub fn shares(self) -> Option<Shares> {
        match self.source {
            Source::Flows(shares) => Some(shares),
            _ => None,
        }
    }

    /// The total of the facility to which traffic of flows adds: of both ends if both have a key.
    pub fn total(self, traffic: Traffic) -> Traffic {
        if self.both_ends { traffic + traffic.reversed() } else { traffic }
    }

    /// True if several observation points are counted each for itself.
    pub fn per_point(self) -> bool {
        matches!(self.source, Source::Packets)
    }
}

impl Deref for Counted {
    type Target = Definition;

    fn deref(&self) -> &Definition {
        self.0
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number.cmp(&other.number)
    }
}

impl std::hash::Hash for Counted {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_found_again() {
        for facility in Facility::all() {
            assert_eq!(Facility::of_number(facility.number()), Some(facility));
            assert_eq!(Facility::all().filter(|other| other.name() == facility.name()).count(), 1, "{facility:?}");
        }
        assert_eq!(Facility::of_number(0), None);
    }

    #[test]
    fn every_key_is_printed_and_read() {
        let address = std::net::IpAddr::from([10, 0, 0, 3]);
        let mac = crate::Mac([2, 0, 0, 0, 0, 1]);
        for facility in COUNTED {
            let numbers = [46, 6 << 16 | 22, 17 << 16 | 53, 76 << 32 | 150, 1_501 << 32 | 0xffff_ffff];
            let keys = match facility.key {
                KeyKind::Address => vec![Key::Address(address), Key::Address(std::net::Ipv6Addr::LOCALHOST.into())],
                KeyKind::Mac => vec![Key::Mac(mac)],
                KeyKind::Number => numbers.map(Key::Number).to_vec(),
            };
            // A number that is no key of the facility may be printed, but is not read as another key.
            let read: Vec<Key> =
                keys.iter().filter(|key| facility.parse(&facility.text(**key)) == Some(**key)).copied().collect();
            assert!(!read.is_empty(), "{facility:?}");
            for key in keys.into_iter().filter(|key| !read.contains(key)) {
                assert_eq!(facility.parse(&facility.text(key)), None, "{facility:?} {key:?}");
            }
        }
    }

    #[test]
    fn shares_of_a_flow_are_of_its_two_ends_at_most_once_each() {
        let end = |number, port| crate::Endpoint::new([10, 0, 0, number].into(), port);
        let flow = FlowKey { protocol: 6, vlan: None, source: end(1, 40_000), destination: end(2, 22) };
        for shares in COUNTED.into_iter().filter_map(Counted::shares) {
            let forward = shares(&flow, &Ports::default());
            let back = shares(&flow.reversed(), &Ports::default());
            let keys = |shares: [Option<Share>; 2]| shares.map(|share| share.map(|share| share.key));
            let mut swapped = keys(back);
            if swapped[1].is_some() {
                swapped.swap(0, 1);
            }
            if forward[1].is_some() {
                assert_eq!(keys(forward), swapped);
            }
            assert!(forward[0].is_some());
        }
    }
}
