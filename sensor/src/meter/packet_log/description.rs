//! From a record to IPTraf's words.

use std::net::Ipv4Addr;

use traf_model::{PacketEnd, PacketKind, SinglePacket};

use super::kind;
use super::record::PacketRecord;
use crate::parse::packet::Fragment;
use crate::parse::packet::{ARP, RARP};

/// The line of a record.
pub(crate) fn describe(record: &PacketRecord) -> SinglePacket {
    let macs = record.macs();
    let (kind, label, detail, source, destination) = match record.ip() {
        Some((protocol, source, destination)) => {
            let (kind, label, detail) = ip(protocol, record);
            (kind, label, detail, PacketEnd::Host(source), PacketEnd::Host(destination))
        }
        None => {
            let (kind, label) = not_ip(record);
            let (destination, source) = macs.map_or((PacketEnd::Nobody, PacketEnd::Nobody), |(destination, source)| {
                (PacketEnd::Station(destination), PacketEnd::Station(source))
            });
            (kind, label, String::new(), source, destination)
        }
    };
    SinglePacket {
        number: record.number,
        at: record.at,
        kind,
        label,
        detail,
        octets: record.octets,
        source,
        destination,
        mac: macs.map(|(_, source)| source),
    }
}

/// Kind, label and detail of an IP packet.
fn ip(protocol: u8, record: &PacketRecord) -> (PacketKind, String, String) {
    let kind = match kind(protocol) {
        PacketKind::OtherIp if record.authenticated => {
            return (PacketKind::OtherIp, "IPSEC-AH".to_owned(), String::new());
        }
        kind => kind,
    };
    let bytes = record.beginning();
    let later = record.fragment == Fragment::Later;
    let label = match kind {
        PacketKind::Udp => "UDP".to_owned(),
        PacketKind::Icmp => "ICMP".to_owned(),
        PacketKind::Icmpv6 => "ICMPv6".to_owned(),
        PacketKind::Igmp => "IGMP".to_owned(),
        PacketKind::Igp => "IGP".to_owned(),
        PacketKind::Igrp => "IGRP".to_owned(),
        PacketKind::Gre => "GRE".to_owned(),
        PacketKind::Ipv6Tunnel => "IPv6 tun".to_owned(),
        PacketKind::Ospf => match bytes {
            [version, ..] if !later => format!("OSPFv{version}"),
            _ => "OSPF".to_owned(),
        },
        _ => match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("IP protocol {protocol}"),
        },
    };
    let detail = match (kind, bytes) {
        _ if later => "fragment".to_owned(),
        (PacketKind::Icmp, [kind, code, ..]) => {
            with_code(icmp(*kind), if *kind == 3 { unreachable(*code) } else { "" })
        }
        (PacketKind::Icmpv6, [kind, code, ..]) => {
            with_code(icmpv6(*kind), if *kind == 1 { unreachable_v6(*code) } else { "" })
        }
        (PacketKind::Ospf, [_, kind, _, _, r, s, t, u, a, b, c, d]) => {
            let router = Ipv4Addr::new(*r, *s, *t, *u);
            format!("{} (a={} r={router})", ospf(*kind), u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => String::new(),
    };
    (kind, label, detail)
}

fn with_code(kind: &str, code: &str) -> String {
    if code.is_empty() { kind.to_owned() } else { format!("{kind} ({code})") }
}

/// Kind and label of anything else.
fn not_ip(record: &PacketRecord) -> (PacketKind, String) {
    match (record.ether_type(), record.asked()) {
        (ARP, Some(asked)) => {
            let address = Ipv4Addr::from(asked.address);
            let label = match asked.operation {
                1 => format!("ARP request for {address}"),
                2 => format!("ARP reply from {address}"),
                other => format!("ARP operation {other}"),
            };
            (PacketKind::Arp, label)
        }
        (ARP, None) => (PacketKind::Arp, "ARP".to_owned()),
        (RARP, Some(asked)) => {
            let label = match asked.operation {
                3 => format!("RARP request for {}", asked.mac),
                4 => format!("RARP reply from {}", asked.mac),
                other => format!("RARP operation {other}"),
            };
            (PacketKind::Rarp, label)
        }
        (RARP, None) => (PacketKind::Rarp, "RARP".to_owned()),
        (kind, _) => (PacketKind::NonIp, format!("Non-IP ({})", ether_type(kind, record.beginning()))),
    }
}

/// The name of an ether type, or its number. Smaller numbers are the length of an IEEE 802.3 frame, whose service access
/// point (IEEE 802.2) then says what it is.
fn ether_type(kind: u16, beginning: &[u8]) -> String {
    if let Some((_, name)) = ETHER_TYPES.iter().find(|(number, _)| *number == kind) {
        return (*name).to_owned();
    }
    match (kind, beginning) {
        (1..0x0600, [0xff, 0xff, ..] | [0xe0, 0xe0, ..]) => "IPX".to_owned(),
        (1..0x0600, [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..]) => ether_type(u16::from_be_bytes([*high, *low]), &[]),
        (1..0x0600, [point, ..]) => format!("802.2 {point:#04x}"),
        _ => format!("{kind:#06x}"),
    }
}

const ETHER_TYPES: [(u16, &str); 8] = [
    (0x6001, "DEC MOP dump/load"),
    (0x6002, "DEC MOP remote console"),
    (0x6003, "DEC DECnet Phase IV"),
    (0x6004, "DEC LAT"),
    (0x6005, "DEC DECnet Diagnostics"),
    (0x6006, "DEC DECnet Customer Use"),
    (0x6007, "DEC DECnet SCA"),
    (0x8137, "IPX"),
];

/// IP protocols by the alias that Debian's `/etc/protocols` has for them, which is what IPTraf shows.
const PROTOCOLS: [(u8, &str); 45] = [
    (0, "HOPOPT"),
    (3, "GGP"),
    (4, "IP-ENCAP"),
    (5, "ST"),
    (8, "EGP"),
    (12, "PUP"),
    (20, "HMP"),
    (22, "XNS-IDP"),
    (27, "RDP"),
    (29, "ISO-TP4"),
    (33, "DCCP"),
    (36, "XTP"),
    (37, "DDP"),
    (38, "IDPR-CMTP"),
    (43, "IPv6-Route"),
    (44, "IPv6-Frag"),
    (45, "IDRP"),
    (46, "RSVP"),
    (50, "IPSEC-ESP"),
    (51, "IPSEC-AH"),
    (57, "SKIP"),
    (59, "IPv6-NoNxt"),
    (60, "IPv6-Opts"),
    (73, "RSPF CPHB"),
    (81, "VMTP"),
    (93, "AX.25"),
    (94, "IPIP"),
    (97, "ETHERIP"),
    (98, "ENCAP"),
    (103, "PIM"),
    (108, "IPCOMP"),
    (112, "VRRP"),
    (115, "L2TP"),
    (124, "ISIS"),
    (132, "SCTP"),
    (133, "FC"),
    (135, "Mobility-Header"),
    (136, "UDPLite"),
    (137, "MPLS-in-IP"),
    (138, "MANET"),
    (139, "HIP"),
    (140, "Shim6"),
    (141, "WESP"),
    (142, "ROHC"),
    (143, "Ethernet"),
];

/// ICMP types (RFC 792, 950, 1256).
fn icmp(kind: u8) -> &'static str {
    match kind {
        0 => "echo rply",
        3 => "dest unrch",
        4 => "src qnch",
        5 => "redirct",
        8 => "echo req",
        9 => "router adv",
        10 => "router sol",
        11 => "time excd",
        12 => "param prob",
        13 => "timestmp req",
        14 => "timestmp rep",
        15 => "info req",
        16 => "info rep",
        17 => "addr mask req",
        18 => "addr mask rep",
        _ => "bad/unkn",
    }
}

