//! The faults of a LAN, in small: what is marked is what was there to see.

#![allow(clippy::unwrap_used)]

mod fleet;

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use traf_model::{
    Counters, Endpoint, Evidence, Flow, FlowKey, FlowState, Half, Interface, Interval, Timestamp, Traffic,
};

use super::*;

const STEP: i64 = 10;

fn slice(number: i64) -> Interval {
    Interval::new(Timestamp::from_seconds(number * STEP), Timestamp::from_seconds(number * STEP + STEP))
}

/// A row of TCP in one direction: the flow, its octets in the slice, and the highest sequence number.
fn row(flow: u32, octets: u64, top: u32) -> Flow {
    let end = |last: u32, port| Endpoint::new(std::net::Ipv4Addr::from(0x0a00_0000 + last).into(), port);
    Flow {
        key: FlowKey { protocol: 6, vlan: None, source: end(flow, 5000), destination: end(1 << 20, 80) },
        traffic: Traffic::outbound(Counters::new(1, octets)),
        first: Timestamp(0),
        last: Timestamp(0),
        forward: Half::default(),
        reverse: Half::default(),
        state: FlowState::Established,
        complete: true,
        own: false,
        evidence: Evidence::new([top.max(1), 0]),
    }
}

/// The sequence numbers of a flow of a thousand octets a slice.
fn top(flow: u32, number: i64) -> u32 {
    flow.wrapping_mul(0x9e37_79b1).wrapping_add((number as u32).wrapping_mul(1000))
}

/// A store in small: what each row counts, and its mark.
#[derive(Default)]
struct Lan {
    primaries: Primaries,
    tables: MarkTables,
    rows: BTreeMap<RowKey, (Observation, bool)>,
    /// Records in the order in which they came, with the marks that their runs have.
    runs: Vec<(Observation, RowEvidence, bool)>,
    doubtful: u64,
    now: Timestamp,
}

impl Lan {
    /// A sensor delivers a slice: flow and octets of each row, all of them with proof.
    fn deliver(&mut self, sensor: i64, number: i64, flows: &[(u32, u64)]) {
        let rows: Vec<Flow> = flows.iter().map(|(flow, octets)| row(*flow, *octets, top(*flow, number))).collect();
        self.deliver_rows(sensor, number, &rows);
    }

    fn deliver_rows(&mut self, sensor: i64, number: i64, rows: &[Flow]) {
        let (mut changes, slice) = (Vec::new(), slice(number));
        self.now = self.now.max(slice.to);
        self.primaries.delivered(sensor, slice, self.now, &mut changes);
        let slots = Slots::of(slice);
        self.tables.want(0, slots.around());
        for (place, row) in (0..).zip(rows) {
            let observer = Observer { sensor, interface: 1, vlan: None };
            let key = SharedFlow::new(0, (sensor, 1), &Interface::default(), row);
            let flow = FlowId { site: 0, fingerprint: key.fingerprint() };
            let evidence = RowEvidence::new(row, 1);
            let (octets, number) = (row.traffic.total().octets, number << 32 | sensor << 20 | place);
            let observation = Observation { flow, observer, slice, octets, row: number };
            let tables = &mut self.tables;
            let find =
                |around: bool| tables.find(flow, if around { slots.around() } else { slots }, observer, &evidence);
            let decision = self.primaries.see(&observation, find, &mut changes);
            self.doubtful += if decision.doubtful { octets } else { 0 };
            let record = MarkRecord::new(flow.fingerprint, &evidence, decision.counts);
            self.tables.add((0, slots.first()), record, (observer, 1));
            self.rows.insert(number, (observation, decision.counts));
            self.runs.push((observation, evidence, decision.counts));
        }
        for Change { row, primary, elected, settles, .. } in changes {
            let stored = self.rows.get_mut(&row).unwrap();
            assert_eq!(primary, elected == stored.0.observer, "{elected:?}");
            stored.1 = primary;
            self.doubtful -= if settles { stored.0.octets } else { 0 };
            if primary {
                self.tables.mark(stored.0.flow, Slots::of(stored.0.slice).first(), stored.0.observer);
                self.runs.iter_mut().filter(|(run, ..)| run.row == row).for_each(|run| run.2 = true);
            }
        }
    }

    /// Octets that count.
    fn marked(&self) -> u64 {
        self.rows.values().filter(|(_, primary)| *primary).map(|(observation, _)| observation.octets).sum()
    }

