//! Adding up by key what many flows have in common: a part of the keys at a time, so that a scan of a million addresses costs
//! time, not memory.

use std::net::IpAddr;

use traf_model::{GroupKey, Key, Mac, Traffic};

use crate::meter::keyed_hash::{KeyedHash, spread};

/// Keys of one part, about: five megabytes.
const KEYS: usize = 32_768;

/// Those keys that are added up in one pass; each is of exactly one part.
pub(super) struct Part {
    seed: KeyedHash,
    parts: usize,
    part: usize,
}

impl Part {
    /// The parts of so many keys.
    pub(super) fn all(keys: usize) -> impl Iterator<Item = Self> {
        let (seed, parts) = (KeyedHash::random(), keys.div_ceil(KEYS).max(1));
        (0..parts).map(move |part| Self { seed, parts, part })
    }

    #[inline]
    pub(super) fn key(&self, key: Key) -> bool {
        self.parts == 1
            || self.holds(match key {
                Key::Address(address) => self.hash(address),
                Key::Mac(Mac(mac)) => mac.iter().fold(0, |hash, octet| self.seed.pair(hash, u64::from(*octet))),
                Key::Number(number) => self.seed.pair(number, 0),
            })
    }

    pub(super) fn group(&self, group: &GroupKey) -> bool {
        self.holds(match group {
            GroupKey::Address(address) => self.hash(*address),
            GroupKey::Port(protocol, port) => self.seed.pair(u64::from(*protocol), u64::from(*port)),
            GroupKey::Pair(source, destination) => self.seed.pair(self.hash(*source), self.hash(*destination)),
            GroupKey::Sensor(_) => 0,
        })
    }

    fn holds(&self, hash: u64) -> bool {
        spread(hash, self.parts) == self.part
    }

    fn hash(&self, address: IpAddr) -> u64 {
        match address {
            IpAddr::V4(address) => self.seed.pair(u64::from(u32::from(address)), 4),
            IpAddr::V6(address) => {
                let number = u128::from(address);
                self.seed.pair(number as u64, (number >> 64) as u64)
            }
        }
    }
}

/// Sums of one key.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) traffic: Traffic,
    pub(super) rate: Traffic,
    pub(super) flows: u64,
}

impl Sum {
    pub(super) fn add(&mut self, traffic: Traffic, rate: Traffic, flows: u64) {
        self.traffic += traffic;
        self.rate += rate;
        self.flows += flows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_part() {
        let parts: Vec<Part> = Part::all(10 * KEYS).collect();
        let address = |number: u32| IpAddr::V4(number.into());
        for number in 0..10_000 {
            let (one, other) = (address(number), address(number.wrapping_mul(7)));
            for held in [
                parts.iter().filter(|part| part.key(Key::Address(one))).count(),
                parts.iter().filter(|part| part.group(&GroupKey::Pair(one, other))).count(),
                parts.iter().filter(|part| part.key(Key::Number(u64::from(number)))).count(),
            ] {
                assert_eq!(held, 1, "{number}");
            }
        }
        assert_eq!(Part::all(0).count(), 1);
    }
}
