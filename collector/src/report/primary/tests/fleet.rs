//! Many sensors that share flows, with clocks apart: the sums are the truth, in whatever order the slices come.

use super::*;

const SENSORS: i64 = 20;
const SLICES: i64 = 40;
const FLOWS: u32 = 4_000;

/// A number of a flow and a purpose, the same in every run.
fn dice(flow: u32, purpose: u32) -> u64 {
    let mixed = (u64::from(flow) << 32 | u64::from(purpose)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// The slices in which a flow talks, and its octets in one of them: a heavy tail, and more or less from slice to slice.
fn octets(flow: u32, number: i64) -> u64 {
    let begin = dice(flow, 1) as i64 % SLICES;
    let length = 1 + (dice(flow, 2) % 15) as i64;
    if !(begin..(begin + length).min(SLICES)).contains(&number) {
        return 0;
    }
    let size = 200 << (dice(flow, 3) % 14);
    size + dice(flow, 100 + number as u32) % size
}

/// The sensors that see a flow: 60 of 100 flows one, the others two or three.
fn observers(flow: u32) -> impl Iterator<Item = i64> {
    let first = dice(flow, 4) as i64 % SENSORS;
    let count = [1, 1, 1, 2, 3][dice(flow, 5) as usize % 5];
    (0..count).map(move |place| (first + place * 7) % SENSORS + 1)
}

/// Thousandths of a slice by which a sensor's clock is ahead.
fn offset(sensor: i64) -> u64 {
    [0, 5, 50, 200][sensor as usize % 4]
}

/// The rows of a sensor in a slice, with the sequence numbers of that moment.
fn rows(sensor: i64, number: i64) -> Vec<Flow> {
    let part = |flow, number, part| octets(flow, number) * part / 1_000;
    let sent = |flow, until| (0..until).map(|number| octets(flow, number)).sum::<u64>();
    (0..FLOWS)
        .filter(|flow| observers(*flow).any(|other| other == sensor))
        .filter_map(|flow| {
            // A clock that is ahead ends its slices before they are over.
            let late = offset(sensor);
            let seen =
                part(flow, number, 1_000 - late) + part(flow, number - 1, 1_000) - part(flow, number - 1, 1_000 - late);
            let top = sent(flow, number) + part(flow, number, 1_000 - late);
            (seen > 0).then(|| row(flow, seen, (dice(flow, 6) as u32).wrapping_add(top as u32)))
        })
        .collect()
}

fn truth() -> u64 {
    (0..FLOWS).map(|flow| (0..SLICES).map(|number| octets(flow, number)).sum::<u64>()).sum()
}

#[test]
fn the_sums_are_the_truth_in_order_and_in_any_order() {
    let mut order: Vec<(i64, i64)> =
        (0..SLICES + 1).flat_map(|number| (1..=SENSORS).map(move |sensor| (sensor, number))).collect();
    close(sum(&order), truth(), 0.5);
    // Each sensor's own slices stay in order.
    let mut random = 7u64;
    for place in (1..order.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(place, (random >> 33) as usize % (place + 1));
    }
    let mut next = [0; SENSORS as usize + 1];
    for (sensor, number) in &mut order {
        *number = next[*sensor as usize];
        next[*sensor as usize] += 1;
    }
    close(sum(&order), truth(), 0.5);
    // Sensor by sensor: what a spool holds comes when everybody else is done.
    order.sort();
    close(sum(&order), truth(), 0.5);
}

fn sum(order: &[(i64, i64)]) -> u64 {
    let mut lan = Lan::default();
    for (sensor, number) in order {
        lan.deliver_rows(*sensor, *number, &rows(*sensor, *number));
    }
    lan.marked()
}
