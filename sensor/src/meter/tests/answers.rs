//! Fields of rows beside their counts: peers, groups, addresses, rates.

use std::net::{IpAddr, Ipv4Addr};

use traf_model::{Counts, GroupKey, Learnt, PortRange, Row};

use super::*;

const C: [u8; 4] = [10, 0, 0, 3];

/// `A` asks `B` twice and `C` once; `C` asks `B` once, and is answered.
fn conversations() -> Meter {
    let mut meter = meter(MeterConfig { flows: 1024, ..MeterConfig::default() });
    give(&mut meter, 1, &udp(A, B, 5000, 53, 10));
    give(&mut meter, 2, &udp(A, B, 5001, 53, 20));
    give(&mut meter, 3, &udp(A, C, 5002, 123, 30));
    meter.close(slice(0, 1));
    give(&mut meter, SECOND + 1, &udp(C, B, 5003, 53, 40));
    give(&mut meter, SECOND + 2, &udp(B, C, 53, 5003, 1000));
    meter
}

fn asked(meter: &mut Meter, wish: Wish) -> Vec<Row> {
    meter.snapshot(Timestamp(2 * SECOND), &[wish]).answers.remove(0).rows
}

fn by(by: OrderBy, wish: Wish) -> Wish {
    Wish { order: Order { by, ascending: false }, ..wish }
}

/// Last part of the address, peers, flows.
fn hosts(rows: &[Row]) -> Vec<(u8, u64, u64)> {
    let said = |row: &Row| match &row.item {
        Item::Counted(_, Key::Address(IpAddr::V4(address)), counts) => {
            (address.octets()[3], counts.peers, counts.flows)
        }
        _ => panic!("{row:?}"),
    };
    rows.iter().map(said).collect()
}

#[test]
fn a_host_has_its_peers_and_its_flows() {
    let mut meter = conversations();
    assert_eq!(hosts(&asked(&mut meter, wish(HOSTS.into(), "", 9))), [(2, 2, 3), (3, 2, 2), (1, 2, 3)]);
    assert_eq!(hosts(&asked(&mut meter, by(OrderBy::Flows, wish(HOSTS.into(), "", 2)))), [(1, 2, 3), (2, 2, 3)]);
    give(&mut meter, SECOND + 3, &udp([10, 0, 0, 9], C, 1, 2, 0));
    let first = hosts(&asked(&mut meter, by(OrderBy::Peers, wish(HOSTS.into(), "", 2))));
    assert_eq!(first, [(3, 3, 3), (1, 2, 3)]);
}

#[test]
fn peers_under_a_filter_are_those_of_its_flows() {
    let mut meter = conversations();
    let wish = wish(HOSTS.into(), "port 53", 9);
    assert_eq!(hosts(&asked(&mut meter, wish.clone())), []);
    for (source, port) in [(A, 5000), (A, 5001), (C, 5003)] {
        give(&mut meter, 2 * SECOND, &udp(source, B, port, 53, 0));
    }
    give(&mut meter, 2 * SECOND, &udp(A, C, 5002, 123, 0));
    assert_eq!(hosts(&asked(&mut meter, wish)), [(2, 2, 3), (1, 1, 2), (3, 1, 1)]);
}

#[test]
fn a_host_that_talks_with_itself_has_one_flow_and_one_peer() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, 1, &udp(A, A, 5000, 53, 10));
    assert_eq!(hosts(&asked(&mut meter, wish(HOSTS.into(), "", 9))), [(1, 1, 1)]);
}

/// More flows than one pass adds up: each is still in exactly one row.
#[test]
fn sums_of_many_parts_are_exact() {
    let mut meter = meter(MeterConfig { flows: 131_072, ..MeterConfig::default() });
    let count = 60_000u32;
    let mut bytes = udp(A, B, 5000, 53, 0);
    for number in 0..count {
        let [_, b, c, d] = number.to_be_bytes();
        bytes[26..30].copy_from_slice(&[11, b, c, d]);
        give(&mut meter, 1, &bytes);
    }
    let table = meter.flows.table.occupied as u64;
    assert!(table > 50_000);
    let wishes = [
        by(OrderBy::Peers, wish(HOSTS.into(), "", 3)),
        by(OrderBy::Flows, Wish { group: Group::Pair, ..wish(Facility::Traffic, "", 3) }),
        Wish { group: Group::Address, ..wish(Facility::Traffic, "", 3) },
    ];
    let answers = meter.snapshot(Timestamp(SECOND), &wishes).answers;
    let total = Counters::new(u64::from(count), u64::from(count) * 28);
    let [hosts_, pairs, addresses] = &answers[..] else { panic!() };
    assert_eq!(hosts(&hosts_.rows)[0], (2, table, table));
    assert_eq!((hosts_.total.inbound, hosts_.total.outbound), (total, total));
    assert_eq!((pairs.matched, pairs.total.total(), pairs.rows[0].item.traffic().total().packets), (table, total, 1));
    assert_eq!((addresses.matched, addresses.total.total()), (1, total));
}

