//! What a console is told: live and past, one shape.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Collector, DEADLINE, Export, START, flow, snapshot, summary};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use traf_proto::wire::ingest_client::IngestClient;
use traf_proto::wire::view_client::ViewClient;
use traf_proto::{
    Answer, ClassGroup, Counters, Facility, Fleet, Interval, Item, Loss, LossReason, Point, Presence, Query, Report,
    Role, Row, Scope, Snapshot, Timestamp, Traffic, Window, wire,
};

async fn watch(channel: &Channel, query: &Query) -> tonic::Streaming<wire::Report> {
    let mut client = ViewClient::new(channel.clone()).accept_compressed(tonic::codec::CompressionEncoding::Zstd);
    client.watch(wire::Query::from(query)).await.unwrap().into_inner()
}

async fn next(stream: &mut tonic::Streaming<wire::Report>) -> Report {
    let report = tokio::time::timeout(DEADLINE, stream.message()).await.expect("no report in time").unwrap();
    report.expect("the stream ended").try_into().unwrap()
}

/// The first report that is as wanted.
async fn until(stream: &mut tonic::Streaming<wire::Report>, wanted: impl Fn(&Report) -> bool) -> Report {
    let mut last = None;
    let look = async {
        loop {
            let report = next(stream).await;
            if wanted(&report) {
                return report;
            }
            last = Some(report);
        }
    };
    match tokio::time::timeout(DEADLINE, look).await {
        Ok(report) => report,
        Err(_) => panic!("never came; last was {last:#?}"),
    }
}

async fn past(channel: &Channel, facility: Facility, filter: &str, scope: Scope) -> Report {
    let interval = Interval::new(Timestamp::from_seconds(START + 15), Timestamp::from_seconds(START + 35));
    let query = Query {
        facility,
        window: Window::Past(interval),
        filter: filter.parse().unwrap(),
        scope,
        limit: 100,
        ..Query::default()
    };
    let mut stream = watch(channel, &query).await;
    let report = next(&mut stream).await;
    assert!(stream.message().await.unwrap().is_none(), "one report for the past");
    report
}

/// A sensor's open present.
struct Present {
    out: mpsc::Sender<wire::Snapshot>,
    wishes: tonic::Streaming<wire::Wishes>,
}

impl Present {
    async fn open(channel: Channel) -> Self {
        let (out, snapshots) = mpsc::channel(8);
        let wishes = IngestClient::new(channel).live(ReceiverStream::new(snapshots)).await.unwrap().into_inner();
        Self { out, wishes }
    }

    async fn say(&self, snapshot: &Snapshot) {
        self.out.send(snapshot.into()).await.unwrap();
    }

    async fn wishes(&mut self) -> Vec<wire::Wish> {
        tokio::time::timeout(DEADLINE, self.wishes.message()).await.expect("no wishes in time").unwrap().unwrap().wishes
    }
}

#[tokio::test]
async fn interfaces_are_live_at_once_and_follow_the_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let present = Present::open(collector.joined(Role::Sensor, "web1").await).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    present.say(&snapshot(100)).await;
    let query = Query { facility: Facility::Interfaces, limit: 10, ..Query::default() };
    let mut stream = watch(&desk, &query).await;
    let octets = |report: &Report| report.rows.first().map(|row| row.item.traffic().inbound.octets);
    let first = until(&mut stream, |report| octets(report) == Some(100)).await;
    assert_eq!((first.live, first.sensors_reporting, first.sensors_known), (true, 1, 1));
    assert_eq!(first.rows[0].observed_by, [Point::new("web1", "eth0")]);
    assert_eq!(first.rate.inbound.octets, 100);
    present.say(&snapshot(900)).await;
    let then = until(&mut stream, |report| octets(report) == Some(900)).await;
    assert_eq!(then.strip.octets.len(), 300);

    // When it goes away its rows go, and the words say so.
    drop(present);
    let gone = until(&mut stream, |report| report.rows.is_empty()).await;
    assert_eq!((gone.sensors_reporting, gone.sensors_known), (0, 1));
    assert!(gone.notes.iter().any(|note| note.contains("web1: no word now")), "{:?}", gone.notes);
    collector.stop().await;
}

