#![allow(clippy::unwrap_used, clippy::expect_used)]

use traf_model::time::SECOND;
use traf_model::{Facility, Filter, Group, Interface, Item, Order, OrderBy, SinglePacket, Timestamp, Wish};

use super::*;
use crate::meter::{Meter, MeterConfig};
use crate::parse::link_type::LinkType;
use crate::parse::packet::{ARP, RARP};

const MACS: [u8; 12] = [2, 0, 0, 0, 0x77, 1, 2, 0, 0, 0, 0x77, 2];
const FOUR: &str = "from 10.77.0.2 to 10.77.0.1 on ipta0";
const SIX: &str = "from fd77::2 to fd77::1 on ipta0";
const STATIONS: &str = "from 02:00:00:00:77:02 to 02:00:00:00:77:01 on ipta0";

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &kind.to_be_bytes(), payload].concat()
}

/// IPv4 with these flags and fragment offset.
fn four(protocol: u8, place: u16, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let [f, o] = place.to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 9, f, o, 64, protocol, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1];
    ethernet(0x0800, &[&header[..], payload].concat())
}

fn six(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [h, l] = (payload.len() as u16).to_be_bytes();
    let end = |last| [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let header = [&[0x60, 0, 0, 0, h, l, protocol, 64][..], &end(2), &end(1)].concat();
    ethernet(0x86dd, &[&header[..], payload].concat())
}

fn udp(source: u16, destination: u16, octets: usize) -> Vec<u8> {
    let [h, l] = (8 + octets as u16).to_be_bytes();
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[h, l, 0, 0], &vec![0; octets]].concat()
}

fn icmp(kind: u8, code: u8) -> Vec<u8> {
    [&[kind, code, 0, 0][..], &[0; 28]].concat()
}

fn ospf(version: u8, kind: u8) -> Vec<u8> {
    [&[version, kind, 0, 44, 10, 77, 0, 2, 0, 0, 0, 5][..], &[0; 32]].concat()
}

fn arp(operation: u8) -> Vec<u8> {
    let sender = [2, 0, 0, 0, 0x77, 2, 10, 77, 0, 2];
    let target = [2, 0, 0, 0, 0x77, 3, 10, 77, 0, 1];
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &sender, &target].concat()
}

fn meter() -> Meter {
    let interface = Interface { name: "ipta0".to_owned(), mtu: Some(1500), ..Interface::default() };
    Meter::new(MeterConfig { flows: 64, ..MeterConfig::default() }, interface, LinkType::Ethernet, Timestamp(0))
}

fn wish(filter: &str, limit: u32) -> Wish {
    let order = Order { by: OrderBy::Last, ascending: false };
    let filter = filter.parse::<Filter>().unwrap();
    Wish {
        id: 1,
        facility: Facility::Packets,
        filter,
        group: Group::Flow,
        order,
        also: Vec::new(),
        limit,
        slice: false,
    }
}

/// The answer of a meter, newest first, and the number of records.
fn lines(meter: &mut Meter, filter: &str, limit: u32) -> (Vec<SinglePacket>, u64) {
    let snapshot = meter.snapshot(Timestamp(SECOND), &[wish(filter, limit)]);
    let answer = &snapshot.answers[0];
    let line = |row: &Row| if let Item::Packet(line) = &row.item { line.clone() } else { panic!("{row:?}") };
    (answer.rows.iter().map(line).collect(), answer.matched)
}

fn words(frame: &[u8]) -> String {
    let mut meter = meter();
    meter.frame(Timestamp(1), frame.len() as u32, frame);
    let (lines, matched) = lines(&mut meter, "", 10);
    assert_eq!((lines.len(), matched), (1, 1));
    lines[0].words("ipta0", false, |end| end.to_string())
}

