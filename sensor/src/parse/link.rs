//! From the link header down to the network layer.

use super::{LAYERS, Parser, Unparsed, be16, be32, tunnel};
use crate::parse::link_type::LinkType;
use crate::parse::packet::{ARP, NO_VLAN, PackedKey, Packet, RARP};

/// Ether types, and the PPP protocol numbers of the same meaning.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: [u16; 2] = [0x0281, 0x0283];

/// A walk down one frame.
pub(super) struct LinkCursor<'a> {
    /// Captured octets.
    pub(super) frame: &'a [u8],
    /// Offset of the next layer.
    pub(super) at: usize,
    /// Layers passed.
    pub(super) layers: u8,
    /// Outermost VLAN identifier.
    pub(super) vlan: u16,
    /// The last ether type that was followed; zero where the link has none.
    pub(super) kind: u16,
}

/// Parses a frame of any link type.
#[inline(never)]
pub(super) fn parse(parser: Parser, link: LinkType, length: u32, captured: &[u8]) -> Result<Packet, Unparsed> {
    let frame = captured.get(..captured.len().min(length as usize)).unwrap_or_default();
    let mut packet = Packet::new(length);
    let mut walk = LinkCursor { frame, at: 0, layers: 0, vlan: NO_VLAN, kind: 0 };
    let network = match link {
        LinkType::Ethernet => walk.ethernet(&mut packet),
        LinkType::LinuxSll => walk.cooked(&mut packet, LinuxCooked { header: 16, protocol: 14, kind: 1 }),
        LinkType::LinuxSll2 => walk.cooked(&mut packet, LinuxCooked { header: 20, protocol: 0, kind: 10 }),
        LinkType::RawIp => walk.raw(),
        LinkType::Null | LinkType::Loop => walk.loopback(&mut packet, link == LinkType::Loop),
        LinkType::Ppp => walk.serial_ppp(&mut packet),
        LinkType::Unsupported(_) => return Err(Unparsed::Unsupported),
    }
    .ok_or(Unparsed::Malformed)?;
    packet.set_vlan(walk.vlan);
    packet.ether_type = walk.kind;
    if matches!(walk.kind, ARP | RARP) {
        let _ = arp(&mut packet, &walk);
    }
    if network == Network::Ip {
        let wire = length.saturating_sub(walk.at as u32);
        tunnel::parse(parser, &mut packet, &mut walk, wire);
    }
    Ok(packet)
}

/// Sender and target of ARP and RARP over Ethernet for IPv4: a filter selects by these too.
fn arp(packet: &mut Packet, walk: &LinkCursor<'_>) -> Option<()> {
    let header = walk.frame.get(walk.at..)?.first_chunk::<28>()?;
    if header[2..6] == [0x08, 0x00, 6, 4] {
        let address = |at: usize| Some((u128::from(be32(header, at)?), 0));
        (packet.key, packet.reverse) = PackedKey::new(0, 0, walk.vlan, address(14)?, address(24)?);
    }
    Some(())
}

/// Result of the walk over the link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// An IP header at `at`.
    Ip,
    /// Anything else.
    Other,
}

/// Offsets in a cooked header: its length, the ether type, the octet with the packet type.
struct LinuxCooked {
    header: usize,
    protocol: usize,
    kind: usize,
}

