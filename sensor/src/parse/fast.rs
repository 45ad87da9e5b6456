//! The usual frame, by hand: whatever is unusual is left to the other way.
//!
//! Speed is all that this is for; it must say exactly what [`super::link`] and [`super::ip`] say.

use super::{be16, checksum, tcp};
use crate::parse::packet::{NO_VLAN, PRIORITY_TAG, Packet};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Ethernet, IPv4 without options or IPv6 without extension headers, TCP or UDP, whole. `None` leaves anything in the packet.
#[inline(always)]
pub(super) fn ethernet(length: u32, captured: &[u8], packet: &mut Packet) -> Option<()> {
    let frame = captured.get(..captured.len().min(length as usize))?;
    let (macs, mut rest) = frame.split_first_chunk::<12>()?;
    let mut kind = take16(&mut rest)?;
    *packet = Packet::new(length);
    let mut vlan = NO_VLAN;
    packet.header = 14;
    for _ in 0..2 {
        if matches!(kind, 0x8100 | 0x88a8) {
            let tag = take16(&mut rest)? & 0x0fff;
            vlan = if vlan == NO_VLAN && tag != PRIORITY_TAG { tag } else { vlan };
            kind = take16(&mut rest)?;
            packet.header += 4;
        }
    }
    packet.set_macs(*macs);
    packet.network = packet.header;
    let wire = length.checked_sub(u32::from(packet.header))?;
    match kind {
        IPV4 => ipv4(packet, vlan, rest, wire),
        IPV6 => ipv6(packet, vlan, rest, wire),
        _ => None,
    }
}

#[inline(always)]
fn take16(rest: &mut &[u8]) -> Option<u16> {
    let (number, after) = rest.split_first_chunk::<2>()?;
    *rest = after;
    Some(u16::from_be_bytes(*number))
}

#[inline(always)]
fn ipv4(packet: &mut Packet, vlan: u16, bytes: &[u8], wire: u32) -> Option<()> {
    let header = bytes.first_chunk::<20>()?;
    let [0x45, tos, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header else {
        return None;
    };
    // More fragments, or an offset.
    if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 {
        return None;
    }
    packet.dscp = tos >> 2;
    let total = u32::from(u16::from_be_bytes([l0, l1]));
    packet.octets = if total < 20 { wire } else { total.min(wire) };
    packet.transport = u16::from(packet.header) + 20;
    packet.bad_checksum = !checksum::holds(header);
    let segment = bytes.get(20..bytes.len().min(packet.octets as usize))?;
    let source = u128::from(u32::from_be_bytes([s0, s1, s2, s3]));
    let destination = u128::from(u32::from_be_bytes([d0, d1, d2, d3]));
    let available = packet.octets.saturating_sub(20);
    transport(packet, 4, protocol, vlan, (source, destination), segment, available)
}

#[inline(always)]
fn ipv6(packet: &mut Packet, vlan: u16, bytes: &[u8], wire: u32) -> Option<()> {
    let (header, _) = bytes.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    packet.dscp = header[0] << 2 & 0x3c | header[1] >> 6;
    let payload = u32::from(u16::from_be_bytes([header[4], header[5]]));
    packet.octets = if payload == 0 { wire } else { (payload + 40).min(wire) };
    packet.transport = u16::from(packet.header) + 40;
    let segment = bytes.get(40..bytes.len().min(packet.octets as usize))?;
    let (_, addresses) = header.split_first_chunk::<8>()?;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let addresses = (u128::from_be_bytes(*source), u128::from_be_bytes(*destination.first_chunk()?));
    let available = packet.octets.saturating_sub(40);
    transport(packet, 6, header[6], vlan, addresses, segment, available)
}

/// `segment` is what was captured behind the IP header, of which `available` octets were on the wire.
#[inline(always)]
fn transport(
    packet: &mut Packet,
    version: u8,
    protocol: u8,
    vlan: u16,
    (source, destination): (u128, u128),
    segment: &[u8],
    available: u32,
) -> Option<()> {
    match protocol {
        6 => tcp::header(packet, segment, available)?,
        17 if segment.len() >= 8 => packet.payload = available.saturating_sub(8),
        _ => return None,
    }
    packet.set_flow(version, protocol, vlan, (source, be16(segment, 0)?), (destination, be16(segment, 2)?));
    Some(())
}
