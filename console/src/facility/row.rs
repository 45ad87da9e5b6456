//! A row of any counted facility in its parts.

use traf_model::{Counted, Counts, Item, Key};

/// A row of a counted facility.
#[derive(Clone, Copy, Debug)]
pub struct CountedRow<'a> {
    /// The facility.
    pub facility: Counted,
    /// The key.
    pub key: Key,
    /// Its counts.
    pub counts: &'a Counts,
}

impl CountedRow<'_> {
    /// The key as it stands in tables.
    pub fn text(&self) -> String {
        self.facility.text(self.key)
    }
}

/// The parts of a counted row; `None` for rows of other tables and for traffic without a row.
pub fn counted(item: &Item) -> Option<CountedRow<'_>> {
    match item {
        Item::Counted(facility, key, counts) => Some(CountedRow { facility: *facility, key: *key, counts }),
        _ => None,
    }
}
