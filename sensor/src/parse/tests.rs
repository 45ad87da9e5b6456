#![allow(clippy::unwrap_used, clippy::expect_used)]

use etherparse::{
    EtherType, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice, UdpHeader, VlanId,
};
use proptest::prelude::*;
use traf_model::{Cast, Class, Family, Transport};

use super::*;
use crate::parse::packet::{Fragment, NO_VLAN};

const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::Unsupported(147),
];

fn parse(bytes: &[u8]) -> Packet {
    Parser::default().packet(LinkType::Ethernet, bytes.len() as u32, bytes).unwrap()
}

fn opened(bytes: &[u8]) -> Packet {
    Parser { tunnels: true }.packet(LinkType::Ethernet, bytes.len() as u32, bytes).unwrap()
}

fn ethernet() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

/// A frame of the usual kinds.
fn usual(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (six_a, six_b) = ([0xfd; 16], [0xfe; 16]);
    let vlan = |id| VlanId::try_new(id).unwrap();
    match kind {
        0 => ethernet()
            .ipv4(a, b, 64)
            .tcp(40000, 22, 7, 100)
            .syn()
            .options_raw(&[2, 4, 5, 180])
            .unwrap()
            .write(&mut frame, payload),
        1 => ethernet().ipv4(b, a, 64).udp(53, 5353).write(&mut frame, payload),
        2 => ethernet().single_vlan(vlan(7)).ipv4(a, b, 64).tcp(1, 2, 3, 4).ack(9).fin().write(&mut frame, payload),
        3 => ethernet().double_vlan(vlan(8), vlan(9)).ipv6(six_a, six_b, 64).udp(1, 2).write(&mut frame, payload),
        4 => ethernet().ipv6(six_b, six_a, 64).tcp(443, 50000, 1, 2).write(&mut frame, payload),
        5 => ethernet().ipv4(a, b, 64).icmpv4_echo_request(1, 2).write(&mut frame, payload),
        _ => ethernet().ipv6(six_a, six_b, 64).icmpv6_echo_request(1, 2).write(&mut frame, payload),
    }
    .unwrap();
    frame
}

/// Family, protocol, addresses, ports, VLAN, flags.
type LastError = (Family, u8, [u128; 2], [u16; 2], u16, u8);

/// Result of etherparse's own walk over a whole Ethernet frame: class, ends, VLAN, flags.
fn witness(bytes: &[u8]) -> Option<LastError> {
    let sliced = LaxSlicedPacket::from_ethernet(bytes).ok()?;
    let named = |tag: &LaxLinkExtSlice<'_>| match tag {
        LaxLinkExtSlice::Vlan(vlan) => Some(vlan.vlan_identifier().value()).filter(|&vlan| vlan != 0),
        _ => None,
    };
    let vlan = sliced.link_exts.iter().find_map(named).unwrap_or(NO_VLAN);
    let (family, protocol, addresses) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let number = |address| u128::from(u32::from_be_bytes(address));
            (Family::Ipv4, ip.payload().ip_number.0, [number(header.source()), number(header.destination())])
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let number = u128::from_be_bytes;
            (Family::Ipv6, ip.payload().ip_number.0, [number(header.source()), number(header.destination())])
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let (ports, flags) = match sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => ([tcp.source_port(), tcp.destination_port()], tcp.slice()[13]),
        Some(TransportSlice::Udp(udp)) => ([udp.source_port(), udp.destination_port()], 0),
        _ => ([0; 2], 0),
    };
    Some((family, protocol, addresses, ports, vlan, flags))
}

