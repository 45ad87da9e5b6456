//! The records of one delivery, as the store keeps them: one for each of its flow rows, in their order, so that the number of
//! a record leads to its row.
//!
//! ```text
//! generation u32 | observers u16 | observer: interface i64, vlan u16 (65535: none) | … | record | …
//! record: fingerprint u32 | evidence u32, u32 | octets u8, u8 | observer, TCP, marked u16      all little-endian
//! ```

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::table::{MARKED, MarkRecord, TCP};
use super::{Observer, RowEvidence};

const HEAD: usize = 6;
const OBSERVER: usize = 10;
const RECORD: usize = 16;
/// VLAN number of an observer without one.
const UNTAGGED: u16 = u16::MAX;

/// The records of one delivery of a sensor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    sensor: i64,
    generation: u32,
    observers: Vec<Observer>,
    numbers: HashMap<Observer, u16, RandomState>,
    records: Vec<MarkRecord>,
}

impl Run {
    /// An empty one, of digests of a generation.
    pub(crate) fn new(sensor: i64, generation: u32) -> Self {
        Self { sensor, generation, ..Self::default() }
    }

    /// Adds the record of the next row.
    pub(crate) fn push(&mut self, observer: Observer, record: MarkRecord) {
        // What has no room says nothing; the row after it still finds its number.
        let number = self.number(observer);
        let kept = number.map_or_else(MarkRecord::default, |number| MarkRecord { who: record.who | number, ..record });
        self.records.push(kept);
    }

    fn number(&mut self, observer: Observer) -> Option<u16> {
        if let Some(number) = self.numbers.get(&observer) {
            return Some(*number);
        }
        let number = u16::try_from(self.observers.len()).ok().filter(|number| *number < TCP)?;
        self.observers.push(observer);
        self.numbers.insert(observer, number);
        Some(number)
    }

    /// Generation of the digests' key.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Octets of [`Run::to_octets`].
    pub(crate) fn size(&self) -> usize {
        match self.records.len() {
            0 => 0,
            records => HEAD + self.observers.len() * OBSERVER + records * RECORD,
        }
    }

    /// The records by the numbers of their rows, with their observers.
    pub(crate) fn records(&self) -> impl Iterator<Item = (usize, Observer, MarkRecord)> {
        let kept = self.records.iter().enumerate().filter(|(_, record)| record.fingerprint != 0);
        kept.filter_map(|(row, record)| Some((row, *self.observers.get(record.number())?, *record)))
    }

    /// The record of a row, and its observer.
    pub(crate) fn record(&self, row: usize) -> Option<(Observer, MarkRecord)> {
        let record = self.records.get(row).filter(|record| record.fingerprint != 0)?;
        Some((*self.observers.get(record.number())?, *record))
    }

    /// What a row proves of its packets.
    pub(crate) fn evidence(&self, row: usize) -> Option<RowEvidence> {
        self.record(row).map(|(_, record)| record.evidence(self.generation))
    }

    /// The row of a number counts from now on.
    pub(crate) fn mark(&mut self, row: usize) {
        if let Some(record) = self.records.get_mut(row) {
            record.who |= MARKED;
        }
    }

    /// As the store keeps it; nothing if there are no records.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        if self.records.is_empty() {
            return Vec::new();
        }
        let mut octets = Vec::with_capacity(self.size());
        octets.extend(self.generation.to_le_bytes());
        octets.extend((self.observers.len() as u16).to_le_bytes());
        for observer in &self.observers {
            octets.extend(observer.interface.to_le_bytes());
            octets.extend(observer.vlan.unwrap_or(UNTAGGED).to_le_bytes());
        }
        for MarkRecord { fingerprint, halves, octets: sizes, who } in &self.records {
            octets.extend(fingerprint.to_le_bytes());
            halves.iter().for_each(|half| octets.extend(half.to_le_bytes()));
            octets.extend(sizes);
            octets.extend(who.to_le_bytes());
        }
        octets
    }

    /// Reads [`Run::to_octets`] of a sensor; `None` if it is damaged.
    pub(crate) fn read(sensor: i64, octets: &[u8]) -> Option<Self> {
        let (generation, rest) = octets.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (observers, records) = rest.split_at_checked(count * OBSERVER)?;
        let observer = |octets: &[u8]| {
            let (interface, vlan) = octets.split_first_chunk()?;
            let vlan = u16::from_le_bytes(vlan.try_into().ok()?);
            let interface = i64::from_le_bytes(*interface);
            Some(Observer { sensor, interface, vlan: (vlan != UNTAGGED).then_some(vlan) })
        };
        let record = |octets: &[u8]| {
            let word = |at: usize| Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?));
            Some(MarkRecord {
                fingerprint: word(0)?,
                halves: [word(4)?, word(8)?],
                octets: octets.get(12..14)?.try_into().ok()?,
                who: u16::from_le_bytes(octets.get(14..16)?.try_into().ok()?),
            })
        };
        Some(Self {
            sensor,
            generation: u32::from_le_bytes(*generation),
            numbers: HashMap::default(),
            observers: observers.chunks_exact(OBSERVER).map(observer).collect::<Option<_>>()?,
            records: records.chunks_exact(RECORD).map(record).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_run_survives_its_octets(
            observers in proptest::collection::vec((1i64..1000, proptest::option::of(0u16..4096)), 1..5),
            records in proptest::collection::vec((any::<u32>(), any::<[u32; 2]>(), any::<[u8; 2]>(), any::<u16>()), 1..50),
            generation: u32,
        ) {
            let observers: Vec<Observer> =
                observers.into_iter().map(|(interface, vlan)| Observer { sensor: 7, interface, vlan }).collect();
            let records = records.into_iter().map(|(fingerprint, halves, octets, who)| {
                let who = who & !(TCP - 1) | (who % observers.len() as u16);
                MarkRecord { fingerprint, halves, octets, who }
            }).collect();
            let run = Run { sensor: 7, generation, observers, numbers: HashMap::default(), records };
            prop_assert_eq!(run.to_octets().len(), run.size());
            prop_assert_eq!(Run::read(7, &run.to_octets()), Some(run));
        }

        #[test]
        fn any_octets_are_read_without_harm(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(run) = Run::read(7, &octets) {
                prop_assert!(run.records().count() <= octets.len() / RECORD);
            }
        }
    }
}
