//! Index of the records in the spool, in order, and the choice of those to fold when there is no room. Pure: the disk is elsewhere.

use std::collections::VecDeque;

use super::record::RecordHeader;

/// Room for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Octets on disk.
    pub octets: u64,
    /// Files: inodes run out before octets on small partitions.
    pub files: usize,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self { octets: 256 << 20, files: 16_384 }
    }
}

/// A record that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Header of the record.
    pub header: RecordHeader,
    /// Octets on disk.
    pub octets: u64,
}

impl IndexEntry {
    /// Blocks of a disk.
    const BLOCK: u64 = 4096;

    /// A record whose file has so many octets.
    pub(crate) fn new(header: RecordHeader, file: u64) -> Self {
        Self { header, octets: file.next_multiple_of(Self::BLOCK) }
    }
}

/// The records that wait, oldest first, without gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(super) entries: VecDeque<IndexEntry>,
    /// Octets on disk.
    pub(super) octets: u64,
    /// Number of the last record that was handed out since the collector said what it has: up to here all may be committed
    /// at any moment.
    pub(super) sent: u64,
}

impl Index {
    /// Totals of at most this long a time become one record, as long as there are others to fold.
    const SPAN: i64 = 3_600_000_000_000;
    /// No record covers a longer time: the collector takes none.
    pub(super) const LONGEST: i64 = 24 * Self::SPAN;

    /// Appends.
    pub(crate) fn push(&mut self, entry: IndexEntry) {
        self.octets += entry.octets;
        self.entries.push_back(entry);
    }

    /// The first record behind those that were handed out.
    pub(crate) fn unsent(&self) -> Option<&IndexEntry> {
        let place = self.entries.partition_point(|entry| entry.header.to <= self.sent);
        self.entries.get(place)
    }

    /// Takes out the oldest when `done` says so.
    pub(crate) fn pop_if(&mut self, done: impl Fn(&RecordHeader) -> bool) -> Option<IndexEntry> {
        let entry = self.entries.pop_front_if(|entry| done(&entry.header))?;
        self.octets -= entry.octets;
        Some(entry)
    }

    /// Puts `entry` in the place of those that it covers; gives these.
    pub(crate) fn replace(&mut self, entry: IndexEntry) -> Vec<IndexEntry> {
        let from = self.entries.partition_point(|old| old.header.to < entry.header.from);
        let to = self.entries.partition_point(|old| old.header.from <= entry.header.to);
        let covered: Vec<IndexEntry> = self.entries.drain(from..to.max(from)).collect();
        self.entries.insert(from, entry);
        self.octets += entry.octets;
        self.octets -= covered.iter().map(|old| old.octets).sum::<u64>();
        covered
    }

    /// True if another record of `octets` has room.
    pub(crate) fn has_room(&self, octets: u64, limits: &SpoolLimits) -> bool {
        self.octets.saturating_add(octets) <= limits.octets && self.entries.len() < limits.files
    }

    /// Neighbours to fold next; `None` if all may already be committed. A record that may be committed is never folded: its
    /// number would be taken for a repetition, and its counts would vanish.
    pub(crate) fn to_fold(&self) -> Option<Vec<RecordHeader>> {
        let free = self.entries.partition_point(|entry| entry.header.to <= self.sent);
        let free: Vec<&RecordHeader> = self.entries.range(free..).map(|entry| &entry.header).collect();
        let span = |a: &RecordHeader, b: &RecordHeader| b.slice.to.since(a.slice.from);
        let whole = free.iter().position(|header| !header.folded);
        let chosen = match whole {
            // A new record of totals, or the one just before it grows.
            Some(at) if at > 0 && span(free[at - 1], free[at]) <= Self::SPAN => &free[at - 1..=at],
            Some(at) => &free[at..=at],
            None => free.windows(2).find(|pair| span(pair[0], pair[1]) <= Self::LONGEST)?,
        };
        Some(chosen.iter().map(|header| **header).collect())
    }
}

/// Records found in the folder, by what is to be done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// In order, without gaps. Of those with `false` no record was found.
    pub ranges: Vec<((u64, u64), bool)>,
    /// Inside the range of another: the rest of a fold that was cut short.
    pub covered: Vec<(u64, u64)>,
    /// Overlap another without lying inside: not ours.
    pub strange: Vec<(u64, u64)>,
}

