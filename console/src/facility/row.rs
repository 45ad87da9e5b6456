//! The key and the counts of a row of any counted facility.

use std::net::IpAddr;

use traf_model::{Bracket, Facility, Item, Learnt, Mac, Service, Traffic};

/// The key of a counted row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A size bracket.
    Bracket(Bracket),
    /// A protocol and a port.
    Service(Service),
    /// An Ethernet address.
    Mac(Mac),
    /// An IP address.
    Address(IpAddr),
}

/// As it stands in tables.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bracket(Bracket { from, to: Some(to) }) => write!(f, "{from} to {to}"),
            Self::Bracket(Bracket { from, to: None }) => write!(f, "{from} and more"),
            Self::Service(service) => service.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A counted row in parts.
#[derive(Clone, Debug)]
pub struct Counted<'a> {
    /// The facility.
    pub facility: Facility,
    /// The key.
    pub key: Key,
    /// Of a MAC address: its IP part.
    pub ip: Traffic,
    /// Of an IP address: the addresses it talks with.
    pub peers: u64,
    /// Of an IP address: its flows.
    pub flows: u64,
    /// Of a MAC address: IP addresses seen behind it.
    pub addresses: &'a [Learnt],
}

/// The parts of a counted row; `None` for rows of other tables and for traffic without a row.
pub fn counted(item: &Item) -> Option<Counted<'_>> {
    let (facility, key) = match item {
        Item::Size(bracket, _) => (Facility::Sizes, Key::Bracket(*bracket)),
        Item::Service(service, _) => (Facility::Services, Key::Service(*service)),
        Item::Station(mac, _) => (Facility::Stations, Key::Mac(*mac)),
        Item::Host(address, _) => (Facility::Hosts, Key::Address(*address)),
        _ => return None,
    };
    let counted = Counted { facility, key, ip: Traffic::default(), peers: 0, flows: 0, addresses: &[] };
    Some(match item {
        Item::Station(_, station) => Counted { ip: station.ip, addresses: &station.addresses, ..counted },
        Item::Host(_, host) => Counted { peers: host.peers, flows: host.flows, ..counted },
        _ => counted,
    })
}