    /// Octets of a sensor that count.
    fn marked_of(&self, sensor: i64) -> u64 {
        let own = self.rows.values().filter(|(seen, primary)| *primary && seen.observer.sensor == sensor);
        own.map(|(observation, _)| observation.octets).sum()
    }

    /// Slices of a flow for which two observers have the mark.
    fn doubled(&self) -> usize {
        let mut seen: BTreeMap<(u32, Interval), HashSet<Observer>> = BTreeMap::new();
        for (observation, _) in self.rows.values().filter(|(_, primary)| *primary) {
            seen.entry((observation.flow.fingerprint, observation.slice)).or_default().insert(observation.observer);
        }
        seen.values().filter(|observers| observers.len() > 1).count()
    }

    /// What came in the last minute is recalled.
    fn restart(&mut self) {
        self.primaries = Primaries::default();
        let mut changes = Vec::new();
        for (observation, evidence, primary) in &self.runs {
            let Observation { flow, observer, slice, .. } = *observation;
            if self.now.since(slice.to) > MEMORY {
                continue;
            }
            self.primaries.delivered(observer.sensor, slice, self.now, &mut changes);
            let tables = &mut self.tables;
            let find = || tables.find(flow, Slots::of(slice).around(), observer, evidence);
            self.primaries.recall(observation, *primary, find);
        }
        assert!(changes.is_empty());
    }
}

fn close(found: u64, truth: u64, percent: f64) {
    let apart = (found as f64 - truth as f64) / truth as f64 * 100.0;
    assert!(apart.abs() <= percent, "{found} of {truth}: {apart:+.3} %");
}

#[test]
fn three_that_see_a_flow_count_it_once_whoever_comes_first() {
    let mut lan = Lan::default();
    for number in 0..30 {
        for place in 0..3 {
            lan.deliver((number + place) % 3 + 1, number, &[(7, 1000), (8, 10)]);
        }
    }
    assert_eq!((lan.marked(), lan.doubled(), lan.doubtful), (30 * 1010, 0, 0));
}

#[test]
fn a_sensor_that_stops_leaves_the_total_as_it_is() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut lan = Lan::default();
        for number in 0..20 {
            for sensor in [first, second] {
                // The first one ends within slice 10: it has seen a part of that.
                if sensor == second || number <= 10 {
                    lan.deliver(sensor, number, &[(7, if sensor == first && number == 10 { 400 } else { 1000 })]);
                }
            }
        }
        assert_eq!((lan.marked(), lan.doubled()), (20 * 1000, 0));
    }
}

#[test]
fn a_sensor_that_is_away_for_less_than_its_mark_lasts_leaves_no_gap() {
    for away in 1..=2 {
        for later in [1, 2] {
            let mut lan = Lan::default();
            for number in 0..20 {
                for sensor in if later == 1 { [2, 1] } else { [1, 2] } {
                    // In a slice the first one delivers nothing; whoever comes first there.
                    if sensor == 2 || !(10..10 + away).contains(&number) {
                        lan.deliver(sensor, number, &[(7, 1000)]);
                    }
                }
            }
            assert_eq!((lan.marked(), lan.doubled()), (20 * 1000, 0), "{away} {later}");
        }
    }
}

#[test]
fn a_flow_that_ends_soon_after_its_observer_counts_whole() {
    let mut lan = Lan::default();
    for number in 0..20 {
        if number < 10 {
            lan.deliver(1, number, &[(7, 1000)]);
        }
        lan.deliver(2, number, if number < 12 { &[(7, 1000)] } else { &[] });
    }
    assert_eq!((lan.marked(), lan.doubled()), (12 * 1000, 0));
}

#[test]
fn an_observer_of_one_direction_gives_way_to_one_of_both() {
    let mut lan = Lan::default();
    for number in 0..10 {
        lan.deliver(1, number, &[(7, 600)]);
        lan.deliver(2, number, &[(7, 1000)]);
    }
    assert_eq!((lan.marked(), lan.doubled()), (10 * 1000, 0));
}