impl Recovery {
    /// Of the ranges found, in any order.
    pub(crate) fn of(mut found: Vec<(u64, u64)>) -> Self {
        found.sort_unstable_by_key(|(from, to)| (*from, std::cmp::Reverse(*to)));
        let mut recovery = Self::default();
        for range in found {
            match recovery.ranges.last() {
                Some(((_, to), _)) if range.1 <= *to => recovery.covered.push(range),
                Some(((_, to), _)) if range.0 <= *to => recovery.strange.push(range),
                last => {
                    let gap = last.map(|((_, to), _)| (to + 1, range.0 - 1)).filter(|(from, to)| from <= to);
                    recovery.ranges.extend(gap.map(|gap| (gap, false)).into_iter().chain([(range, true)]));
                }
            }
        }
        recovery
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;
    use traf_model::{Interval, Timestamp};

    use super::*;

    fn header(from: u64, to: u64, folded: bool) -> RecordHeader {
        let time = |number: u64| Timestamp::from_seconds(number as i64 * 10);
        RecordHeader { epoch: 1, from, to, slice: Interval::new(time(from - 1), time(to)), folded }
    }

    fn index(records: &[(u64, u64, bool)]) -> Index {
        let mut index = Index::default();
        records.iter().for_each(|(from, to, folded)| index.push(IndexEntry::new(header(*from, *to, *folded), 5_056)));
        index
    }

    #[test]
    fn room_is_counted_in_blocks() {
        let index = index(&[(1, 1, false), (2, 2, false)]);
        assert_eq!(index.octets, 4 * 4096);
        assert!(index.has_room(4096, &SpoolLimits { octets: 5 * 4096, files: 3 }));
        assert!(!index.has_room(4097, &SpoolLimits { octets: 5 * 4096, files: 3 }));
        assert!(!index.has_room(0, &SpoolLimits { octets: 1 << 30, files: 2 }));
    }

    #[test]
    fn the_oldest_whole_record_is_folded_into_the_totals_before_it() {
        let fold = |index: &Index| match index.to_fold() {
            Some(headers) => headers.iter().map(|header| (header.from, header.to)).collect(),
            None => vec![],
        };
        assert_eq!(fold(&index(&[(1, 1, false), (2, 2, false)])), [(1, 1)]);
        assert_eq!(fold(&index(&[(1, 1, true), (2, 2, false), (3, 3, false)])), [(1, 1), (2, 2)]);
        assert_eq!(fold(&index(&[(1, 360, true), (361, 361, false)])), [(361, 361)], "an hour of totals is whole");
        assert_eq!(fold(&index(&[(1, 360, true), (361, 720, true)])), [(1, 360), (361, 720)]);
        assert_eq!(fold(&index(&[(1, 360, true)])), []);
    }

    #[test]
    fn what_may_be_committed_is_never_folded() {
        let mut index = index(&[(1, 1, false), (2, 2, false), (3, 3, false)]);
        let first = *index.unsent().unwrap();
        index.sent = first.header.to;
        assert_eq!(index.to_fold(), Some(vec![header(2, 2, false)]));
        index.sent = 3;
        assert_eq!((index.to_fold(), index.unsent()), (None, None));
        index.sent = 0;
        assert_eq!(index.unsent(), Some(&first));
    }

    #[test]
    fn a_fold_takes_the_place_of_what_it_covers() {
        let mut index = index(&[(1, 1, true), (2, 2, false), (3, 3, false)]);
        let covered = index.replace(IndexEntry::new(header(1, 2, true), 100));
        assert_eq!(covered.len(), 2);
        assert_eq!(index.entries.iter().map(|entry| entry.header.to).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(index.octets, 4096 + 2 * 4096);
    }

    proptest! {
        #[test]
        fn recovery_keeps_one_record_for_every_number_or_names_the_gap(
            found in prop::collection::vec((1..40u64, 0..6u64), 0..30)
        ) {
            let found: Vec<(u64, u64)> = found.into_iter().map(|(from, more)| (from, from + more)).collect();
            let recovery = Recovery::of(found.clone());
            let kept: Vec<_> = recovery.ranges.iter().filter(|(_, there)| *there).collect();
            prop_assert!(kept.iter().all(|(range, _)| found.contains(range)));
            let holds = |number, ((from, to), _): &&((u64, u64), bool)| (*from..=*to).contains(&number);
            let ends = recovery.ranges.first().zip(recovery.ranges.last()).map(|(a, b)| a.0.0..=b.0.1);
            for number in 1..60 {
                let expected = usize::from(ends.as_ref().is_some_and(|ends| ends.contains(&number)));
                prop_assert_eq!(recovery.ranges.iter().filter(|range| holds(number, range)).count(), expected);
            }
            prop_assert_eq!(kept.len() + recovery.covered.len() + recovery.strange.len(), found.len());
        }
    }
}
