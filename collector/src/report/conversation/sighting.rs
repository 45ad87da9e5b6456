//! One observer's record of a conversation: of one row, or of several one after the other.

use traf_model::time::SECOND;
use traf_model::{Flow, Half, Timestamp, Traffic};

use crate::report::primary::{RowEvidence, same_as_any};

/// Clocks of two points, and the moments at which they first see a conversation, may differ by this.
const APART: i64 = 5 * SECOND;
/// Seconds of a slice.
const SLICE: i64 = 10;

/// What a row proves of its packets, and the number of its slice.
type SliceEvidence = (i64, RowEvidence);

/// One observer's record of a conversation, in its own orientation.
pub(crate) struct Sighting {
    /// The observation point.
    pub(super) point: usize,
    pub(super) flow: Flow,
    pub(super) rate: Traffic,
    /// Of its rows those that are marked.
    pub(super) marked: Traffic,
    /// Slot of the last one of them.
    counted: Option<i64>,
    /// Beginning of the flow as its last row says.
    pub(super) began: Timestamp,
    /// Of the last two rows, the later first; nothing where it is not at hand. Most tables do without: it takes no room there.
    evidence: Vec<SliceEvidence>,
}

impl Sighting {
    /// A live row.
    pub(crate) fn live(point: usize, rate: Traffic, flow: Flow) -> Self {
        let evidence = vec![(0, RowEvidence::live(&flow, rate))];
        Self { rate, evidence, ..Self::stored(point, flow, false) }
    }

    /// A row of the store, with its mark.
    pub(crate) fn stored(point: usize, flow: Flow, marked: bool) -> Self {
        let counted = marked.then(|| slot(flow.last));
        let marked = if marked { flow.traffic } else { Traffic::default() };
        Self { point, rate: Traffic::default(), marked, counted, began: flow.first, evidence: Vec::new(), flow }
    }

    /// The same with its evidence, of a slice that begins then.
    pub(crate) fn with_evidence(self, slice: Timestamp, evidence: RowEvidence) -> Self {
        Self { evidence: vec![(slot(slice), evidence)], ..self }
    }

    /// True if it says what its packets were.
    pub(super) fn has_evidence(&self) -> bool {
        !self.evidence.is_empty()
    }

    /// True if it is of the same observer.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.point == other.point && self.flow.key.vlan == other.flow.key.vlan
    }

    /// True if a record of the same observer goes on with it: with the same beginning, or a later one that was not seen.
    pub(super) fn goes_on(&self, record: &Self) -> bool {
        let first = record.flow.first;
        first == self.began || first == self.flow.first || (!record.flow.complete && first > self.flow.first)
    }

    /// True if it was seen at the time of a record.
    pub(super) fn overlaps(&self, record: &Self) -> bool {
        record.flow.first.since(self.flow.last) <= APART && self.flow.first.since(record.flow.last) <= APART
    }

    /// True if both count in one slice: then they were not proved to be the same.
    pub(super) fn counts_beside(&self, record: &Self) -> bool {
        record.counted.is_some() && self.counted == record.counted
    }

    /// True if its last rows, and a record of another observer in slices that are one apart at most, say that both saw the same
    /// packets.
    pub(super) fn is_proved_by(&self, record: &Self) -> bool {
        let Some((slot, evidence)) = record.evidence.first() else { return false };
        let near = self.evidence.iter().filter(|(own, _)| own.abs_diff(*slot) <= 1);
        same_as_any(evidence, near.map(|(_, evidence)| *evidence))
    }

    /// Adds a later record of the same observer.
    pub(super) fn add(&mut self, later: Self) {
        let Self { mut flow, rate, .. } = later;
        self.rate += later.turned(rate, &self.flow);
        self.marked += later.turned(later.marked, &self.flow);
        self.counted = self.counted.max(later.counted);
        self.began = self.began.max(later.began);
        if later.has_evidence() {
            self.evidence.splice(..0, later.evidence.first().copied());
            self.evidence.truncate(2);
        }
        if later.is_turned(&self.flow) {
            flow.traffic = flow.traffic.reversed();
            (flow.key, flow.forward, flow.reverse) = (flow.key.reversed(), flow.reverse, flow.forward);
        }
        self.flow.traffic += flow.traffic;
        if flow.last >= self.flow.last {
            (self.flow.forward, self.flow.reverse) =
                (after(self.flow.forward, flow.forward), after(self.flow.reverse, flow.reverse));
            (self.flow.state, self.flow.last) = (flow.state, flow.last);
        }
        self.flow.first = self.flow.first.min(flow.first);
        self.flow.complete |= flow.complete;
        self.flow.own |= flow.own;
    }

    /// Two observers may not agree on who began.
    fn is_turned(&self, other: &Flow) -> bool {
        (self.flow.key.source, self.flow.key.destination) != (other.key.source, other.key.destination)
    }

    pub(super) fn turned(&self, traffic: Traffic, other: &Flow) -> Traffic {
        if self.is_turned(other) { traffic.reversed() } else { traffic }
    }
}

/// Number of the slice that a time lies in; of a row, that of its last packet.
fn slot(at: Timestamp) -> i64 {
    at.0.div_euclid(SLICE * SECOND)
}

/// The later record of a direction; flags seen stay seen, and a direction that was silent keeps what is known of it.
fn after(known: Half, mut newer: Half) -> Half {
    newer.flags |= known.flags;
    if newer.size == 0 {
        (newer.size, newer.window, newer.last_flags) = (known.size, known.window, known.last_flags);
    }
    newer.mac = newer.mac.or(known.mac);
    newer.word = newer.word.or(known.word);
    newer
}
