#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod evidence;
mod filters;
mod log;
mod scan;
mod slices;
#[path = "../../tests/sums/mod.rs"]
mod sums;
mod tags;
mod traffic;

use etherparse::{PacketBuilder, TcpHeader};
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::time::SECOND;
use traf_model::{
    ClassGroup, Counters, Facility, Filter, Flow, FlowState, Group, Item, Key, Mac, Order, OrderBy, Traffic,
};

use super::*;
use traffic::{A, B, frame, tcp, tcp_six, udp, unreachable};

fn meter(config: MeterConfig) -> Meter {
    let interface = Interface { name: "eth0".to_owned(), mtu: Some(1500), ..Interface::default() };
    Meter::new(config, interface, LinkType::Ethernet, Timestamp(0))
}

fn slice(from: i64, to: i64) -> Interval {
    Interval::new(Timestamp(from * SECOND), Timestamp(to * SECOND))
}

fn give(meter: &mut Meter, at: i64, bytes: &[u8]) {
    meter.frame(Timestamp(at), bytes.len() as u32, bytes);
}

fn wish(facility: Facility, filter: &str, limit: u32) -> Wish {
    let order = Order { by: OrderBy::Octets, ascending: false };
    let filter = filter.parse::<Filter>().unwrap();
    Wish { id: 7, facility, filter, group: Group::Flow, order, also: Vec::new(), limit, slice: false }
}

fn flows(rows: &[traf_model::Row]) -> Vec<Flow> {
    rows.iter().filter_map(|row| if let Item::Flow(flow) = row.item { Some(flow) } else { None }).collect()
}

#[test]
fn slices_are_deltas_and_snapshots_are_cumulative() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, 1, &udp(A, B, 5000, 53, 10));
    let first = meter.close(slice(0, 10));
    give(&mut meter, 11 * SECOND, &udp(B, A, 53, 5000, 100));
    let snapshot = meter.snapshot(Timestamp(12 * SECOND), &[wish(Facility::Traffic, "", 10)]);
    let second = meter.close(slice(10, 20));

    let (a, b) = (&first.flows[0], &second.flows[0]);
    assert_eq!((a.key, a.first), (b.key, b.first));
    assert_eq!(a.traffic, Traffic::outbound(Counters::new(1, 38)));
    assert_eq!(b.traffic, Traffic::inbound(Counters::new(1, 128)));
    assert_eq!(a.key.destination.port, 53);
    assert_eq!(b.reverse.mac, Some(Mac([2, 0, 0, 0, 0, 2])));
    let live = flows(&snapshot.answers[0].rows);
    assert_eq!(live[0].traffic, a.traffic + b.traffic);
    assert_eq!(snapshot.classes.group(ClassGroup::Total).total(), Counters::new(2, 52 + 142));
    assert_eq!(second.seconds[0].at, Timestamp(11 * SECOND));
    assert_eq!((second.largest_inbound, second.largest_outbound), (128, 0));
    assert_eq!(meter.close(slice(20, 30)).flows, []);
}

#[test]
fn a_reused_key_gives_two_rows_with_their_own_beginning() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let packet = |from, ports: (u16, u16), change: &dyn Fn(&mut TcpHeader)| tcp(from, ports, change, 0);
    let mut at = 0;
    for isn in [100, 9000] {
        for bytes in [
            packet(true, (40000, 22), &|tcp| (tcp.syn, tcp.sequence_number) = (true, isn)),
            packet(false, (22, 40000), &|tcp| (tcp.syn, tcp.ack, tcp.acknowledgment_number) = (true, true, isn + 1)),
            packet(false, (22, 40000), &|tcp| (tcp.rst, tcp.ack) = (true, true)),
        ] {
            at += SECOND;
            give(&mut meter, at, &bytes);
        }
    }
    let summary = meter.close(slice(0, 10));
    sums::hold(&summary, "reuse");
    let mut rows: Vec<_> =
        summary.flows.iter().map(|f| (f.first.0 / SECOND, f.state, f.traffic.total().packets)).collect();
    rows.sort();
    assert_eq!(rows, [(1, FlowState::Reset, 3), (4, FlowState::Reset, 3)]);
    assert!(summary.flows.iter().all(|flow| flow.complete && flow.key.destination.port == 22));
}

