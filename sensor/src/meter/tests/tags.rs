//! VLAN tags that differ by direction, and VLANs that have the same ends.

use std::collections::BTreeMap;

use proptest::prelude::*;
use traf_model::Service;
use traf_model::facility::VLANS;

use super::sums;
use super::*;

/// Ports of a client, the first of many, and of its server.
const CLIENT: u16 = 20_000;
const SERVER: u16 = 5060;

/// Conversations of a test.
const MANY: u16 = 3000;

/// Identifiers of the tags of a frame, the outermost first.
type Tags = &'static [u16];

/// Puts tags before the ether type.
fn tagged(mut bytes: Vec<u8>, tags: &[u16]) -> Vec<u8> {
    let tags = tags.iter().flat_map(|id| [[0x81, 0x00], id.to_be_bytes()]).flatten();
    bytes.splice(12..12, tags.collect::<Vec<u8>>());
    bytes
}

/// A segment or a datagram of a conversation, from its client or from its server.
fn packet(tcp: bool, client: u16, forward: bool, flags: u8) -> Vec<u8> {
    let ports = if forward { (client, SERVER) } else { (SERVER, client) };
    let (from, to) = if forward { (A, B) } else { (B, A) };
    if !tcp {
        return udp(from, to, ports.0, ports.1, 100);
    }
    super::tcp(forward, ports, &|tcp| (tcp.syn, tcp.ack) = (flags & 2 != 0, flags & 16 != 0), 100)
}

/// A meter with room for all flows of a test.
fn large() -> Meter {
    meter(MeterConfig { flows: 1 << 16, history_flows: usize::MAX, ..MeterConfig::default() })
}

/// Services of a summary.
fn services(summary: &InterfaceSummary) -> Vec<Key> {
    summary.counted[&SERVICES].rows().map(|(key, _)| *key).collect()
}

/// Packets of each VLAN.
fn vlans(summary: &InterfaceSummary) -> BTreeMap<u64, u64> {
    let rows = summary.counted[&VLANS].rows();
    rows.map(|(vlan, counts)| (vlan.number().unwrap(), counts.traffic.total().packets)).collect()
}

/// Packets of each direction of each row, by VLAN, port of its source and port of its destination.
fn rows(summary: &InterfaceSummary) -> BTreeMap<(Option<u16>, u16, u16), [u64; 2]> {
    let mut rows = BTreeMap::new();
    for flow in &summary.flows {
        let key = (flow.key.vlan, flow.key.source.port, flow.key.destination.port);
        let packets = [flow.traffic.outbound.packets, flow.traffic.inbound.packets];
        assert_eq!(rows.insert(key, packets), None, "{key:?} has two rows");
    }
    rows
}

/// Panics with some of the differences between the rows that are there and those that should be.
fn same(
    found: BTreeMap<(Option<u16>, u16, u16), [u64; 2]>,
    expected: BTreeMap<(Option<u16>, u16, u16), [u64; 2]>,
    what: &str,
) {
    let (mut missing, mut more) = (expected.clone(), found.clone());
    missing.retain(|key, packets| found.get(key) != Some(packets));
    more.retain(|key, packets| expected.get(key) != Some(packets));
    let some = |rows: &BTreeMap<_, [u64; 2]>| {
        rows.iter().take(5).map(|(key, packets)| format!("{key:?} {packets:?}")).collect::<Vec<_>>()
    };
    let counts = (missing.len(), more.len());
    assert_eq!(counts, (0, 0), "{what}: missing {:?}, found instead {:?}", some(&missing), some(&more));
}

