//! Committed slices that wait for those of the other sensors. Sensors deliver a slice within a second or two of each other: between
//! the first and the last of them, what one point no longer answers would count by marks, and what another still answers by
//! shares, and the same bytes twice.

use traf_model::Timestamp;
use traf_model::time::SECOND;

use super::committed::{CommittedSlice, point_of};
use crate::report::primary::Change;

/// Nanoseconds that a slice waits for the others at most.
const PATIENCE: i64 = 2 * SECOND;
/// Flow rows of all that wait; beyond them nobody waits.
const ROWS: usize = 400_000;
/// Flow rows of the largest slice that waits.
const OF_ONE: usize = 150_000;

/// Slices that wait, in the order in which they were committed.
#[derive(Default)]
pub(crate) struct Held(Vec<(Timestamp, CommittedSlice)>);

impl Held {
    /// Lets a slice wait.
    pub(crate) fn add(&mut self, slice: CommittedSlice, now: Timestamp) {
        self.0.push((now, slice));
    }

    /// True if a slice of a sensor that begins at `start` waits.
    pub(crate) fn has(&self, sensor: &str, start: Timestamp) -> bool {
        self.0.iter().any(|(_, slice)| slice.sensor == sensor && slice.summary.slice.from == start)
    }

    /// Changes the mark of a row; false if it is in none of the slices.
    pub(crate) fn change(&mut self, change: &Change) -> bool {
        let decisions = self.0.iter_mut().find_map(|(_, slice)| {
            let place = usize::try_from(change.row - slice.first_row).ok()?;
            slice.decisions.get_mut(place)
        });
        match decisions {
            Some(decided) => {
                (decided.counts, decided.elected) = (change.primary, point_of(change.elected));
                true
            }
            None => false,
        }
    }

    /// Takes the slices that have waited enough: `awaited` says whether another sensor has still to deliver the slice that begins
    /// then.
    pub(crate) fn take(&mut self, now: Timestamp, awaited: impl Fn(&Self, Timestamp) -> bool) -> Vec<CommittedSlice> {
        let crowded = self.0.iter().map(|(_, slice)| slice.decisions.len()).sum::<usize>() > ROWS;
        let mut starts: Vec<Timestamp> = self.0.iter().map(|(_, slice)| slice.summary.slice.from).collect();
        starts.dedup();
        let ready: Vec<Timestamp> = starts
            .into_iter()
            .filter(|start| {
                let of_start = || self.0.iter().filter(|(_, slice)| slice.summary.slice.from == *start);
                let waited = of_start().map(|(since, _)| now.since(*since)).max().unwrap_or(0);
                let large = of_start().any(|(_, slice)| slice.decisions.len() > OF_ONE);
                crowded || large || !(0..PATIENCE).contains(&waited) || !awaited(self, *start)
            })
            .collect();
        self.0.extract_if(.., |(_, slice)| ready.contains(&slice.summary.slice.from)).map(|(_, slice)| slice).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use traf_model::{Interval, Summary};

    use super::*;
    use crate::live::committed::Decided;
    use crate::store::PointKey;

    fn slice(start: i64, rows: usize) -> CommittedSlice {
        let [from, to] = [start, start + 10].map(Timestamp::from_seconds);
        let point = PointKey { sensor: 1, interface: 1 };
        CommittedSlice {
            sensor: "web1".to_owned(),
            site: String::new(),
            summary: Arc::new(Summary { slice: Interval::new(from, to), ..Summary::default() }),
            first_row: 0,
            decisions: vec![Decided { point, counts: true, elected: (point, None) }; rows],
        }
    }

    #[test]
    fn a_slice_waits_for_others_unless_it_is_large() {
        let (mut held, now) = (Held::default(), Timestamp::from_seconds(100));
        held.add(slice(10, OF_ONE), now);
        held.add(slice(20, OF_ONE + 1), now);
        let starts =
            |taken: Vec<CommittedSlice>| taken.iter().map(|slice| slice.summary.slice.from.seconds()).collect();
        let ready: Vec<i64> = starts(held.take(now, |_, _| true));
        assert_eq!(ready, [20]);
        let ready: Vec<i64> = starts(held.take(Timestamp::from_seconds(102), |_, _| true));
        assert_eq!(ready, [10]);
    }
}