/// Both ways of parsing agree, and with etherparse, wherever the fast one says anything.
fn agree(bytes: &[u8]) {
    let length = bytes.len() as u32;
    let (mut fast, mut slow) = (Packet::new(7), Packet::new(8));
    if fast::ethernet(length, bytes, &mut fast).is_none() {
        return;
    }
    let walked = Parser::default().walk(LinkType::Ethernet, length, bytes, &mut slow);
    assert_eq!((walked, slow), (Ok(()), fast));
    let (source, destination) = fast.addresses();
    let ports = <[u16; 2]>::from(fast.ports());
    let mut ours = (fast.class.family, fast.key.protocol(), [source, destination], ports, fast.key.vlan(), fast.flags);
    let witness = witness(bytes);
    // Where TCP's options are cut etherparse says nothing of TCP; the ports are there all the same.
    if fast.key.protocol() == 6 && witness.is_some_and(|witness| witness.3 == [0, 0]) {
        (ours.3, ours.5) = ([0, 0], 0);
    }
    assert_eq!(Some(ours), witness);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length: u32, tunnels: bool) {
        for link in LINKS {
            for length in [bytes.len() as u32, length] {
                if let Ok(packet) = (Parser { tunnels }).packet(link, length, &bytes) {
                    prop_assert!(packet.octets <= packet.length);
                    let _ = unreachable(&packet, &bytes);
                }
            }
        }
        agree(&bytes);
    }

    #[test]
    fn the_fast_way_agrees_with_the_other_and_with_etherparse(
        kind in 0u8..7,
        payload in prop::collection::vec(any::<u8>(), 0..40),
        changes in prop::collection::vec((0usize..80, any::<u8>()), 0..4),
        cut in 0usize..120,
        padding in 0usize..20,
    ) {
        let mut frame = usual(kind, &payload);
        frame.extend(std::iter::repeat_n(0, padding));
        for (place, value) in changes {
            if let Some(octet) = frame.get_mut(place) {
                *octet = value;
            }
        }
        agree(&frame);
        frame.truncate(cut.max(14));
        agree(&frame);
        let _ = opened(&frame);
    }
}

#[test]
fn the_fast_way_takes_the_usual_frames() {
    for kind in 0..5 {
        let frame = usual(kind, b"hello");
        assert!(fast::ethernet(frame.len() as u32, &frame, &mut Packet::new(0)).is_some(), "kind {kind}");
        agree(&frame);
    }
}

#[test]
fn padding_does_not_count_and_the_wire_bounds_what_the_header_claims() {
    let mut frame = usual(1, b"");
    assert_eq!((parse(&frame).octets, parse(&frame).length), (28, 42));
    frame.resize(60, 0);
    assert_eq!((parse(&frame).octets, parse(&frame).length), (28, 60));
    // Total length zero: offload has not filled it in yet.
    frame[16..18].copy_from_slice(&[0, 0]);
    assert_eq!(parse(&frame).octets, 46);
    frame[16..18].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(parse(&frame).octets, 46);
    assert!(parse(&frame).bad_checksum && !parse(&usual(1, b"")).bad_checksum);
}

#[test]
fn octets_are_those_of_the_wire_whatever_was_captured() {
    let frame = usual(0, &[0; 1000]);
    let cut = Parser::default().packet(LinkType::Ethernet, frame.len() as u32, &frame[..60]).unwrap();
    let whole = parse(&frame);
    assert_eq!((cut.octets, cut.payload, cut.key), (whole.octets, 1000, whole.key));
    assert_eq!((whole.mss, cut.mss), (1460, 1460));
}

#[test]
fn tags_labels_and_sessions_lead_to_the_same_flow() {
    let plain = usual(0, b"x");
    let flow = parse(&plain).key;
    let wrap = |kind: u16, header: &[u8]| {
        let mut frame = plain[..12].to_vec();
        frame.extend(kind.to_be_bytes());
        frame.extend(header);
        frame.extend(&plain[14..]);
        frame
    };
    let same = |frame: &[u8], vlan: u16| {
        let packet = parse(frame);
        let (a, b) = packet.key.ends();
        assert_eq!(((a, b), packet.key.protocol(), packet.key.vlan()), (flow.ends(), 6, vlan));
        packet.header
    };
    assert_eq!(same(&wrap(0x8100, &[0x20, 7, 8, 0]), 7), 18);
    assert_eq!(same(&wrap(0x88a8, &[0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7, 8, 0]), 5), 26);
    assert_eq!(same(&wrap(0x8847, &[0, 1, 0, 64, 0, 2, 1, 64]), NO_VLAN), 14);
    assert_eq!(same(&wrap(0x8864, &[0x11, 0, 0, 1, 0, 99, 0, 0x21]), NO_VLAN), 14);
    // A tag without an identifier gives a priority only (802.1Q).
    assert_eq!(same(&wrap(0x8100, &[0xe0, 0, 8, 0]), NO_VLAN), 18);
    assert_eq!(same(&wrap(0x8100, &[0xe0, 0, 0x81, 0, 0, 6, 8, 0]), 6), 22);
    assert_eq!(same(&wrap(0x88a8, &[0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 7, 8, 0]), 7), 26);
    let deep: Vec<u8> = std::iter::repeat_n([0, 1, 0x81, 0], 9).flatten().collect();
    assert_eq!(parse(&wrap(0x8100, &deep)).class.family, Family::NonIp);
}