/// Two sensors see all flows; each brings some rows one slice late, by its own dice.
fn misaligned(percent: u64) -> (u64, u64, usize) {
    let (mut lan, mut truth, mut dice) = (Lan::default(), 0, 1u64);
    let mut roll = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % 100 < percent
    };
    let mut carried: [BTreeMap<u32, u64>; 2] = Default::default();
    for number in 0..60i64 {
        for (place, carried) in carried.iter_mut().enumerate() {
            let mut rows = std::mem::take(carried);
            for flow in 0..2_000u32 {
                // Each flow lives for twelve slices.
                let alive = (number - i64::from(flow) % 48) as u64 % 48 < 12;
                let octets = 100 + u64::from(flow % 200) * 7;
                if alive {
                    truth += if place == 0 { octets } else { 0 };
                    *(if roll() { &mut *carried } else { &mut rows }).entry(flow).or_default() += octets;
                }
            }
            let rows: Vec<(u32, u64)> = rows.into_iter().collect();
            lan.deliver(place as i64 + 1, number, &rows);
        }
    }
    (lan.marked(), truth, lan.doubled())
}

#[test]
fn slices_that_do_not_line_up_count_once_nearly_to_the_octet() {
    for (percent, within) in [(0, 0.0), (1, 0.25), (5, 0.6)] {
        let (marked, truth, doubled) = misaligned(percent);
        assert_eq!(doubled, 0);
        close(marked, truth, within);
    }
}

#[test]
fn an_hour_that_comes_late_adds_only_what_nobody_else_saw() {
    let mut lan = Lan::default();
    let (both, alone) = ((7, 1000), (8, 500));
    for number in 0..400 {
        if !(20..380).contains(&number) {
            lan.deliver(1, number, &[both, alone]);
        }
        lan.deliver(2, number, &[both]);
    }
    let before = lan.marked();
    assert_eq!(before, 400 * 1000 + 40 * 500);
    for number in 20..380 {
        lan.deliver(1, number, &[both, alone]);
    }
    // Next to what was there already nothing is added: one slice at each end.
    assert_eq!((lan.marked(), lan.doubled(), lan.doubtful), (400 * 1500, 0, 0));
}

#[test]
fn a_restart_remembers_who_was_elected_and_what_its_heir_has_seen() {
    let mut lan = Lan::default();
    for number in 0..40 {
        for sensor in [1, 2] {
            let sensor = if number % 2 == 0 { sensor } else { 3 - sensor };
            if sensor == 1 || number < 20 {
                lan.deliver(sensor, number, &[(7, 1000)]);
            }
        }
        lan.restart();
    }
    assert_eq!((lan.marked(), lan.doubled()), (40 * 1000, 0));
    // The elected one stops, and the collector stops before the heir has waited for three slices.
    for stop in 41..46 {
        let mut lan = Lan::default();
        for number in 0..60 {
            for sensor in [1, 2] {
                if sensor == 2 || number < 40 {
                    lan.deliver(sensor, number, &[(7, 1000)]);
                }
            }
            if number == stop {
                lan.restart();
            }
        }
        assert_eq!((lan.marked(), lan.doubled()), (60 * 1000, 0), "restart at {stop}");
    }
}

#[test]
fn a_full_memory_forgets_the_longest_silent_and_the_tables_know_who_counts() {
    let mut lan = Lan::default();
    lan.primaries.capacity = 100;
    let flows: Vec<(u32, u64)> = (0..3_000).map(|flow| (flow, 1000)).collect();
    for number in 0..10 {
        for sensor in [1, 2] {
            lan.deliver(sensor, number, &flows);
        }
    }
    assert!(lan.primaries.len() <= 100 && lan.primaries.forgotten > 20_000, "{}", lan.primaries.forgotten);
    assert_eq!((lan.marked(), lan.doubled()), (10 * 3_000 * 1000, 0));
}

#[test]
fn packets_that_only_look_alike_count_for_both_and_the_octets_are_said() {
    let mut lan = Lan::default();
    for number in 0..20 {
        // Equal keys, equal octets, other sequence numbers: two links with equal private addresses.
        for sensor in [1, 2] {
            let rows: Vec<Flow> =
                (0..2_000).map(|flow| row(flow, 1000, top(flow, number) ^ (sensor as u32) << 30)).collect();
            lan.deliver_rows(sensor, number, &rows);
        }
    }
    let each = 20 * 2_000 * 1000;
    assert_eq!((lan.marked_of(1), lan.marked_of(2), lan.doubtful), (each, each, each));
}

#[test]
fn a_late_proof_joins_two_groups_and_withdraws_the_marks_of_the_younger() {
    let mut lan = Lan::default();
    for number in 0..20 {
        lan.deliver(1, number, &[(7, 1000)]);
        // The second one has no proof in its first two slices.
        let evidence = if number < 2 { 0x4000_0000 } else { top(7, number) };
        lan.deliver_rows(2, number, &[row(7, 1000, evidence)]);
        assert_eq!(lan.doubtful, if number < 2 { (number as u64 + 1) * 1000 } else { 0 }, "slice {number}");
    }
    assert_eq!((lan.marked(), lan.doubled()), (20 * 1000, 0));
}

