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
    Answer, ClassGroup, Counters, Facility, Fleet, Gap, Group, GroupKey, Interval, Item, Loss, LossReason, Point,
    Presence, Query, Report, Role, Row, Scope, Snapshot, Timestamp, Traffic, Window, wire,
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
async fn a_table_that_found_no_place_gets_one_when_another_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let present = Present::open(collector.joined(Role::Sensor, "web1").await).await;
    present.say(&snapshot(1)).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let query = |port: u32| Query { filter: format!("port {port}").parse().unwrap(), limit: 1, ..Query::default() };
    let mut open = Vec::new();
    for port in 1..=16 {
        let mut stream = watch(&desk, &query(port)).await;
        next(&mut stream).await;
        open.push(stream);
    }
    let refused = |report: &Report| report.notes.iter().any(|note| note.contains("too many different tables"));
    let mut one_more = watch(&desk, &query(17)).await;
    until(&mut one_more, refused).await;
    drop(open.pop());
    until(&mut one_more, |report| !refused(report)).await;
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

/// Two sensors of one LAN that see the same, of which the second stops half-way.
async fn two_sensors(collector: &Collector) -> Channel {
    for (name, slices) in [("web1", 3), ("web2", 1)] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        for seq in 1..=slices {
            export.send(1, seq, seq, &summary(seq as i64)).await;
        }
        export.acked(slices).await;
    }
    collector.joined(Role::Admin, "desk").await
}

#[tokio::test]
async fn in_a_lan_each_byte_counts_once_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = two_sensors(&collector).await;
    let both = [Point::new("web1", "eth0"), Point::new("web2", "eth0")];

    let flows = past(&desk, Facility::Traffic, "tcp", Scope::default()).await;
    assert_eq!((flows.rows.len(), flows.total.total().octets), (1, 63_000));
    assert_eq!((flows.rows[0].observed_by.as_slice(), flows.notes.as_slice()), (both.as_slice(), [].as_slice()));
    let hosts = past(&desk, Facility::Hosts, "tcp", Scope::default()).await;
    assert_eq!((hosts.rows.len(), hosts.total.total().octets), (2, 2 * 63_000));
    for row in &hosts.rows {
        let Item::Host(_, host) = row.item else { panic!("{row:#?}") };
        assert_eq!((host.traffic.total().octets, host.peers, host.flows), (63_000, 1, 1));
        assert_eq!(row.observed_by, both);
    }
    let services = past(&desk, Facility::Services, "tcp", Scope::default()).await;
    assert_eq!((services.rows.len(), services.total.total().octets), (1, 63_000));
    assert_eq!(
        services.rows[0].item.traffic(),
        Traffic { inbound: Counters::new(30, 3_000), outbound: Counters::new(60, 60_000) }
    );
    // What had no row counts too, and is said.
    let all = past(&desk, Facility::Traffic, "", Scope::default()).await;
    assert_eq!(all.total.total().octets, 63_000 + 1_500, "{:#?}", all.rows);
    assert!(all.notes.iter().any(|note| note.contains("1500 octets of the total had no row")), "{:?}", all.notes);
    assert_eq!(all.rate.total().octets, (64_500 + 14 * 105) / 30);
    assert_eq!(all.strip.octets.iter().sum::<u64>(), 64_500 + 14 * 105);

    // A part of the LAN: whoever of it saw most counts.
    let one = past(&desk, Facility::Traffic, "tcp", Scope(both[1..].to_vec())).await;
    assert_eq!((one.total.total().octets, one.notes.len(), one.sensors_known), (21_000, 0, 1));
    let named = past(&desk, Facility::Traffic, "tcp and sensor web2", Scope::default()).await;
    assert_eq!((named.total.total().octets, named.rows[0].observed_by.as_slice()), (21_000, &both[1..]));

    // Stations: the interface that is the station itself counts; interfaces each for themselves.
    let stations = past(&desk, Facility::Stations, "", Scope::default()).await;
    assert_eq!((stations.rows.len(), stations.total.total().octets), (1, 2 * (64_500 + 14 * 105)));
    assert_eq!(stations.rows[0].observed_by, both);
    let interfaces = past(&desk, Facility::Interfaces, "", Scope::default()).await;
    assert_eq!(interfaces.rows.len(), 2);
    assert!(interfaces.notes.iter().any(|note| note.contains("counted for itself")), "{:?}", interfaces.notes);
    collector.stop().await;
}