/// Codes of "destination unreachable" (RFC 792, 1122, 1812).
fn unreachable(code: u8) -> &'static str {
    const CODES: [&str; 16] = [
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
    CODES.get(usize::from(code)).copied().unwrap_or_default()
}

/// ICMPv6 types (RFC 4443, 4861, 2710, 3810).
fn icmpv6(kind: u8) -> &'static str {
    match kind {
        1 => "dest unrch",
        2 => "pkt too big",
        3 => "time exceeded",
        4 => "param prob",
        128 => "echo req",
        129 => "echo rply",
        130 => "mbrship query",
        131 => "mbrship report",
        132 => "mbrship reduc",
        133 => "router sol",
        134 => "router adv",
        135 => "neigh sol",
        136 => "neigh adv",
        137 => "redirect",
        143 => "mbrship v2 report",
        _ => "bad/unkn",
    }
}

/// Codes of ICMPv6 "destination unreachable" (RFC 4443, 3.1).
fn unreachable_v6(code: u8) -> &'static str {
    const CODES: [&str; 7] =
        ["no route", "admin", "not beyondsp", "unreach addr", "no port", "src policy", "reject route"];
    CODES.get(usize::from(code)).copied().unwrap_or_default()
}

/// OSPF's packet types (RFC 2328, 5340).
fn ospf(kind: u8) -> &'static str {
    match kind {
        1 => "hlo",
        2 => "DB desc",
        3 => "LSR",
        4 => "LSU",
        5 => "LSA",
        _ => "bad/unkn",
    }
}
