//! The number of keys at the other ends of flows, for some keys.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use traf_model::Key;

use super::sums::Range;

/// Pairs of a key and a peer that are told apart in one pass: 2 MB.
const PAIRS: usize = 65_536;

/// Peers of the keys that were asked for, counted in one pass over the flows or several.
pub(super) struct Peers {
    places: HashMap<Key, u32, RandomState>,
    peers: Vec<u64>,
    hasher: RandomState,
    /// Hashes of the peers that are counted in this pass. Of a peer only its hash is kept: two of a million share one with a
    /// probability of 10^-7.
    range: Range,
    pairs: HashSet<(u32, u64), RandomState>,
}

impl Peers {
    /// Of keys, each of them once.
    pub(super) fn new(keys: impl Iterator<Item = Key>) -> Self {
        let places: HashMap<Key, u32, RandomState> = keys.zip(0..).collect();
        let (peers, hasher) = (vec![0; places.len()], RandomState::default());
        Self { places, peers, hasher, range: Range::ALL, pairs: HashSet::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A flow has these two ends.
    pub(super) fn add(&mut self, one: Key, other: Key) {
        for (key, peer) in [(one, other), (other, one)] {
            let Some(place) = self.places.get(&key) else { continue };
            let hash = self.hasher.hash_one(peer);
            if self.range.holds(hash) && self.pairs.insert((*place, hash)) && self.pairs.len() > PAIRS {
                self.range.halve();
                let range = self.range;
                self.pairs.retain(|(_, hash)| range.holds(*hash));
            }
        }
    }

    /// Ends a pass; true if peers are left for another one.
    pub(super) fn end(&mut self) -> bool {
        for (place, _) in self.pairs.drain() {
            if let Some(peers) = self.peers.get_mut(place as usize) {
                *peers += 1;
            }
        }
        let next = self.range.next();
        self.range = next.unwrap_or(Range::ALL);
        next.is_some()
    }

    /// Peers of a key that was asked for.
    pub(super) fn of(&self, key: &Key) -> Option<u64> {
        self.peers.get(*self.places.get(key)? as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_counted_once_in_as_many_passes_as_it_takes() {
        let key = Key::Number;
        let mut peers = Peers::new([key(1), key(2), key(3)].into_iter());
        let mut passes = 0;
        loop {
            for peer in (0..4 * PAIRS as u64).chain(0..100) {
                peers.add(key(1), key(1_000 + peer));
            }
            peers.add(key(2), key(9));
            peers.add(key(9), key(2));
            peers.add(key(1), key(2));
            passes += 1;
            if !peers.end() {
                break;
            }
        }
        assert!((4..16).contains(&passes), "{passes}");
        let of = [1, 2, 3, 9].map(|number| peers.of(&key(number)));
        assert_eq!(of, [Some(4 * PAIRS as u64 + 1), Some(2), Some(0), None]);
    }
}
