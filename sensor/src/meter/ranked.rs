//! A bounded table of keys with what they counted in this slice and in all, and `other` for what found no place.
//!
//! Sets of eight places; a newcomer to a full set takes the place of the key that was least busy lately, whose counts go
//! to `other`. It begins small and doubles while half of it is taken, up to its capacity. Facilities with many keys
//! stand in tables of this kind.

use traf_model::{Counts, Key, Merge, Traffic};

use super::keyed_hash::{KeyedHash, spread};
use super::threshold::Threshold;

const WAYS: usize = 8;

/// Places that a table begins with.
const FIRST: usize = 256;

/// Keys that a [`KeyedHash`] can hash.
pub(super) trait TableKey: Copy + PartialEq {
    /// As two numbers.
    fn numbers(self) -> (u64, u64);

    /// As the model has it.
    fn key(self) -> Key;
}

/// Counts of a key.
pub(super) trait Value: Merge + Clone {
    /// All traffic.
    fn traffic(&self) -> Traffic;

    /// As the model has them.
    fn counts(self) -> Counts;
}

/// One key and its counts.
#[derive(Clone)]
struct RankedRow<K, V> {
    key: K,
    /// Packets lately: halved after each slice.
    heat: u32,
    slice: V,
    total: V,
}

/// The table. `V` says how busy it is.
pub(super) struct RankedTable<K, V> {
    rows: Vec<Option<RankedRow<K, V>>>,
    capacity: usize,
    seed: KeyedHash,
    len: usize,
    other_slice: V,
    other_total: V,
}