#[test]
fn flows_are_grouped_by_what_they_have_in_common() {
    let mut meter = conversations();
    let grouped = |meter: &mut Meter, group: Group, filter: &str| -> Vec<(String, u64, u64, u64)> {
        let wish = by(OrderBy::Flows, Wish { group, ..wish(Facility::Traffic, filter, 9) });
        let said = |row: &Row| match &row.item {
            Item::Group(key, traffic, flows) => {
                (key.to_string(), *flows, traffic.outbound.octets, traffic.inbound.octets)
            }
            _ => panic!("{row:?}"),
        };
        asked(meter, wish).iter().map(said).collect()
    };
    let row = |key: &str, flows, out, back| (key.to_owned(), flows, out, back);
    assert_eq!(grouped(&mut meter, Group::Address, ""), [row("10.0.0.2", 3, 154, 1028), row("10.0.0.3", 1, 58, 0)]);
    assert_eq!(grouped(&mut meter, Group::Port, ""), [row("udp/53", 3, 154, 1028), row("udp/123", 1, 58, 0)]);
    let pairs = [
        row("10.0.0.1 → 10.0.0.2", 2, 86, 0),
        row("10.0.0.1 → 10.0.0.3", 1, 58, 0),
        row("10.0.0.3 → 10.0.0.2", 1, 68, 1028),
    ];
    assert_eq!(grouped(&mut meter, Group::Pair, ""), pairs);
    assert_eq!(grouped(&mut meter, Group::Sensor, ""), [row("", 4, 212, 1028)]);
    assert_eq!(grouped(&mut meter, Group::Address, "src host 10.0.0.3"), [row("10.0.0.2", 1, 68, 0)]);
    assert_eq!(grouped(&mut meter, Group::Port, "port 123"), [row("udp/123", 1, 58, 0)]);
    // What has left the table has no group, but is in the sum.
    meter.close(slice(5000, 5010));
    let answer =
        meter.snapshot(Timestamp(5011 * SECOND), &[Wish { group: Group::Pair, ..wish(Facility::Traffic, "", 9) }]);
    assert_eq!((answer.answers[0].matched, answer.answers[0].total.total().packets), (0, 5));
    assert!(matches!(answer.answers[0].rows[..], [Row { item: Item::Other(_, _, 4), .. }]));
    assert_eq!(GroupKey::Sensor(String::new()).to_string(), "");
}

#[test]
fn an_added_port_is_a_service_at_either_end() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let services = |meter: &mut Meter| -> Vec<String> {
        let rows = asked(meter, wish(SERVICES.into(), "", 9));
        rows.iter()
            .map(|row| if let Item::Counted(_, key, _) = row.item { SERVICES.text(key) } else { panic!() })
            .collect()
    };
    // The answer is seen first.
    give(&mut meter, 1, &udp(B, A, 8080, 5000, 10));
    assert_eq!(services(&mut meter), ["udp/5000"]);
    meter.close(slice(0, 1));
    meter.set_ports(&[PortRange { from: 8000, to: 8100 }]);
    give(&mut meter, SECOND, &udp(B, A, 8081, 5001, 100));
    assert_eq!(services(&mut meter), ["udp/8081", "udp/5000"]);
}

#[test]
fn a_shorter_idle_timeout_holds_at_once() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, 0, &udp(A, B, 5000, 53, 10));
    let state = |meter: &mut Meter| flows(&asked(meter, wish(Facility::Traffic, "", 9)))[0].state;
    assert_eq!(state(&mut meter), FlowState::Active);
    meter.set_idle(Duration::from_secs(1));
    assert_eq!(state(&mut meter), FlowState::TimedOut);
}

