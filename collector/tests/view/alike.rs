//! Packets that only look alike count for each, and clocks that are wrong for nobody but their own sensor.

use std::time::{Duration, SystemTime};

use traf_model::{Endpoint, Evidence, Flow, FlowKey, Half, InterfaceSummary, Mac, Summary};

use super::common::config;
use super::*;

/// Pairs of ends.
const PAIRS: u16 = 2_000;

/// Flows of UDP or TCP in slice number 2 with `octets` each, between stations of a link.
fn flows(protocol: u8, ends: [&str; 2], link: u8, octets: u64) -> Vec<Flow> {
    let [source, destination] = ends.map(|end| end.parse().unwrap());
    let half = |last| Half { mac: Some(Mac([2, 0, 0, 0, link, last])), ..Half::default() };
    let one = |port: u16| Flow {
        key: FlowKey {
            protocol,
            vlan: None,
            source: Endpoint::new(source, 10_000 + port),
            destination: Endpoint::new(destination, 5_000),
        },
        traffic: Traffic::outbound(Counters::new(1, octets)),
        forward: half(1),
        reverse: half(2),
        evidence: Evidence::new([u32::from(link) << 28 | u32::from(port) << 8, 0]),
        ..flow(Timestamp::from_seconds(START + 20))
    };
    (0..PAIRS).map(one).collect()
}

fn of(interfaces: &[(&str, Vec<Flow>)]) -> Summary {
    let whole = summary(2);
    let interface = |(name, flows): &(&str, Vec<Flow>)| {
        let mut interface = whole.interfaces[0].interface.clone();
        interface.name = (*name).to_owned();
        InterfaceSummary { interface, flows: flows.clone(), ..InterfaceSummary::default() }
    };
    Summary { interfaces: interfaces.iter().map(interface).collect(), generation: 1, ..whole }
}

/// Octets of the LAN as traffic and by its hosts, and the notes of the former.
async fn lan(desk: &Channel) -> (u64, u64, Vec<String>) {
    let traffic = past(desk, Facility::Traffic, "", Scope::default()).await;
    let hosts = past(desk, HOSTS.into(), "", Scope::default()).await;
    (traffic.total.total().octets, hosts.total.total().octets / 2, traffic.notes)
}

#[tokio::test]
async fn two_links_with_equal_link_local_addresses_count_both() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    let link = ["fe80::1", "fe80::2"];
    export.send(1, 1, 1, &of(&[("a0", flows(17, link, 1, 100)), ("b0", flows(17, link, 2, 60))])).await;
    // Another sensor on the first link sees the same packets.
    let (mut other, _) = Export::open(collector.joined(Role::Sensor, "web2").await, 1).await.unwrap();
    other.send(1, 1, 1, &of(&[("eth0", flows(17, link, 1, 100))])).await;
    export.acked(1).await;
    other.acked(1).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let all = u64::from(PAIRS) * 160;
    assert_eq!(lan(&desk).await, (all, all, Vec::new()));
    let findings = traf_collector::verify::verify(&collector.config).await.unwrap();
    let wrong: Vec<_> =
        findings.iter().filter(|finding| finding.invariant == "LAN once" && finding.wrong > 0).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    collector.stop().await;
}

#[tokio::test]
async fn equal_ends_without_proof_count_both_and_the_report_says_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    for (name, link) in [("web1", 1), ("web2", 2)] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        export.send(1, 1, 1, &of(&[("eth0", flows(6, ["10.0.0.1", "10.0.0.2"], link, 1_000))])).await;
        export.acked(1).await;
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let each = u64::from(PAIRS) * 1_000;
    let (traffic, hosts, notes) = lan(&desk).await;
    assert_eq!((traffic, hosts), (2 * each, 2 * each));
    let words = format!("up to {each} octets may be counted twice");
    assert!(notes.iter().any(|note| note.starts_with(&words)), "{notes:?}");
    // One point alone has no doubt.
    let alone = past(&desk, Facility::Traffic, "", Scope(vec![Point::new("web2", "eth0")])).await;
    assert_eq!((alone.total.total().octets, alone.notes), (each, Vec::new()));
    collector.stop().await;
}

