#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use traf_model::{
    Evidence, Facility, Flow, FlowState, Half, InterfaceSummary, Interval, Summary, Timestamp, Traffic, Word,
};

use super::*;
use crate::store::{Delivery, Fact, Hello};

/// An hour ends here.
const HOUR: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(HOUR + seconds)
}

/// Few ends in both orientations, with equal addresses, with and without ports, and great counts.
fn flow(number: u16, slice: i64) -> Flow {
    let address = |number: u16| match number {
        0 => IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        number => IpAddr::from([10, 0, 0, number as u8]),
    };
    let ports = if number.is_multiple_of(4) { [0, 0] } else { [40_000 + number % 3, 65_535] };
    let half = |number: u16| Half {
        flags: 0x12,
        last_flags: 0x10,
        window: 65_535 - number,
        size: u32::MAX - u32::from(number),
        mac: (!number.is_multiple_of(3)).then_some(Mac([2, 0, 0, 0, 0, number as u8])),
        word: (number.is_multiple_of(5)).then_some(Word::Reset),
    };
    let key = FlowKey {
        protocol: if number.is_multiple_of(4) { 47 } else { 6 },
        vlan: (number.is_multiple_of(6)).then_some(number),
        source: Endpoint::new(address(number % 5), ports[0]),
        destination: Endpoint::new(address(number % 2), ports[1]),
    };
    let count =
        |number: u64| Counters { packets: number, octets: i64::MAX.cast_unsigned() - number, coalesced: number % 2 };
    Flow {
        key: if number.is_multiple_of(7) { key.reversed() } else { key },
        traffic: Traffic { inbound: count(number.into()), outbound: count(3) },
        first: at(slice * 10 - i64::from(number)),
        last: at(slice * 10 + 9),
        forward: half(number % 9),
        reverse: half(number % 11),
        state: FlowState::Established,
        complete: number.is_multiple_of(2),
        own: number.is_multiple_of(8),
        evidence: Evidence::NONE,
    }
}

/// The unordered ends, and the protocol.
fn ends(flow: &Flow) -> FlowKey {
    FlowKey { vlan: None, ..flow.key.canonical() }
}

/// Two sensors' slices, of which the second one's arrive later.
async fn stored(store: &Store) -> Selection {
    let mut sensors = Vec::new();
    for name in ["a", "b"] {
        let [uuid, name] = [name, name].map(str::to_owned);
        let hello = Hello { uuid, name, site: String::new(), version: String::new(), epoch: 1 };
        let sensor = store.hello(&hello).await.unwrap().unwrap().0;
        for (seq, slice) in (1..).zip(-2..3) {
            let flows = (0..120).map(|number| flow(number, slice)).collect();
            let part = InterfaceSummary { flows, ..InterfaceSummary::default() };
            let interval = Interval::new(at(slice * 10), at(slice * 10 + 10));
            let summary = Summary { slice: interval, interfaces: vec![part], ..Summary::default() };
            let delivery = Delivery { sensor, epoch: 1, from_seq: seq, to_seq: seq, summary: Arc::new(summary) };
            store.apply(&[delivery], at(60)).await.unwrap();
        }
        sensors.push(sensor);
    }
    Selection { interval: Interval::new(at(-15), at(30)), sensors }
}

#[tokio::test]
async fn rows_of_the_same_ends_come_together_in_the_order_of_their_slices_and_say_what_they_say_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("history.db")).await.unwrap();
    let selection = stored(&store).await;
    let mut alone: BTreeMap<FlowKey, Vec<(PointKey, Flow, bool)>> = BTreeMap::new();
    let mut take = |place, fact| {
        let Fact::Flow(flow, marked) = fact else { return };
        alone.entry(ends(&flow)).or_default().push((place, flow, marked));
    };
    store.facts(Facility::Traffic, &selection, &mut take).await.unwrap();
    assert_eq!(alone.values().map(Vec::len).sum::<usize>(), 2 * 5 * 120);

    for details in [true, false] {
        let (mut together, mut before) = (BTreeMap::<FlowKey, Vec<(PointKey, Flow, bool)>>::new(), HashSet::new());
        let mut take = |step| match step {
            EndsStep::Flow(place, flow, marked) => {
                assert!(!before.contains(&ends(&flow)), "{flow:?}");
                together.entry(ends(&flow)).or_default().push((place, flow, marked));
            }
            EndsStep::Next => before.extend(together.keys().copied()),
        };
        store.flows_by_ends(&selection, details, &mut take).await.unwrap();
        let rows = alone.clone().into_iter().map(|(ends, mut rows)| {
            rows.iter_mut().filter(|_| !details).for_each(|(_, flow, _)| plain(flow));
            (ends, rows)
        });
        if !details {
            together.values_mut().flatten().for_each(|(_, flow, _)| plain(flow));
        }
        assert_eq!(together, rows.collect());
    }
    store.close().await;
}

/// Leaves out what rows without details lack.
fn plain(flow: &mut Flow) {
    for half in [&mut flow.forward, &mut flow.reverse] {
        (half.size, half.window) = (0, 0);
        half.mac = half.mac.map(|_| Mac([0; 6]));
    }
}