#[test]
fn tags_that_differ_by_direction_part_no_conversation_and_invent_no_service() {
    let cases: [(Tags, Tags, Option<u16>); 10] = [
        (&[], &[], None),
        (&[7], &[7], Some(7)),
        (&[7], &[], Some(7)),
        (&[], &[7], Some(7)),
        (&[8], &[9], Some(8)),
        (&[8], &[24], Some(8)),
        (&[0], &[], None),
        (&[0], &[7], Some(7)),
        (&[0, 8], &[9, 8], Some(8)),
        (&[100, 8], &[8], Some(100)),
    ];
    for (there, back, vlan) in cases {
        for tcp in [false, true] {
            let mut meter = large();
            let mut at = 0;
            for (forward, flags) in [(true, 2), (false, 18), (true, 16), (false, 16), (false, 16)] {
                for client in 0..MANY {
                    let bytes = packet(tcp, CLIENT + client, forward, flags);
                    at += 1000;
                    give(&mut meter, at, &tagged(bytes, if forward { there } else { back }));
                }
            }
            let what = format!("{there:?} {back:?} tcp {tcp}");
            let summary = meter.close(slice(0, 10));
            sums::hold(&summary, &what);
            let expected = (0..MANY).map(|client| ((vlan, CLIENT + client, SERVER), [2, 3])).collect();
            same(rows(&summary), expected, &what);
            let protocol = if tcp { 6 } else { 17 };
            assert_eq!(services(&summary), [Service::new(protocol, SERVER).unwrap().key()], "{what}");
            assert!(!tcp || summary.flows.iter().all(|flow| flow.state == FlowState::Established && flow.complete));
            let mut counted = BTreeMap::new();
            for (tags, packets) in [(there, 2), (back, 3)] {
                let id = tags.iter().find(|id| **id != 0).copied().unwrap_or(0);
                *counted.entry(u64::from(id)).or_default() += packets * u64::from(MANY);
            }
            assert_eq!(vlans(&summary), counted, "{what}: each frame counts under its own tag");
        }
    }
}

#[test]
fn a_flow_keeps_its_vlan_once_a_row_of_it_was_sealed() {
    for (there, back, vlan) in [(&[][..], &[7][..], None), (&[7], &[], Some(7)), (&[7], &[8], Some(7))] {
        let mut meter = large();
        for (second, forward) in [(1, true), (11, false), (12, true), (21, false)] {
            if second > 10 && second % 10 == 1 {
                let summary = meter.close(slice(second - 11, second - 1));
                assert_eq!(
                    summary.flows.iter().map(|flow| flow.key.vlan).collect::<Vec<_>>(),
                    [vlan],
                    "{there:?} {back:?}"
                );
            }
            let bytes = packet(true, CLIENT, forward, if second == 1 { 2 } else { 16 });
            give(&mut meter, second * SECOND, &tagged(bytes, if forward { there } else { back }));
        }
        let wishes = ["vlan", "not vlan", "vlan 7"].map(|filter| wish(Facility::Traffic, filter, 10));
        let snapshot = meter.snapshot(Timestamp(22 * SECOND), &wishes);
        let packets = |place: usize| snapshot.answers[place].total.total().packets;
        let found = if vlan.is_some() { [4, 0, 4] } else { [0, 4, 0] };
        assert_eq!([packets(0), packets(1), packets(2)], found, "a filter selects whole conversations");
        assert_eq!(snapshot.flows, 1);
    }
}

#[test]
fn vlans_with_the_same_ends_stay_apart() {
    // A router on a trunk passes each packet from one VLAN to the other; two customers have the same addresses.
    let routed = [(10, true), (20, true), (20, false), (10, false), (10, true), (20, true)];
    let overlapping = [(10, true), (10, false), (20, true), (10, false), (20, false), (20, false)];
    for (order, expected) in [(routed, [[2, 1], [2, 1]]), (overlapping, [[1, 2], [1, 2]])] {
        for tcp in [false, true] {
            let mut meter = large();
            for (step, (vlan, forward)) in order.into_iter().enumerate() {
                for client in 0..MANY {
                    let first = step < 3 && forward;
                    let bytes = packet(tcp, CLIENT + client, forward, if first { 2 } else { 16 });
                    give(&mut meter, step as i64 * SECOND, &tagged(bytes, &[vlan]));
                }
            }
            let summary = meter.close(slice(0, 10));
            sums::hold(&summary, "same ends");
            let of = |client: u16| [10, 20].map(|vlan| (Some(vlan), CLIENT + client, SERVER)).into_iter().zip(expected);
            same(rows(&summary), (0..MANY).flat_map(of).collect(), &format!("{order:?} tcp {tcp}"));
        }
    }
}

