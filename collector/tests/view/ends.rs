//! Tables under keys are read by ends, and the list of flows by slices: both say the same.

use std::collections::{BTreeMap, BTreeSet};

use traf_model::facility::PROTOCOLS;
use traf_model::{Endpoint, Evidence, Flow, FlowKey, Half, InterfaceSummary, Mac, Ports, Summary};

use super::*;

/// Flows of each slice.
const FLOWS: u8 = 90;

/// A flow in a slice as a sensor sees it. Some go on, some begin anew in each slice, and the second sensor sees some from the other
/// end, or with half of their packets.
fn seen(number: u8, slice: i64, second: bool) -> Flow {
    let from = START + slice * 10;
    let octets = 100 + u64::from(number) * 7 + slice.unsigned_abs();
    let address = |last: u8| match number % 5 {
        0 => std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into()).into(),
        _ => [10, 0, 0, last].into(),
    };
    let end = |last, port| Endpoint::new(address(last), port);
    let half = |last| Half { mac: Some(Mac([2, 0, 0, 0, number % 2, last])), ..Half::default() };
    let seen = Flow {
        key: FlowKey {
            protocol: if number.is_multiple_of(4) { 17 } else { 6 },
            vlan: (number.is_multiple_of(7)).then_some(7),
            source: end(number % 6 + 1, 40_000 + u16::from(number / 2)),
            destination: end(number % 3 + 5, 443),
        },
        traffic: Traffic { inbound: Counters::new(2, octets * 3), outbound: Counters::new(1, octets) },
        first: Timestamp::from_seconds(if number.is_multiple_of(2) { START - 100 } else { from + 1 }),
        last: Timestamp::from_seconds(from + 5),
        forward: half(1),
        reverse: half(2),
        complete: number % 2 == 1,
        evidence: Evidence::new([u32::from(number) << 16 | u32::from(slice.unsigned_abs() as u8) << 8 | 1, 0]),
        ..flow(Timestamp::from_seconds(from))
    };
    match number % 9 {
        4 if second => Flow {
            key: seen.key.reversed(),
            traffic: seen.traffic.reversed(),
            forward: seen.reverse,
            reverse: seen.forward,
            ..seen
        },
        5 if second => Flow { traffic: Traffic::outbound(seen.traffic.outbound), ..seen },
        _ => seen,
    }
}

fn of(slice: i64, second: bool) -> Summary {
    let whole = summary(slice);
    let flows = (0..FLOWS)
        .filter(|number| !second || !number.is_multiple_of(3))
        .map(|number| seen(number, slice, second))
        .collect();
    let interface = whole.interfaces[0].interface.clone();
    let part = InterfaceSummary { interface, flows, ..InterfaceSummary::default() };
    Summary { interfaces: vec![part], generation: 1, ..whole }
}

/// Traffic, flows, other ends and observers of a row.
#[derive(Debug, Default, PartialEq)]
struct Sum(Traffic, u64, u64, BTreeSet<Point>);

/// Rows by site and key. Only a table of hosts has flows and other ends of its keys.
fn table(report: &Report) -> BTreeMap<String, Sum> {
    let row = |row: &Row| {
        let (key, flows, peers) = match &row.item {
            Item::Counted(facility, key, counts) => (facility.text(*key), counts.flows, counts.peers),
            Item::Group(key, _, flows) => (key.to_string(), *flows, 0),
            other => panic!("{other:?}"),
        };
        (key, Sum(row.item.traffic(), flows, peers, row.observed_by.iter().cloned().collect()))
    };
    report.rows.iter().map(row).collect()
}

/// The same of a list of flows.
fn sums(list: &Report, facility: Facility, group: Group) -> BTreeMap<String, Sum> {
    let (mut sums, mut peers) = (BTreeMap::<String, Sum>::new(), BTreeSet::new());
    for row in &list.rows {
        let Item::Flow(Flow { key, traffic, .. }) = &row.item else { panic!("{row:?}") };
        let shares = facility.counted().and_then(Counted::shares).map(|shares| shares(key, &Ports::default()));
        let text = |share: &traf_model::facility::Share| facility.counted().unwrap().text(share.key);
        let keys: Vec<(String, Traffic)> = match &shares {
            Some(shares) => {
                let turned = |reversed| if reversed { traffic.reversed() } else { *traffic };
                shares.iter().flatten().map(|share| (text(share), turned(share.reversed))).collect()
            }
            None => vec![(group.of(key, "").unwrap().to_string(), *traffic)],
        };
        for (place, (name, traffic)) in keys.iter().enumerate() {
            let sum = sums.entry(name.clone()).or_default();
            sum.0 += *traffic;
            sum.3.extend(row.observed_by.iter().cloned());
            let other = keys.get(1 - place).map(|(other, _)| other);
            sum.1 += u64::from(place == 0 || other != Some(name));
            sum.2 += u64::from(other.is_some_and(|other| peers.insert((name.clone(), other.clone()))));
        }
    }
    if facility.counted().is_some_and(|counted| !counted.peers) {
        sums.values_mut().for_each(|sum| (sum.1, sum.2) = (0, 0));
    }
    sums
}

#[tokio::test]
async fn a_table_under_keys_says_of_the_past_what_the_list_of_flows_says() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    // The hour ends in the middle. The first sensor is away in the last two slices, and the second one in the first two.
    for (name, second, slices) in [("web1", false, [-2, -1, 0]), ("web2", true, [0, 1, 2])] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        for (seq, slice) in (1..).zip(slices) {
            export.send(1, seq, seq, &of(slice, second)).await;
        }
        export.acked(3).await;
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let interval = Interval::new(Timestamp::from_seconds(START - 20), Timestamp::from_seconds(START + 30));
    let both = Scope::default();
    let first = Scope(vec![Point::new("web1", "eth0")]);
    let groups = [Group::Address, Group::Port, Group::Pair].map(|group| (Facility::Traffic, group));
    let counted = [HOSTS, SERVICES, PROTOCOLS].map(|facility| (facility.into(), Group::Flow));
    for (scope, filter) in
        [(&both, ""), (&both, "tcp and dst port 443"), (&first, "udp"), (&first, "vlan 7"), (&first, "ip or ip6")]
    {
        let ask = async |facility, group| {
            let (window, scope, filter) = (Window::Past(interval), scope.clone(), filter.parse().unwrap());
            let query = Query { facility, group, window, scope, filter, limit: 1_000, ..Query::default() };
            next(&mut watch(&desk, &query).await).await
        };
        let list = ask(Facility::Traffic, Group::Flow).await;
        assert!(list.rows.len() > 10, "{filter}: {}", list.rows.len());
        for (facility, group) in groups.into_iter().chain(counted) {
            let report = ask(facility, group).await;
            let (table, sums) = (table(&report), sums(&list, facility, group));
            assert_eq!(table, sums, "{facility:?} by {group:?} of {scope:?} with {filter:?}");
            let total: Traffic = sums.values().map(|sum| sum.0).sum();
            assert_eq!(report.total, total, "{facility:?} by {group:?}");
            assert_eq!((report.notes, report.gaps), (list.notes.clone(), list.gaps.clone()));
        }
    }
    collector.stop().await;
}
