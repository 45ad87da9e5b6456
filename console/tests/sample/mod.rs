//! One small LAN, the same in every test: three sensors, one of them away.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::time::SECOND;
use traf_model::{
    Bracket, Brackets, Cast, Class, Counted, Counters, Counts, Endpoint, Evidence, Facility, Family, Fleet, Flow,
    FlowKey, FlowState, Gap, Group, Half, Interface, InterfaceState, InterfaceStats, Interval, Item, Key, Learnt,
    Ledger, Loss, LossReason, Mac, PacketEnd, PacketKind, Point, Presence, Report, Row, SensorState, Service,
    SinglePacket, SpoolState, Strip, Timestamp, Traffic, Transport, Word,
};

pub fn now() -> Timestamp {
    "2026-11-22T14:02:31Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp(now().0 - seconds * SECOND)
}

pub fn traffic(inbound: (u64, u64), outbound: (u64, u64)) -> Traffic {
    Traffic { inbound: Counters::new(inbound.0, inbound.1), outbound: Counters::new(outbound.0, outbound.1) }
}

fn rates(inbound: u64, outbound: u64) -> Traffic {
    traffic((inbound / 900, inbound), (outbound / 900, outbound))
}

pub fn end(text: &str, port: u16) -> Endpoint {
    Endpoint::new(text.parse().unwrap(), port)
}

fn mac(last: u8) -> Option<Mac> {
    Some(Mac([0x00, 0x0c, 0x29, 0xb9, 0x94, last]))
}

pub fn flow(protocol: u8, source: Endpoint, destination: Endpoint, traffic: Traffic) -> Flow {
    Flow {
        key: FlowKey { protocol, vlan: None, source, destination },
        traffic,
        first: ago(600),
        last: ago(1),
        forward: Half { flags: 0x1a, last_flags: 0x10, window: 502, size: 52, mac: mac(0x62), word: None },
        reverse: Half { flags: 0x1a, last_flags: 0x18, window: 64, size: 1500, mac: mac(0x09), word: None },
        state: FlowState::Established,
        complete: true,
        own: false,
        evidence: Evidence::NONE,
    }
}

fn seen(points: &[&str], rate: Traffic, item: Item) -> Row {
    let points = points.iter().map(|name| name.split_once('/').unwrap());
    let observed_by = points.map(|(sensor, interface)| Point::new(sensor, interface)).collect();
    Row { observed_by, ..Row::new(rate, item) }
}

pub fn report(facility: impl Into<Facility>, rows: Vec<Row>) -> Report {
    let total = rows.iter().map(|row| row.item.traffic()).sum();
    Report {
        facility: facility.into(),
        at: now(),
        live: true,
        interval: Interval::new(ago(751), now()),
        matched: rows.iter().filter(|row| !matches!(row.item, Item::Other(..))).count() as u64,
        rows,
        total,
        rate: rates(4_775_000, 512_500),
        strip: strip(),
        sensors_reporting: 2,
        sensors_known: 3,
        ..Report::default()
    }
}

fn strip() -> Strip {
    let octets: Vec<u64> = (0..120u64).map(|i| (i * 7919 % 97) * if i % 30 < 12 { 40_000 } else { 2_000 }).collect();
    Strip { from: ago(120), step: SECOND, octets, gaps: vec![100, 101, 102] }
}

/// TCP connections.
pub fn connections() -> Report {
    let ssh = flow(6, end("10.0.0.3", 49197), end("10.0.0.9", 22), traffic((12_044, 18_201_922), (9_812, 1_204_331)));
    let mut ftp = flow(6, end("10.0.0.3", 51022), end("10.0.0.9", 21), traffic((48, 3_902), (53, 4_120)));
    ftp.forward.word = Some(Word::Done);
    ftp.reverse.word = Some(Word::Closed);
    (ftp.state, ftp.complete) = (FlowState::Closing, false);
    let v6 = flow(
        6,
        end("2001:db8::1234:5678", 40312),
        end("2001:db8:ffff::9", 443),
        traffic((200_000_000, 123_456_789_012), (3, 180)),
    );
    let mut reset = flow(6, end("10.0.0.7", 60001), end("10.0.0.9", 81), traffic((1, 40), (1, 60)));
    reset.forward.last_flags = 2;
    reset.reverse.word = Some(Word::Reset);
    reset.state = FlowState::Reset;
    report(
        Facility::Traffic,
        vec![
            seen(&["web1/eth0", "nas/eth0"], rates(2_275_000, 150_000), Item::Flow(v6)),
            seen(&["web1/eth0"], rates(120_000, 4_000), Item::Flow(ssh)),
            seen(&["nas/eth0"], Traffic::default(), Item::Flow(ftp)),
            seen(&["nas/eth0"], Traffic::default(), Item::Flow(reset)),
            seen(
                &["web1/eth0"],
                rates(10, 10),
                Item::Other(
                    Class { family: Family::Ipv4, transport: Transport::Tcp, cast: Cast::Unicast },
                    traffic((1_000, 60_000), (1_000, 60_000)),
                    1_000,
                ),
            ),
        ],
    )
}