#[test]
fn many_vlans_with_the_same_ends_push_nobody_out() {
    const VLANS: u16 = 500;
    let mut meter = large();
    for round in 0..5 {
        for vlan in 1..=VLANS {
            let request = udp([0; 4], [255; 4], 68, 67, 300);
            give(&mut meter, round * SECOND, &tagged(request, &[vlan]));
            for forward in [true, false] {
                give(&mut meter, round * SECOND, &tagged(packet(false, CLIENT, forward, 0), &[vlan]));
            }
        }
    }
    let summary = meter.close(slice(0, 10));
    sums::hold(&summary, "many VLANs");
    let of = |vlan: u16| [((Some(vlan), 68, 67), [5, 0]), ((Some(vlan), CLIENT, SERVER), [5, 5])];
    same(rows(&summary), (1..=VLANS).flat_map(of).collect(), "many VLANs");
}

#[test]
fn a_tag_that_changes_in_the_middle_invents_no_service() {
    for tcp in [false, true] {
        // Both directions move to another VLAN; then one of them loses its tag.
        let steps: [(bool, Tags); 7] =
            [(true, &[7]), (false, &[7]), (false, &[9]), (true, &[9]), (false, &[]), (true, &[9]), (false, &[])];
        let mut meter = large();
        for (step, (forward, tags)) in steps.into_iter().enumerate() {
            for client in 0..MANY {
                let bytes = packet(tcp, CLIENT + client, forward, if step == 0 { 2 } else { 16 });
                give(&mut meter, step as i64 * SECOND, &tagged(bytes, tags));
            }
        }
        let summary = meter.close(slice(0, 10));
        sums::hold(&summary, "change");
        let of = |client: u16| {
            let key = |vlan| (vlan, CLIENT + client, SERVER);
            [(key(Some(7)), [1, 1]), (key(Some(9)), [2, 1]), (key(None), [0, 2])]
        };
        same(rows(&summary), (0..MANY).flat_map(of).collect(), &format!("tcp {tcp}"));
        assert_eq!(services(&summary), [Service::new(if tcp { 6 } else { 17 }, SERVER).unwrap().key()]);
    }
}

#[test]
fn answers_through_more_than_one_vlan_are_one_direction() {
    let mut meter = large();
    for number in 0..1000 {
        let tags: &[u16] = [&[7][..], &[8], &[7], &[9], &[]][number % 5];
        give(&mut meter, number as i64, &tagged(packet(false, CLIENT, number % 5 % 2 == 0 && tags == [7], 0), tags));
    }
    let summary = meter.close(slice(0, 10));
    assert_eq!(rows(&summary), BTreeMap::from([((Some(7), CLIENT, SERVER), [400, 600])]));
}

#[test]
fn an_unreachable_under_another_tag_closes_the_connection_it_speaks_of() {
    for (there, back) in [(&[7][..], &[][..]), (&[], &[7]), (&[7], &[8]), (&[7], &[7])] {
        let mut meter = large();
        let sent = packet(true, CLIENT, true, 2);
        give(&mut meter, 1, &tagged(sent.clone(), there));
        give(&mut meter, 2, &tagged(unreachable(&sent), back));
        let flows = meter.close(slice(0, 10)).flows;
        let of = |protocol| flows.iter().filter(move |flow| flow.key.protocol == protocol).map(|flow| flow.state);
        assert_eq!(of(6).collect::<Vec<_>>(), [FlowState::Reset], "{there:?} {back:?}");
    }
}

