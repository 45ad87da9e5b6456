//! The JSON document of `traf-sensor read`: names and order are stable, scripts rely on them.

use std::cmp::Reverse;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use traf_model::facility::COUNTED;
use traf_model::record::{ClassRecord, CountedRecord, FlowRecord};
use traf_model::{ClassGroup, Counted, Counts, Flow, InterfaceSummary, Key};

use super::Totals;

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) totals: Totals,
    pub(super) summary: InterfaceSummary,
}

impl Document {
    /// Conversations, busiest first; the rows marked `other` come last. IP octets.
    pub(super) fn flows(&self) -> impl Iterator<Item = FlowRecord> + Clone {
        let mut flows: Vec<&Flow> = self.summary.flows.iter().collect();
        flows.sort_by_cached_key(|flow| (Reverse(flow.traffic.total().octets), flow.key, flow.first));
        let others = self.summary.other_flows.iter();
        let others = others.map(|(class, traffic, flows)| FlowRecord::other(*class, *traffic, *flows));
        flows.into_iter().map(FlowRecord::new).chain(others)
    }

    /// Rows of a counted facility: in the order of their keys if these are few, else busiest first; `other` comes last.
    pub(super) fn counted(&self, facility: Counted) -> Vec<(Option<Key>, &Counts)> {
        let Some(tally) = self.summary.counted.get(&facility) else { return Vec::new() };
        let mut rows: Vec<_> = tally.rows().map(|(key, counts)| (Some(*key), counts)).collect();
        if facility.per_point() {
            rows.sort_by_key(|(key, _)| *key);
        } else {
            rows.sort_by_key(|(key, counts)| (Reverse(counts.traffic.total().octets), *key));
        }
        rows.extend(Some((None, tally.other())).filter(|(_, other)| !other.traffic.is_empty()));
        rows
    }

    /// The rows of a counted facility as records.
    pub(super) fn records(&self, facility: Counted) -> impl Iterator<Item = CountedRecord<'_>> + Clone {
        self.counted(facility).into_iter().map(move |(key, counts)| CountedRecord::new(facility, key, counts))
    }

    /// IPTraf's ten rows of interface statistics. Frame octets.
    pub(super) fn classes(&self) -> [ClassRecord; ClassGroup::ALL.len()] {
        let classes = self.summary.classes();
        ClassGroup::ALL.map(|group| {
            let traffic = classes.group(group).into();
            ClassRecord { class: group.name(), traffic, rate: None }
        })
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Totals { frames, octets, first, last } = self.totals;
        let ledger = &self.summary.ledger;
        let time = |at| (frames > 0).then_some(at);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("frames", &frames)?;
        map.serialize_entry("octets", &octets)?;
        map.serialize_entry("first", &time(first))?;
        map.serialize_entry("last", &time(last))?;
        let accounting = json!({
            "received": ledger.received,
            "parsed": ledger.parsed,
            "malformed": ledger.malformed,
            "unsupported": ledger.unsupported,
            "dropped": ledger.dropped,
            "bad_checksum": ledger.bad_checksum,
        });
        map.serialize_entry("accounting", &accounting)?;
        map.serialize_entry("classes", &self.classes())?;
        map.serialize_entry("flows", &Sequence(|| self.flows()))?;
        for facility in COUNTED {
            map.serialize_entry(facility.name, &Sequence(|| self.records(facility)))?;
        }
        map.end()
    }
}

/// Rows that are made one at a time while they are written.
struct Sequence<F>(F);

impl<R: Serialize, I: Iterator<Item = R>, F: Fn() -> I> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