/// A10: the key of somebody's flow and a great number, then as good as nothing.
#[test]
fn who_cannot_prove_that_it_saw_the_packets_keeps_the_mark_from_nobody() {
    for claim in [5_000_000_000, 1 << 47] {
        let mut lan = Lan::default();
        for number in 0..20 {
            for flow in 0..1_000 {
                let octets = if number == 0 { claim } else { 1 };
                lan.deliver_rows(666, number, &[row(flow, octets, 0x1234_5678)]);
            }
            let honest: Vec<(u32, u64)> = (0..1_000).map(|flow| (flow, 1000)).collect();
            lan.deliver(1, number, &honest);
        }
        assert_eq!(lan.marked_of(1), 20 * 1_000 * 1000);
    }
}

/// A10: it has seen the packets, and claims a great number once.
#[test]
fn who_falls_behind_what_another_proves_loses_the_mark_after_two_slices() {
    for first in [666, 1] {
        let mut lan = Lan::default();
        for number in 0..20 {
            for sensor in [first, 667 - first] {
                let rows: Vec<Flow> = (0..1_000)
                    .map(|flow| match sensor {
                        666 => row(flow, if number == 0 { 5_000_000_000 } else { 1 }, top(flow, number)),
                        _ => row(flow, 1000, top(flow, number)),
                    })
                    .collect();
                lan.deliver_rows(sensor, number, &rows);
            }
        }
        // The first slice is the liar's, and one of the two in which it fell behind; the second counts for the honest one again
        // where both are known.
        assert!(lan.marked_of(1) >= 17 * 1_000 * 1000, "{} {}", first, lan.marked_of(1));
        assert!(lan.marked_of(666) <= 1_000 * 5_000_000_002);
        assert_eq!(lan.doubled(), 0);
    }
}

#[test]
fn one_that_is_behind_now_and_then_keeps_the_mark() {
    let mut lan = Lan::default();
    for number in 0..40 {
        lan.deliver(1, number, &[(7, if number % 2 == 0 { 900 } else { 1000 })]);
        lan.deliver(2, number, &[(7, 1000)]);
    }
    // In the first slice the fuller one is elected.
    assert_eq!((lan.marked_of(2), lan.marked_of(1)), (40 * 1000, 0));
    let mut lan = Lan::default();
    for number in 0..40 {
        lan.deliver(1, number, &[(7, if number % 2 == 1 { 900 } else { 1000 })]);
        lan.deliver(2, number, &[(7, 1000)]);
    }
    assert_eq!((lan.marked_of(2), lan.marked_of(1)), (0, 40 * 950));
}

#[test]
fn a_clock_ahead_moves_nobody_else() {
    let run = |ahead: bool| {
        let mut lan = Lan::default();
        for number in 0..60 {
            // The elected one rests for two slices of five: no silence, unless somebody else's clock says so.
            let flows: Vec<(u32, u64)> = (0..1_000).map(|flow| (flow, 1000)).collect();
            if number % 5 < 3 {
                lan.deliver(1, number, &flows);
            }
            lan.deliver(2, number, &flows);
            if ahead {
                let others: Vec<(u32, u64)> = (5_000..6_000).map(|flow| (flow, 1000)).collect();
                lan.deliver(3, number + 5, &others);
                lan.deliver(4, number - 8_640, &others);
            }
        }
        (lan.marked_of(1), lan.marked_of(2))
    };
    assert_eq!(run(true), run(false));
}

proptest! {
    #[test]
    fn no_slice_of_a_flow_has_two_primaries(
        deliveries in proptest::collection::vec((1i64..4, 0i64..3, proptest::collection::btree_map(0u32..3, 1u64..1000, 0..3)), 1..60),
    ) {
        // Each sensor's slices come in order, up to two slices behind the others', and some never.
        let mut lan = Lan::default();
        let mut next = [0i64; 4];
        for (at, (sensor, behind, flows)) in (0..).zip(deliveries) {
            let number = (at / 2 - behind).max(next[sensor as usize]);
            next[sensor as usize] = number + 1;
            let flows: Vec<(u32, u64)> = flows.into_iter().collect();
            lan.deliver(sensor, number, &flows);
            prop_assert_eq!(lan.doubled(), 0);
        }
    }
}