#[test]
fn flows_of_terabytes_have_exact_counts_live_and_when_they_are_gone() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let wishes = [wish(Facility::Traffic, "", 10)];
    let mut expected = 0;
    for number in 0..2000 {
        // Longer than its header can say: as long as the frame on the wire.
        let mut bytes = udp(A, B, 5000 + number as u16 % 3, 53, 10);
        bytes[16..18].fill(0);
        meter.frame(Timestamp(number * SECOND / 10), u32::MAX, &bytes);
        expected += u64::from(u32::MAX) - 14;
        if number % 100 == 99 {
            let snapshot = meter.snapshot(Timestamp(number * SECOND / 10), &wishes);
            let rows = flows(&snapshot.answers[0].rows);
            let sum = rows.iter().map(|flow| flow.traffic).sum::<Traffic>().total();
            assert_eq!((rows.len(), sum.packets, sum.octets), (3, number as u64 + 1, expected));
            meter.close(slice(number / 10 - 9, number / 10 + 1));
        }
    }
    meter.close(slice(10_000, 10_010));
    let snapshot = meter.snapshot(Timestamp(10_010 * SECOND), &wishes);
    assert_eq!((snapshot.flows, snapshot.answers[0].total.total().octets), (0, expected));
    assert_eq!(meter.flows.table.large.directions(), 0);
}

#[test]
fn silence_longer_than_the_timeout_parts_a_flow() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let idle = 15 * 60 * SECOND;
    for at in [0, idle, 2 * idle + 1] {
        give(&mut meter, at, &udp(A, B, 5000, 53, 10));
    }
    let summary = meter.close(slice(0, 3600));
    let mut packets: Vec<u64> = summary.flows.iter().map(|flow| flow.traffic.total().packets).collect();
    packets.sort_unstable();
    assert_eq!(packets, [1, 2]);
}

#[test]
fn direction_comes_from_the_interfaces_own_mac() {
    let interface = Interface { mac: Some(Mac([2, 0, 0, 0, 0, 1])), ..Interface::default() };
    let mut meter = Meter::new(MeterConfig::default(), interface.clone(), LinkType::Ethernet, Timestamp(0));
    give(&mut meter, 0, &udp(A, B, 5000, 53, 10));
    give(&mut meter, 0, &udp(B, A, 53, 5000, 20));
    let classes = meter.close(slice(0, 1)).classes().group(ClassGroup::Udp);
    assert_eq!(classes, Traffic { outbound: Counters::new(1, 52), inbound: Counters::new(1, 62) });
    meter.update_interface(Interface { mirror: true, ..interface });
    give(&mut meter, 0, &udp(A, B, 5000, 53, 10));
    assert_eq!(meter.close(slice(0, 1)).classes().group(ClassGroup::Udp), Traffic::inbound(Counters::new(1, 52)));
}

#[test]
fn our_own_connection_is_labelled_and_counted_in_frame_octets() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let bytes = tcp(true, (40000, 7440), &|tcp| tcp.ack = true, 100);
    give(&mut meter, 0, &bytes);
    let end = |address: [u8; 4], port| Endpoint::new(address.into(), port);
    meter.own(&[(end(B, 7440), end(A, 40000))]);
    give(&mut meter, 1, &bytes);
    let summary = meter.close(slice(0, 10));
    assert!(summary.flows[0].own);
    assert_eq!(summary.own, Traffic::inbound(Counters::new(1, bytes.len() as u64)));
}

#[test]
fn packets_that_offload_hid_are_counted_in_every_facility() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, 0, &tcp(true, (40000, 80), &|tcp| tcp.syn = true, 0));
    let syn_ack = |tcp: &mut TcpHeader| {
        (tcp.syn, tcp.ack) = (true, true);
        tcp.set_options_raw(&[2, 4, 0x05, 0xb4]).unwrap();
    };
    give(&mut meter, 1, &tcp(false, (80, 40000), &syn_ack, 0));
    give(&mut meter, 2, &tcp(true, (40000, 80), &|tcp| tcp.ack = true, 14_600));
    let summary = meter.close(slice(0, 10));
    assert_eq!(summary.flows[0].traffic.outbound.coalesced, 9);
    sums::hold(&summary, "offload");
    assert_eq!(summary.classes().group(ClassGroup::Tcp).total().wire_packets(), 12);
    let host = summary.counted[&HOSTS].row(&Key::Address(A.into())).unwrap().traffic;
    assert_eq!((host.outbound.coalesced, host.inbound.coalesced), (9, 0));
}