#[tokio::test]
async fn flows_of_the_past_are_grouped_as_asked_and_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = two_sensors(&collector).await;
    let interval = Interval::new(Timestamp::from_seconds(START + 15), Timestamp::from_seconds(START + 35));
    for (group, key) in [
        (Group::Address, GroupKey::Address([10, 0, 0, 2].into())),
        (Group::Port, GroupKey::Port(6, 443)),
        (Group::Pair, GroupKey::Pair([10, 0, 0, 1].into(), [10, 0, 0, 2].into())),
        (Group::Sensor, GroupKey::Sensor("web1".to_owned())),
    ] {
        let filter = "tcp".parse().unwrap();
        let query = Query { window: Window::Past(interval), group, filter, limit: 10, ..Query::default() };
        let report = next(&mut watch(&desk, &query).await).await;
        let [Row { item: Item::Group(found, traffic, flows), .. }] = &report.rows[..] else { panic!("{report:#?}") };
        assert_eq!((found, traffic.total().octets, *flows), (&key, 63_000, 1), "{group:?}");
        assert_eq!(report.total.total().octets, 63_000);
    }
    collector.stop().await;
}

#[tokio::test]
async fn sites_that_use_the_same_addresses_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    for (name, site) in [("web1", "north"), ("web2", "south")] {
        let channel = collector.joined(Role::Sensor, name).await;
        let (mut export, _) = Export::open_at(channel, 1, site).await.unwrap();
        export.send(1, 1, 1, &summary(2)).await;
        export.acked(1).await;
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    for (facility, rows) in [(Facility::Traffic, 2), (Facility::Hosts, 4), (Facility::Stations, 2)] {
        let report =
            past(&desk, facility, if facility == Facility::Stations { "" } else { "tcp" }, Scope::default()).await;
        let mut sites: Vec<&str> = report.rows.iter().map(|row| row.site.as_str()).collect();
        sites.sort_unstable();
        sites.dedup();
        assert_eq!((report.rows.len(), sites), (rows, vec!["north", "south"]), "{facility:?}");
    }
    let fleet = ViewClient::new(desk).fleet(wire::FleetQuery {}).await.unwrap().into_inner().message().await;
    let fleet: Fleet = fleet.unwrap().unwrap().try_into().unwrap();
    assert_eq!(fleet.sensors.iter().map(|sensor| sensor.site.as_str()).collect::<Vec<_>>(), ["north", "south"]);
    collector.stop().await;
}

#[tokio::test]
async fn one_stop_of_a_sensor_is_one_gap() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    for (seq, slice) in [(1, 1), (2, 3)] {
        let mut summary = summary(slice);
        if slice == 3 {
            let interval = Interval::new(Timestamp::from_seconds(START + 20), Timestamp::from_seconds(START + 26));
            let reason = LossReason::Ended;
            summary.losses.push(Loss { reason, interval, records: 0, counted: None, interface: None });
        }
        export.send(1, seq, seq, &summary).await;
    }
    export.acked(2).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let report = past(&desk, Facility::Traffic, "", Scope::default()).await;
    let interval = Interval::new(Timestamp::from_seconds(START + 20), Timestamp::from_seconds(START + 30));
    assert_eq!(report.gaps, [Gap { interval, point: Point::new("web1", "eth0") }]);
    collector.stop().await;
}

