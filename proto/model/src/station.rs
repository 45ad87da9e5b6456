//! LAN stations: who is behind a MAC address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Merge, Timestamp, Traffic};

/// A MAC address (EUI-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// To all.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The group bit (IEEE 802): broadcast or multicast.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

/// `00:0c:29:b9:94:62`.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Six pairs of hexadecimal digits with `:` or `-` between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: six pairs of hexadecimal digits, as in 00:0c:29:b9:94:62")]
pub struct MacError;

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut mac = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut mac {
            let part = parts.next().filter(|part| part.bytes().all(|c| c.is_ascii_hexdigit())).ok_or(MacError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        parts.next().is_none().then_some(Self(mac)).ok_or(MacError)
    }
}

/// Traffic of a MAC address. Frame octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Station {
    /// All frames.
    pub traffic: Traffic,
    /// The frames that carried IP.
    pub ip: Traffic,
    /// IP addresses seen behind it, at most [`Station::ADDRESSES`], smallest first.
    pub addresses: Vec<Learnt>,
}

/// An address behind a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Learnt {
    /// IPv4 or IPv6.
    pub address: IpAddr,
    /// First time it was seen there.
    pub first: Timestamp,
    /// Last time.
    pub last: Timestamp,
}

impl Station {
    /// How many addresses are kept: a router shows the whole Internet behind its MAC.
    pub const ADDRESSES: usize = 8;

    /// Notes an address behind the station. When there is no more room, the one that was not seen for longest leaves.
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

impl Merge for Station {
    fn merge(&mut self, other: Self) {
        self.traffic += other.traffic;
        self.ip += other.ip;
        other.addresses.into_iter().for_each(|learnt| self.seen(learnt));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_prints_and_parses() {
        let mac = Mac([0, 0x0c, 0x29, 0xb9, 0x94, 0x62]);
        assert_eq!(mac.to_string(), "00:0c:29:b9:94:62");
        assert_eq!("00-0C-29-B9-94-62".parse(), Ok(mac));
        for wrong in
            ["", "00:0c:29:b9:94", "00:0c:29:b9:94:62:1", "00:0c:29:b9:94:g2", "000c29b99462", "+1:2:3:4:5:6", "::::::"]
        {
            assert_eq!(wrong.parse::<Mac>(), Err(MacError), "{wrong}");
        }
    }
}