#[test]
fn fragments_follow_their_first() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let mut bytes = udp(A, B, 5000, 53, 64);
    bytes[20] = 0x20;
    give(&mut meter, 0, &bytes);
    bytes[20..22].copy_from_slice(&[0, 9]);
    give(&mut meter, 1, &bytes);
    let summary = meter.close(slice(0, 10));
    assert_eq!(summary.flows.len(), 1);
    assert_eq!(summary.flows[0].traffic.total().packets, 2);
}

#[test]
fn an_unreachable_port_ends_the_flow_it_speaks_of() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let question = udp(A, B, 5000, 53, 10);
    give(&mut meter, 0, &question);
    let icmp = etherparse::Icmpv4Type::DestinationUnreachable(etherparse::icmpv4::DestUnreachableHeader::Port);
    let mut error = Vec::new();
    PacketBuilder::ipv4(B, A, 64).icmpv4(icmp).write(&mut error, &question[14..42]).unwrap();
    give(&mut meter, 1, &frame(false, &error));
    let summary = meter.close(slice(0, 10));
    let states: Vec<_> = summary.flows.iter().map(|flow| (flow.key.protocol, flow.state)).collect();
    assert!(states.contains(&(17, FlowState::Reset)) && states.contains(&(1, FlowState::Active)));
}

/// Over both versions of IP.
#[test]
fn fragments_of_a_segment_count_for_its_connection() {
    for six in [false, true] {
        let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
        let (first, later, octets) = if six {
            let whole = tcp_six(true, (40000, 80), &|tcp| tcp.ack = true);
            let fragment = |place: [u8; 2], payload: &[u8]| {
                let mut bytes = [&whole[..54], &[6, 0, place[0], place[1], 0, 0, 0, 7], payload].concat();
                (bytes[20], bytes[19]) = (44, 8 + u8::try_from(payload.len()).unwrap());
                bytes
            };
            (fragment([0, 1], &whole[54..]), fragment([0, 24], &[0; 64]), (68, 112))
        } else {
            let mut whole = tcp(true, (40000, 80), &|tcp| tcp.ack = true, 64);
            whole[20] = 0x20;
            let mut later = whole.clone();
            later[20..22].copy_from_slice(&[0, 13]);
            (whole, later, (104, 104))
        };
        give(&mut meter, 1, &first);
        give(&mut meter, 2, &later);
        let snapshot =
            meter.snapshot(Timestamp(SECOND), &[wish(Facility::Traffic, "", 9), wish(Facility::Packets, "", 9)]);
        let [flow] = &flows(&snapshot.answers[0].rows)[..] else { panic!("{:?}", snapshot.answers[0].rows) };
        assert_eq!((flow.key.protocol, flow.key.source.port, flow.key.destination.port), (6, 40000, 80));
        assert_eq!(flow.traffic.outbound, Counters::new(2, octets.0 + octets.1));
        assert_eq!(snapshot.answers[1].matched, 0, "they are of a connection");
    }
}

/// As its own line and flow, or as what it carries, by the option; its octets are never both.
#[test]
fn ipv6_in_ipv4_is_the_tunnel_or_what_it_carries() {
    let inner = tcp_six(true, (40000, 80), &|tcp| tcp.syn = true);
    let mut outer = Vec::new();
    PacketBuilder::ipv4(A, B, 64).write(&mut outer, 41.into(), &inner[14..]).unwrap();
    let outer = frame(true, &outer);
    for tunnels in [false, true] {
        let mut meter = meter(MeterConfig { flows: 64, tunnels, ..MeterConfig::default() });
        give(&mut meter, 1, &outer);
        let wishes = [wish(Facility::Traffic, "", 9), wish(Facility::Packets, "", 9)];
        let snapshot = meter.snapshot(Timestamp(SECOND), &wishes);
        let flows = flows(&snapshot.answers[0].rows);
        assert_eq!(flows.len(), 1);
        let lines: Vec<String> = snapshot.answers[1]
            .rows
            .iter()
            .map(|row| {
                if let Item::Packet(line) = &row.item {
                    line.words("eth0", false, |end| end.to_string())
                } else {
                    panic!()
                }
            })
            .collect();
        let (key, octets) = (flows[0].key, flows[0].traffic.outbound.octets);
        if tunnels {
            assert_eq!(
                (key.source.to_string(), key.protocol, octets),
                ("[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:40000".to_owned(), 6, 60)
            );
            assert_eq!(lines, Vec::<String>::new());
        } else {
            assert_eq!((key.source.to_string(), key.protocol, octets), ("10.0.0.1".to_owned(), 41, 80));
            assert_eq!(lines, ["IPv6 tun (80 bytes) from 10.0.0.1 to 10.0.0.2 on eth0"]);
        }
        let family = if tunnels { ClassGroup::Ipv6 } else { ClassGroup::Ipv4 };
        assert_eq!(snapshot.classes.group(family), snapshot.classes.group(ClassGroup::Total));
    }
}

