//! Adding up by key what many flows have in common: when there are too many keys, a part of them at a time, so that a scan of a
//! million addresses costs time, not memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use traf_model::{GroupKey, Key, Mac, Traffic};

use crate::meter::keyed_hash::KeyedHash;

/// Keys of one pass: five megabytes.
const KEYS: usize = 32_768;

/// Hashes that are looked at in one pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    from: u64,
    to: u64,
}

/// Sums by key, of the keys of one pass.
pub(super) struct Sums<K> {
    seed: KeyedHash,
    range: Range,
    sums: HashMap<K, Sum, RandomState>,
}

/// Sums of one key.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) traffic: Traffic,
    /// In the last seconds.
    pub(super) growth: Traffic,
    pub(super) flows: u64,
}

/// Keys that are spread over the passes.
pub(super) trait Spread {
    fn spread(&self, seed: &KeyedHash) -> u64;
}

impl Range {
    /// Everything.
    pub(super) const ALL: Self = Self { from: 0, to: u64::MAX };

    pub(super) fn is_all(self) -> bool {
        (self.from, self.to) == (0, u64::MAX)
    }

    pub(super) fn holds(self, hash: u64) -> bool {
        (self.from..=self.to).contains(&hash)
    }

    /// The first half: what is left is for the next pass.
    pub(super) fn halve(&mut self) {
        self.to = self.from + (self.to - self.from) / 2;
    }

    /// The hashes that are left, if any.
    pub(super) fn next(self) -> Option<Self> {
        Some(Self { from: self.to.checked_add(1)?, to: u64::MAX })
    }
}

impl<K: Spread + Eq + Hash> Sums<K> {
    pub(super) fn new() -> Self {
        Self { seed: KeyedHash::random(), range: Range::ALL, sums: HashMap::default() }
    }

    /// True if a key is added up in this pass; each is in exactly one.
    #[inline]
    pub(super) fn holds(&self, key: &K) -> bool {
        self.range.is_all() || self.range.holds(key.spread(&self.seed))
    }

    /// Adds to a key, if this is its pass.
    #[inline]
    pub(super) fn add(&mut self, key: K, traffic: Traffic, growth: Traffic, flows: u64) {
        if self.holds(&key) {
            self.sums.entry(key).or_default().add(traffic, growth, flows);
            if self.sums.len() > KEYS {
                self.range.halve();
                let Self { seed, range, sums } = self;
                sums.retain(|key, _| range.holds(key.spread(seed)));
            }
        }
    }

    /// Ends a pass: what was found in it, and whether keys are left for another one.
    pub(super) fn end(&mut self) -> (HashMap<K, Sum, RandomState>, bool) {
        let next = self.range.next();
        self.range = next.unwrap_or(Range::ALL);
        (std::mem::take(&mut self.sums), next.is_some())
    }
}

impl Sum {
    pub(super) fn add(&mut self, traffic: Traffic, growth: Traffic, flows: u64) {
        self.traffic += traffic;
        self.growth += growth;
        self.flows += flows;
    }
}

impl Spread for Key {
    #[inline]
    fn spread(&self, seed: &KeyedHash) -> u64 {
        match self {
            Self::Address(address) => of_address(seed, *address),
            Self::Mac(Mac(mac)) => mac.iter().fold(0, |hash, octet| seed.pair(hash, u64::from(*octet))),
            Self::Number(number) => seed.pair(*number, 0),
        }
    }
}

impl Spread for GroupKey {
    fn spread(&self, seed: &KeyedHash) -> u64 {
        match self {
            Self::Address(address) => of_address(seed, *address),
            Self::Port(protocol, port) => seed.pair(u64::from(*protocol), u64::from(*port)),
            Self::Pair(source, destination) => seed.pair(of_address(seed, *source), of_address(seed, *destination)),
            Self::Sensor(_) => 0,
        }
    }
}

fn of_address(seed: &KeyedHash, address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => seed.pair(u64::from(u32::from(address)), 4),
        IpAddr::V6(address) => {
            let number = u128::from(address);
            seed.pair(number as u64, (number >> 64) as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_pass_and_no_pass_has_too_many() {
        let key = |number: u32| Key::Address(IpAddr::V4(number.wrapping_mul(7).into()));
        for keys in [0, 1, KEYS as u32, 5 * KEYS as u32] {
            let (mut sums, mut found, mut passes) = (Sums::new(), HashMap::new(), 0);
            loop {
                // Every key twice, the second time when the pass may have become smaller.
                for number in (0..keys).chain(0..keys) {
                    sums.add(key(number), Traffic::default(), Traffic::default(), 1);
                }
                let (of_pass, more) = sums.end();
                assert!(of_pass.len() <= KEYS);
                let before = found.len() + of_pass.len();
                found.extend(of_pass);
                assert_eq!(found.len(), before);
                passes += 1;
                if !more {
                    break;
                }
            }
            assert_eq!(found.len(), keys as usize);
            assert!(found.values().all(|sum| sum.flows == 2));
            assert!(if keys > KEYS as u32 { (5..16).contains(&passes) } else { passes == 1 }, "{passes}");
        }
    }
}