fn stations(meter: &mut Meter, at: i64) -> Vec<(Mac, Counts, Traffic)> {
    let wish = Wish { order: Order { by: OrderBy::Key, ascending: true }, ..wish(STATIONS.into(), "", 99) };
    let rows = meter.snapshot(Timestamp(at), &[wish]).answers.remove(0).rows;
    let said = |row: &Row| match &row.item {
        Item::Counted(_, Key::Mac(mac), station) => (*mac, station.clone(), row.rate),
        _ => panic!("{row:?}"),
    };
    rows.iter().map(said).collect()
}

/// A neighbour's advertisement, or its solicitation.
fn neighbour(kind: u8, hops: u8, source: u8, target: u8) -> Vec<u8> {
    let end = |last: u8| [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let packet =
        [&[0x60, 0, 0, 0, 0, 24, 58, hops][..], &end(source), &end(99), &[kind, 0, 0, 0, 0, 0, 0, 0], &end(target)]
            .concat();
    let mut bytes = frame(true, &packet);
    bytes[12..14].copy_from_slice(&[0x86, 0xdd]);
    bytes
}

#[test]
fn a_stations_own_addresses_are_learnt_from_arp_and_neighbour_discovery_and_stay_whatever_passes() {
    let mut meter = meter(MeterConfig { flows: 4096, ..MeterConfig::default() });
    let arp = |mac: u8, address: [u8; 4], broadcast: bool| {
        let body = [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, mac][..], &address, &[0; 6], &B].concat();
        let mut bytes = frame(true, &body);
        bytes[12..14].copy_from_slice(&[8, 6]);
        if broadcast {
            bytes[..6].fill(0xff);
        }
        bytes
    };
    give(&mut meter, 1, &arp(1, A, true));
    // Of another station, a probe without an address, and a neighbour from afar: they prove nothing.
    give(&mut meter, 2, &arp(7, C, false));
    give(&mut meter, 2, &arp(1, [0; 4], false));
    give(&mut meter, 2, &neighbour(136, 64, 1, 66));
    give(&mut meter, 3, &neighbour(136, 255, 1, 5));
    give(&mut meter, 4, &neighbour(135, 255, 6, 77));
    meter.close(slice(0, 1));
    // Behind the same station is the Internet.
    for number in 0..200u8 {
        let mut bytes = udp(A, B, 5000, 53, 10);
        bytes[26..30].copy_from_slice(&[198, 51, 100, number]);
        give(&mut meter, SECOND + i64::from(number), &bytes);
    }
    meter.close(slice(1, 2));
    give(&mut meter, 2 * SECOND, &arp(1, A, true));
    let stations = stations(&mut meter, 3 * SECOND);
    let macs: Vec<String> = stations.iter().map(|(mac, ..)| mac.to_string()).collect();
    assert_eq!(macs, ["02:00:00:00:00:01", "02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff"]);
    let known: Vec<IpAddr> = stations[0].1.addresses.iter().map(|learnt| learnt.address).collect();
    assert_eq!(known.len(), Counts::ADDRESSES);
    for own in ["10.0.0.1", "fe80::5", "fe80::6"] {
        assert!(known.contains(&own.parse().unwrap()), "{known:?}");
    }
    let newest = Ipv4Addr::new(198, 51, 100, 199);
    assert!(known.contains(&newest.into()), "{known:?}");
    let first = Learnt { address: A.into(), first: Timestamp(1), last: Timestamp(2 * SECOND) };
    assert_eq!(stations[0].1.addresses[0], first);
    assert_eq!((stations[2].1.traffic.inbound.packets, &stations[2].1.addresses[..]), (2, &[][..]));
}

#[test]
fn a_station_has_a_rate_each_way() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    stations(&mut meter, 0);
    for second in 0..7 {
        give(&mut meter, second * SECOND, &udp(A, B, 5000, 53, 958));
        let stations = stations(&mut meter, (second + 1) * SECOND);
        assert_eq!(stations[0].2, Traffic::outbound(Counters::new(1, 1000)), "second {second}");
        assert_eq!(stations[1].2, Traffic::inbound(Counters::new(1, 1000)), "second {second}");
    }
}