/// ICMP over IPv4, ICMPv6 over IPv6.
#[test]
fn an_unreachable_closes_the_connection_it_speaks_of_until_that_goes_on() {
    for six in [false, true] {
        let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
        let segment = |forward: bool, change: &dyn Fn(&mut TcpHeader)| {
            let ports = if forward { (40000, 80) } else { (80, 40000) };
            if six { tcp_six(forward, ports, change) } else { tcp(forward, ports, change, 0) }
        };
        let syn = segment(true, &|tcp| tcp.syn = true);
        let answer = segment(false, &|tcp| (tcp.syn, tcp.ack) = (true, true));
        let data = segment(true, &|tcp| (tcp.ack, tcp.psh) = (true, true));
        let state = |meter: &mut Meter| {
            let snapshot = meter.snapshot(Timestamp(SECOND), &[wish(Facility::Traffic, "tcp", 10)]);
            let flows = flows(&snapshot.answers[0].rows);
            assert_eq!(flows.len(), 1);
            (flows[0].state, flows[0].forward.label(), flows[0].reverse.label())
        };
        give(&mut meter, 1, &syn);
        give(&mut meter, 2, &unreachable(&syn));
        let reset = (FlowState::Reset, "RSET".to_owned(), "RSET".to_owned());
        assert_eq!(state(&mut meter), reset);
        // In one batch with what follows: the error ends what was before it only.
        give(&mut meter, 3, &unreachable(&syn));
        give(&mut meter, 4, &answer);
        assert_eq!(state(&mut meter), (FlowState::Established, "S---".to_owned(), "S-A-".to_owned()));
        give(&mut meter, 5, &data);
        give(&mut meter, 6, &unreachable(&data));
        assert_eq!(state(&mut meter), reset);
        give(&mut meter, 7, &data);
        assert_eq!(state(&mut meter), (FlowState::Established, "-PA-".to_owned(), "S-A-".to_owned()));
        // That a packet was too big ends nothing.
        let mut too_big = unreachable(&data);
        let place = if six { 54 } else { 34 };
        too_big[place..place + 2].copy_from_slice(if six { &[2, 0] } else { &[3, 4] });
        give(&mut meter, 8, &too_big);
        assert_eq!(state(&mut meter).0, FlowState::Established);
    }
}

#[test]
fn a_snapshot_says_rates_by_class_peaks_and_the_largest_packets() {
    let interface = Interface { mac: Some(Mac([2, 0, 0, 0, 0, 1])), mtu: Some(1500), ..Interface::default() };
    let mut meter =
        Meter::new(MeterConfig { flows: 64, ..MeterConfig::default() }, interface, LinkType::Ethernet, Timestamp(0));
    let wishes = [wish(SIZES.into(), "", 30), wish(Facility::Interfaces, "", 1)];
    for second in 0..3 {
        // A kilobyte sent each second, and received in the second second.
        give(&mut meter, second * SECOND, &udp(A, B, 5000, 53, 1000 - 42));
        if second == 1 {
            give(&mut meter, second * SECOND, &udp(B, A, 53, 5000, 1000 - 42));
        }
        let snapshot = meter.snapshot(Timestamp((second + 1) * SECOND), &wishes);
        assert_eq!(snapshot.rates.group(ClassGroup::Udp).outbound, Counters::new(1, 1000));
        let received = [0, 500, 333][usize::try_from(second).unwrap()];
        assert_eq!(snapshot.rates.group(ClassGroup::Ipv4).inbound.octets, received);
        assert_eq!(snapshot.peak_total.octets, if second == 0 { 1000 } else { 2000 });
        let Item::Interface(stats) = &snapshot.answers[1].rows[0].item else { panic!() };
        assert_eq!((&stats.rates, stats.peak_total), (&snapshot.rates, snapshot.peak_total));
        assert_eq!(stats.interface.mtu, Some(1500));
        meter.close(slice(second, second + 1));
    }
    let largest = meter.snapshot(Timestamp(4 * SECOND), &wishes).answers[0].largest;
    assert_eq!(largest, [986, 986]);
}

