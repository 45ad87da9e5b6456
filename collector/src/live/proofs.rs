//! Observers of a flow that were proved to see the same packets, as the store has decided.
//!
//! It is kept for longer than the rows of the last slices: a conversation that pauses proves nothing, and a list of flows shows
//! it all the same. Bounded: when there are too many, those of the fewest octets leave.

use std::collections::HashMap;

use traf_model::Timestamp;
use traf_model::time::SECOND;

use super::history::RecentRow;
use super::points::{FlowId, PointIndex, UNKNOWN};
use super::tally::keep_busiest;

/// Proofs kept: some 10 MB.
const MOST: usize = 220_000;
/// Nanoseconds for which one is kept after the last row that tells it.
const KEPT: i64 = 3_600 * SECOND;
/// Steps from an observer to the one whose rows count: more only where that one has changed as often.
const STEPS: usize = 8;

/// A point, and the VLAN that it sees a flow in.
pub(crate) type Observer = (PointIndex, Option<u16>);

/// What was proved of each flow and observer whose rows do not count.
#[derive(Default)]
pub(crate) struct Proofs(HashMap<(FlowId, Observer), Proof>);

#[derive(Clone, Copy)]
struct Proof {
    /// Another observer of the same packets.
    same: Observer,
    octets: u64,
    /// Time of the last row.
    last: Timestamp,
}

impl Proofs {
    /// Takes a row of a slice that ended at `now`.
    pub(crate) fn note(&mut self, row: &RecentRow, now: Timestamp) {
        let (own, same) = ((row.point, row.key.vlan), row.elected());
        if row.counts || same == own || same.0 == UNKNOWN {
            return;
        }
        if self.0.len() >= MOST {
            self.make_room(now);
        }
        // Whoever counts now is where all steps end.
        if let Some(before) = self.0.remove(&(row.flow, same)).filter(|before| before.same != own) {
            self.0.insert((row.flow, before.same), Proof { same, ..before });
        }
        let known = self.0.entry((row.flow, own)).or_insert(Proof { same, octets: 0, last: now });
        (known.same, known.last) = (same, known.last.max(now));
        known.octets = known.octets.saturating_add(row.octets());
    }

    /// The observer that stands for all of those that saw the packets of a flow that this one sees.
    pub(crate) fn of(&self, flow: FlowId, observer: Observer) -> Observer {
        let step = |from: &Observer| self.0.get(&(flow, *from)).map(|proof| proof.same);
        std::iter::successors(Some(observer), step).take(STEPS).last().unwrap_or(observer)
    }

    fn make_room(&mut self, now: Timestamp) {
        self.0.retain(|_, proof| now.since(proof.last) <= KEPT);
        keep_busiest(&mut self.0, MOST / 4 * 3, |proof| proof.octets);
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Counters, Endpoint, Evidence, Flow, FlowKey, FlowState, Half, Traffic};

    use super::*;

    /// A row of a flow at a point; `elected` counts.
    fn row(flow: FlowId, point: PointIndex, elected: PointIndex, octets: u64) -> RecentRow {
        let end = Endpoint::new([10, 0, 0, 1].into(), 1);
        let of = Flow {
            key: FlowKey { protocol: 17, vlan: None, source: end, destination: end },
            traffic: Traffic::outbound(Counters::new(1, octets)),
            first: Timestamp(0),
            last: Timestamp(0),
            forward: Half::default(),
            reverse: Half::default(),
            state: FlowState::Active,
            complete: true,
            own: false,
            evidence: Evidence::NONE,
        };
        RecentRow::new(&of, flow, point, (elected, None), point == elected)
    }

    #[test]
    fn those_that_saw_the_same_stay_so_whoever_counts() {
        let mut proofs = Proofs::default();
        let at = Timestamp::from_seconds;
        for flow in 0..5_000 {
            // 0 counts beside 1 and 2, then 1 beside 0 and 3, then 0 again. 4 and 5 are of another link.
            for (slice, elected, others) in [(1, 0, [1, 2]), (2, 1, [0, 3]), (3, 0, [1, 1])] {
                others.iter().for_each(|point| proofs.note(&row(flow, *point, elected, 10), at(slice * 10)));
                proofs.note(&row(flow, elected, elected, 10), at(slice * 10));
                proofs.note(&row(flow, 5, 4, 10), at(slice * 10));
            }
        }
        for flow in 0..5_000 {
            let groups: Vec<PointIndex> = (0..7).map(|point| proofs.of(flow, (point, None)).0).collect();
            assert_eq!(groups, [0, 0, 0, 0, 4, 4, 6]);
        }
        assert_eq!(proofs.of(5_000, (1, None)), (1, None));
    }

    #[test]
    fn there_is_room_for_so_many_and_the_large_ones_stay() {
        let (mut proofs, number) = (Proofs::default(), MOST as u64);
        for flow in 0..2 * number {
            let octets = if flow % 100 == 0 { 1_000_000 } else { 1 + flow % 1_000 };
            proofs.note(&row(flow, 1, 0, octets), Timestamp::from_seconds(0));
            assert!(proofs.0.len() <= MOST);
        }
        assert!((0..2 * number).step_by(100).all(|flow| proofs.of(flow, (1, None)).0 == 0));
        // Those of which no row came for an hour leave first.
        for flow in 0..number {
            proofs.note(&row(2 * number + flow, 1, 0, 1), Timestamp::from_seconds(3_700));
        }
        assert_eq!(proofs.of(0, (1, None)).0, 1);
    }
}