#[test]
fn other_link_headers_lead_to_the_same_flow() {
    let plain = usual(0, b"x");
    let flow = parse(&plain).key;
    let with = |link: LinkType, header: &[u8]| {
        let frame = [header, &plain[14..]].concat();
        Parser::default().packet(link, frame.len() as u32, &frame).unwrap()
    };
    let mut cooked = [0; 16];
    (cooked[1], cooked[14]) = (4, 8);
    assert_eq!((with(LinkType::LinuxSll, &cooked).key, with(LinkType::LinuxSll, &cooked).sent), (flow, true));
    let mut cooked = [0; 20];
    (cooked[0], cooked[10]) = (8, 1);
    let packet = with(LinkType::LinuxSll2, &cooked);
    assert_eq!((packet.key, packet.sent, packet.class.cast), (flow, false, Cast::Broadcast));
    for (link, header) in [
        (LinkType::RawIp, &[][..]),
        (LinkType::Null, &[2, 0, 0, 0]),
        (LinkType::Null, &[0, 0, 0, 2]),
        (LinkType::Loop, &[0, 0, 0, 2]),
        (LinkType::Ppp, &[0xff, 0x03, 0, 0x21]),
        (LinkType::Ppp, &[0x21]),
    ] {
        let packet = with(link, header);
        assert_eq!((packet.key, usize::from(packet.header)), (flow, header.len()), "{link:?}");
    }
    assert_eq!(Parser::default().packet(LinkType::Unsupported(9999), 60, &plain), Err(Unparsed::Unsupported));
    assert_eq!(Parser::default().packet(LinkType::Ethernet, 60, &plain[..13]), Err(Unparsed::Malformed));
}

#[test]
fn both_ways_read_the_code_point_of_both_versions() {
    for (kind, frame) in [0, 4].map(|kind| (kind, usual(kind, b"x"))) {
        for dscp in [0u8, 1, 46, 63] {
            let mut frame = frame.clone();
            // With the bits of explicit congestion notification set (RFC 3168, 5), which are no part of it.
            match frame[14] >> 4 {
                4 => frame[15] = dscp << 2 | 3,
                _ => (frame[14], frame[15]) = (0x60 | dscp >> 2, dscp << 6 | 0x30),
            }
            let mut slow = Packet::new(0);
            Parser::default().walk(LinkType::Ethernet, frame.len() as u32, &frame, &mut slow).unwrap();
            assert_eq!((parse(&frame).dscp, slow.dscp), (dscp, dscp), "{kind}");
        }
    }
}

#[test]
fn what_is_not_ip_is_counted_as_such() {
    let class = |cast| Class { family: Family::NonIp, transport: Transport::Other, cast };
    let mut frame = usual(0, b"x");
    frame[..6].fill(0xff);
    frame[12..14].copy_from_slice(&[0x08, 0x06]);
    assert_eq!(parse(&frame).class, class(Cast::Broadcast));
    // IEEE 802.3 with LLC, and an IP header that is none.
    frame[..6].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 0]);
    frame[12..14].copy_from_slice(&[0, 40]);
    assert_eq!(parse(&frame).class, class(Cast::Multicast));
    frame[12..15].copy_from_slice(&[8, 0, 0x15]);
    assert_eq!((parse(&frame).class, parse(&frame).octets), (class(Cast::Multicast), 0));
}

