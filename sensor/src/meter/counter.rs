//! Counts of a facility at an interface, whatever its key.
//!
//! Each table is of its own type, so that a packet is counted fast. Where a slice closes and where a question is answered
//! they are all [`Counter`]s.

use traf_model::{Counters, Counts, Key, Tally, Traffic};

use super::ranked::{RankedTable, TableKey, Value};

/// The counts of one facility.
pub(super) trait Counter {
    /// Ends the slice: the busiest keys, at most `most`, and the rest in `other`.
    fn seal(&mut self, most: usize) -> Tally<Key, Counts>;

    /// Hands over each key with its counts since the start, and returns the counts of what found no place.
    fn totals(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts;

    /// Hands over each key with its counts in this slice, and returns the counts of what found no place in it.
    fn slice(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts;

    /// Hands over the traffic of each key since the start; without this slice if `sealed`.
    fn traffic(&self, sealed: bool, each: &mut dyn FnMut(Key, Traffic));
}

impl<K: TableKey, V: Value> Counter for RankedTable<K, V> {
    fn seal(&mut self, most: usize) -> Tally<Key, Counts> {
        let mut tally = Tally::default();
        let other = self.seal_rows(most, |key, value| tally.add(key.key(), value.counts()));
        // Addresses behind keys without a row say nothing.
        tally.add_other(Counts { addresses: Vec::new(), ..other.counts() });
        tally
    }

    fn totals(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts {
        self.rows().for_each(|(key, sealed, slice)| {
            let mut total = sealed.clone();
            total.merge(slice.clone());
            each(key.key(), total.counts());
        });
        self.other().counts()
    }

    fn slice(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts {
        self.rows().for_each(|(key, _, slice)| each(key.key(), slice.clone().counts()));
        self.other_of_slice().counts()
    }

    fn traffic(&self, sealed: bool, each: &mut dyn FnMut(Key, Traffic)) {
        self.rows().for_each(|(key, before, slice)| {
            let now = if sealed { Traffic::default() } else { slice.traffic() };
            each(key.key(), before.traffic() + now);
        });
    }
}

impl Value for Traffic {
    fn traffic(&self) -> Traffic {
        *self
    }

    fn counts(self) -> Counts {
        self.into()
    }
}

/// Counts of keys that stand at the places of a small range; a place takes memory when it is first counted.
#[derive(Default)]
pub(super) struct Indexed {
    /// The row of each place, plus one; zero for none.
    places: Box<[u16]>,
    rows: Vec<IndexedRow>,
}

struct IndexedRow {
    key: Key,
    total: Traffic,
    sealed: Traffic,
}

impl Indexed {
    /// For `places` places.
    pub(super) fn new(places: u16) -> Self {
        Self { places: vec![0; usize::from(places)].into_boxed_slice(), rows: Vec::new() }
    }

    /// Counts at a place of the range; `key` names it.
    #[inline(always)]
    pub(super) fn count(
        &mut self,
        place: usize,
        key: impl FnOnce() -> Key,
        sent: bool,
        count: impl FnOnce(&mut Counters),
    ) {
        if let Some(row) = self.row(place, key) {
            count(row.total.counters_mut(sent));
        }
    }

    /// Gives a place what the other places leave of `all`.
    pub(super) fn set_rest(&mut self, place: usize, key: Key, all: Traffic) {
        let others = self.rows.iter().filter(|row| row.key != key).fold(Traffic::default(), |sum, row| sum + row.total);
        if all != others
            && let Some(row) = self.row(place, || key)
        {
            row.total = all - others;
        }
    }

    #[inline(always)]
    fn row(&mut self, place: usize, key: impl FnOnce() -> Key) -> Option<&mut IndexedRow> {
        let row = match self.places.get(place) {
            Some(row) if *row > 0 => usize::from(*row) - 1,
            _ => self.insert(place, key()),
        };
        self.rows.get_mut(row)
    }

    #[cold]
    fn insert(&mut self, place: usize, key: Key) -> usize {
        self.rows.push(IndexedRow { key, total: Traffic::default(), sealed: Traffic::default() });
        if let (Some(row), Ok(number)) = (self.places.get_mut(place), u16::try_from(self.rows.len())) {
            *row = number;
        }
        self.rows.len() - 1
    }
}

impl Counter for Indexed {
    /// All keys that counted anything in the slice; the range bounds them.
    fn seal(&mut self, _: usize) -> Tally<Key, Counts> {
        let rows = self.rows.iter_mut().map(|row| (row.key, row.total - std::mem::replace(&mut row.sealed, row.total)));
        rows.filter(|(_, traffic)| !traffic.is_empty()).map(|(key, traffic)| (key, traffic.into())).collect()
    }

    fn totals(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts {
        self.rows.iter().for_each(|row| each(row.key, row.total.into()));
        Counts::default()
    }

    fn slice(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts {
        self.rows.iter().for_each(|row| each(row.key, (row.total - row.sealed).into()));
        Counts::default()
    }

    fn traffic(&self, sealed: bool, each: &mut dyn FnMut(Key, Traffic)) {
        self.rows.iter().for_each(|row| each(row.key, if sealed { row.sealed } else { row.total }));
    }
}