#[test]
fn answers_are_exact_ordered_and_limited() {
    // Room enough that no set of eight is ever full.
    let mut meter = meter(MeterConfig { flows: 65_536, ..MeterConfig::default() });
    for number in 0..1000u16 {
        for _ in 0..=number % 7 {
            give(&mut meter, 1, &udp(A, B, 1000 + number, 53, usize::from(number)));
        }
    }
    let wishes = [
        wish(Facility::Traffic, "", 10),
        wish(Facility::Traffic, "src port 1500", 10),
        wish(HOSTS.into(), "", 10),
        wish(SERVICES.into(), "", 10),
        wish(STATIONS.into(), "", 10),
        wish(SIZES.into(), "", 30),
        wish(Facility::Interfaces, "", 30),
    ];
    let snapshot = meter.snapshot(Timestamp(SECOND), &wishes);
    let total = snapshot.classes.group(ClassGroup::Ipv4).total();
    let [traffic, one, hosts, services, stations, sizes, interfaces] = &snapshot.answers[..] else { panic!() };
    assert_eq!((traffic.matched, traffic.total.total().packets, traffic.rows.len()), (1000, total.packets, 10));
    let octets: Vec<u64> = flows(&traffic.rows).iter().map(|flow| flow.traffic.total().octets).collect();
    assert!(octets.is_sorted_by(|a, b| a >= b));
    let largest = (0..1000u64).map(|n| (n % 7 + 1) * (n + 28)).max();
    assert_eq!(octets.first().copied(), largest);
    assert_eq!((one.matched, flows(&one.rows)[0].key.source.port), (1, 1500));
    assert_eq!((hosts.matched, hosts.total.total().packets), (2, 2 * total.packets));
    assert_eq!((services.matched, services.total.inbound.packets), (1, total.packets));
    assert_eq!((stations.matched, stations.total.total()), (2, total + total));
    assert_eq!((sizes.total.total(), interfaces.total.total()), (total, total));

    // The same after the slice is sealed: live counts are cumulative.
    meter.close(slice(0, 10));
    let after = meter.snapshot(Timestamp(2 * SECOND), &wishes);
    for (before, after) in snapshot.answers.iter().zip(&after.answers) {
        assert_eq!((before.matched, before.total), (after.matched, after.total));
    }
}

#[test]
fn a_live_flow_has_the_rate_of_the_last_five_seconds() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let wishes = [wish(Facility::Traffic, "", 10), wish(HOSTS.into(), "", 10)];
    meter.snapshot(Timestamp(0), &wishes);
    for second in 0..8 {
        give(&mut meter, second * SECOND + SECOND / 2, &udp(A, B, 5000, 53, 972));
        if second < 2 {
            give(&mut meter, second * SECOND + SECOND / 2, &udp(B, A, 53, 5000, 1972));
        }
        if second == 5 {
            meter.close(slice(0, 6));
        }
        let snapshot = meter.snapshot(Timestamp((second + 1) * SECOND), &wishes);
        let row = &snapshot.answers[0].rows[0];
        assert_eq!(row.rate.outbound, Counters::new(1, 1000), "second {second}");
        assert_eq!(snapshot.peak.inbound.octets, 1014 + 2014);
        let host = &snapshot.answers[1].rows[0];
        assert_eq!(host.rate.total().octets, row.rate.total().octets);
        if second >= 7 {
            assert_eq!(row.rate.inbound, Counters::default());
            assert_eq!(snapshot.rate, Traffic::inbound(Counters::new(1, 1014)));
        }
    }
}

