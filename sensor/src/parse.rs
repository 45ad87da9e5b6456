//! From a frame's octets to a [`Packet`]: never panics, never loops, takes what it understands.
//!
//! The usual frame (Ethernet, up to two VLAN tags, IPv4 or IPv6 without extension headers, TCP or UDP, whole) goes
//! through [`fast`]. Every other goes through [`link`], which walks down to the network layer, [`ip`], where etherparse
//! takes the IP headers apart, and [`tunnel`], which looks inside when asked to. Both ways agree wherever both apply.
//!
//! A frame is malformed only where its link header is cut; whatever is wrong behind it, it counts as far as it was
//! understood: a frame whose IP header is nonsense is a frame that is not IP.

mod checksum;
mod fast;
mod ip;
mod link;
pub(crate) mod link_type;
pub(crate) mod packet;
mod tcp;
mod tunnel;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use traf_model::Mac;

use crate::parse::link_type::LinkType;
use link::LinkCursor;
use packet::{ARP, Fragment, PackedKey, Packet};

/// VLAN tags, MPLS labels, PPPoE and tunnels together: deeper is not looked.
const LAYERS: u8 = 8;

/// Reason why a frame did not become a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unparsed {
    /// Cut before its link header ends.
    Malformed,
    /// Of a link type that is not understood.
    Unsupported,
}

/// Options of the parser.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parser {
    /// The payload of a tunnel counts instead of the tunnel.
    pub(crate) tunnels: bool,
}

impl Parser {
    /// Parses a frame of `length` octets on the wire, of which `captured` are here, into a packet, whatever was in it: a packet
    /// is large to be handed from one to the next.
    #[inline(always)]
    pub(crate) fn parse(
        self,
        link: LinkType,
        length: u32,
        captured: &[u8],
        packet: &mut Packet,
    ) -> Result<(), Unparsed> {
        let usual = link == LinkType::Ethernet && !self.tunnels;
        match usual.then(|| fast::ethernet(length, captured, packet)).flatten() {
            Some(()) => Ok(()),
            None => self.walk(link, length, captured, packet),
        }
    }

    /// Parses a frame layer by layer.
    #[inline(never)]
    fn walk(self, link: LinkType, length: u32, captured: &[u8], packet: &mut Packet) -> Result<(), Unparsed> {
        *packet = Packet::new(length);
        let mut walk = LinkCursor::new(captured.get(..captured.len().min(length as usize)).unwrap_or_default());
        if walk.link(packet, link)? {
            let wire = length.saturating_sub(walk.at as u32);
            tunnel::parse(self, packet, &mut walk, wire);
        }
        Ok(())
    }
}

#[cfg(test)]
impl Parser {
    /// Parses a frame into a packet of which another frame has left something.
    pub(crate) fn packet(self, link: LinkType, length: u32, captured: &[u8]) -> Result<Packet, Unparsed> {
        let mut packet = Packet { octets: 7, payload: 7, header: 7, flags: 7, dscp: 7, sent: true, ..Packet::new(7) };
        self.parse(link, length, captured, &mut packet).map(|()| packet)
    }
}

/// The flow of the packet that an ICMP or ICMPv6 "destination unreachable" speaks of, as its sender sent it, and whether it
/// goes from the key's second end to the first. Not of the code that only asks for smaller packets.
pub(crate) fn unreachable(packet: &Packet, captured: &[u8]) -> Option<(PackedKey, bool)> {
    let segment = captured.get(usize::from(packet.transport)..)?;
    let speaks = match (packet.key.protocol(), segment) {
        (1, [3, code, ..]) => *code != 4,
        (58, [1, ..]) => true,
        _ => false,
    };
    if !speaks || packet.transport == 0 || packet.fragment == Fragment::Later {
        return None;
    }
    // The packet that it speaks of stands behind the eight octets of the ICMP header.
    let mut quoted = Packet::new(0);
    ip::parse(&mut quoted, packet.key.vlan(), segment.get(8..)?, u32::MAX).map(|_| (quoted.key, quoted.reverse))
}

/// The address that the sender of a frame says is its own: in ARP (RFC 826, 5227) or in IPv6's neighbour discovery
/// (RFC 4861), which routers do not pass on.
pub(crate) fn proven(packet: &Packet, captured: &[u8]) -> Option<IpAddr> {
    let address = if packet.ether_type == ARP {
        let arp = captured.get(usize::from(packet.header)..)?.first_chunk::<18>()?;
        let [_, _, 0x08, 0x00, 6, 4, _, _, a, b, c, d, e, f, address @ ..] = *arp else { return None };
        (packet.source_mac() == Mac([a, b, c, d, e, f])).then_some(IpAddr::from(address))?
    } else {
        // No extension headers, and nobody has passed it on.
        let at = usize::from(packet.transport);
        let (header, icmp) = (captured.get(at.checked_sub(40)?..at)?, captured.get(at..)?);
        let [0x60..=0x6f, _, _, _, _, _, 58, 255, source @ ..] = header else { return None };
        match icmp {
            [135, 0, ..] => IpAddr::from(*source.first_chunk::<16>()?),
            [136, 0, _, _, _, _, _, _, target @ ..] => IpAddr::from(*target.first_chunk::<16>()?),
            _ => return None,
        }
    };
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

/// A big-endian number of two octets.
#[inline(always)]
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A big-endian number of four octets.
#[inline(always)]
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