/// All other flows.
pub fn others() -> Report {
    let mut ping = flow(1, end("10.0.0.3", 0), end("10.0.0.9", 0), traffic((14, 1_176), (14, 1_176)));
    ping.key.vlan = Some(7);
    let broadcast = flow(17, end("10.0.0.1", 34563), end("255.255.255.255", 7423), traffic((0, 0), (14, 2_814)));
    let ospf = flow(89, end("10.0.0.254", 0), end("224.0.0.5", 0), traffic((0, 0), (1, 64)));
    let unknown = flow(253, end("fe80::1", 0), end("ff02::1", 0), traffic((0, 0), (2, 80)));
    let icmp6 = flow(58, end("fe80::1", 0), end("fe80::2", 0), traffic((2, 144), (2, 144)));
    report(
        Facility::Traffic,
        vec![
            seen(&["web1/eth0", "nas/eth0"], rates(84, 84), Item::Flow(ping)),
            seen(&["web1/eth0"], rates(0, 201), Item::Flow(broadcast)),
            seen(&["nas/eth0"], Traffic::default(), Item::Flow(ospf)),
            seen(&["nas/eth0"], Traffic::default(), Item::Flow(icmp6)),
            seen(&["nas/eth0"], Traffic::default(), Item::Flow(unknown)),
        ],
    )
}

fn stats(name: &str, last: u8, scale: u64) -> Item {
    let class = |family, transport, cast| Class { family, transport, cast };
    let classes = [
        (
            class(Family::Ipv4, Transport::Tcp, Cast::Unicast),
            traffic((3_000 * scale, 4_000_000 * scale), (2_000 * scale, 160_000 * scale)),
        ),
        (class(Family::Ipv4, Transport::Udp, Cast::Broadcast), traffic((14, 2_814), (0, 0))),
        (class(Family::Ipv6, Transport::Icmp, Cast::Multicast), traffic((7, 504), (9, 648))),
        (class(Family::NonIp, Transport::Other, Cast::Broadcast), traffic((5, 210), (4, 168))),
    ];
    let parsed = 5_000 * scale + 39;
    Item::Interface(Box::new(InterfaceStats {
        interface: Interface {
            name: name.to_owned(),
            index: 2,
            mac: mac(last),
            addresses: vec!["10.0.0.9".parse().unwrap()],
            mtu: Some(1500),
            speed: None,
            link: "EN10MB".to_owned(),
            loopback: false,
            mirror: false,
        },
        ledger: Ledger { received: parsed + 5, parsed, malformed: 2, dropped: 3, bad_checksum: 2, ..Ledger::default() },
        classes: classes.iter().copied().collect(),
        rates: classes.iter().map(|(class, t)| (*class, t.per_second(751 * SECOND))).collect(),
        peak: rates(9_000_000, 600_000),
        peak_total: Counters::new(9_000, 9_600_000),
        own: traffic((10, 1_000), (20, 9_000)),
    }))
}

/// Interfaces of two sensors.
pub fn interfaces() -> Report {
    let mut report = report(
        Facility::Interfaces,
        vec![
            seen(&["nas/eth0"], rates(637_500, 225_000), stats("eth0", 0x09, 4)),
            seen(&["web1/eth0"], rates(3_875_000, 275_000), stats("eth0", 0x62, 30_000)),
            seen(&["web1/wlan0"], Traffic::default(), stats("wlan0", 0x63, 0)),
        ],
    );
    report.dropped = 9;
    report.notes = vec!["all sensors: a packet that two observation points saw counts twice".to_owned()];
    report.gaps = vec![Gap { interval: Interval::new(ago(90), ago(70)), point: Point::new("nas", "eth0") }];
    report
}

pub fn hosts() -> Report {
    let host = |text: &str, inbound, outbound| {
        let address = text.parse().unwrap();
        seen(
            &["web1/eth0"],
            rates(inbound, outbound),
            Item::Counted(
                HOSTS,
                Key::Address(address),
                Counts { peers: 14, flows: 33, ..traffic((900, inbound * 60), (400, outbound * 60)).into() },
            ),
        )
    };
    report(
        HOSTS,
        vec![
            host("10.0.0.3", 3_512_500, 150_000),
            host("10.0.0.9", 500_000, 75_000),
            host("2001:db8::1234:5678", 1_000, 12),
            host("10.0.0.7", 0, 0),
        ],
    )
}

