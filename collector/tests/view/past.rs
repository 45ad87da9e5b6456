//! Newest record that is stored.

use super::*;

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
    let flow = traf_model::Flow { evidence: traf_model::Evidence::NONE, ..flow(Timestamp::from_seconds(START + 30)) };
    let times = |traffic: Traffic, n: u64| {
        let times = |c: Counters| Counters { packets: c.packets * n, octets: c.octets * n, coalesced: c.coalesced * n };
        Traffic { inbound: times(traffic.inbound), outbound: times(traffic.outbound) }
    };
    let traffic = past(&desk, Facility::Traffic, "", Scope::default()).await;
    assert_eq!((traffic.interval, traffic.live, traffic.dropped), (covered, false, 3));
    let [conversation, other] = &traffic.rows[..] else { panic!("{:#?}", traffic.rows) };
    assert_eq!(
        conversation.item,
        Item::Flow(traf_model::Flow { traffic: times(flow.traffic, 3), evidence: traf_model::Evidence::NONE, ..flow })
    );
    assert!(matches!(other.item, Item::Other(_, traffic, 9) if traffic.total().octets == 1_500));
    assert_eq!(traffic.total.total(), Counters::new(105, 64_500));
    assert_eq!(conversation.rate.total().octets, 63_000 / 30);

    let interfaces = past(&desk, Facility::Interfaces, "", Scope::default()).await;
    let [Row { item: Item::Interface(stats), .. }] = &interfaces.rows[..] else { panic!("{:#?}", interfaces.rows) };
    assert_eq!(stats.classes.group(ClassGroup::Total).total(), Counters::new(105, 64_500 + 14 * 105));
    assert_eq!((stats.ledger.received, stats.ledger.dropped, stats.interface.index), (111, 3, 2));
    assert_eq!(stats.peak.total().packets, 35);

    for (facility, rows, octets) in [
        (Facility::Counted(SIZES), 1, 64_500 + 14 * 105),
        (SERVICES.into(), 1, 64_500),
        (STATIONS.into(), 1, 2 * (64_500 + 14 * 105)),
        (HOSTS.into(), 2, 2 * 64_500),
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
        (HOSTS.into(), "dst port 443", 2, 2 * 3_000),
        (SERVICES.into(), "src host 10.0.0.1", 1, 3_000),
        (Facility::Interfaces, "udp", 1, 1_500 + 14 * 15),
        (SIZES.into(), "iface eth1", 0, 0),
    ] {
        let report = past(&desk, facility, filter, Scope::default()).await;
        let found = (report.rows.len(), report.total.total().octets);
        assert_eq!(found, (rows, octets), "{facility:?} {filter} {:#?}", report.rows);
    }
    let vague = past(&desk, SIZES.into(), "tcp", Scope::default()).await;
    assert!(vague.notes.iter().any(|note| note.contains("sizes are not stored by conversation")), "{:?}", vague.notes);
    collector.stop().await;
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
    let hosts = past(&desk, HOSTS.into(), "tcp", Scope::default()).await;
    assert_eq!((hosts.rows.len(), hosts.total.total().octets), (2, 2 * 63_000));
    for row in &hosts.rows {
        let host = counts(HOSTS, row);
        assert_eq!((host.traffic.total().octets, host.peers, host.flows), (63_000, 1, 1));
        assert_eq!(row.observed_by, both);
    }
    let services = past(&desk, SERVICES.into(), "tcp", Scope::default()).await;
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
    let stations = past(&desk, STATIONS.into(), "", Scope::default()).await;
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
async fn groups_of_the_past_hold_flows_without_a_row_as_far_as_their_ends_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = two_sensors(&collector).await;
    let interval = Interval::new(Timestamp::from_seconds(START + 15), Timestamp::from_seconds(START + 35));
    // One sensor has two of the three slices.
    let one = Scope(vec![Point::new("web2", "eth0")]);
    for (scope, slices) in [(Scope::default(), 3), (one, 1)] {
        let query = Query { window: Window::Past(interval), group: Group::Port, scope, limit: 10, ..Query::default() };
        let report = next(&mut watch(&desk, &query).await).await;
        let (mut groups, mut other) = (Vec::new(), (0, 0));
        for row in &report.rows {
            match &row.item {
                Item::Group(key, traffic, flows) => groups.push((key.clone(), traffic.total().octets, *flows)),
                Item::Other(_, traffic, flows) => other = (traffic.total().octets, *flows),
                item => panic!("{item:?}"),
            }
        }
        // Of a slice 21,000 octets have a row, 400 in two flows have ends, and 100 have neither.
        let wanted = [(GroupKey::Port(6, 443), slices * 21_000, 1), (GroupKey::Port(17, 53), slices * 400, slices * 2)];
        assert_eq!(groups, wanted, "{:?}", query.scope);
        assert_eq!(other.0, slices * 100);
        assert_eq!(report.total.total().octets, slices * 21_500);
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
    for (facility, filter, rows) in [(Facility::Traffic, "tcp", 2), (HOSTS.into(), "tcp", 4), (STATIONS.into(), "", 2)]
    {
        let report = past(&desk, facility, filter, Scope::default()).await;
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

    let sizes = past(&desk, SIZES.into(), "", Scope::default()).await;
    assert_eq!((sizes.largest, sizes.mtu), ([1500, 52], Some(1500)));
    let stations = past(&desk, STATIONS.into(), "ether host 02:00:00:00:00:01", Scope::default()).await;
    let station = counts(STATIONS, &stations.rows[0]);
    let learnt = station.addresses[0];
    let at = |slice: i64| Timestamp::from_seconds(START + slice * 10);
    assert_eq!((learnt.first, learnt.last), (at(1), at(4)));
    assert!(past(&desk, STATIONS.into(), "ether host 02:00:00:00:00:09", Scope::default()).await.rows.is_empty());

    // What classes cannot tell, the recorded flows do.
    let port = past(&desk, Facility::Interfaces, "dst port 443", Scope::default()).await;
    assert_eq!(port.total, Traffic::outbound(Counters::new(30, 3_000)), "{:?}", port.notes);
    let stations = past(&desk, STATIONS.into(), "dst port 443", Scope::default()).await;
    assert_eq!((stations.rows.len(), stations.total.total().octets), (2, 2 * 3_000));
    let hosts = past(&desk, HOSTS.into(), "", Scope::default()).await;
    let host = counts(HOSTS, &hosts.rows[0]);
    assert_eq!((host.peers, host.flows, host.traffic.total().octets), (1, 1, 63_000));
    let lines = past(&desk, Facility::Packets, "", Scope::default()).await;
    assert!(lines.rows.is_empty() && lines.notes[0].contains("not kept"), "{:?}", lines.notes);
    collector.stop().await;
}
