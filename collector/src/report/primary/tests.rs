//! The faults of a LAN, in small: what is marked is what was there to see.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use traf_model::Endpoint;

use super::*;

const STEP: i64 = 10;

fn slice(number: i64) -> Interval {
    Interval::new(Timestamp::from_seconds(number * STEP), Timestamp::from_seconds(number * STEP + STEP))
}

fn key(flow: u32) -> SharedFlow {
    let end = |last: u32, port| Endpoint::new(std::net::Ipv4Addr::from(0x0a00_0000 + last).into(), port);
    let flow = FlowKey { protocol: 6, vlan: None, source: end(flow, 5000), destination: end(1 << 20, 80) };
    SharedFlow::new(0, 1, &Interface::default(), flow)
}

/// A sensor's number is its observer's.
fn observer(sensor: i64) -> Observer {
    Observer { sensor, interface: 1, vlan: None }
}

/// A store in small: what each row counts, and its mark.
#[derive(Default)]
struct Lan {
    primaries: Primaries,
    rows: BTreeMap<RowKey, (Observation, bool)>,
}

impl Lan {
    /// A sensor delivers a slice: flow and octets of each row.
    fn deliver(&mut self, sensor: i64, number: i64, flows: &[(u32, u64)]) {
        let mut changes = Vec::new();
        self.primaries.delivered(sensor, slice(number), &mut changes);
        let mut late = Vec::new();
        for (place, (flow, octets)) in (0..).zip(flows) {
            let (observer, slice) = (observer(sensor), slice(number));
            let row = number << 32 | sensor << 20 | place;
            let observation = Observation { key: key(*flow), observer, slice, octets: *octets, row };
            match self.primaries.see(&observation, &mut changes) {
                Some(decision) => drop(self.rows.insert(row, (observation, decision.counts))),
                None => late.push(observation),
            }
        }
        if !late.is_empty() {
            let mut decide = Late::default();
            let around = Late::around(slice(number));
            for (observation, _) in self.rows.values().filter(|(_, primary)| *primary) {
                if observation.slice.from < around.to && observation.slice.to > around.from {
                    decide.known(observation.key, observation.observer, observation.slice);
                }
            }
            for observation in late {
                let decision = decide.see(&observation);
                self.rows.insert(observation.row, (observation, decision.counts));
            }
        }
        for Change { row, primary } in changes {
            if let Some(stored) = self.rows.get_mut(&row) {
                stored.1 = primary;
            }
        }
    }

    /// Octets that count.
    fn marked(&self) -> u64 {
        self.rows.values().filter(|(_, primary)| *primary).map(|(observation, _)| observation.octets).sum()
    }

    /// Slices of a flow for which two observers have the mark.
    fn doubled(&self) -> usize {
        let mut seen: BTreeMap<(FlowKey, Interval), HashSet<Observer>> = BTreeMap::new();
        for (observation, _) in self.rows.values().filter(|(_, primary)| *primary) {
            seen.entry((observation.key.flow, observation.slice)).or_default().insert(observation.observer);
        }
        seen.values().filter(|observers| observers.len() > 1).count()
    }

    fn restart(&mut self) {
        self.primaries = Primaries::default();
        self.rows.values().for_each(|(observation, primary)| self.primaries.recall(observation, *primary));
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
    assert_eq!((lan.marked(), lan.doubled()), (30 * 1010, 0));
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
            for flow in 0..200u32 {
                // Each flow lives for twelve slices.
                let alive = (number - i64::from(flow) % 48) as u64 % 48 < 12;
                let octets = 100 + u64::from(flow) * 7;
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
    assert_eq!((lan.marked(), lan.doubled()), (400 * 1500, 0));
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
}

#[test]
fn what_never_leaves_a_host_is_its_own_and_sites_are_apart() {
    let end = |address: &str| Endpoint::new(address.parse().unwrap_or([0, 0, 0, 0].into()), 80);
    let flow = |a: &str, b: &str| FlowKey { protocol: 6, vlan: Some(7), source: end(a), destination: end(b) };
    let (wire, home) = (Interface::default(), Interface { loopback: true, ..Interface::default() });
    let key = |site, sensor, interface, flow| SharedFlow::new(site, sensor, interface, flow);
    let (lan, local) = (flow("10.0.0.1", "10.0.0.2"), flow("127.0.0.1", "127.0.0.1"));
    assert_eq!(key(1, 1, &wire, lan), key(1, 2, &wire, FlowKey { vlan: None, ..lan.reversed() }));
    assert_ne!(key(1, 1, &wire, lan), key(2, 2, &wire, lan));
    assert_ne!(key(1, 1, &wire, local), key(1, 2, &wire, local));
    assert_ne!(key(1, 1, &home, lan), key(1, 2, &home, lan));
}

#[test]
fn a_full_memory_forgets_the_longest_silent_and_says_how_many() {
    let mut primaries = Primaries { capacity: 8, ..Primaries::default() };
    let mut changes = Vec::new();
    for number in 0..20u32 {
        let slice = slice(i64::from(number) / 5);
        primaries.delivered(1, slice, &mut changes);
        let observation = Observation { key: key(number), observer: observer(1), slice, octets: 1, row: 0 };
        assert!(primaries.see(&observation, &mut changes).is_some_and(|decision| decision.counts));
    }
    assert!(primaries.flows.len() <= 8 && primaries.forgotten == 20 - primaries.flows.len() as u64);
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
