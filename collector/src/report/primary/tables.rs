//! The tables of the slices in work, within a bound of octets: those that were used longest ago leave first, and are read again
//! from their runs when they are needed.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Interval, Timestamp};

use super::same::RowEvidence;
use super::table::{MarkRecord, MarkTable};
use super::{FlowId, Found, Observer};

/// Nanoseconds of a slot: a slice of the usual length.
const SLOT: i64 = 10 * SECOND;
/// Octets of all tables: the slices of 200 sensors of 2,000 flows for four slots.
const OCTETS: usize = 40 << 20;
/// Slots of one slice that are looked at: ten minutes. Flows of longer slices do not exist, because a spool that folds slices
/// leaves flows out.
const MOST: i64 = 60;

/// Slots of ten seconds, one after the other: those that a slice lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    first: i64,
    last: i64,
}

impl Slots {
    /// Those that a slice lies in.
    pub(crate) fn of(slice: Interval) -> Self {
        let first = Self::at(slice.from);
        let last = slice.to.0.saturating_sub(1).div_euclid(SLOT);
        Self { first, last: last.clamp(first, first + MOST - 1) }
    }

    /// With the neighbours, in which another clock may have put the same packets.
    pub(crate) fn around(self) -> Self {
        Self { first: self.first - 1, last: self.last + 1 }
    }

    /// One alone.
    pub(crate) fn single(slot: i64) -> Self {
        Self { first: slot, last: slot }
    }

    /// The one that holds a moment.
    pub(crate) fn at(at: Timestamp) -> i64 {
        at.0.div_euclid(SLOT)
    }

    /// The first one: where the records of the slice are kept.
    pub(crate) fn first(self) -> i64 {
        self.first
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = i64> + use<> {
        self.first..=self.last
    }

    /// The time of a slot.
    pub(crate) fn slice(slot: i64) -> Interval {
        let from = slot.saturating_mul(SLOT);
        Interval::new(Timestamp(from), Timestamp(from.saturating_add(SLOT)))
    }
}

/// The tables in memory, by site and slot.
#[derive(Debug)]
pub(crate) struct MarkTables {
    tables: HashMap<(u32, i64), MarkTable>,
    octets: usize,
    limit: usize,
    uses: u64,
    found: Vec<(Found, u8)>,
    /// Records that found no place.
    pub(crate) crowded: u64,
}

impl Default for MarkTables {
    fn default() -> Self {
        Self::with_limit(OCTETS)
    }
}

impl MarkTables {
    fn with_limit(limit: usize) -> Self {
        Self { tables: HashMap::new(), octets: 0, limit, uses: 0, found: Vec::new(), crowded: 0 }
    }

    /// Says that the slots of a site are needed: those that are not in memory are empty from now on, and are returned, to be
    /// filled from their runs.
    pub(crate) fn want(&mut self, site: u32, slots: Slots) -> Vec<i64> {
        self.uses += 1;
        let mut missing = Vec::new();
        for slot in slots.iter() {
            let table = self.tables.entry((site, slot)).or_insert_with(|| {
                missing.push(slot);
                MarkTable::default()
            });
            table.used = self.uses;
        }
        self.octets += missing.len() * MarkTable::default().size();
        self.make_room();
        missing
    }

    /// Adds a record to a slot that is wanted.
    pub(crate) fn add(&mut self, (site, slot): (u32, i64), record: MarkRecord, witness: (Observer, u32)) {
        let Some(table) = self.tables.get_mut(&(site, slot)) else { return };
        let before = table.size();
        if !table.add(record, witness) {
            self.crowded += 1;
        }
        self.octets += table.size() - before;
    }

    /// What other observers have of a flow in some slots of its site.
    pub(crate) fn find(
        &mut self,
        flow: FlowId,
        slots: Slots,
        observer: Observer,
        evidence: &RowEvidence,
    ) -> Vec<Found> {
        self.found.clear();
        let tables = || slots.iter().filter_map(|slot| Some((slot, self.tables.get(&(flow.site, slot))?)));
        // One digest that is too small proves nothing; what two rows of an observer share with one of another does.
        let own: Vec<RowEvidence> = match evidence.is_tcp() {
            true => Vec::new(),
            false => tables().flat_map(|(_, table)| table.own(flow.fingerprint, observer)).collect(),
        };
        let mut found = std::mem::take(&mut self.found);
        for (slot, table) in tables() {
            table.find((flow.fingerprint, observer), (evidence, &own), slot, &mut found);
        }
        self.found = found;
        self.found.iter().map(|(found, _)| *found).collect()
    }

    /// A row of an observer counts from now on.
    pub(crate) fn mark(&mut self, flow: FlowId, slot: i64, observer: Observer) {
        if let Some(table) = self.tables.get_mut(&(flow.site, slot)) {
            table.mark(flow.fingerprint, observer);
        }
    }

