//! What was seen of a site in one slice: a record of 16 octets for each flow row, by the fingerprint of its flow.
//!
//! Open addressing; records are never taken out. A chain of probes is bounded, so that a sensor that makes up flows of one
//! fingerprint costs no more than the places that it fills: what finds no place is left out and counted, and then counts like a
//! row without proof.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::same::{BOTH, RowEvidence};
use super::{Found, Observer, Slots};

/// Places that are looked at for one fingerprint.
const PROBES: usize = 512;
/// Observers of one table: what a record has room for.
const OBSERVERS: usize = 1 << 13;
/// Records of the smallest table.
const LEAST: usize = 64;

/// A flow row: who saw it, what it proves, and whether it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MarkRecord {
    /// Of the flow; zero where a place is empty.
    pub(super) fingerprint: u32,
    /// As [`RowEvidence`] has them.
    pub(super) halves: [u32; 2],
    /// Octets of each direction, as [`code`] has them.
    pub(super) octets: [u8; 2],
    /// Number of the observer in its list; [`TCP`] and [`MARKED`].
    pub(super) who: u16,
}

/// The evidence is of TCP. The bits below it are the observer's number.
pub(super) const TCP: u16 = 1 << 13;
/// The row counts.
pub(super) const MARKED: u16 = 1 << 15;

/// An observer, and the generation of its digests' key.
type Witness = (Observer, u32);

/// The records of one slice.
#[derive(Debug, Default)]
pub(super) struct MarkTable {
    places: Vec<MarkRecord>,
    records: usize,
    witnesses: Vec<Witness>,
    numbers: HashMap<Witness, u16, RandomState>,
    /// When it was used last, by the tables' own count.
    pub(super) used: u64,
}

/// Octets in eight bits: zero, else the power of two and two bits behind it, rounded up.
pub(super) fn code(octets: u64) -> u8 {
    if octets < 4 {
        return octets as u8;
    }
    // Rounded up to three bits: a record never proves less than its row.
    let shift = octets.ilog2() - 2;
    let rounded = (octets >> shift) + u64::from(octets & ((1 << shift) - 1) > 0);
    let (shift, rounded) = if rounded == 8 { (shift + 1, 4) } else { (shift, rounded) };
    ((shift + 1) * 4 + (rounded as u32 & 3)) as u8
}

/// The octets of a [`code`].
pub(super) fn octets_of(code: u8) -> u64 {
    match code {
        0..4 => u64::from(code),
        _ => u64::try_from((4 + u128::from(code & 3)) << ((code >> 2) - 1)).unwrap_or(u64::MAX),
    }
}

impl MarkRecord {
    /// Of a row; who saw it is said by whoever keeps it.
    pub(crate) fn new(fingerprint: u32, evidence: &RowEvidence, marked: bool) -> Self {
        let flag = |flag: u16, set: bool| if set { flag } else { 0 };
        let who = flag(TCP, evidence.tcp) | flag(MARKED, marked);
        Self { fingerprint, halves: evidence.halves, octets: evidence.octets.map(code), who }
    }

    /// What it says of its row, in a run of a generation of digests.
    pub(crate) fn evidence(self, generation: u32) -> RowEvidence {
        let tcp = self.who & TCP != 0;
        RowEvidence { halves: self.halves, octets: self.octets.map(octets_of), generation, tcp }
    }

    /// The fingerprint of its flow.
    pub(crate) fn fingerprint(self) -> u32 {
        self.fingerprint
    }

    /// True if its row counts.
    pub(crate) fn is_marked(self) -> bool {
        self.who & MARKED != 0
    }

    /// Number of its observer.
    pub(super) fn number(self) -> usize {
        usize::from(self.who & (TCP - 1))
    }
}

impl MarkTable {
    /// Octets that it takes.
    pub(super) fn size(&self) -> usize {
        let witness = size_of::<Witness>() * 2 + 16;
        self.places.len() * size_of::<MarkRecord>() + self.witnesses.len() * witness + size_of::<Self>()
    }

    /// Adds a record of an observer; false if it finds no place.
    pub(super) fn add(&mut self, record: MarkRecord, witness: Witness) -> bool {
        let Some(number) = self.number(witness) else { return false };
        if (self.records + 1) * 10 > self.places.len() * 7 {
            self.grow();
        }
        let fits = self.place(MarkRecord { who: record.who & !(TCP - 1) | number, ..record });
        self.records += usize::from(fits);
        fits
    }

