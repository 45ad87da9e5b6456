//! Messages of a stolen sensor that would take all memory, or spoil the sums of all: each is refused or bounded, and the other
//! sensors and the consoles go on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::octets::{begin, live};
use common::process::{output, start};
use common::{Collector, DEADLINE, Export, START, flow, snapshot, summary};
use tonic::Code;
use tonic::transport::Channel;
use traf_collector::store::Store;
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::{
    Bracket, Class, Counted, Counters, Facility, Interval, Item, Key, Mac, Point, Query, Report, Scope, Second,
    Service, Snapshot, Summary, Timestamp, Traffic, Window,
};
use traf_peer::{Credentials, Role, channel, join};
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

#[tokio::test]
async fn millions_of_empty_parts_are_refused_before_they_take_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (running, main, joining) = start(folder.path()).await;
    let admit = async |name: &str| -> Credentials {
        let (code, token, _) = output(folder.path(), &["token", "create", "--role", "sensor"]);
        assert_eq!(code, 0);
        join(&joining, &token.parse().unwrap(), name, "test").await.unwrap().0
    };
    let (honest, stolen) = (admit("web1").await, admit("stolen").await);
    let (mut export, _) = Export::open(channel(&main, &honest).unwrap(), 1).await.unwrap();
    export.send(1, 1, 1, &summary(1)).await;
    export.acked(1).await;
    let stolen = channel(&main, &stolen).unwrap();
    let empty = |tag: u8| [tag, 0].repeat(15_000_000);

    // Interfaces, and losses, of a record.
    for tag in [0x22, 0x2a] {
        let (mut export, _) = Export::open(stolen.clone(), 1).await.unwrap();
        export.send_octets(1, 1, 1, empty(tag)).await;
        let status = export.ack().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains("its parts need more than 64 MiB of memory"), "{status}");
    }
    // Interfaces of a snapshot, of which one of each sensor stays in memory.
    for count in [1_900_000, 100_000] {
        let status = live(stolen.clone(), [0x32, 0].repeat(count)).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains("its parts need more than 32 MiB of memory"), "{status}");
    }
    // A message that is large only when it is not compressed.
    let status = live(stolen, vec![0; 128 << 20]).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");

    let (code, token, _) = output(folder.path(), &["token", "create", "--role", "viewer"]);
    assert_eq!(code, 0);
    let desk = join(&joining, &token.parse().unwrap(), "desk", "test").await.unwrap().0;
    let mut fleet =
        ViewClient::new(channel(&main, &desk).unwrap()).fleet(wire::FleetQuery {}).await.unwrap().into_inner();
    let notes = fleet.message().await.unwrap().unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("5 messages of sensors that cannot be used")), "{notes:?}");

    export.send(1, 2, 2, &summary(2)).await;
    export.acked(2).await;
    println!("{} MB at most", running.peak() / 1_000_000);
    assert!(running.peak() < 300_000_000, "{} octets", running.peak());
}

async fn past(desk: &Channel, facility: Facility, scope: Scope) -> Report {
    let interval = Interval::new(Timestamp::from_seconds(START), Timestamp::from_seconds(START + 100));
    let query = Query { facility, window: Window::Past(interval), scope, limit: Query::LIMIT, ..Query::default() };
    let mut reports = ViewClient::new(desk.clone()).watch(wire::Query::from(&query)).await.unwrap().into_inner();
    let report = tokio::time::timeout(DEADLINE, reports.message()).await.expect("no report in time").unwrap();
    report.expect("the stream ended").try_into().unwrap()
}

fn sensor(name: &str) -> Scope {
    Scope(vec![Point { sensor: name.to_owned(), interface: None }])
}