/// The sample of a counted facility.
pub fn counted(facility: Counted) -> Report {
    let samples = [(SIZES, sizes as fn() -> Report), (SERVICES, services), (STATIONS, stations), (HOSTS, hosts)];
    let sample = samples.into_iter().find(|(sampled, _)| *sampled == facility);
    sample.map_or_else(|| report(facility, Vec::new()), |(_, sample)| sample())
}

/// UDP flows.
pub fn datagrams() -> Report {
    let broadcast = flow(17, end("10.0.0.1", 34563), end("255.255.255.255", 7423), traffic((0, 0), (14, 2_814)));
    let mut quic =
        flow(17, end("10.0.0.3", 51000), end("192.0.2.1", 443), traffic((9_120, 11_801_112), (4_002, 380_114)));
    quic.last = ago(0);
    report(
        Facility::Traffic,
        vec![
            seen(&["web1/eth0", "nas/eth0"], rates(1_200_000, 30_000), Item::Flow(quic)),
            seen(&["web1/eth0"], rates(0, 201), Item::Flow(broadcast)),
        ],
    )
}

/// Packets that belong to no connection.
pub fn lines() -> Report {
    let host = |text: &str| PacketEnd::Host(end(text, 0));
    let kinds = [
        (PacketKind::Icmp, "ICMP", "echo req", 84, host("10.0.0.3"), host("10.0.0.9")),
        (PacketKind::Icmp, "ICMP", "echo rply", 84, host("10.0.0.9"), host("10.0.0.3")),
        (PacketKind::Icmpv6, "ICMPv6", "dest unrch (port)", 104, host("fd77::2"), host("fd77::1")),
        (PacketKind::Ospf, "OSPFv2", "hlo (a=5 r=10.77.0.2)", 64, host("10.0.0.254"), host("224.0.0.5")),
        (PacketKind::OtherIp, "IPSEC-ESP", "", 120, host("10.0.0.3"), host("198.51.100.7")),
        (
            PacketKind::Arp,
            "ARP request for 10.0.0.9",
            "",
            28,
            PacketEnd::Station(mac(0x62).unwrap()),
            PacketEnd::Station(Mac::BROADCAST),
        ),
        (
            PacketKind::NonIp,
            "Non-IP (DEC LAT)",
            "",
            46,
            PacketEnd::Station(mac(0x62).unwrap()),
            PacketEnd::Station(mac(0x09).unwrap()),
        ),
    ];
    let line = |number: u64| {
        let (kind, label, detail, octets, source, destination) = kinds[number as usize % kinds.len()];
        Item::Packet(SinglePacket {
            number,
            at: Timestamp(now().0 - (1_200 - number as i64) * SECOND),
            kind,
            label: label.to_owned(),
            detail: detail.to_owned(),
            octets,
            source,
            destination,
            mac: mac(0x62),
        })
    };
    let rows = (1_150..1_199).rev().map(|number| seen(&["web1/eth0"], Traffic::default(), line(number))).collect();
    Report { matched: 1_198, ..report(Facility::Packets, rows) }
}

/// Flows in groups.
pub fn groups(by: Group) -> Report {
    let key = |flow: &Flow| by.of(&flow.key, "web1").map(|key| Item::Group(key, flow.traffic, 12));
    let rows = connections().rows.into_iter().chain(others().rows).filter_map(|row| match row.item {
        Item::Flow(flow) => Some(Row { item: key(&flow)?, ..row }),
        _ => None,
    });
    let mut rows: Vec<Row> = rows.collect();
    rows.dedup_by(|a, b| matches!((&a.item, &b.item), (Item::Group(a, ..), Item::Group(b, ..)) if a == b));
    report(Facility::Traffic, rows)
}

pub fn services() -> Report {
    let service = |protocol, port, speed, counts| {
        let service = Service::new(protocol, port).unwrap();
        seen(&["web1/eth0"], rates(speed, speed * 9), Item::Counted(SERVICES, service.key(), Traffic::into(counts)))
    };
    report(
        SERVICES,
        vec![
            service(6, 443, 100_000, traffic((10_200, 900_112), (20_404, 30_000_123))),
            service(17, 443, 40_000, traffic((9_120, 1_801_112), (14_002, 13_801_114))),
            service(6, 22, 4_000, traffic((12_044, 1_204_331), (9_812, 18_201_922))),
            service(17, 53, 20, traffic((4, 240), (4, 800))),
            service(6, 65_535, 0, traffic((200_000_000, 123_456_789_012), (3, 180))),
        ],
    )
}