    /// The row of an observer counts from now on.
    pub(super) fn mark(&mut self, fingerprint: u32, observer: Observer) {
        for place in self.chain(fingerprint) {
            let record = &mut self.places[place];
            if record.fingerprint == fingerprint && self.witnesses[record.number()].0 == observer {
                record.who |= MARKED;
            }
        }
    }

    /// The evidence of an observer's own records of a flow.
    pub(super) fn own(&self, fingerprint: u32, observer: Observer) -> impl Iterator<Item = RowEvidence> {
        let records = self.chain(fingerprint).map(|place| self.places[place]);
        records.filter(move |record| record.fingerprint == fingerprint).filter_map(move |record| {
            let (witness, generation) = self.witnesses[record.number()];
            (witness == observer).then(|| record.evidence(generation))
        })
    }

    /// Adds what others than `observer` have of a flow to what was found in other slices; `slot` is this one. `own` is the evidence of
    /// the observer's rows around it.
    pub(super) fn find(
        &self,
        (fingerprint, observer): (u32, Observer),
        (evidence, own): (&RowEvidence, &[RowEvidence]),
        slot: i64,
        found: &mut Vec<(Found, u8)>,
    ) {
        for place in self.chain(fingerprint) {
            let record = self.places[place];
            let (other, generation) = self.witnesses[record.number()];
            if record.fingerprint != fingerprint || other == observer {
                continue;
            }
            let theirs = record.evidence(generation);
            let known = match found.iter().position(|(found, _)| found.observer == other) {
                Some(known) => known,
                None => {
                    let none = Found {
                        observer: other,
                        slice: Slots::slice(slot),
                        proven: false,
                        marked: false,
                        counts: false,
                    };
                    found.push((none, 0));
                    found.len() - 1
                }
            };
            let (known, shared) = &mut found[known];
            // Digests of two slices may prove together what one of them alone does not.
            *shared |= evidence.shared(&theirs);
            let by_own = own.iter().fold(theirs.shared(evidence), |shared, own| shared | theirs.shared(own));
            // A row that meets no digest of the other is proved by no row but itself.
            let proves = *shared == BOTH || *shared != 0 && by_own == BOTH;
            known.slice = known.slice.max(Slots::slice(slot));
            known.proven |= proves;
            known.marked |= record.is_marked();
            known.counts |= proves && record.is_marked();
        }
    }

    fn number(&mut self, witness: Witness) -> Option<u16> {
        if let Some(number) = self.numbers.get(&witness) {
            return Some(*number);
        }
        let number = u16::try_from(self.witnesses.len()).ok().filter(|number| usize::from(*number) < OBSERVERS)?;
        self.witnesses.push(witness);
        self.numbers.insert(witness, number);
        Some(number)
    }

    /// The places from a fingerprint's first one to the next empty one.
    fn chain(&self, fingerprint: u32) -> impl Iterator<Item = usize> + use<> {
        let (first, all) = (self.first(fingerprint), self.places.len());
        let at = move |step: usize| if first + step < all { first + step } else { first + step - all };
        let full = (0..PROBES.min(all)).take_while(|step| self.places[at(*step)].fingerprint != 0).count();
        (0..full).map(at)
    }

    fn first(&self, fingerprint: u32) -> usize {
        let mixed = fingerprint.wrapping_mul(0x9e37_79b1);
        ((u64::from(mixed) * self.places.len() as u64) >> 32) as usize
    }

    fn place(&mut self, record: MarkRecord) -> bool {
        let (first, all) = (self.first(record.fingerprint), self.places.len());
        for step in 0..PROBES.min(all) {
            let at = first + step;
            let place = &mut self.places[if at < all { at } else { at - all }];
            if place.fingerprint == 0 {
                *place = record;
                return true;
            }
        }
        false
    }

    fn grow(&mut self) {
        let size = (self.places.len() / 2 * 3).max(LEAST);
        let before = std::mem::replace(&mut self.places, vec![MarkRecord::default(); size]);
        self.records = 0;
        for record in before.into_iter().filter(|record| record.fingerprint != 0) {
            self.records += usize::from(self.place(record));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn octets_are_kept_to_a_quarter_and_never_less(octets in 0u64..1 << 50) {
            let kept = octets_of(code(octets));
            prop_assert!(kept >= octets && kept <= octets + octets / 4, "{octets} {kept}");
        }
    }

    #[test]
    fn the_greatest_number_has_a_code() {
        assert_eq!(octets_of(code(u64::MAX)), u64::MAX);
        assert_eq!([0, 1, 3, 4, 5, 7, 8, 9].map(|octets| octets_of(code(octets))), [0, 1, 3, 4, 5, 7, 8, 10]);
    }
}