/// A10: a stolen sensor has seen the packets, claims a great number in its first slice and then next to nothing.
#[tokio::test]
async fn who_claims_much_once_and_then_one_octet_takes_nothing_more_from_the_lan() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut sensors = Vec::new();
    for name in ["stolen", "web1"] {
        sensors.push(Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap().0);
    }
    for number in 1..=8 {
        for (sensor, octets) in sensors.iter_mut().zip([if number == 1 { 5_000_000_000 } else { 1 }, 1_000]) {
            let mut seen = of(&[("eth0", flows(6, ["10.0.0.1", "10.0.0.2"], 1, octets))]);
            seen.slice = summary(number).slice;
            seen.sealed = seen.slice.to;
            sensor.send(1, number as u64, number as u64, &seen).await;
            sensor.acked(number as u64).await;
        }
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let at = |slice: i64| Timestamp::from_seconds(START + slice * 10);
    for (from, to) in [(4, 5), (4, 9)] {
        let window = Window::Past(Interval::new(at(from), at(to)));
        let query = Query { facility: Facility::Traffic, window, limit: 100, ..Query::default() };
        let report = next(&mut watch(&desk, &query).await).await;
        assert_eq!(report.total.total().octets, (to - from) as u64 * u64::from(PAIRS) * 1_000, "{:?}", report.notes);
    }
    collector.stop().await;
}

/// A3: a slice of next year.
#[tokio::test]
#[allow(clippy::disallowed_methods)]
async fn a_clock_ahead_is_said_and_counts_for_its_own_sensor_only() {
    let folder = tempfile::tempdir().unwrap();
    let config = traf_collector::Config { clock_ahead: Duration::from_secs(60), ..config(folder.path()) };
    let collector = Collector::start_with(config).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let slice = Timestamp::from_seconds(now - now % 10 - 20);
    for (name, ahead) in [("web1", 0), ("web2", 3_600), ("web3", 31_536_000)] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        let from = Timestamp::from_seconds(slice.seconds() + ahead);
        let mut late = of(&[("eth0", flows(6, ["10.0.0.1", "10.0.0.2"], 1, 1_000))]);
        late.slice = Interval::new(from, Timestamp::from_seconds(from.seconds() + 10));
        late.sealed = late.slice.to;
        export.send(1, 1, 1, &late).await;
        export.acked(1).await;
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let fleet = ViewClient::new(desk.clone()).fleet(wire::FleetQuery {}).await.unwrap().into_inner().message().await;
    let fleet = Fleet::try_from(fleet.unwrap().unwrap()).unwrap();
    let said = |name: &str| fleet.sensors.iter().find(|sensor| sensor.name == name).unwrap();
    assert_eq!(
        (said("web1").stored.map(|at| at.since(slice)), said("web1").trouble.as_str()),
        (Some(10_000_000_000), "")
    );
    for (name, seconds) in [("web2", 3_600), ("web3", 31_536_000)] {
        let words = |ahead: i64| format!("its clock is {ahead} s ahead: its slices count for itself only");
        let trouble = &said(name).trouble;
        assert!((seconds - 40..=seconds).any(|ahead| *trouble == words(ahead)), "{trouble}");
    }
    // Ten minutes around now, and an hour later: only the first has anything of a LAN.
    let each = u64::from(PAIRS) * 1_000;
    for (from, to, octets, left_out) in [(-600, 600, each, 0), (-600, 4_000, each, each), (3_000, 4_200, 0, each)] {
        let at = |seconds: i64| Timestamp::from_seconds(slice.seconds() + seconds);
        let window = Window::Past(Interval::new(at(from), at(to)));
        let query = Query { facility: Facility::Traffic, window, limit: 100, ..Query::default() };
        let report = next(&mut watch(&desk, &query).await).await;
        assert_eq!(report.total.total().octets, octets, "{from} {to}: {:?}", report.notes);
        let said = report.notes.iter().any(|note| note.starts_with(&format!("{left_out} octets are left out")));
        assert_eq!(said, left_out > 0, "{:?}", report.notes);
    }
    collector.stop().await;
}