#[tokio::test]
async fn detailed_statistics_of_the_past_have_rates_peaks_sizes_and_who_was_behind_a_mac() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let (mut export, _) = Export::open(collector.joined(Role::Sensor, "web1").await, 1).await.unwrap();
    for seq in 1..=5 {
        let mut summary = summary(seq as i64);
        (summary.interfaces[0].largest_inbound, summary.interfaces[0].largest_outbound) = (1500, 52);
        export.send(1, seq, seq, &summary).await;
    }
    export.acked(5).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let report = past(&desk, Facility::Interfaces, "", Scope::default()).await;
    let Item::Interface(stats) = &report.rows[0].item else { panic!("{report:#?}") };
    // Three slices of 35 frames, each within one second.
    let framed = |octets: u64, packets: u64| octets + 14 * packets;
    assert_eq!(stats.peak.inbound, Counters::new(25, framed(20_500, 25)));
    assert_eq!(stats.peak.outbound, Counters::new(10, framed(1_000, 10)));
    assert_eq!(stats.peak_total, Counters::new(35, framed(21_500, 35)));
    let udp = stats.rates.group(ClassGroup::Udp).total();
    // Half a packet a second is shown as one.
    assert_eq!(udp, Counters::new(1, framed(1_500, 15) / 30));

    let sizes = past(&desk, Facility::Sizes, "", Scope::default()).await;
    assert_eq!((sizes.largest, sizes.mtu), ([1500, 52], Some(1500)));
    let stations = past(&desk, Facility::Stations, "ether host 02:00:00:00:00:01", Scope::default()).await;
    let Item::Station(_, station) = &stations.rows[0].item else { panic!("{stations:#?}") };
    let learnt = station.addresses[0];
    let at = |slice: i64| Timestamp::from_seconds(START + slice * 10);
    assert_eq!((learnt.first, learnt.last), (at(1), at(4)));
    assert!(past(&desk, Facility::Stations, "ether host 02:00:00:00:00:09", Scope::default()).await.rows.is_empty());

    // What classes cannot tell, the recorded flows do.
    let port = past(&desk, Facility::Interfaces, "dst port 443", Scope::default()).await;
    assert_eq!(port.total, Traffic::outbound(Counters::new(30, 3_000)), "{:?}", port.notes);
    let stations = past(&desk, Facility::Stations, "dst port 443", Scope::default()).await;
    assert_eq!((stations.rows.len(), stations.total.total().octets), (2, 2 * 3_000));
    let hosts = past(&desk, Facility::Hosts, "", Scope::default()).await;
    let Item::Host(_, host) = hosts.rows[0].item else { panic!("{hosts:#?}") };
    assert_eq!((host.peers, host.flows, host.traffic.total().octets), (1, 1, 63_000));
    let lines = past(&desk, Facility::Lines, "", Scope::default()).await;
    assert!(lines.rows.is_empty() && lines.notes[0].contains("not kept"), "{:?}", lines.notes);
    collector.stop().await;
}

/// A snapshot with answers to all wishes for flows: `octets` of the conversation.
fn answering(octets: u64, wishes: &[wire::Wish]) -> Snapshot {
    let mut flow = flow(Timestamp::from_seconds(START));
    flow.traffic = Traffic::outbound(Counters::new(1, octets));
    let answer = |wish: &wire::Wish| Answer {
        id: wish.id,
        matched: 1,
        total: flow.traffic,
        rows: vec![Row::new(Traffic::outbound(Counters::new(1, 100)), Item::Flow(flow))],
        ..Answer::default()
    };
    let mut snapshot = snapshot(octets);
    snapshot.interfaces[0].answers = wishes.iter().map(answer).collect();
    snapshot
}

#[tokio::test]
async fn live_a_flow_that_several_see_is_one_row_and_goes_on_without_its_first_observer() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut sensors = Vec::new();
    for name in ["web1", "web2", "mirror"] {
        let mut present = Present::open(collector.joined(Role::Sensor, name).await).await;
        present.say(&snapshot(1)).await;
        assert!(present.wishes().await.is_empty());
        sensors.push(present);
    }
    let desk = collector.joined(Role::Viewer, "desk").await;
    let reporting = Query { facility: Facility::Interfaces, limit: 10, ..Query::default() };
    until(&mut watch(&desk, &reporting).await, |report| report.sensors_reporting == 3).await;
    for present in &mut sensors {
        while !present.wishes().await.is_empty() {}
    }

    let mut stream = watch(&desk, &Query { limit: 50, facility: Facility::Hosts, ..Query::default() }).await;
    let mut wished = Vec::new();
    for (present, octets) in sensors.iter_mut().zip([1_000, 990, 980]) {
        wished = present.wishes().await;
        while wished.is_empty() {
            wished = present.wishes().await;
        }
        present.say(&answering(octets, &wished)).await;
    }
    assert!(wished.iter().all(|wish| wish.facility == wire::Facility::Traffic as i32), "{wished:?}");
    let report = until(&mut stream, |report| report.rows.first().is_some_and(|row| row.observed_by.len() == 3)).await;
    assert_eq!((report.rows.len(), report.total.total().octets), (2, 2 * 1_000), "{:#?}", report.rows);
    // Every point says 100 octets a second, and it is the same 100.
    assert_eq!(report.rate.total().octets, 100);
    assert_eq!(report.notes, Vec::<String>::new());

    // The one that counted goes away; another's numbers take its place, and the gap is marked.
    drop(sensors.remove(0));
    for present in &sensors {
        present.say(&answering(1_100, &wished)).await;
    }
    let report = until(&mut stream, |report| {
        report.gaps.len() == 1 && report.rows.first().is_some_and(|row| row.observed_by.len() == 2)
    })
    .await;
    assert_eq!((report.rows.len(), report.total.total().octets), (2, 2 * 1_100));
    assert_eq!(report.gaps[0].point, Point::new("web1", "eth0"));
    collector.stop().await;
}

