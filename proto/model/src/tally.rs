//! A key and its traffic, for every facility the same.

use std::collections::HashMap;
use std::hash::Hash;

/// Values that add up: merging is commutative and associative, and the default changes nothing.
pub trait Merge: Default {
    /// Adds `other` to this.
    fn merge(&mut self, other: Self);
}

/// Keys with values, at most `capacity` of them added; what finds no place is in `other`.
///
/// Merging two tallies is addition (never bounded, so that it is commutative and associative); [`Tally::trim`] bounds the
/// sum again. A second, a slice, an hour, a late and a replayed summary are all this one operation.
#[derive(Clone, Debug)]
pub struct Tally<K, V> {
    rows: HashMap<K, V>,
    other: V,
    capacity: usize,
}

/// Equal in what was counted; how many keys there is room for does not matter.
impl<K: Eq + Hash, V: PartialEq> PartialEq for Tally<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.other == other.other
    }
}

impl<K: Eq + Hash, V: Merge> Default for Tally<K, V> {
    fn default() -> Self {
        Self::with_capacity(usize::MAX)
    }
}

impl<K: Eq + Hash, V: Merge> Tally<K, V> {
    /// Room for `capacity` keys.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { rows: HashMap::new(), other: V::default(), capacity }
    }

    /// Adds `value` to `key`, or to `other` where a new key finds no place.
    pub fn add(&mut self, key: K, value: V) {
        let full = self.rows.len() >= self.capacity;
        match self.rows.get_mut(&key) {
            Some(row) => row.merge(value),
            None if full => self.other.merge(value),
            None => drop(self.rows.insert(key, value)),
        }
    }

    /// Adds to what has no key.
    pub fn add_other(&mut self, value: V) {
        self.other.merge(value);
    }

    /// Adds all of `other`, whatever the capacity.
    pub fn merge(&mut self, other: Self) {
        for (key, value) in other.rows {
            self.rows.entry(key).or_default().merge(value);
        }
        self.other.merge(other.other);
    }

    /// Keeps the `count` keys of the greatest `weight`, ties to the smaller key; the others go to `other`.
    pub fn trim<W: Ord>(&mut self, count: usize, weight: impl Fn(&V) -> W)
    where
        K: Ord + Clone,
    {
        if self.rows.len() <= count {
            return;
        }
        let mut rows: Vec<(K, V)> = self.rows.drain().collect();
        if count > 0 {
            rows.select_nth_unstable_by(count - 1, |(a, x), (b, y)| weight(y).cmp(&weight(x)).then_with(|| a.cmp(b)));
        }
        for (_, value) in rows.drain(count..) {
            self.other.merge(value);
        }
        self.rows.extend(rows);
    }

    /// Takes everything out: the rows in no order, and `other`.
    pub fn drain(&mut self) -> (Vec<(K, V)>, V) {
        (self.rows.drain().collect(), std::mem::take(&mut self.other))
    }

    /// The rows, in no order.
    pub fn rows(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The value under `key`.
    pub fn row(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// The value of keys that found no place.
    pub fn other(&self) -> &V {
        &self.other
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<K: Eq + Hash, V: Merge> FromIterator<(K, V)> for Tally<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        let mut tally = Self::default();
        rows.into_iter().for_each(|(key, value)| tally.add(key, value));
        tally
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Counters, Traffic};

    fn octets(count: u64) -> Traffic {
        Traffic::inbound(Counters::new(1, count))
    }

    fn tally(rows: &[(u8, u32)], capacity: usize) -> Tally<u8, Traffic> {
        let mut tally = Tally::with_capacity(capacity);
        rows.iter().for_each(|&(key, count)| tally.add(key, octets(u64::from(count))));
        tally
    }

    fn sum(tally: &Tally<u8, Traffic>) -> Traffic {
        tally.rows().map(|(_, value)| *value).sum::<Traffic>() + *tally.other()
    }

    #[test]
    fn a_full_tally_still_counts_what_it_cannot_name() {
        let mut tally = Tally::with_capacity(1);
        tally.add("http", octets(100));
        tally.add("dns", octets(60));
        tally.add("http", octets(1));
        assert_eq!(tally.drain(), (vec![("http", Traffic::inbound(Counters::new(2, 101)))], octets(60)));
    }

    #[test]
    fn trimming_keeps_the_busiest_and_the_sum() {
        let mut trimmed = tally(&[(1, 10), (2, 30), (3, 20), (4, 20)], usize::MAX);
        trimmed.trim(2, |traffic| traffic.total().octets);
        let mut keys: Vec<u8> = trimmed.rows().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        assert_eq!((keys, sum(&trimmed)), (vec![2, 3], sum(&tally(&[(1, 10), (2, 30), (3, 20), (4, 20)], 9))));
    }

    proptest! {
        #[test]
        fn merging_is_commutative_and_associative_and_loses_nothing(
            a: Vec<(u8, u32)>, b: Vec<(u8, u32)>, c: Vec<(u8, u32)>, capacity in 0usize..64, keep in 0usize..32,
        ) {
            let [a, b, c] = [a, b, c].map(|rows| tally(&rows, capacity));
            let merged = |x: &Tally<u8, Traffic>, y: &Tally<u8, Traffic>| {
                let mut sum = x.clone();
                sum.merge(y.clone());
                sum
            };
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            let mut all = merged(&merged(&a, &b), &c);
            let total = sum(&a) + sum(&b) + sum(&c);
            prop_assert_eq!(sum(&all), total);
            all.trim(keep, |traffic| traffic.total().octets);
            prop_assert_eq!(sum(&all), total);
            prop_assert!(all.len() <= keep);
        }
    }
}