/// A packet among few ends, and how long after the one before.
#[derive(Clone, Copy, Debug)]
struct Given {
    client: u16,
    tcp: bool,
    forward: bool,
    flags: u8,
    tag: u16,
    step: i64,
}

prop_compose! {
    fn given()(
        client in 0u16..6, tcp: bool, forward: bool, flags in 0u8..32, tag in 0u16..6,
        step in prop_oneof![9 => 0i64..SECOND, 1 => 0i64..40 * SECOND],
    ) -> Given {
        Given { client, tcp, forward, flags, tag, step }
    }
}

/// A frame of this packet.
fn made(given: &Given, tags: &[u16]) -> Vec<u8> {
    let ports = if given.forward { (CLIENT + given.client, SERVER) } else { (SERVER, CLIENT + given.client) };
    if !given.tcp {
        return tagged(packet(false, CLIENT + given.client, given.forward, 0), tags);
    }
    let flags = |tcp: &mut TcpHeader| {
        let has = |flag: u8| given.flags & flag != 0;
        (tcp.fin, tcp.syn, tcp.rst, tcp.ack) = (has(1), has(2), has(4), has(16));
    };
    tagged(tcp(given.forward, ports, &flags, 10), tags)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_are_those_of_the_same_packets_without_tags(
        packets in prop::collection::vec(given(), 1..600),
        tags in prop::collection::vec((0u16..4, 0u16..4), 6),
        every in 20usize..400,
    ) {
        // Each client has its tags, there and back; some have none, some the same.
        let config = MeterConfig { flows: 1 << 12, history_flows: usize::MAX, idle: Duration::from_secs(20), ..MeterConfig::default() };
        let mut meters = [meter(config.clone()), meter(config)];
        let (mut at, mut from) = (0, 0);
        for (number, given) in packets.iter().enumerate() {
            at += given.step;
            let (there, back) = tags[usize::from(given.client)];
            let tag = if given.forward { there } else { back };
            give(&mut meters[0], at, &made(given, &[tag]));
            give(&mut meters[1], at, &made(given, &[]));
            if number % every == 0 || number + 1 == packets.len() {
                let to = at / SECOND + 1;
                let rows = meters.each_mut().map(|meter| {
                    let summary = meter.close(slice(from, to));
                    sums::hold(&summary, "tags by direction");
                    let mut rows = summary.flows;
                    rows.iter_mut().for_each(|flow| flow.key.vlan = None);
                    rows.sort_by_key(|flow| (flow.key, flow.first, flow.last));
                    (rows, summary.counted[&SERVICES].clone(), summary.counted[&HOSTS].clone())
                });
                prop_assert_eq!(&rows[0], &rows[1]);
                from = to;
            }
        }
    }

    #[test]
    fn totals_are_exact_whatever_the_tags(
        packets in prop::collection::vec(given(), 1..1500),
        flows in 1usize..40,
        history in 0usize..20,
    ) {
        let config = MeterConfig { flows, history_flows: history, idle: Duration::from_secs(20), ..MeterConfig::default() };
        let mut meter = meter(config);
        let (mut at, mut expected, mut octets) = (0, BTreeMap::<u64, u64>::new(), 0);
        for given in &packets {
            at += given.step;
            let bytes = made(given, &[given.tag]);
            give(&mut meter, at, &bytes);
            *expected.entry(u64::from(given.tag)).or_default() += 1;
            octets += bytes.len() as u64;
        }
        let summary = meter.close(slice(0, at / SECOND + 1));
        sums::hold(&summary, "any tags");
        prop_assert_eq!(vlans(&summary), expected);
        let count = packets.len() as u64;
        prop_assert_eq!(summary.classes().group(ClassGroup::Total).total(), Counters::new(count, octets));
    }
}