#[tokio::test]
async fn a_filter_on_interfaces_is_counted_by_classes_until_the_sensor_has_counted_it() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut web1 = Present::open(collector.joined(Role::Sensor, "web1").await).await;
    assert!(web1.wishes().await.is_empty());
    web1.say(&snapshot(900)).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let filter = "port 443".parse().unwrap();
    let query = Query { facility: Facility::Interfaces, filter, limit: 10, ..Query::default() };
    let mut stream = watch(&desk, &query).await;
    let by_class = |report: &Report| report.notes.iter().any(|note| note.contains("counted by class"));
    let first = until(&mut stream, |report| !report.rows.is_empty()).await;
    assert!(by_class(&first) && first.total.total().octets == 900, "{first:#?}");

    let wishes = web1.wishes().await;
    let since = Timestamp::from_seconds(START);
    let mut stats = traf_proto::InterfaceStats::default();
    stats.interface.name = "eth0".to_owned();
    stats.classes.add(traf_proto::Class::at(0).unwrap(), Traffic::inbound(Counters::new(2, 120)));
    let rows = vec![Row::new(Traffic::default(), Item::Interface(Box::new(stats)))];
    let mut answered = snapshot(1_000);
    answered.interfaces[0].answers =
        vec![Answer { id: wishes[0].id, matched: 1, since: Some(since), rows, ..Answer::default() }];
    web1.say(&answered).await;
    let exact = until(&mut stream, |report| !by_class(report)).await;
    assert_eq!((exact.total.total(), exact.interval.from), (Counters::new(2, 120), since));
    collector.stop().await;
}

#[tokio::test]
async fn lines_of_several_points_come_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = collector.joined(Role::Viewer, "desk").await;
    let mut sensors = Vec::new();
    for name in ["web1", "web2"] {
        let present = Present::open(collector.joined(Role::Sensor, name).await).await;
        present.say(&snapshot(1)).await;
        sensors.push(present);
    }
    let reporting = Query { facility: Facility::Sizes, limit: 10, ..Query::default() };
    until(&mut watch(&desk, &reporting).await, |report| report.sensors_reporting == 2).await;
    let mut stream = watch(&desk, &Query { facility: Facility::Lines, limit: 3, ..Query::default() }).await;
    for (present, first) in sensors.iter_mut().zip([10, 11]) {
        let lines = |wish: &&wire::Wish| wish.facility == wire::Facility::Lines as i32;
        let id = loop {
            if let Some(wish) = present.wishes().await.iter().find(lines) {
                break wish.id;
            }
        };
        let line = |at: i64| traf_proto::Line {
            number: 1,
            at: Timestamp(at),
            kind: traf_proto::LineKind::Arp,
            label: "ARP".to_owned(),
            detail: String::new(),
            octets: 28,
            source: traf_proto::LineEnd::Nobody,
            destination: traf_proto::LineEnd::Nobody,
            mac: None,
        };
        let rows = [first, first + 2].map(|at| Row::new(Traffic::default(), Item::Line(line(at)))).into();
        let mut answered = snapshot(2);
        answered.interfaces[0].answers = vec![Answer { id, matched: 7, rows, ..Answer::default() }];
        present.say(&answered).await;
    }
    let report = until(&mut stream, |report| report.matched == 14).await;
    let found: Vec<(i64, &str)> = report
        .rows
        .iter()
        .filter_map(|row| match &row.item {
            Item::Line(line) => Some((line.at.0, row.observed_by[0].sensor.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(found, [(11, "web2"), (12, "web1"), (13, "web2")], "the newest, oldest first");
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