impl<K: TableKey, V: Value> RankedTable<K, V> {
    /// Room for `capacity` keys, rounded up to a multiple of eight.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.div_ceil(WAYS).max(1) * WAYS;
        Self {
            rows: vec![None; capacity.min(FIRST)],
            capacity,
            seed: KeyedHash::random(),
            len: 0,
            other_slice: V::default(),
            other_total: V::default(),
        }
    }

    /// The counts of a key in this slice, to which `packets` are about to be added.
    #[inline]
    pub(super) fn row(&mut self, key: K, packets: u64) -> &mut V {
        if self.len * 2 >= self.rows.len() && self.rows.len() < self.capacity {
            self.grow();
        }
        let place = self.find(key).unwrap_or_else(|place| {
            self.retire(place);
            self.len += 1;
            place
        });
        let new = || RankedRow { key, heat: 0, slice: V::default(), total: V::default() };
        let row = self.rows[place].get_or_insert_with(new);
        row.heat = row.heat.saturating_add(u32::try_from(packets).unwrap_or(u32::MAX));
        &mut row.slice
    }

    /// The row of a key that is there.
    pub(super) fn known(&mut self, key: K) -> Option<&mut V> {
        let place = self.find(key).ok()?;
        self.rows[place].as_mut().map(|row| &mut row.slice)
    }

    /// Ends the slice: hands the counts of the busiest, at most `most`, to `each` and returns the rest.
    pub(super) fn seal_rows(&mut self, most: usize, mut each: impl FnMut(K, V)) -> V {
        let octets = |value: &V| value.traffic().total().octets;
        let busy = self.rows.iter().flatten().map(|row| octets(&row.slice)).filter(|octets| *octets > 0);
        let mut threshold = Threshold::among(busy, most);
        let mut other = std::mem::take(&mut self.other_slice);
        self.other_total.merge(other.clone());
        for row in self.rows.iter_mut().flatten() {
            row.heat /= 2;
            let octets = octets(&row.slice);
            if octets > 0 {
                let slice = std::mem::take(&mut row.slice);
                row.total.merge(slice.clone());
                if threshold.passes(octets) { each(row.key, slice) } else { other.merge(slice) }
            }
        }
        other
    }

    /// All keys, with what they had counted when the slice began and what they counted in it.
    pub(super) fn rows(&self) -> impl Iterator<Item = (K, &V, &V)> {
        self.rows.iter().flatten().map(|row| (row.key, &row.total, &row.slice))
    }

    /// Sum of the keys that had no row since the table was made.
    pub(super) fn other(&self) -> V {
        let mut other = self.other_total.clone();
        other.merge(self.other_slice.clone());
        other
    }

    /// Sum of the keys that had no row in this slice.
    pub(super) fn other_of_slice(&self) -> V {
        self.other_slice.clone()
    }

    /// The place of a key, or the one that it would have to take.
    #[inline]
    fn find(&self, key: K) -> Result<usize, usize> {
        let (a, b) = key.numbers();
        let first = spread(self.seed.pair(a, b), self.rows.len() / WAYS) * WAYS;
        let set = &self.rows[first..first + WAYS];
        let (mut least, mut victim) = (u32::MAX, 0);
        for (way, row) in set.iter().enumerate() {
            match row {
                Some(row) if row.key == key => return Ok(first + way),
                // Places are filled in order and never freed.
                None => return Err(first + way),
                Some(row) if row.heat < least => (least, victim) = (row.heat, way),
                Some(_) => {}
            }
        }
        Err(first + victim)
    }

    /// Adds the row at `place` to `other`.
    fn retire(&mut self, place: usize) {
        if let Some(row) = self.rows[place].take() {
            self.len -= 1;
            self.other_slice.merge(row.slice);
            self.other_total.merge(row.total);
        }
    }

    /// Doubles the places. The few keys that find no place even so go to `other`.
    #[cold]
    fn grow(&mut self) {
        let places = (self.rows.len() * 2).min(self.capacity);
        let rows = std::mem::replace(&mut self.rows, vec![None; places]);
        self.len = 0;
        for row in rows.into_iter().flatten() {
            let (Ok(place) | Err(place)) = self.find(row.key);
            self.retire(place);
            self.rows[place] = Some(row);
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use traf_model::Counters;

    use super::*;

    impl TableKey for u32 {
        fn numbers(self) -> (u64, u64) {
            (u64::from(self), 0)
        }

        fn key(self) -> Key {
            Key::Number(u64::from(self))
        }
    }

    fn sum(table: &RankedTable<u32, Traffic>) -> Traffic {
        table.rows().map(|(_, sealed, slice)| *sealed + *slice).sum::<Traffic>() + table.other()
    }

    proptest! {
        #[test]
        fn whatever_comes_the_sum_is_kept(keys in prop::collection::vec((0u32..200, 1u64..9), 0..600), capacity in 1usize..300, slices in 1usize..4, most in 0usize..300) {
            let mut table: RankedTable<u32, Traffic> = RankedTable::new(capacity);
            let (mut expected, mut sealed) = (Traffic::default(), Traffic::default());
            for part in keys.chunks(keys.len() / slices + 1) {
                for (key, packets) in part {
                    let traffic = Traffic::inbound(Counters::new(*packets, *packets * 60));
                    *table.row(*key, *packets) += traffic;
                    expected += traffic;
                }
                let mut rows = 0;
                let other = table.seal_rows(most, |_, traffic| {
                    sealed += traffic;
                    rows += 1;
                });
                prop_assert!(rows <= most);
                sealed += other;
            }
            prop_assert_eq!(sum(&table), expected);
            prop_assert_eq!(sealed, expected);
            prop_assert!(table.rows.len() <= capacity.div_ceil(8) * 8);
        }
    }

    #[test]
    fn the_busy_stay_when_a_crowd_passes() {
        let mut table: RankedTable<u32, Traffic> = RankedTable::new(8);
        *table.row(1, 1000) += Traffic::inbound(Counters::new(1000, 0));
        (2..10_000).for_each(|key| *table.row(key, 1) += Traffic::inbound(Counters::new(1, 0)));
        assert_eq!(table.known(1).map(|traffic| traffic.inbound.packets), Some(1000));
        assert_eq!(sum(&table).inbound.packets, 1000 + 9_998);
    }
}
