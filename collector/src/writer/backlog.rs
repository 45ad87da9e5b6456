//! Deliveries that wait to be written: each sensor's in the order of their sequence numbers, and of all sensors what is fresh
//! before the oldest slice.
//!
//! A sensor that is present is acknowledged soon, whatever others have to catch up with; and who catches up does so slice by
//! slice, so that the marks of few slices are in work at a time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;
use traf_model::Timestamp;
use traf_model::time::SECOND;

use super::{Progress, Room};
use crate::store::Delivery;

/// Deliveries of one group.
pub(super) const GROUP: usize = 64;
/// Of them those that are fresh, at most: the others are never left standing.
const FRESH_GROUP: usize = 48;
/// Rows after which a group takes no further delivery: as rows of the store they take some 300 octets each.
pub(super) const ROWS: usize = 20_000;
/// Nanoseconds since the start of its slice for which a delivery is fresh.
const FRESH: i64 = 30 * SECOND;

/// A delivery that waits, with its room in the queue.
pub(super) struct Job {
    pub(super) delivery: Delivery,
    pub(super) progress: Arc<watch::Sender<Progress>>,
    pub(super) _room: Room,
}

/// Deliveries that wait.
#[derive(Default)]
pub(super) struct Backlog {
    sensors: HashMap<i64, VecDeque<Job>>,
    /// The first delivery of each sensor: start of its slice, and the sensor.
    heads: BTreeSet<(Timestamp, i64)>,
    deliveries: usize,
    rows: usize,
}

impl Backlog {
    pub(super) fn push(&mut self, job: Job) {
        let sensor = job.delivery.sensor;
        (self.deliveries, self.rows) = (self.deliveries + 1, self.rows + job.delivery.rows());
        let waiting = self.sensors.entry(sensor).or_default();
        if waiting.is_empty() {
            self.heads.insert((job.delivery.summary.slice.from, sensor));
        }
        waiting.push_back(job);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries == 0
    }

    /// True if it has enough for a group.
    pub(super) fn fills_a_group(&self) -> bool {
        self.deliveries >= GROUP || self.rows >= ROWS
    }

    /// Takes the next group, at a time of the collector's clock.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Job> {
        let (mut group, mut rows) = (Vec::new(), 0);
        let since = Timestamp(now.0.saturating_sub(FRESH));
        let fresh: Vec<i64> = self.heads.range((since, i64::MIN)..).map(|(_, sensor)| *sensor).collect();
        for sensor in fresh.into_iter().take(FRESH_GROUP) {
            if rows < ROWS / 4 * 3 {
                group.extend(self.pop(sensor, &mut rows));
            }
        }
        while group.len() < GROUP && rows < ROWS {
            let Some((_, sensor)) = self.heads.first().copied() else { break };
            group.extend(self.pop(sensor, &mut rows));
        }
        group
    }

    /// Takes the first delivery of a sensor; the one behind it is the first then.
    fn pop(&mut self, sensor: i64, rows: &mut usize) -> Option<Job> {
        let waiting = self.sensors.get_mut(&sensor)?;
        let job = waiting.pop_front()?;
        self.heads.remove(&(job.delivery.summary.slice.from, sensor));
        match waiting.front() {
            Some(next) => drop(self.heads.insert((next.delivery.summary.slice.from, sensor))),
            None => drop(self.sensors.remove(&sensor)),
        }
        let own = job.delivery.rows();
        (self.deliveries, self.rows, *rows) = (self.deliveries - 1, self.rows - own, *rows + own);
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::sync::Semaphore;
    use traf_model::{Interval, Summary};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(100_000);

    fn job(sensor: i64, seq: u64, slice: i64) -> Job {
        let at = |number: i64| Timestamp::from_seconds(number * 10);
        let summary = Summary { slice: Interval::new(at(slice), at(slice + 1)), ..Summary::default() };
        let permit = || Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Job {
            delivery: Delivery { sensor, epoch: 1, from_seq: seq, to_seq: seq, summary: Arc::new(summary) },
            progress: Arc::new(watch::channel(Progress::default()).0),
            _room: Room { _place: permit(), _octets: permit() },
        }
    }

    /// Sensor, sequence number and slice of all groups, one after the other.
    fn drained(backlog: &mut Backlog) -> Vec<Vec<(i64, u64, i64)>> {
        let mut groups = Vec::new();
        while !backlog.is_empty() {
            let group = backlog.take(NOW).into_iter().map(|job| {
                let Delivery { sensor, to_seq, summary, .. } = &job.delivery;
                (*sensor, *to_seq, summary.slice.from.seconds() / 10)
            });
            groups.push(group.collect());
        }
        assert!(backlog.heads.is_empty() && backlog.sensors.is_empty() && backlog.rows == 0);
        groups
    }

    #[test]
    fn what_waits_is_taken_slice_by_slice_and_each_sensors_in_order() {
        let mut backlog = Backlog::default();
        // Forty sensors, sixteen slices each, in any order of the sensors.
        for place in 0..16u64 {
            for sensor in 0..40i64 {
                let sensor = (sensor * 17 + place as i64) % 40;
                backlog.push(job(sensor, place + 1, 1_000 + place as i64));
            }
        }
        let taken = drained(&mut backlog).concat();
        assert_eq!(taken.len(), 640);
        assert!(taken.is_sorted_by_key(|(_, _, slice)| *slice));
        for sensor in 0..40 {
            assert!(taken.iter().filter(|(other, ..)| *other == sensor).is_sorted_by_key(|(_, seq, _)| *seq));
        }
    }

    #[test]
    fn fresh_slices_come_first_and_leave_room_for_old_ones() {
        let mut backlog = Backlog::default();
        for sensor in 0..100 {
            backlog.push(job(sensor, 1, 9_998));
            (0..10).for_each(|slice| backlog.push(job(100 + sensor, slice + 1, 1_000 + slice as i64)));
        }
        let groups = drained(&mut backlog);
        assert!(groups[0][..FRESH_GROUP].iter().all(|(.., slice)| *slice == 9_998));
        assert!(groups[0][FRESH_GROUP..].iter().all(|(.., slice)| *slice == 1_000));
        let late = groups.iter().position(|group| !group.iter().any(|(.., slice)| *slice == 9_998)).unwrap();
        assert_eq!(late, 3, "a hundred fresh ones need three groups");
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_change_the_order_of_its_sensor() {
        let mut backlog = Backlog::default();
        for (seq, slice) in (1..).zip([9_999, 9_000, 1, 9_999, 20_000, 5]) {
            backlog.push(job(1, seq, slice));
        }
        let taken = drained(&mut backlog).concat();
        assert_eq!(taken.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }
}
