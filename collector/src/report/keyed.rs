//! Sums under keys, of which a table may have very many: in few large pieces of memory, which the system has back afterwards.

use std::collections::{HashMap, HashSet};

use foldhash::quality::RandomState;
use traf_model::{Counted, GroupKey, Key, Traffic};

/// The key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum RowKey {
    Counted(Counted, Key),
    Group(GroupKey),
}

/// Counts under a key.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) traffic: Traffic,
    pub(super) rate: Traffic,
    pub(super) flows: u64,
    /// Distinct keys at the other ends, and peers that observation points give as a number where there are no flows to count.
    pub(super) peers: u64,
}

/// The number of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// Sums by the first point of a site, and by key.
#[derive(Default)]
pub(super) struct KeyedSums {
    places: HashMap<(usize, RowKey), Place, RandomState>,
    sums: Vec<Sum>,
    /// Numbers of keys at other ends.
    others: HashMap<Key, u32, RandomState>,
    /// Of each sum the other ends that were counted.
    pairs: HashSet<(Place, u32), RandomState>,
    /// Of each sum the points that saw it.
    observers: HashSet<(Place, u32), RandomState>,
}

impl KeyedSums {
    /// The sum of a key, if there is one.
    pub(super) fn find(&self, key: &(usize, RowKey)) -> Option<Place> {
        self.places.get(key).copied()
    }

    /// The sum of a key, a new one if there are fewer than `capacity`.
    pub(super) fn entry(&mut self, key: (usize, RowKey), capacity: usize) -> Option<Place> {
        if let Some(place) = self.find(&key) {
            return Some(place);
        }
        if self.sums.len() >= capacity {
            return None;
        }
        let place = Place(u32::try_from(self.sums.len()).ok()?);
        self.places.insert(key, place);
        self.sums.push(Sum::default());
        Some(place)
    }

    pub(super) fn sum(&mut self, Place(place): Place) -> &mut Sum {
        &mut self.sums[place as usize]
    }

    /// Adds traffic that some points saw.
    pub(super) fn add(&mut self, place: Place, traffic: Traffic, rate: Traffic, observers: &[usize]) {
        let sum = self.sum(place);
        sum.traffic += traffic;
        sum.rate += rate;
        self.observers.extend(observers.iter().map(|point| (place, *point as u32)));
    }

    /// Counts the key at the other end of a flow, each once.
    pub(super) fn add_other(&mut self, place: Place, other: Key) {
        let number = self.others.len() as u32;
        let number = *self.others.entry(other).or_insert(number);
        if self.pairs.insert((place, number)) {
            self.sum(place).peers += 1;
        }
    }

    /// Hands over each sum with its key and its observers.
    pub(super) fn each(self, mut take: impl FnMut((usize, RowKey), Sum, Vec<usize>)) {
        let Self { places, mut sums, others, pairs, observers } = self;
        drop((others, pairs));
        let mut observers: Vec<(Place, u32)> = observers.into_iter().collect();
        observers.sort_unstable();
        for (key, place) in places {
            let from = observers.partition_point(|(other, _)| *other < place);
            let own = observers[from..].iter().take_while(|(other, _)| *other == place);
            take(key, std::mem::take(&mut sums[place.0 as usize]), own.map(|(_, point)| *point as usize).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_sum_counts_each_other_end_and_each_observer_once() {
        let mut all = KeyedSums::default();
        let key = |number| (0, RowKey::Group(GroupKey::Port(6, number)));
        for number in 0..100 {
            let place = all.entry(key(number), 50);
            assert_eq!(place.is_some(), number < 50);
            for other in (0..number).chain(0..number).filter(|_| place.is_some()) {
                all.add_other(place.unwrap(), Key::Number(other.into()));
                all.add(place.unwrap(), Traffic::default(), Traffic::default(), &[other.into(), 7]);
            }
        }
        let mut rows = Vec::new();
        all.each(|key, sum, observers| rows.push((key, sum.peers, observers)));
        rows.sort_by_key(|(_, peers, _)| *peers);
        let expected = (0..50).map(|number| {
            let observers = (0..usize::from(number)).chain((1..8).contains(&number).then_some(7)).collect();
            (key(number), u64::from(number), observers)
        });
        assert_eq!(rows, expected.collect::<Vec<_>>());
    }
}