/// Every text of IPTraf's lower window that IP packets give.
#[test]
fn ip_packets_read_as_in_iptraf() {
    let mut table: Vec<(Vec<u8>, String)> = vec![
        (
            four(17, 0, &udp(41838, 7777, 5)),
            "UDP (33 bytes) from 10.77.0.2:41838 to 10.77.0.1:7777 on ipta0".to_owned(),
        ),
        (six(17, &udp(41838, 7777, 5)), "UDP (53 bytes) from [fd77::2]:41838 to [fd77::1]:7777 on ipta0".to_owned()),
        (four(17, 0x0049, &[0; 528]), format!("UDP fragment (548 bytes) {FOUR}")),
        (four(1, 0x0049, &[0; 28]), format!("ICMP fragment (48 bytes) {FOUR}")),
        (six(44, &[&[17, 0, 0, 9, 0, 0, 0, 5][..], &[0; 100]].concat()), format!("UDP fragment (148 bytes) {SIX}")),
        (six(44, &[&[58, 0, 0, 9, 0, 0, 0, 5][..], &[0; 100]].concat()), format!("ICMPv6 fragment (148 bytes) {SIX}")),
        (four(89, 0, &ospf(2, 1)), format!("OSPFv2 hlo (a=5 r=10.77.0.2) (64 bytes) {FOUR}")),
        (six(89, &ospf(3, 1)), format!("OSPFv3 hlo (a=5 r=10.77.0.2) (84 bytes) {SIX}")),
        (four(41, 0, &six(58, &icmp(128, 0))[14..]), format!("IPv6 tun (92 bytes) {FOUR}")),
        (four(51, 0, &[&[50, 4, 0, 0][..], &[0; 36]].concat()), format!("IPSEC-AH (60 bytes) {FOUR}")),
        (six(51, &[&[50, 4, 0, 0][..], &[0; 36]].concat()), format!("IPSEC-AH (80 bytes) {SIX}")),
        // What stands behind the headers says more than they do.
        (
            six(60, &[&[58, 0, 1, 4, 0, 0, 0, 0][..], &icmp(128, 0)].concat()),
            format!("ICMPv6 echo req (80 bytes) {SIX}"),
        ),
        (four(253, 0, &[0; 20]), format!("IP protocol 253 (40 bytes) {FOUR}")),
        (six(253, &[0; 20]), format!("IP protocol 253 (60 bytes) {SIX}")),
        (six(59, &[]), format!("IPv6-NoNxt (40 bytes) {SIX}")),
        (six(60, &[17]), format!("IPv6-Opts (41 bytes) {SIX}")),
        (six(44, &[17, 0]), format!("IPv6-Frag (42 bytes) {SIX}")),
        (six(43, &[17, 0]), format!("IPv6-Route (42 bytes) {SIX}")),
    ];
    for (version, kind, text) in [(2, 2, "DB desc"), (2, 3, "LSR"), (3, 4, "LSU"), (2, 5, "LSA"), (2, 9, "bad/unkn")] {
        table.push((
            four(89, 0, &ospf(version, kind)),
            format!("OSPFv{version} {text} (a=5 r=10.77.0.2) (64 bytes) {FOUR}"),
        ));
    }
    for (protocol, name) in [
        (2, "IGMP"),
        (9, "IGP"),
        (88, "IGRP"),
        (47, "GRE"),
        (50, "IPSEC-ESP"),
        (115, "L2TP"),
        (4, "IP-ENCAP"),
        (94, "IPIP"),
        (103, "PIM"),
        (112, "VRRP"),
        (46, "RSVP"),
        (8, "EGP"),
    ] {
        table.push((four(protocol, 0, &[0; 42]), format!("{name} (62 bytes) {FOUR}")));
        table.push((six(protocol, &[0; 42]), format!("{name} (82 bytes) {SIX}")));
        table.push((four(protocol, 0x0049, &[0; 42]), format!("{name} fragment (62 bytes) {FOUR}")));
    }
    let sctp = [&[0x9c, 0x40, 0x0b, 0x59][..], &[0; 8]].concat();
    table.push((four(132, 0, &sctp), "SCTP (32 bytes) from 10.77.0.2:40000 to 10.77.0.1:2905 on ipta0".to_owned()));
    for (frame, expected) in table {
        assert_eq!(words(&frame), expected);
    }
}

#[test]
fn every_icmp_type_and_every_unreachable_code_has_its_text() {
    let types = [
        (0, "echo rply"),
        (4, "src qnch"),
        (5, "redirct"),
        (8, "echo req"),
        (9, "router adv"),
        (10, "router sol"),
        (11, "time excd"),
        (12, "param prob"),
        (13, "timestmp req"),
        (14, "timestmp rep"),
        (15, "info req"),
        (16, "info rep"),
        (17, "addr mask req"),
        (18, "addr mask rep"),
        (1, "bad/unkn"),
        (42, "bad/unkn"),
        (255, "bad/unkn"),
    ];
    for (kind, text) in types {
        assert_eq!(words(&four(1, 0, &icmp(kind, 0))), format!("ICMP {text} (52 bytes) {FOUR}"));
    }
    let codes = [
        "ntwk",
        "host",
        "proto",
        "port",
        "DF set",
        "src rte fail",
        "net unkn",
        "host unkn",
        "src isltd",
        "net comm denied",
        "host comm denied",
        "net unrch for TOS",
        "host unrch for TOS",
        "pkt fltrd",
        "prec violtn",
        "prec cutoff",
    ];
    for (code, text) in (0..).zip(codes) {
        assert_eq!(words(&four(1, 0, &icmp(3, code))), format!("ICMP dest unrch ({text}) (52 bytes) {FOUR}"));
    }
    assert_eq!(words(&four(1, 0, &icmp(3, 16))), format!("ICMP dest unrch (52 bytes) {FOUR}"));
    assert_eq!(words(&four(1, 0, &[])), format!("ICMP (20 bytes) {FOUR}"));
}

