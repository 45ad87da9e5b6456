//! The JSON document of `traf-sensor read`: names and order are stable, scripts rely on them.

use std::cmp::Reverse;

use serde::ser::{Serialize, SerializeMap, Serializer};
use traf_model::facility::COUNTED;
use traf_model::record::{ClassRecord, CountedRecord, FlowRecord, Text};
use traf_model::{ClassGroup, Counted, Flow, InterfaceSummary, Ledger};

use super::Totals;

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) totals: Totals,
    pub(super) summary: InterfaceSummary,
}

impl Document {
    /// Conversations, busiest first; the rows marked `other` come last. IP octets.
    pub(super) fn flows(&self) -> impl Iterator<Item = FlowRecord> {
        let mut flows: Vec<&Flow> = self.summary.flows.iter().collect();
        flows.sort_by_cached_key(|flow| (Reverse(flow.traffic.total().octets), flow.key, flow.first));
        let others = self.summary.other_flows.iter();
        let others = others.map(|(class, traffic, flows)| FlowRecord::other(*class, *traffic, *flows));
        flows.into_iter().map(FlowRecord::new).chain(others)
    }

    /// Rows of a counted facility: in the order of their keys if these are few, else busiest first; `other` comes last.
    pub(super) fn rows(&self, facility: Counted) -> Vec<CountedRecord<'_>> {
        let Some(tally) = self.summary.counted.get(&facility) else { return Vec::new() };
        let row = |(key, counts)| CountedRecord { facility, key, counts };
        let mut rows: Vec<_> = tally.rows().map(|(key, counts)| (Some(*key), counts)).collect();
        if facility.per_point() {
            rows.sort_by_key(|(key, _)| *key);
        } else {
            rows.sort_by_key(|(key, counts)| (Reverse(counts.traffic.total().octets), *key));
        }
        let other = Some(tally.other()).filter(|other| !other.traffic.is_empty()).map(|other| (None, other));
        rows.into_iter().chain(other).map(row).collect()
    }

    /// IPTraf's ten rows of interface statistics. Frame octets.
    pub(super) fn classes(&self) -> Vec<ClassRecord> {
        let classes = self.summary.classes();
        ClassGroup::ALL.iter().map(|group| ClassRecord::new(*group, classes.group(*group))).collect()
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Totals { frames, octets, first, last } = self.totals;
        let Ledger { received, parsed, malformed, unsupported, dropped, bad_checksum, .. } = self.summary.ledger;
        let time = |at| (frames > 0).then_some(Text(at));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("frames", &frames)?;
        map.serialize_entry("octets", &octets)?;
        map.serialize_entry("first", &time(first))?;
        map.serialize_entry("last", &time(last))?;
        let accounting = [
            ("received", received),
            ("parsed", parsed),
            ("malformed", malformed),
            ("unsupported", unsupported),
            ("dropped", dropped),
            ("bad_checksum", bad_checksum),
        ];
        map.serialize_entry("accounting", &Map(accounting))?;
        map.serialize_entry("classes", &self.classes())?;
        map.serialize_entry("flows", &Sequence(|| self.flows()))?;
        for facility in COUNTED {
            map.serialize_entry(facility.name, &self.rows(facility))?;
        }
        map.end()
    }
}

/// Names and numbers, in this order.
struct Map<const N: usize>([(&'static str, u64); N]);

impl<const N: usize> Serialize for Map<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

/// Rows that are made one at a time while they are written.
struct Sequence<F>(F);

impl<R: Serialize, I: Iterator<Item = R>, F: Fn() -> I> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