pub fn stations() -> Report {
    let learnt = |text: &str, last: i64| Learnt { address: text.parse().unwrap(), first: ago(600), last: ago(last) };
    let station = |address: Mac, scale: u64, addresses: Vec<Learnt>| {
        let station = Counts {
            ip: traffic((9 * scale, 800 * scale), (19 * scale, 29_000 * scale)),
            addresses,
            ..traffic((10 * scale, 900 * scale), (20 * scale, 30_000 * scale)).into()
        };
        seen(&["web1/eth0"], rates(1_000 * scale, 9_000 * scale), Item::Counted(STATIONS, Key::Mac(address), station))
    };
    report(
        STATIONS,
        vec![
            station(mac(0x62).unwrap(), 1_000, vec![learnt("10.0.0.3", 2), learnt("fe80::3", 30)]),
            station(mac(0x09).unwrap(), 40, vec![learnt("10.0.0.9", 1)]),
            station(Mac::BROADCAST, 1, Vec::new()),
            station(Mac([0x01, 0, 0x5e, 0, 0, 0xfb]), 1, Vec::new()),
        ],
    )
}

/// Of one interface: every bracket, empty ones too.
pub fn sizes() -> Report {
    let brackets = Brackets::new(1_500);
    let mut rows: Vec<(Bracket, Traffic)> = brackets.all().map(|bracket| (bracket, Traffic::default())).collect();
    for (size, inbound, outbound) in
        [(64, 10_204, 9_870), (140, 1_500, 220), (576, 300, 12), (1_400, 2, 4_400), (1_500, 8_000, 21)]
    {
        let octets = |packets| packets * u64::from(size);
        rows[brackets.place(size)].1 += traffic((inbound, octets(inbound)), (outbound, octets(outbound)));
    }
    rows[brackets.place(65_212)].1 += traffic((0, 0), (53, 3_456_236));
    let row = |(bracket, traffic): (Bracket, Traffic)| {
        seen(&["web1/eth0"], rates(60, 60), Item::Counted(SIZES, bracket.key(), traffic.into()))
    };
    Report { mtu: Some(1_500), largest: [1_500, 65_212], ..report(SIZES, rows.into_iter().map(row).collect()) }
}

pub fn fleet() -> Fleet {
    let state = |name: &str, dropped| InterfaceState {
        interface: Interface { name: name.to_owned(), mac: mac(0x62), ..Interface::default() },
        ledger: Ledger { received: 1_200_345, parsed: 1_200_345 - dropped, dropped, ..Ledger::default() },
        rate: rates(3_875_000, 275_000),
        gone: name == "wlan0",
        flows: 1_204,
        capacity: 262_144,
    };
    let sensor = |name: &str| SensorState {
        id: format!("id-{name}"),
        name: name.to_owned(),
        presence: Presence::Reporting,
        connected: Some(ago(751)),
        started: Some(ago(3 * 86_400)),
        last_seen: Some(ago(0)),
        stored: Some(ago(11)),
        version: "0.1.0".to_owned(),
        epoch: 4,
        clock_offset: 3_200_000,
        spool: SpoolState { records: 0, octets: 0, limit: 256_000_000, oldest: None, lost: 0 },
        interfaces: vec![state("eth0", 0)],
        losses: Vec::new(),
        trouble: String::new(),
        ..SensorState::default()
    };
    let mut nas = sensor("nas");
    nas.spool = SpoolState { records: 12, octets: 1_540_000, limit: 256_000_000, oldest: Some(ago(130)), lost: 2 };
    nas.interfaces = vec![state("eth0", 17), state("wlan0", 0)];
    nas.clock_offset = -2_500_000_000;
    nas.trouble = "its clock is 2.5 s behind the collector's".to_owned();
    nas.losses = vec![Loss {
        reason: LossReason::Ended,
        interval: Interval::new(ago(7_200), ago(7_190)),
        records: 0,
        counted: Some((1_204, 801_000)),
        interface: Some("eth0".to_owned()),
    }];
    let mut pi = sensor("pi\x1b[31m");
    (pi.presence, pi.connected, pi.last_seen) = (Presence::Away, None, Some(ago(7_500)));
    Fleet { at: now(), sensors: vec![nas, pi, sensor("web1")], notes: Vec::new() }
}