#[test]
fn every_icmpv6_type_and_every_unreachable_code_has_its_text() {
    let types = [
        (2, "pkt too big"),
        (3, "time exceeded"),
        (4, "param prob"),
        (128, "echo req"),
        (129, "echo rply"),
        (130, "mbrship query"),
        (131, "mbrship report"),
        (132, "mbrship reduc"),
        (133, "router sol"),
        (134, "router adv"),
        (135, "neigh sol"),
        (136, "neigh adv"),
        (137, "redirect"),
        (143, "mbrship v2 report"),
        (200, "bad/unkn"),
    ];
    for (kind, text) in types {
        assert_eq!(words(&six(58, &icmp(kind, 0))), format!("ICMPv6 {text} (72 bytes) {SIX}"));
    }
    let codes = ["no route", "admin", "not beyondsp", "unreach addr", "no port", "src policy", "reject route"];
    for (code, text) in (0..).zip(codes) {
        assert_eq!(words(&six(58, &icmp(1, code))), format!("ICMPv6 dest unrch ({text}) (72 bytes) {SIX}"));
    }
}

#[test]
fn what_is_not_ip_reads_as_in_iptraf() {
    let mut table = vec![
        (ethernet(ARP, &arp(1)), format!("ARP request for 10.77.0.1 (28 bytes) {STATIONS}")),
        (ethernet(ARP, &arp(2)), format!("ARP reply from 10.77.0.2 (28 bytes) {STATIONS}")),
        (ethernet(ARP, &arp(8)), format!("ARP operation 8 (28 bytes) {STATIONS}")),
        (ethernet(ARP, &arp(1)[..20]), format!("ARP (20 bytes) {STATIONS}")),
        (ethernet(RARP, &arp(3)), format!("RARP request for 02:00:00:00:77:03 (28 bytes) {STATIONS}")),
        (ethernet(RARP, &arp(4)), format!("RARP reply from 02:00:00:00:77:02 (28 bytes) {STATIONS}")),
        (ethernet(RARP, &[]), format!("RARP (0 bytes) {STATIONS}")),
        (ethernet(0x0800, &[0; 46]), format!("Non-IP (0x0800) (46 bytes) {STATIONS}")),
    ];
    for (kind, name) in [
        (0x6001, "DEC MOP dump/load"),
        (0x6002, "DEC MOP remote console"),
        (0x6003, "DEC DECnet Phase IV"),
        (0x6004, "DEC LAT"),
        (0x6005, "DEC DECnet Diagnostics"),
        (0x6006, "DEC DECnet Customer Use"),
        (0x6007, "DEC DECnet SCA"),
        (0x8137, "IPX"),
        (0x88cc, "0x88cc"),
        (0x8863, "0x8863"),
    ] {
        table.push((ethernet(kind, &[0; 46]), format!("Non-IP ({name}) (46 bytes) {STATIONS}")));
        // The tag is part of the link header.
        let tagged = [&[0, 7][..], &kind.to_be_bytes(), &[0; 46]].concat();
        table.push((ethernet(0x8100, &tagged), format!("Non-IP ({name}) (46 bytes) {STATIONS}")));
    }
    // Labels and sessions around what is not IP.
    table.push((ethernet(0x8847, &[0, 0, 1, 64, 0, 0]), format!("Non-IP (0x8847) (6 bytes) {STATIONS}")));
    table.push((ethernet(0x8864, &[0x11, 0, 0, 1, 0, 4, 0xc0, 0x21]), format!("Non-IP (0x8864) (8 bytes) {STATIONS}")));
    // IEEE 802.3: a length, then 802.2, with which IPX and DEC's protocols come as well.
    for (payload, name) in [
        (&[0x42, 0x42, 3][..], "802.2 0x42"),
        (&[0xff, 0xff, 0], "IPX"),
        (&[0xe0, 0xe0, 3], "IPX"),
        (&[0xaa, 0xaa, 3, 0, 0, 0, 0x60, 4], "DEC LAT"),
        (&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], "802.2 0xaa"),
    ] {
        let octets = payload.len();
        table.push((ethernet(octets as u16, payload), format!("Non-IP ({name}) ({octets} bytes) {STATIONS}")));
    }
    for (frame, expected) in table {
        assert_eq!(words(&frame), expected);
    }
}

