//! The present, and the fleet.

use super::*;

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
async fn forty_different_tables_are_all_wished_and_an_order_or_a_page_is_no_table_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let mut present = Present::open(collector.joined(Role::Sensor, "web1").await).await;
    present.say(&snapshot(1)).await;
    let desk = collector.join(Role::Viewer, "desk").await;
    let desks: Vec<Channel> = (0..10).map(|_| collector.channel(&desk)).collect();
    let mut open = Vec::new();
    for (port, desk) in (1..=40).zip(desks.iter().cycle()) {
        for (by, limit) in [(OrderBy::Octets, 60), (OrderBy::Rate, 1_000)] {
            let order = Order { by, ascending: false };
            let filter = format!("port {port}").parse().unwrap();
            let mut stream = watch(desk, &Query { filter, limit, order, ..Query::default() }).await;
            let report = next(&mut stream).await;
            assert!(!report.notes.iter().any(|note| note == Report::CROWDED), "{:?}", report.notes);
            open.push(stream);
        }
    }
    let all = |wishes: &[wire::Wish]| wishes.len() == 40 && wishes.iter().all(|wish| wish.also.len() == 1);
    let mut wishes = present.wishes().await;
    while !all(&wishes) {
        wishes = present.wishes().await;
    }
    assert!(wishes.iter().all(|wish| wish.limit == 1_000));
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
        slice: wish.slice.then(|| Timestamp::from_seconds(START)),
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

    let mut stream = watch(&desk, &Query { limit: 50, ..Query::default() }).await;
    let mut wished = Vec::new();
    for (present, octets) in sensors.iter_mut().zip([1_000, 990, 980]) {
        wished = present.wishes().await;
        while wished.is_empty() {
            wished = present.wishes().await;
        }
        present.say(&answering(octets, &wished)).await;
    }
    assert!(wished.iter().all(|wish| wish.facility == Facility::Traffic.number()), "{wished:?}");
    let report = until(&mut stream, |report| report.rows.first().is_some_and(|row| row.observed_by.len() == 3)).await;
    assert_eq!((report.rows.len(), report.total.total().octets), (1, 1_000), "{:#?}", report.rows);
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
    assert_eq!((report.rows.len(), report.total.total().octets), (1, 1_100));
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
    let mut stats = traf_model::InterfaceStats::default();
    stats.interface.name = "eth0".to_owned();
    stats.classes.add(traf_model::Class::at(0).unwrap(), Traffic::inbound(Counters::new(2, 120)));
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
    let reporting = Query { facility: SIZES.into(), limit: 10, ..Query::default() };
    until(&mut watch(&desk, &reporting).await, |report| report.sensors_reporting == 2).await;
    let mut stream = watch(&desk, &Query { facility: Facility::Packets, limit: 3, ..Query::default() }).await;
    for (present, first) in sensors.iter_mut().zip([10, 11]) {
        let lines = |wish: &&wire::Wish| wish.facility == Facility::Packets.number();
        let id = loop {
            if let Some(wish) = present.wishes().await.iter().find(lines) {
                break wish.id;
            }
        };
        let line = |at: i64| traf_model::SinglePacket {
            number: 1,
            at: Timestamp(at),
            kind: traf_model::PacketKind::Arp,
            label: "ARP".to_owned(),
            detail: String::new(),
            octets: 28,
            source: traf_model::PacketEnd::Nobody,
            destination: traf_model::PacketEnd::Nobody,
            mac: None,
        };
        let rows = [first, first + 2].map(|at| Row::new(Traffic::default(), Item::Packet(line(at)))).into();
        let mut answered = snapshot(2);
        answered.interfaces[0].answers = vec![Answer { id, matched: 7, rows, ..Answer::default() }];
        present.say(&answered).await;
    }
    let report = until(&mut stream, |report| report.matched == 14).await;
    let found: Vec<(i64, &str)> = report
        .rows
        .iter()
        .filter_map(|row| match &row.item {
            Item::Packet(line) => Some((line.at.0, row.observed_by[0].sensor.as_str())),
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
