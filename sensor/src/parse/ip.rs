//! IP headers of every kind, taken apart by etherparse.

use etherparse::{IpNumber, LaxIpSlice, LaxIpv4Slice, LaxIpv6Slice};

use super::{be16, checksum, tcp};
use crate::parse::packet::{Fragment, Packet};

/// Payload of an IP packet, for tunnels.
pub(super) struct IpPayload<'a> {
    /// IP protocol number.
    pub(super) protocol: u8,
    /// Captured octets.
    pub(super) bytes: &'a [u8],
    /// Octets on the wire.
    pub(super) wire: u32,
}

/// Parses the IP packet at the start of `bytes`, which may be `wire` octets long on the wire.
///
/// `None`, and the packet as it was, when there is no IP header that holds both addresses.
pub(super) fn parse<'a>(packet: &mut Packet, vlan: u16, bytes: &'a [u8], wire: u32) -> Option<IpPayload<'a>> {
    match LaxIpSlice::from_slice(bytes) {
        Ok((LaxIpSlice::Ipv4(slice), _)) => Some(ipv4(packet, vlan, bytes, wire, &slice)),
        Ok((LaxIpSlice::Ipv6(slice), _)) => Some(ipv6(packet, vlan, bytes, wire, &slice)),
        Err(_) => ipv4_with_cut_options(packet, vlan, bytes, wire),
    }
}

fn ipv4<'a>(packet: &mut Packet, vlan: u16, bytes: &'a [u8], wire: u32, slice: &LaxIpv4Slice<'a>) -> IpPayload<'a> {
    let header = slice.header();
    let (total, size) = (u32::from(header.total_len()), header.slice().len() as u32);
    packet.octets = if total < size { wire } else { total.min(wire) };
    packet.bad_checksum = !checksum::holds(header.slice());
    packet.dscp = header.dcp().value();
    if header.is_fragmenting_payload() {
        packet.id = u32::from(header.identification());
        packet.fragment = if header.fragments_offset().value() == 0 { Fragment::First } else { Fragment::Later };
    }
    packet.authenticated = slice.extensions().auth.is_some();
    let address = |octets: [u8; 4]| u128::from(u32::from_be_bytes(octets));
    let addresses = (address(header.source()), address(header.destination()));
    transport(packet, 4, vlan, addresses, bytes, slice.payload())
}

fn ipv6<'a>(packet: &mut Packet, vlan: u16, bytes: &'a [u8], wire: u32, slice: &LaxIpv6Slice<'a>) -> IpPayload<'a> {
    let header = slice.header();
    packet.dscp = header.traffic_class() >> 2;
    let payload = u32::from(header.payload_length());
    packet.octets = if payload == 0 { wire } else { (payload + 40).min(wire) };
    let (first, headers) = (slice.extensions().first_header().map_or(0, |number| number.0), slice.extensions().slice());
    if slice.extensions().is_fragmenting_payload() {
        (packet.fragment, packet.id) = extension(44, first, headers).and_then(fragment).unwrap_or_default();
    }
    packet.authenticated = extension(51, first, headers).is_some();
    let addresses = (u128::from_be_bytes(header.source()), u128::from_be_bytes(header.destination()));
    transport(packet, 6, vlan, addresses, bytes, slice.payload())
}

/// Place and identification that a fragment header tells (RFC 8200, 4.5).
fn fragment(header: &[u8]) -> Option<(Fragment, u32)> {
    let which = match be16(header, 2)? {
        place if place & 0xfff8 != 0 => Fragment::Later,
        place if place & 1 != 0 => Fragment::First,
        _ => return None,
    };
    Some((which, super::be32(header, 4)?))
}

/// The first extension header of the kind `wanted`, and what follows it; the first of all is of the kind `kind`.
///
/// Walked by hand: etherparse's iterator reads on behind a header that is cut.
fn extension(wanted: u8, mut kind: u8, mut headers: &[u8]) -> Option<&[u8]> {
    while let [next, length, ..] = headers {
        let size = match kind {
            _ if kind == wanted => return Some(headers),
            51 => (usize::from(*length) + 2) * 4,
            44 => 8,
            _ => (usize::from(*length) + 1) * 8,
        };
        (kind, headers) = (*next, headers.get(size..)?);
    }
    None
}

/// The frame was cut inside the options: the addresses are here, the ports are not.
fn ipv4_with_cut_options<'a>(packet: &mut Packet, vlan: u16, bytes: &'a [u8], wire: u32) -> Option<IpPayload<'a>> {
    let header = bytes.first_chunk::<20>()?;
    if !(0x45..=0x4f).contains(&header[0]) {
        return None;
    }
    packet.dscp = header[1] >> 2;
    let total = u32::from(be16(header, 2)?);
    packet.octets = if total < 20 { wire } else { total.min(wire) };
    let address = |at: usize| Some(u128::from(super::be32(header, at)?));
    packet.set_flow(4, header[9], vlan, (address(12)?, 0), (address(16)?, 0));
    Some(IpPayload { protocol: header[9], bytes: &[], wire: 0 })
}

/// Ports and TCP fields. `bytes` begin at the IP header.
fn transport<'a>(
    packet: &mut Packet,
    version: u8,
    vlan: u16,
    (source, destination): (u128, u128),
    bytes: &'a [u8],
    payload: &etherparse::LaxIpPayloadSlice<'a>,
) -> IpPayload<'a> {
    // etherparse leaves padding behind the packet out; what the wire had no room for is left out here.
    let before = payload.payload.as_ptr() as usize - bytes.as_ptr() as usize;
    let segment = payload.payload;
    let segment = segment.get(..segment.len().min((packet.octets as usize).saturating_sub(before))).unwrap_or_default();
    let wire = packet.octets.saturating_sub(before as u32);
    let protocol = payload.ip_number.0;
    let mut ports = (0, 0);
    // The caller adds what is before the IP header.
    packet.transport = if segment.is_empty() { 0 } else { u16::try_from(before).unwrap_or_default() };
    if packet.fragment != Fragment::Later {
        match payload.ip_number {
            IpNumber::TCP => _ = tcp::header(packet, segment, wire),
            IpNumber::UDP if segment.len() >= 8 => packet.payload = wire.saturating_sub(8),
            _ => {}
        }
        if matches!(protocol, 6 | 17 | 132)
            && let (Some(from), Some(to)) = (be16(segment, 0), be16(segment, 2))
        {
            ports = (from, to);
        }
    }
    packet.set_flow(version, protocol, vlan, (source, ports.0), (destination, ports.1));
    IpPayload { protocol, bytes: segment, wire }
}
