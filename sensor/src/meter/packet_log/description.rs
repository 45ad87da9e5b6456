//! From a record to IPTraf's words.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

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
    let label = match (kind, bytes) {
        (PacketKind::Ospf, [version, ..]) if !later => format!("OSPFv{version}"),
        _ => name("protocol", protocol).map_or_else(|| format!("IP protocol {protocol}"), str::to_owned),
    };
    let detail = match (kind, bytes) {
        _ if later => "fragment".to_owned(),
        (PacketKind::Icmp, [3, code, ..]) => unreachable(name("unreachable", *code)),
        (PacketKind::Icmp, [kind, _, ..]) => known("icmp", *kind).to_owned(),
        (PacketKind::Icmpv6, [1, code, ..]) => unreachable(name("unreachable6", *code)),
        (PacketKind::Icmpv6, [kind, _, ..]) => known("icmpv6", *kind).to_owned(),
        (PacketKind::Ospf, [_, kind, _, _, r, s, t, u, a, b, c, d]) => {
            let router = Ipv4Addr::new(*r, *s, *t, *u);
            format!("{} (a={} r={router})", known("ospf", *kind), u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => String::new(),
    };
    (kind, label, detail)
}

fn unreachable(code: Option<&str>) -> String {
    code.map_or_else(|| "dest unrch".to_owned(), |code| format!("dest unrch ({code})"))
}

/// Name of a type, or IPTraf's word for one that it does not know.
fn known(table: &str, kind: u8) -> &'static str {
    name(table, kind).unwrap_or("bad/unkn")
}

/// Kind and label of anything else.
fn not_ip(record: &PacketRecord) -> (PacketKind, String) {
    let asked = record.asked();
    match record.ether_type {
        ARP => (PacketKind::Arp, resolution("ARP", 1, asked.map(|asked| (asked.operation, asked.address)))),
        RARP => (PacketKind::Rarp, resolution("RARP", 3, asked.map(|asked| (asked.operation, asked.mac)))),
        kind => (PacketKind::NonIp, format!("Non-IP ({})", ether_type(kind, record.beginning()))),
    }
}

/// Label of an address resolution: its operation, of which a reply has the number after its `request`, and what it is about.
fn resolution(protocol: &str, request: u16, asked: Option<(u16, impl Display)>) -> String {
    match asked {
        Some((operation, about)) if operation == request => format!("{protocol} request for {about}"),
        Some((operation, about)) if operation == request + 1 => format!("{protocol} reply from {about}"),
        Some((operation, _)) => format!("{protocol} operation {operation}"),
        None => protocol.to_owned(),
    }
}

/// The name of an ether type, or its number. Smaller numbers are the length of an IEEE 802.3 frame, whose service access
/// point (IEEE 802.2) then says what it is.
fn ether_type(kind: u16, beginning: &[u8]) -> String {
    if let Some(name) = name("ethernet", kind) {
        return name.to_owned();
    }
    match (kind, beginning) {
        (1..0x0600, [0xff, 0xff, ..] | [0xe0, 0xe0, ..]) => "IPX".to_owned(),
        (1..0x0600, [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..]) => ether_type(u16::from_be_bytes([*high, *low]), &[]),
        (1..0x0600, [point, ..]) => format!("802.2 {point:#04x}"),
        _ => format!("{kind:#06x}"),
    }
}

/// Name of a number in a table of `names.txt`.
fn name(table: &str, number: impl Into<u16>) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<(&str, u16), &str>> = LazyLock::new(|| {
        let row = |line: &'static str| {
            let (table, rest) = line.split_once(' ')?;
            let (number, name) = rest.split_once(' ')?;
            let hex = number.strip_prefix("0x").map(|hex| u16::from_str_radix(hex, 16));
            Some(((table, hex.unwrap_or_else(|| number.parse()).ok()?), name))
        };
        include_str!("names.txt").lines().filter_map(row).collect()
    });
    NAMES.get(&(table, number.into())).copied()
}
