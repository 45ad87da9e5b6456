//! Keys of counted facilities, and what is counted under a key.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::{Mac, Merge, Timestamp, Traffic};

/// A key of a counted facility; [`crate::facility::Definition`] gives it its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An IP address.
    Address(IpAddr),
    /// A MAC address.
    Mac(Mac),
    /// Anything that fits into a number.
    Number(u64),
}

impl Key {
    /// The IP address, if it is one.
    pub const fn address(self) -> Option<IpAddr> {
        if let Self::Address(address) = self { Some(address) } else { None }
    }

    /// The MAC address, if it is one.
    pub const fn mac(self) -> Option<Mac> {
        if let Self::Mac(mac) = self { Some(mac) } else { None }
    }

    /// The number, if it is one.
    pub const fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }
}

/// The bare address or number; [`crate::facility::Counted::text`] knows names.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The counts of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All traffic.
    pub traffic: Traffic,
    /// The part that carried IP; only of MAC addresses.
    pub ip: Traffic,
    /// Flows; only in answers.
    pub flows: u64,
    /// Addresses it talks with; only in answers.
    pub peers: u64,
    /// IP addresses seen behind it, at most [`Counts::ADDRESSES`], smallest first; only of MAC addresses.
    pub addresses: Vec<Learnt>,
}

/// An address behind a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Learnt {
    /// IPv4 or IPv6.
    pub address: IpAddr,
    /// First time it was seen there.
    pub first: Timestamp,
    /// Last time.
    pub last: Timestamp,
}

impl Counts {
    /// Addresses that are kept: a router shows the whole Internet behind its MAC.
    pub const ADDRESSES: usize = 8;

    /// Adds an address behind the station. If there is no more room, the address not seen for longest leaves.
    pub fn seen(&mut self, learnt: Learnt) {
        match self.addresses.binary_search_by(|known| known.address.cmp(&learnt.address)) {
            Ok(place) => {
                let known = &mut self.addresses[place];
                (known.first, known.last) = (known.first.min(learnt.first), known.last.max(learnt.last));
            }
            Err(place) => {
                self.addresses.insert(place, learnt);
                if self.addresses.len() > Self::ADDRESSES
                    && let Some(oldest) = (0..self.addresses.len()).min_by_key(|place| self.addresses[*place].last)
                {
                    self.addresses.remove(oldest);
                }
            }
        }
    }
}

impl From<Traffic> for Counts {
    fn from(traffic: Traffic) -> Self {
        Self { traffic, ..Self::default() }
    }
}

impl Merge for Counts {
    fn merge(&mut self, other: Self) {
        self.traffic += other.traffic;
        self.ip += other.ip;
        self.flows = self.flows.saturating_add(other.flows);
        self.peers = self.peers.saturating_add(other.peers);
        other.addresses.into_iter().for_each(|learnt| self.seen(learnt));
    }
}