/// A slice of 25 hours in which every table of `eth0` holds as much as 100 Tbit/s is.
fn largest() -> Summary {
    let mut all = summary(0);
    all.slice.to = Timestamp::from_seconds(START + 25 * 3600);
    let most = Traffic::inbound(Counters::new(1, 12_500_000_000_000 * 25 * 3600));
    let half = Traffic::inbound(Counters::new(1, 12_500_000_000_000 * 25 * 1800));
    let class = Class::at(0).unwrap();
    let interface = &mut all.interfaces[0];
    interface.flows[0].traffic = half;
    interface.other_flows = vec![(class, half, u64::MAX)];
    interface.aggregated_flows.clear();
    interface.seconds = vec![Second { at: all.slice.from, classes: [(class, most)].into_iter().collect() }];
    let keys: [(Counted, Key); 4] = [
        (SIZES, Bracket { from: 0, to: Some(75) }.key()),
        (SERVICES, Service { protocol: 6, port: 443 }.key()),
        (STATIONS, Key::Mac(Mac([2, 0, 0, 0, 0, 1]))),
        (HOSTS, Key::Address([10, 0, 0, 1].into())),
    ];
    interface.counted =
        keys.into_iter().map(|(facility, key)| (facility, [(key, most.into())].into_iter().collect())).collect();
    all
}

#[tokio::test]
async fn counts_that_no_link_carries_are_refused_and_sums_of_the_largest_spoil_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    export.send(1, 1, 1, &summary(1)).await;
    export.acked(1).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let facilities =
        [Facility::Traffic, Facility::Interfaces, SIZES.into(), SERVICES.into(), STATIONS.into(), HOSTS.into()];
    let mut alone = Vec::new();
    for facility in facilities {
        alone.push(past(&desk, facility, sensor("web1")).await.rows);
    }

    let stolen = collector.joined(Role::Sensor, "stolen").await;
    let (mut export, _) = Export::open(stolen.clone(), 1).await.unwrap();
    let mut huge = summary(2);
    let mut of_all = flow(huge.slice.from);
    of_all.traffic = Traffic::outbound(Counters::new(1, 1 << 48));
    huge.interfaces[0].flows = vec![of_all; 34_000];
    export.send(1, 1, 1, &huge).await;
    let status = export.ack().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let words = "record 1 cannot be used: interface `eth0`: 34000 packets and 9570149208162304000 octets in 60 s cannot be: \
                 that is more than 100 Tbit/s";
    assert_eq!(status.message(), words);

    // Ten of these are more than 63 bits.
    let (mut export, _) = Export::open(stolen, 1).await.unwrap();
    for seq in 1..=10 {
        export.send(1, seq, seq, &largest()).await;
    }
    export.acked(10).await;
    for (facility, alone) in facilities.into_iter().zip(alone) {
        for (scope, rows) in [(Scope::default(), 1), (sensor("stolen"), 1)] {
            assert!(past(&desk, facility, scope).await.rows.len() >= rows, "{facility:?}");
        }
        assert_eq!(past(&desk, facility, sensor("web1")).await.rows, alone, "{facility:?}");
    }
    let sizes = past(&desk, SIZES.into(), sensor("stolen")).await;
    assert_eq!(sizes.total.inbound, Counters::new(10, i64::MAX as u64));
    traf_collector::verify::verify(&collector.config).await.unwrap();
    collector.stop().await;
}

#[tokio::test]
async fn of_streams_that_have_not_said_hello_the_newest_holds_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let (running, main, joining) = start(folder.path()).await;
    let (code, token, _) = output(folder.path(), &["token", "create", "--role", "sensor"]);
    assert_eq!(code, 0);
    let stolen = join(&joining, &token.parse().unwrap(), "stolen", "test").await.unwrap().0;
    let mut open = Vec::new();
    for number in 0..24 {
        let channel = channel(&main, &stolen).unwrap();
        let path = ["/traf.v1.Ingest/Export", "/traf.v1.Ingest/Live"][number % 2];
        open.push(begin(channel, path, 25 << 20).await.unwrap());
    }
    // Each has the time to send all that is taken of it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("{} MB at most", running.peak() / 1_000_000);
    assert!(running.peak() < 150_000_000, "{} octets", running.peak());
}