#[test]
fn a_host_keeps_its_rate_while_a_flood_pushes_its_flows_out() {
    let mut meter = meter(MeterConfig { flows: 512, ..MeterConfig::default() });
    let mut rated = wish(HOSTS.into(), "", 10);
    let wishes = [rated.clone(), {
        (rated.id, rated.slice) = (2, true);
        rated
    }];
    meter.snapshot(Timestamp(0), &wishes);
    let (mut late, flood) = (Vec::new(), |port| udp([10, 0, 0, 8], [10, 0, 0, 9], port, 7, 2));
    for second in 0..14_i64 {
        for number in 0..1_000_u16 {
            let at = second * SECOND + i64::from(1 + number) * (SECOND / 1_002);
            let port = 2_000 + second as u16 * 1_000 + number;
            if number % 10 == 0 {
                // A short conversation: asked, and answered a little later.
                give(&mut meter, at, &udp(A, B, port, 53, 72));
                give(&mut meter, at + SECOND / 2_000, &udp(B, A, 53, port, 872));
            }
            // The flood, to somebody else. What was stamped before a snapshot may be read after it.
            if number < 800 {
                give(&mut meter, at, &flood(port));
            } else {
                late.push((at, flood(port)));
            }
        }
        if second == 9 {
            meter.close(slice(0, 10));
            meter.begin_slice(Timestamp(10 * SECOND));
        }
        let snapshot = meter.snapshot(Timestamp((second + 1) * SECOND), &wishes);
        for answer in &snapshot.answers {
            let rate = |of: [u8; 4]| {
                let asked = |row: &&traf_model::Row| matches!(row.item, Item::Counted(_, Key::Address(address), _) if address == std::net::IpAddr::from(of));
                answer.rows.iter().find(asked).unwrap().rate
            };
            let asking = rate(A);
            assert_eq!(asking.outbound.packets, 100, "second {second}, wish {}", answer.id);
            assert_eq!((asking.outbound.octets, asking.inbound.octets), (10_000, 90_000));
            if second >= 5 {
                assert_eq!(rate([10, 0, 0, 9]).inbound.packets, 1_000, "second {second}, wish {}", answer.id);
            }
        }
        late.drain(..).for_each(|(at, frame)| give(&mut meter, at, &frame));
    }
}

#[test]
fn the_first_look_has_the_rates_of_the_slice_so_far() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, SECOND, &udp(A, B, 5000, 53, 8972));
    meter.close(slice(0, 10));
    for second in 10..14 {
        give(&mut meter, second * SECOND, &udp(A, B, 5000, 53, 972));
    }
    let wishes = [Facility::Traffic, HOSTS.into(), SERVICES.into(), STATIONS.into()];
    let snapshot = meter.snapshot(Timestamp(14 * SECOND), &wishes.map(|facility| wish(facility, "", 10)));
    let rates: Vec<u64> = snapshot.answers.iter().map(|answer| answer.rows[0].rate.total().octets).collect();
    assert_eq!(rates, [1000, 1000, 1000, 1014]);
    // A slice that has just begun tells nothing yet.
    meter.close(slice(10, 20));
    let snapshot = meter.snapshot(Timestamp(40 * SECOND), &[]);
    assert!(snapshot.answers.is_empty());
    meter.close(slice(30, 40));
    let snapshot = meter.snapshot(Timestamp(40 * SECOND + 1), &[wish(STATIONS.into(), "", 10)]);
    assert!(snapshot.answers[0].rows.iter().all(|row| row.rate.is_empty()));
}

#[test]
fn what_leaves_the_table_is_forgotten_but_still_counted() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    give(&mut meter, 0, &udp(A, B, 5000, 53, 10));
    meter.close(slice(0, 10));
    meter.close(slice(900, 910));
    assert_eq!(meter.snapshot(Timestamp(911 * SECOND), &[]).flows, 1);
    meter.close(slice(1000, 1010));
    let snapshot = meter.snapshot(Timestamp(1011 * SECOND), &[wish(Facility::Traffic, "", 10)]);
    assert_eq!((snapshot.flows, snapshot.answers[0].matched), (0, 0));
    assert_eq!(snapshot.answers[0].total.total(), Counters::new(1, 38));
    assert!(matches!(snapshot.answers[0].rows[..], [traf_model::Row { item: Item::Other(_, _, 1), .. }]));
}