    /// Those that are wanted now stay.
    fn make_room(&mut self) {
        while self.octets > self.limit {
            let oldest = self.tables.iter().filter(|(_, table)| table.used < self.uses);
            let Some((&key, _)) = oldest.min_by_key(|(_, table)| table.used) else { return };
            let left = self.tables.remove(&key).map_or(0, |table| table.size());
            self.octets = self.octets.saturating_sub(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use traf_model::Flow;

    use super::*;

    fn slots(seconds: i64, length: i64) -> Slots {
        Slots::of(Interval::new(Timestamp::from_seconds(seconds), Timestamp::from_seconds(seconds + length)))
    }

    #[test]
    fn a_slice_lies_in_the_slots_that_it_covers() {
        assert_eq!(slots(100, 10), Slots { first: 10, last: 10 });
        assert_eq!(slots(100, 10).around(), Slots { first: 9, last: 11 });
        assert_eq!(slots(105, 10), Slots { first: 10, last: 11 });
        assert_eq!(slots(100, 3_600), Slots { first: 10, last: 69 });
    }

    #[test]
    fn what_was_not_used_leaves_when_there_is_no_room_and_is_missed_again() {
        let mut tables = MarkTables::with_limit(100_000);
        let evidence = RowEvidence::new(&flow(), 0);
        let observer = Observer { sensor: 1, interface: 1, vlan: None };
        for slot in 0..100 {
            let wanted = Slots::single(slot);
            assert_eq!(tables.want(0, wanted), [slot]);
            for fingerprint in 1..=1_000 {
                tables.add((0, slot), MarkRecord::new(fingerprint, &evidence, true), (observer, 0));
            }
            assert!(tables.octets < 150_000, "{}", tables.octets);
        }
        let held: usize = tables.tables.values().map(MarkTable::size).sum();
        assert_eq!((held, tables.crowded), (tables.octets, 0));
        assert!(tables.want(0, Slots { first: 98, last: 99 }).is_empty());
        assert_eq!(tables.want(0, Slots::single(0)), [0]);
    }

    #[test]
    fn flows_of_one_fingerprint_fill_no_more_than_their_places() {
        let mut tables = MarkTables::default();
        let evidence = RowEvidence::new(&flow(), 0);
        let observer = Observer { sensor: 1, interface: 1, vlan: None };
        let other = Observer { sensor: 2, ..observer };
        let wanted = Slots::single(0);
        tables.want(0, wanted);
        for _ in 0..20_000 {
            tables.add((0, 0), MarkRecord::new(7, &evidence, true), (observer, 0));
        }
        assert!(tables.crowded > 19_000, "{}", tables.crowded);
        let flow = FlowId { site: 0, fingerprint: 7 };
        let found = tables.find(flow, wanted, other, &evidence);
        assert!(matches!(found[..], [Found { proven: false, marked: true, .. }]), "{found:?}");
        assert!(tables.find(FlowId { site: 0, fingerprint: 8 }, wanted, other, &evidence).is_empty());
    }

    #[test]
    fn of_very_small_digests_two_rows_of_an_observer_prove_what_one_does_not() {
        let row = |digests: [u32; 2]| {
            let evidence = traf_model::Evidence::new(digests.map(|digest| !digest));
            RowEvidence::new(&Flow { evidence, ..flow() }, 1)
        };
        let observer = |sensor| Observer { sensor, interface: 1, vlan: None };
        let flow = FlowId { site: 0, fingerprint: 7 };
        for (before, proven) in [(None, false), (Some([8, 9]), false), (Some([1, 9]), true)] {
            let mut tables = MarkTables::default();
            tables.want(0, slots(100, 30));
            tables.add((0, 10), MarkRecord::new(7, &row([1, 2]), true), (observer(1), 1));
            if let Some(halves) = before {
                tables.add((0, 10), MarkRecord::new(7, &row(halves), false), (observer(2), 1));
            }
            let found = tables.find(flow, slots(100, 30), observer(2), &row([2, 5]));
            assert_eq!(found.iter().map(|found| found.proven).collect::<Vec<_>>(), [proven], "{before:?}");
        }
    }

    fn flow() -> Flow {
        use traf_model::{Endpoint, Evidence, FlowKey, FlowState, Half, Traffic};
        let end = Endpoint::new([10, 0, 0, 1].into(), 80);
        Flow {
            key: FlowKey { protocol: 17, vlan: None, source: end, destination: end },
            traffic: Traffic::default(),
            first: Timestamp(0),
            last: Timestamp(0),
            forward: Half::default(),
            reverse: Half::default(),
            state: FlowState::Active,
            complete: true,
            own: false,
            evidence: Evidence::NONE,
        }
    }
}