#[tokio::test]
async fn a_sensor_that_names_ever_new_sites_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (stolen, honest) =
        (collector.joined(Role::Sensor, "stolen").await, collector.joined(Role::Sensor, "web1").await);
    for number in 0..16 {
        Export::open_at(stolen.clone(), 1, &format!("site {number}")).await.unwrap();
    }
    let words = "this sensor has named 16 sites since the collector started: no more";
    let refused = Export::open_at(stolen.clone(), 1, "site 16").await.err().unwrap();
    assert_eq!((refused.code(), refused.message()), (Code::ResourceExhausted, words));
    let moved = Snapshot { site: "site 17".to_owned(), ..snapshot(1) };
    let refused = live(stolen.clone(), prost::Message::encode_to_vec(&wire::Snapshot::from(&moved))).await;
    assert_eq!(refused.message(), words);
    // Those that it has named it may go back to, and others have sites of their own.
    Export::open_at(stolen, 1, "site 3").await.unwrap();
    Export::open_at(honest, 1, "site 17").await.unwrap();
    collector.stop().await;
}

#[tokio::test]
async fn a_key_has_128_tables_open_at_most_and_the_next_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (thief, desk) = (collector.join(Role::Viewer, "thief").await, collector.join(Role::Viewer, "desk").await);
    let query = |port: u32| {
        let filter = format!("port {port}").parse().unwrap();
        wire::Query::from(&Query { window: Window::Live, filter, limit: 1_000, ..Query::default() })
    };
    let mut open = Vec::new();
    for port in 1..=128 {
        // Four connections.
        if port % 32 == 1 {
            open.push((ViewClient::new(collector.channel(&thief)), Vec::new()));
        }
        let (view, streams) = open.last_mut().unwrap();
        let mut stream = view.watch(query(port)).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        streams.push(stream);
    }
    let mut view = ViewClient::new(collector.channel(&thief));
    let refused = view.watch(query(129)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "128 tables of `thief` are open already: close one");
    assert!(ViewClient::new(collector.channel(&desk)).watch(query(129)).await.is_ok());
    // A table that is closed makes room.
    drop(open.pop());
    let room = async {
        while view.watch(query(129)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, room).await.expect("no room");
    collector.stop().await;
}

#[tokio::test]
async fn long_texts_are_refused_and_ever_new_interfaces_count_together() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let stolen = collector.joined(Role::Sensor, "stolen").await;
    let (mut export, _) = Export::open(stolen.clone(), 1).await.unwrap();
    let mut long = summary(1);
    long.interfaces[0].interface.link = "x".repeat(25 << 20);
    export.send(1, 1, 1, &long).await;
    let status = export.ack().await.unwrap_err();
    assert_eq!(status.message(), "record 1 cannot be used: `link` is 26214400 octets long, 256 at most");
    let long = Snapshot { version: "x".repeat(257), ..snapshot(1) };
    let status = live(stolen.clone(), prost::Message::encode_to_vec(&wire::Snapshot::from(&long))).await;
    assert_eq!(status.message(), "the snapshot cannot be used: `version` is 257 octets long, 256 at most");

    let (mut export, _) = Export::open(stolen, 1).await.unwrap();
    for seq in 1..=6 {
        let mut many = summary(seq as i64);
        let one = many.interfaces.remove(0);
        many.interfaces = (0..1_000).map(|_| one.clone()).collect();
        for (number, part) in many.interfaces.iter_mut().enumerate() {
            part.interface.name = format!("veth{seq}n{number}");
            part.flows[0].key.source.port = number as u16;
        }
        export.send(1, seq, seq, &many).await;
    }
    export.acked(6).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let report = past(&desk, Facility::Interfaces, Scope::default()).await;
    assert_eq!((report.matched, report.rows.len()), (4_097, 1_000));
    let parsed = |report: &Report| match &report.rows[..] {
        [row] => match &row.item {
            Item::Interface(stats) => stats.ledger.parsed,
            item => panic!("{item:?}"),
        },
        rows => panic!("{} rows", rows.len()),
    };
    let others = past(&desk, Facility::Interfaces, Scope(vec![Point::new("stolen", "other interfaces")])).await;
    assert_eq!(parsed(&others), (6_000 - 4_096) * 35);
    let findings = traf_collector::verify::verify(&collector.config).await.unwrap();
    assert!(findings.iter().all(|finding| finding.wrong == 0), "{findings:#?}");
    collector.stop().await;
    let store = Store::open_read_only(&folder.path().join("history.db")).await.unwrap();
    assert_eq!(store.points().await.unwrap().len(), 4_097);
}