impl LinkCursor<'_> {
    /// `None` when the link header is cut.
    fn ethernet(&mut self, packet: &mut Packet) -> Option<Network> {
        let macs = self.frame.first_chunk::<12>()?;
        let kind = be16(self.frame, 12)?;
        packet.set_macs(*macs);
        packet.header = 14;
        self.at = 14;
        Some(self.ether_type(kind, Some(&mut packet.header)))
    }

    fn cooked(&mut self, packet: &mut Packet, cooked: LinuxCooked) -> Option<Network> {
        let header = self.frame.get(..cooked.header)?;
        let kind = be16(header, cooked.protocol)?;
        // Packet type: to us, broadcast, multicast, to someone else, sent by us.
        match header.get(cooked.kind)? {
            1 => packet.class.cast = traf_model::Cast::Broadcast,
            2 => packet.class.cast = traf_model::Cast::Multicast,
            4 => packet.sent = true,
            _ => {}
        }
        packet.header = cooked.header as u16;
        self.at = cooked.header;
        Some(self.ether_type(kind, Some(&mut packet.header)))
    }

    /// Bare IP: the version decides.
    fn raw(&mut self) -> Option<Network> {
        self.frame.first().map(|_| self.by_version())
    }

    /// An address family, in the byte order of whoever captured, or in network order.
    fn loopback(&mut self, packet: &mut Packet, network_order: bool) -> Option<Network> {
        let family = be32(self.frame, 0)?;
        packet.header = 4;
        self.at = 4;
        // Families fit into sixteen bits: a number beyond them is turned around.
        let family = if !network_order && family > 0xffff { family.swap_bytes() } else { family };
        match family {
            // IPv4 is 2 everywhere; IPv6 is 10 on Linux, 24, 28 or 30 on the BSDs and macOS.
            2 | 10 | 24 | 28 | 30 => Some(self.by_version()),
            _ => Some(Network::Other),
        }
    }

    /// PPP on a serial line, in HDLC-like framing (RFC 1662) or bare.
    fn serial_ppp(&mut self, packet: &mut Packet) -> Option<Network> {
        if self.frame.starts_with(&[0xff, 0x03]) {
            self.at = 2;
        }
        let network = self.ppp()?;
        packet.header = self.at as u16;
        Some(network)
    }

    /// A PPP protocol number: one octet when it is odd, else two (RFC 1661, 2).
    fn ppp(&mut self) -> Option<Network> {
        let first = *self.frame.get(self.at)?;
        let protocol = if first & 1 == 1 { u16::from(first) } else { be16(self.frame, self.at)? };
        self.at += if first & 1 == 1 { 1 } else { 2 };
        Some(match protocol {
            PPP_IPV4 | PPP_IPV6 => self.by_version(),
            _ if PPP_MPLS.contains(&protocol) => self.mpls(),
            _ => Network::Other,
        })
    }

    /// Follows ether types. VLAN tags are added to `header`, since the MTU does not bound them.
    pub(super) fn ether_type(&mut self, mut kind: u16, mut header: Option<&mut u16>) -> Network {
        while self.layers < LAYERS {
            self.kind = kind;
            match kind {
                IPV4 | IPV6 => return self.by_version(),
                0x8100 | 0x88a8 | 0x9100 => {
                    let (Some(tag), Some(next)) = (be16(self.frame, self.at), be16(self.frame, self.at + 2)) else {
                        return Network::Other;
                    };
                    self.vlan = if self.vlan == NO_VLAN { tag & 0x0fff } else { self.vlan };
                    self.at += 4;
                    if let Some(header) = &mut header {
                        **header += 4;
                    }
                    kind = next;
                }
                0x8847 | 0x8848 => return self.mpls(),
                0x8864 => return self.pppoe(),
                _ => return Network::Other,
            }
            self.layers += 1;
        }
        Network::Other
    }

    /// Labels down to the bottom of the stack (RFC 3032); the first nibble behind it tells IP.
    fn mpls(&mut self) -> Network {
        while self.layers < LAYERS {
            let Some(label) = be32(self.frame, self.at) else { return Network::Other };
            self.at += 4;
            self.layers += 1;
            if label & 0x100 != 0 {
                return self.by_version();
            }
        }
        Network::Other
    }

    /// A PPPoE session (RFC 2516): six octets, then PPP.
    fn pppoe(&mut self) -> Network {
        if self.frame.get(self.at..self.at + 2) != Some(&[0x11, 0x00]) {
            return Network::Other;
        }
        self.at += 6;
        self.layers += 1;
        self.ppp().unwrap_or(Network::Other)
    }

    /// True if an IP header begins here.
    pub(super) fn by_version(&self) -> Network {
        match self.frame.get(self.at).map(|first| first >> 4) {
            Some(4 | 6) => Network::Ip,
            _ => Network::Other,
        }
    }
}