#[test]
fn fragments_are_told_apart_over_both_versions() {
    let mut frame = usual(1, &[0; 64]);
    frame[20] = 0x20;
    let first = parse(&frame);
    assert_eq!((first.fragment, first.ports()), (Fragment::First, (53, 5353)));
    frame[20..22].copy_from_slice(&[0x00, 0x08]);
    let later = parse(&frame);
    assert_eq!((later.fragment, later.ports(), later.id), (Fragment::Later, (0, 0), first.id));

    let mut six = usual(4, b"");
    six[20] = 44;
    six.splice(54..54, [17, 0, 0, 9, 0, 0, 0, 5]);
    let later = parse(&six);
    assert_eq!((later.fragment, later.id, later.key.protocol(), later.ports()), (Fragment::Later, 5, 17, (0, 0)));
}

#[test]
fn extension_headers_are_passed() {
    let mut frame = usual(4, b"");
    let plain = parse(&frame);
    frame[20] = 0;
    frame[19] += 16;
    frame.splice(54..54, [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
    let packet = parse(&frame);
    assert_eq!((packet.key, packet.payload), (plain.key, plain.payload));
}

/// A tunnel of each kind around a frame, or around its IP packet.
fn tunnels(inner: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let ip = |protocol: u8, payload: &[u8]| {
        let mut frame = Vec::new();
        let outer = ethernet().ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
        outer.write(&mut frame, protocol.into(), payload).unwrap();
        frame
    };
    let udp = |port: u16, payload: &[u8]| {
        let header = UdpHeader::without_ipv4_checksum(50000, port, payload.len()).unwrap();
        ip(17, &[&header.to_bytes()[..], payload].concat())
    };
    let packet = &inner[14..];
    vec![
        ("ipip", ip(4, packet)),
        ("gre", ip(47, &[&[0, 0, 8, 0][..], packet].concat())),
        ("gre with key and sequence", ip(47, &[&[0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], packet].concat())),
        ("gre with Ethernet", ip(47, &[&[0, 0, 0x65, 0x58][..], inner].concat())),
        ("vxlan", udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], inner].concat())),
        ("geneve", udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0, 0, 0][..], inner].concat())),
    ]
}

#[test]
fn a_tunnel_counts_as_itself_or_as_what_it_carries() {
    let inner = usual(0, b"hello");
    let carried = parse(&inner);
    for (name, frame) in tunnels(&inner) {
        let closed = parse(&frame);
        assert_eq!(closed.addresses(), (0xc000_0201, 0xc000_0202), "{name}");
        let open = opened(&frame);
        assert_eq!((open.key, open.octets, open.payload), (carried.key, carried.octets, 5), "{name}");
        assert_eq!((open.length, open.macs), (frame.len() as u32, closed.macs), "{name}");
    }
    let (_, twice) = tunnels(&tunnels(&inner)[4].1).swap_remove(5);
    assert_eq!(opened(&twice).key, carried.key);
}

#[test]
fn a_tunnel_that_carries_no_ip_counts_as_itself() {
    let mut arp = usual(0, b"");
    arp[12..14].copy_from_slice(&EtherType::ARP.0.to_be_bytes());
    for (name, frame) in tunnels(&arp) {
        if name.contains("Ethernet") || name == "vxlan" || name == "geneve" {
            assert_eq!(opened(&frame), parse(&frame), "{name}");
        }
    }
}

#[test]
fn an_unreachable_names_the_flow_it_speaks_of() {
    let sent = usual(1, b"question");
    let mut error = Vec::new();
    let icmp = etherparse::Icmpv4Type::DestinationUnreachable(etherparse::icmpv4::DestUnreachableHeader::Port);
    ethernet().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).icmpv4(icmp).write(&mut error, &sent[14..42]).unwrap();
    let packet = parse(&error);
    let (key, reverse) = unreachable(&packet, &error).unwrap();
    assert_eq!((key, reverse), (parse(&sent).key, parse(&sent).reverse));
}