#[tokio::test]
async fn what_a_console_looks_at_is_wished_from_the_sensors_of_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut web1 = Present::open(collector.joined(Role::Sensor, "web1").await).await;
    let mut db1 = Present::open(collector.joined(Role::Sensor, "db1").await).await;
    assert!(web1.wishes().await.is_empty() && db1.wishes().await.is_empty());
    for sensor in [&web1, &db1] {
        sensor.say(&snapshot(1)).await;
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let query = Query { filter: "sensor web1 and tcp".parse().unwrap(), limit: 50, ..Query::default() };
    let mut stream = watch(&desk, &query).await;
    until(&mut stream, |report| report.notes.iter().any(|note| note == Report::WAITING)).await;

    let wishes = web1.wishes().await;
    assert_eq!(wishes.iter().map(|wish| (wish.filter.as_str(), wish.limit)).collect::<Vec<_>>(), [("tcp", 50)]);
    let row = Row::new(Traffic::default(), Item::Flow(flow(Timestamp::from_seconds(START))));
    let total = row.item.traffic();
    let mut answered = snapshot(2);
    answered.interfaces[0].answers =
        vec![Answer { id: wishes[0].id, matched: 1, total, rows: vec![row], ..Answer::default() }];
    web1.say(&answered).await;
    let report = until(&mut stream, |report| !report.rows.is_empty()).await;
    assert_eq!((report.matched, report.total, report.notes.as_slice()), (1, total, [].as_slice()));
    assert_eq!(report.rows[0].observed_by, [Point::new("web1", "eth0")]);

    drop(stream);
    assert!(web1.wishes().await.is_empty(), "nobody looks any more");
    collector.stop().await;
}

#[tokio::test]
async fn every_facility_of_the_past_adds_up_and_slices_count_whole() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    for seq in 1..=5 {
        export.send(1, seq, seq, &summary(seq as i64)).await;
    }
    export.acked(5).await;
    let desk = collector.joined(Role::Viewer, "desk").await;

    // 15 s to 35 s overlaps the slices 1, 2 and 3.
    let covered = Interval::new(Timestamp::from_seconds(START + 10), Timestamp::from_seconds(START + 40));
    let flow = flow(Timestamp::from_seconds(START + 30));
    let times = |traffic: Traffic, n: u64| {
        let times = |c: Counters| Counters { packets: c.packets * n, octets: c.octets * n, coalesced: c.coalesced * n };
        Traffic { inbound: times(traffic.inbound), outbound: times(traffic.outbound) }
    };
    let traffic = past(&desk, Facility::Traffic, "", Scope::default()).await;
    assert_eq!((traffic.interval, traffic.live, traffic.dropped), (covered, false, 3));
    let [conversation, other] = &traffic.rows[..] else { panic!("{:#?}", traffic.rows) };
    assert_eq!(conversation.item, Item::Flow(traf_proto::Flow { traffic: times(flow.traffic, 3), ..flow }));
    assert!(matches!(other.item, Item::Other(_, traffic, 9) if traffic.total().octets == 1_500));
    assert_eq!(traffic.total.total(), Counters::new(105, 64_500));
    assert_eq!(conversation.rate.total().octets, 63_000 / 30);

    let interfaces = past(&desk, Facility::Interfaces, "", Scope::default()).await;
    let [Row { item: Item::Interface(stats), .. }] = &interfaces.rows[..] else { panic!("{:#?}", interfaces.rows) };
    assert_eq!(stats.classes.group(ClassGroup::Total).total(), Counters::new(105, 64_500 + 14 * 105));
    assert_eq!((stats.ledger.received, stats.ledger.dropped, stats.interface.index), (111, 3, 2));
    assert_eq!(stats.peak.total().packets, 35);

    for (facility, rows, octets) in [
        (Facility::Sizes, 1, 64_500 + 14 * 105),
        (Facility::Services, 1, 64_500),
        (Facility::Stations, 1, 2 * (64_500 + 14 * 105)),
        (Facility::Hosts, 2, 2 * 64_500),
    ] {
        let report = past(&desk, facility, "", Scope::default()).await;
        assert_eq!((report.rows.len(), report.total.total().octets), (rows, octets), "{facility:?} {:#?}", report.rows);
        assert_eq!(report.notes, Vec::<String>::new());
    }
    assert!(traffic.strip.octets.iter().sum::<u64>() >= 64_500 + 14 * 105);
    collector.stop().await;
}

