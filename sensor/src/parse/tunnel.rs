//! IP inside IP: a tunnel counts as itself, or, when asked to look inside, as what it carries; never as both.
//!
//! GRE (RFC 2784, 2890), IP in IP (RFC 2003), IPv6 in IPv4 (RFC 4213), VXLAN (RFC 7348) and GENEVE (RFC 8926). What
//! cannot be opened (no IP inside, a fragment, cut) counts as the tunnel.

use super::ip::{self, IpPayload};
use super::link::LinkCursor;
use super::{LAYERS, Parser, be16};
use crate::parse::packet::{Fragment, Packet};

/// Parses the IP packet at the walk's place, `wire` octets long at most, and what it carries if asked to.
pub(super) fn parse(parser: Parser, packet: &mut Packet, walk: &mut LinkCursor<'_>, mut wire: u32) {
    loop {
        let Some(bytes) = walk.frame.get(walk.at..) else { return };
        let mut inner = *packet;
        (inner.fragment, inner.payload, inner.flags, inner.mss, inner.transport, inner.authenticated) =
            (Fragment::Whole, 0, 0, 0, 0, false);
        let Some(carried) = ip::parse(&mut inner, walk.vlan, bytes, wire) else { return };
        if inner.transport != 0 {
            inner.transport = u16::try_from(walk.at + usize::from(inner.transport)).unwrap_or_default();
        }
        inner.ether_type = 0;
        inner.network = u8::try_from(walk.at).unwrap_or(Packet::DEEP);
        inner.bad_checksum |= packet.bad_checksum;
        *packet = inner;
        walk.layers += 1;
        if !parser.tunnels || walk.layers >= LAYERS || packet.fragment != Fragment::Whole || packet.transport == 0 {
            return;
        }
        let before = usize::from(packet.transport);
        wire = carried.wire;
        walk.at = before;
        if opens(walk, &carried, packet.ports().1).is_none() {
            return;
        }
        wire = wire.saturating_sub((walk.at - before) as u32);
    }
}

/// Moves the walk to the IP packet inside; `None` when there is none.
fn opens(walk: &mut LinkCursor<'_>, carried: &IpPayload<'_>, port: u16) -> Option<()> {
    match carried.protocol {
        4 | 41 => walk.by_version(),
        47 => gre(walk, carried.bytes),
        17 if port == 4789 => vxlan(walk, carried.bytes),
        17 if port == 6081 => geneve(walk, carried.bytes),
        _ => None,
    }
}

/// Version 0: checksum, key and sequence number are each there when their bit says so.
fn gre(walk: &mut LinkCursor<'_>, bytes: &[u8]) -> Option<()> {
    let (flags, kind) = (be16(bytes, 0)?, be16(bytes, 2)?);
    // Routing (RFC 1701) and other versions (PPTP) stay closed.
    if flags & 0x4007 != 0 {
        return None;
    }
    let options = [0x8000, 0x2000, 0x1000].iter().filter(|bit| flags & **bit != 0).count();
    walk.at += 4 + 4 * options;
    ether_type(walk, kind)
}

/// Eight octets behind the UDP header, then Ethernet.
fn vxlan(walk: &mut LinkCursor<'_>, bytes: &[u8]) -> Option<()> {
    // The flag that says that the network identifier is valid.
    if bytes.get(8)? & 0x08 == 0 {
        return None;
    }
    walk.at += 16;
    ethernet(walk)
}

/// Eight octets and options behind the UDP header.
fn geneve(walk: &mut LinkCursor<'_>, bytes: &[u8]) -> Option<()> {
    let first = *bytes.get(8)?;
    if first >> 6 != 0 {
        return None;
    }
    let kind = be16(bytes, 10)?;
    walk.at += 16 + usize::from(first & 0x3f) * 4;
    ether_type(walk, kind)
}

fn ethernet(walk: &mut LinkCursor<'_>) -> Option<()> {
    let kind = be16(walk.frame, walk.at + 12)?;
    walk.at += 14;
    walk.layers += 1;
    walk.ether_type(kind, None)
}

/// An ether type, or Ethernet inside (0x6558).
fn ether_type(walk: &mut LinkCursor<'_>, kind: u16) -> Option<()> {
    if kind == 0x6558 { ethernet(walk) } else { walk.ether_type(kind, None) }
}
