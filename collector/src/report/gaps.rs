//! Were we blind? The stretches of a window in which an observation point counted nothing because it could not.

use std::collections::BTreeMap;

use traf_model::time::SECOND;
use traf_model::{Gap, Interval, Point, Report, Timestamp};

/// A delivery may be under way for that long after two slices.
const DELIVERY: i64 = 20 * SECOND;
/// Nanoseconds of a slice where none is known.
const SLICE: i64 = 10 * SECOND;

/// Stored slices and losses of an observation point.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// From its first slice to the end of its last one.
    pub(crate) seen: Interval,
    /// End of the last slice of its sensor.
    pub(crate) sensor: Timestamp,
    /// True if the sensor is still expected to report.
    pub(crate) expected: bool,
    /// Its slices that overlap the window.
    pub(crate) slices: Vec<Interval>,
    /// Declared to be missing.
    pub(crate) lost: Vec<Interval>,
}

impl Record {
    /// Stretches in which nothing was counted, in order.
    fn gaps(mut self, window: Interval, now: Timestamp) -> Vec<Interval> {
        let longest = self.slices.iter().map(|slice| slice.nanos()).max().unwrap_or(SLICE);
        let silent = now.since(self.sensor) > 2 * longest + DELIVERY;
        // An interface that its sensor no longer has is not missed.
        let alive = self.sensor.since(self.seen.to) <= 2 * longest;
        let until = if self.expected && silent && alive { now } else { self.seen.to };
        let inside = Interval::new(window.from.max(self.seen.from), window.to.min(until));
        self.slices.sort_unstable();
        let (mut gaps, mut covered) = (Vec::new(), inside.from);
        for slice in self.slices {
            if slice.from > covered {
                gaps.push(Interval::new(covered, slice.from.min(inside.to)));
            }
            covered = covered.max(slice.to);
        }
        gaps.push(Interval::new(covered, inside.to));
        let clip = |gap: &Interval| Interval::new(gap.from.max(inside.from), gap.to.min(inside.to));
        gaps.extend(self.lost.iter().map(clip));
        joined(gaps)
    }
}

/// Overlapping and adjoining stretches become one; empty ones go.
fn joined(mut all: Vec<Interval>) -> Vec<Interval> {
    all.retain(|one| one.from < one.to);
    all.sort_unstable();
    let mut out: Vec<Interval> = Vec::new();
    for one in all {
        match out.last_mut() {
            Some(last) if one.from <= last.to => last.to = last.to.max(one.to),
            _ => out.push(one),
        }
    }
    out
}

/// Nanoseconds that slices cover, those of several sensors at the same time once.
pub(crate) fn time_covered(slices: Vec<Interval>) -> i64 {
    joined(slices).iter().map(|slice| slice.nanos()).fold(0, i64::saturating_add)
}

/// The gaps of a window of the past.
pub(crate) fn past(records: impl IntoIterator<Item = (Point, Record)>, window: Interval, now: Timestamp) -> Vec<Gap> {
    let all = records.into_iter().flat_map(|(point, record)| {
        record.gaps(window, now).into_iter().map(move |interval| Gap { interval, point: point.clone() })
    });
    by_sensor(all.collect())
}

/// One stop of a sensor is one gap, however many interfaces it has; the newest remain when there are too many.
pub(crate) fn by_sensor(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut stops: BTreeMap<(Interval, String), Vec<Point>> = BTreeMap::new();
    for gap in gaps {
        stops.entry((gap.interval, gap.point.sensor.clone())).or_default().push(gap.point);
    }
    let mut gaps: Vec<Gap> = stops
        .into_iter()
        .map(|((interval, sensor), mut points)| match (points.pop(), points.is_empty()) {
            (Some(point), true) => Gap { interval, point },
            _ => Gap { interval, point: Point { sensor, interface: None } },
        })
        .collect();
    gaps.drain(..gaps.len().saturating_sub(Report::GAPS));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn span(from: i64, to: i64) -> Interval {
        Interval::new(at(from), at(to))
    }

    fn slices(from: i64, to: i64) -> Vec<Interval> {
        (from / 10..to / 10).map(|number| span(number * 10, number * 10 + 10)).collect()
    }

    fn found(record: Record, window: Interval, now: i64) -> Vec<Interval> {
        past([(Point::new("web1", "eth0"), record)], window, at(now)).into_iter().map(|gap| gap.interval).collect()
    }

    #[test]
    fn a_stop_is_one_gap_with_what_was_declared_of_it() {
        let slices = [slices(0, 100), slices(150, 300)].concat();
        let record = Record { seen: span(0, 300), sensor: at(300), expected: true, slices, lost: vec![span(100, 107)] };
        assert_eq!(found(record.clone(), span(0, 300), 310), [span(100, 150)]);
        assert_eq!(found(record.clone(), span(120, 130), 310), [span(120, 130)]);
        assert_eq!(found(record, span(-500, 90), 310), [], "before it was there nothing is missing");
    }

    #[test]
    fn who_should_report_and_does_not_is_missing_until_now() {
        let record =
            Record { seen: span(0, 100), sensor: at(100), expected: true, slices: slices(0, 100), lost: vec![] };
        assert_eq!(found(record.clone(), span(0, 500), 130), [], "a slice may be under way");
        assert_eq!(found(record.clone(), span(0, 500), 400), [span(100, 400)]);
        assert_eq!(found(Record { expected: false, ..record.clone() }, span(0, 500), 400), []);
        assert_eq!(found(Record { sensor: at(390), ..record }, span(0, 500), 400), [], "an interface that went");
    }

    #[test]
    fn a_sensor_that_stops_is_one_gap_whatever_it_watches() {
        let gap = |interface: &str, to| Gap { interval: span(0, to), point: Point::new("web1", interface) };
        let gaps = by_sensor(vec![gap("eth0", 10), gap("eth1", 10), gap("eth2", 20)]);
        let all = Point { sensor: "web1".to_owned(), interface: None };
        assert_eq!(gaps, [Gap { interval: span(0, 10), point: all }, gap("eth2", 20)]);
    }

    #[test]
    fn time_that_two_sensors_cover_counts_once() {
        let slice = |from, to| Interval::new(Timestamp(from), Timestamp(to));
        assert_eq!(time_covered(vec![slice(0, 10), slice(0, 10), slice(5, 15), slice(20, 30)]), 25);
        assert_eq!(time_covered(Vec::new()), 0);
    }
}