#[tokio::test]
async fn a_filter_selects_directions_of_the_past_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    for seq in 1..=3 {
        export.send(1, seq, seq, &summary(seq as i64)).await;
    }
    export.acked(3).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    for (facility, filter, rows, octets) in [
        (Facility::Traffic, "src host 10.0.0.1", 1, 3_000),
        (Facility::Traffic, "src host 10.0.0.2 and vlan 7", 1, 60_000),
        (Facility::Traffic, "tcp", 1, 63_000),
        (Facility::Traffic, "not tcp", 1, 1_500),
        (Facility::Traffic, "host 10.0.0.9", 0, 0),
        (Facility::Traffic, "sensor web2", 0, 0),
        (Facility::Hosts, "dst port 443", 2, 2 * 3_000),
        (Facility::Services, "src host 10.0.0.1", 1, 3_000),
        (Facility::Interfaces, "udp", 1, 1_500 + 14 * 15),
        (Facility::Sizes, "iface eth1", 0, 0),
    ] {
        let report = past(&desk, facility, filter, Scope::default()).await;
        let found = (report.rows.len(), report.total.total().octets);
        assert_eq!(found, (rows, octets), "{facility:?} {filter} {:#?}", report.rows);
    }
    let vague = past(&desk, Facility::Sizes, "tcp", Scope::default()).await;
    assert!(vague.notes.iter().any(|note| note.contains("sizes are not stored by conversation")), "{:?}", vague.notes);
    collector.stop().await;
}

#[tokio::test]
async fn several_points_are_added_up_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    for name in ["web1", "web2"] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        for seq in 1..=3 {
            export.send(1, seq, seq, &summary(seq as i64)).await;
        }
        export.acked(3).await;
    }
    let desk = collector.joined(Role::Admin, "desk").await;
    let all = past(&desk, Facility::Traffic, "tcp", Scope::default()).await;
    assert_eq!((all.rows.len(), all.total.total().octets), (1, 2 * 63_000));
    assert_eq!(all.rows[0].observed_by, [Point::new("web1", "eth0"), Point::new("web2", "eth0")]);
    assert!(all.notes.iter().any(|note| note.contains("several observation points")), "{:?}", all.notes);
    let one = past(&desk, Facility::Traffic, "tcp", Scope(vec![Point::new("web1", "eth0")])).await;
    assert_eq!((one.total.total().octets, one.notes.len(), one.sensors_known), (63_000, 0, 1));
    collector.stop().await;
}

#[tokio::test]
async fn the_fleet_says_who_reports_what_is_stored_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let sensor = collector.joined(Role::Sensor, "web1").await;
    let (mut export, _) = Export::open(sensor.clone(), 4).await.unwrap();
    let mut lossy = summary(1);
    let loss = Loss {
        reason: LossReason::Ended,
        interval: Interval::new(Timestamp::from_seconds(START), Timestamp::from_seconds(START + 3)),
        records: 0,
        counted: Some((7, 700)),
        interface: None,
    };
    lossy.losses.push(loss.clone());
    export.send(4, 1, 1, &lossy).await;
    export.acked(1).await;
    let present = Present::open(sensor).await;
    present.say(&snapshot(5)).await;

    let desk = collector.joined(Role::Viewer, "desk").await;
    let mut stream = ViewClient::new(desk).fleet(wire::FleetQuery {}).await.unwrap().into_inner();
    let look = async {
        loop {
            let fleet: Fleet = stream.message().await.unwrap().unwrap().try_into().unwrap();
            if fleet.sensors.first().is_some_and(|sensor| sensor.presence == Presence::Reporting) {
                return fleet;
            }
        }
    };
    let fleet = tokio::time::timeout(DEADLINE, look).await.expect("never reporting");
    let [sensor] = &fleet.sensors[..] else { panic!("{fleet:#?}") };
    assert_eq!(
        (sensor.name.as_str(), sensor.interfaces.len(), sensor.losses.as_slice()),
        ("web1", 1, [loss].as_slice())
    );
    assert_eq!(sensor.stored, Some(Timestamp::from_seconds(START + 20)));
    // The snapshot's clock says 1970.
    assert!(sensor.trouble.contains("behind"), "{}", sensor.trouble);
    collector.stop().await;
}