#[test]
fn the_senders_mac_is_there_for_whoever_asks() {
    let mut meter = meter();
    let frame = four(47, 0, &[0; 42]);
    meter.frame(Timestamp(1), frame.len() as u32, &frame);
    let words = lines(&mut meter, "", 1).0[0].words("ipta0", true, |end| end.to_string());
    assert_eq!(words, "GRE (62 bytes) from 10.77.0.2 to 10.77.0.1 (src HWaddr 02:00:00:00:77:02) on ipta0");
}

#[test]
fn a_link_without_addresses_has_lines_without_macs() {
    let mut meter = meter();
    meter.set_link(LinkType::RawIp);
    let frame = four(47, 0, &[0; 42]);
    meter.frame(Timestamp(1), 62, &frame[14..]);
    meter.set_link(LinkType::Null);
    meter.frame(Timestamp(1), 8, &[0, 0, 0, 99, 1, 2, 3, 4]);
    let (lines, _) = lines(&mut meter, "", 9);
    assert_eq!((lines[1].mac, lines[1].octets), (None, 62));
    assert_eq!(lines[0].words("ipta0", true, |end| end.to_string()), "Non-IP (0x0000) (4 bytes) from ? to ? on ipta0");
}

#[test]
fn connections_are_no_lines_and_a_flood_of_datagrams_pushes_out_only_itself() {
    let mut meter = meter();
    let give = |meter: &mut Meter, frame: &[u8]| meter.frame(Timestamp(1), frame.len() as u32, frame);
    give(&mut meter, &four(1, 0, &icmp(3, 3)));
    give(&mut meter, &four(6, 0, &[0; 20]));
    for number in 0..2000 {
        give(&mut meter, &four(17, 0, &udp(number, 53, 1)));
    }
    let (all, matched) = lines(&mut meter, "", 1000);
    assert_eq!((all.len(), matched), (RING + 1, 2001));
    assert!(all.iter().map(|line| line.number).is_sorted_by(|a, b| a > b));
    assert_eq!((all[0].number, all[RING].number, all[RING].kind), (2001, 1, PacketKind::Icmp));
    let (few, matched) = lines(&mut meter, "src port 1998 or icmp or tcp", 1);
    assert_eq!((few.len(), few[0].number, matched), (1, 2000, 2));
}

#[test]
fn a_filter_selects_lines_by_what_the_packet_was() {
    let mut meter = meter();
    for frame in [
        ethernet(ARP, &arp(1)),
        ethernet(0x8100, &[&[0, 7, 8, 6][..], &arp(2)].concat()),
        six(58, &icmp(135, 0)),
        four(17, 0, &udp(53, 5353, 9)),
    ] {
        meter.frame(Timestamp(1), frame.len() as u32, &frame);
    }
    for (filter, numbers) in [
        ("arp", &[2, 1][..]),
        ("vlan 7", &[2]),
        ("src host 10.77.0.2 and dst net 10.77.0.1/32", &[4, 2, 1]),
        ("arp and host 10.77.0.3", &[]),
        ("not vlan", &[4, 3, 1]),
        ("ip6 net fd77::/64", &[3]),
        ("portrange 50-60", &[4]),
        ("ether src 02:00:00:00:77:02 and not ip", &[3, 2, 1]),
        ("iface ipta1", &[]),
    ] {
        let (lines, matched) = lines(&mut meter, filter, 10);
        let found: Vec<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!((&found[..], matched), (numbers, numbers.len() as u64), "{filter}");
    }
}

#[test]
fn a_log_takes_every_record_once_and_knows_what_it_lost() {
    let mut meter = meter();
    let frame = four(47, 0, &[0; 42]);
    let give = |meter: &mut Meter, count: usize| {
        (0..count).for_each(|_| meter.frame(Timestamp(1), frame.len() as u32, &frame));
    };
    give(&mut meter, 5);
    assert_eq!(meter.take_log().packets.len(), 0);
    meter.log(Some(false), Timestamp(0));
    give(&mut meter, 3);
    meter.log(Some(false), Timestamp(0));
    let taken = meter.take_log();
    let numbers: Vec<u64> = taken.packets.iter().map(|record| record.number).collect();
    assert_eq!((numbers, taken.lost), (vec![6, 7, 8], 0));
    assert_eq!(describe(&taken.packets[0]).label, "GRE");
    give(&mut meter, WAITING + 7);
    let taken = meter.take_log();
    assert_eq!((taken.packets.len(), taken.lost), (WAITING, 7));
    meter.log(None, Timestamp(0));
    give(&mut meter, 1);
    assert_eq!(meter.take_log().packets.len(), 0);
}

#[test]
fn a_record_is_small() {
    assert!(size_of::<PacketRecord>() <= 96, "{}", size_of::<PacketRecord>());
}
