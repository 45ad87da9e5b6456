//! From the link header down to the network layer.

use super::{LAYERS, Unparsed, be16, be32};
use crate::parse::link_type::LinkType;
use crate::parse::packet::{ARP, NO_VLAN, PRIORITY_TAG, PackedKey, Packet, RARP};

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
    /// Outermost VLAN identifier; a priority tag has none.
    pub(super) vlan: u16,
    /// The last ether type that was followed; zero where the link has none.
    pub(super) kind: u16,
}

impl<'a> LinkCursor<'a> {
    /// At the start of a frame.
    pub(super) fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: 0, layers: 0, vlan: NO_VLAN, kind: 0 }
    }

    /// Passes the link header; true if an IP header follows it.
    pub(super) fn link(&mut self, packet: &mut Packet, link: LinkType) -> Result<bool, Unparsed> {
        let ip = match link {
            LinkType::Ethernet => self.ethernet(packet),
            LinkType::LinuxSll => self.cooked(packet, LinuxCooked { header: 16, protocol: 14, kind: 1 }),
            LinkType::LinuxSll2 => self.cooked(packet, LinuxCooked { header: 20, protocol: 0, kind: 10 }),
            LinkType::RawIp => self.raw(),
            LinkType::Null | LinkType::Loop => self.loopback(packet, link == LinkType::Loop),
            LinkType::Ppp => self.serial_ppp(packet),
            LinkType::Unsupported(_) => return Err(Unparsed::Unsupported),
        }
        .ok_or(Unparsed::Malformed)?;
        packet.set_vlan(self.vlan);
        packet.ether_type = self.kind;
        if matches!(self.kind, ARP | RARP) {
            let _ = self.arp(packet);
        }
        Ok(ip)
    }

    /// Sender and target of ARP and RARP over Ethernet for IPv4: a filter selects by these too.
    fn arp(&self, packet: &mut Packet) -> Option<()> {
        let header = self.frame.get(self.at..)?.first_chunk::<28>()?;
        if header[2..6] == [0x08, 0x00, 6, 4] {
            let address = |at: usize| Some((u128::from(be32(header, at)?), 0));
            (packet.key, packet.reverse) = PackedKey::new(0, 0, self.vlan, address(14)?, address(24)?);
        }
        Some(())
    }

    /// True if an IP header follows; `None` when the link header is cut. The other kinds of link header answer alike.
    fn ethernet(&mut self, packet: &mut Packet) -> Option<bool> {
        let macs = self.frame.first_chunk::<12>()?;
        let kind = be16(self.frame, 12)?;
        packet.set_macs(*macs);
        packet.header = 14;
        self.at = 14;
        Some(self.ether_type(kind, Some(&mut packet.header)).is_some())
    }

    fn cooked(&mut self, packet: &mut Packet, cooked: LinuxCooked) -> Option<bool> {
        let header = self.frame.get(..cooked.header)?;
        let kind = be16(header, cooked.protocol)?;
        // Packet type: to us, broadcast, multicast, to someone else, sent by us.
        match header.get(cooked.kind)? {
            1 => packet.class.cast = traf_model::Cast::Broadcast,
            2 => packet.class.cast = traf_model::Cast::Multicast,
            4 => packet.sent = true,
            _ => {}
        }
        packet.header = cooked.header as u8;
        self.at = cooked.header;
        Some(self.ether_type(kind, Some(&mut packet.header)).is_some())
    }

    /// Bare IP: the version decides.
    fn raw(&mut self) -> Option<bool> {
        self.frame.first().map(|_| self.by_version().is_some())
    }

    /// An address family, in the byte order of whoever captured, or in network order.
    fn loopback(&mut self, packet: &mut Packet, network_order: bool) -> Option<bool> {
        let family = be32(self.frame, 0)?;
        packet.header = 4;
        self.at = 4;
        // Families fit into sixteen bits: a number beyond them is turned around.
        let family = if !network_order && family > 0xffff { family.swap_bytes() } else { family };
        // IPv4 is 2 everywhere; IPv6 is 10 on Linux, 24, 28 or 30 on the BSDs and macOS.
        Some(matches!(family, 2 | 10 | 24 | 28 | 30) && self.by_version().is_some())
    }

    /// PPP on a serial line, in HDLC-like framing (RFC 1662) or bare.
    fn serial_ppp(&mut self, packet: &mut Packet) -> Option<bool> {
        if self.frame.starts_with(&[0xff, 0x03]) {
            self.at = 2;
        }
        let ip = self.ppp()?;
        packet.header = self.at as u8;
        Some(ip)
    }

    /// A PPP protocol number: one octet when it is odd, else two (RFC 1661, 2).
    fn ppp(&mut self) -> Option<bool> {
        let first = *self.frame.get(self.at)?;
        let protocol = if first & 1 == 1 { u16::from(first) } else { be16(self.frame, self.at)? };
        self.at += if first & 1 == 1 { 1 } else { 2 };
        Some(match protocol {
            PPP_IPV4 | PPP_IPV6 => self.by_version().is_some(),
            _ => PPP_MPLS.contains(&protocol) && self.mpls().is_some(),
        })
    }

    /// Follows ether types to an IP header; `None` where there is none. VLAN tags are added to `header`, since the MTU does not
    /// bound them.
    pub(super) fn ether_type(&mut self, mut kind: u16, mut header: Option<&mut u8>) -> Option<()> {
        while self.layers < LAYERS {
            self.kind = kind;
            match kind {
                IPV4 | IPV6 => return self.by_version(),
                0x8100 | 0x88a8 | 0x9100 => {
                    let (tag, next) = (be16(self.frame, self.at)?, be16(self.frame, self.at + 2)?);
                    let tag = tag & 0x0fff;
                    self.vlan = if self.vlan == NO_VLAN && tag != PRIORITY_TAG { tag } else { self.vlan };
                    self.at += 4;
                    if let Some(header) = &mut header {
                        **header += 4;
                    }
                    kind = next;
                }
                0x8847 | 0x8848 => return self.mpls(),
                0x8864 => return self.pppoe(),
                _ => return None,
            }
            self.layers += 1;
        }
        None
    }

    /// Labels down to the bottom of the stack (RFC 3032); the first nibble behind it tells IP.
    fn mpls(&mut self) -> Option<()> {
        while self.layers < LAYERS {
            let label = be32(self.frame, self.at)?;
            self.at += 4;
            self.layers += 1;
            if label & 0x100 != 0 {
                return self.by_version();
            }
        }
        None
    }

    /// A PPPoE session (RFC 2516): six octets, then PPP.
    fn pppoe(&mut self) -> Option<()> {
        if self.frame.get(self.at..self.at + 2) != Some(&[0x11, 0x00]) {
            return None;
        }
        self.at += 6;
        self.layers += 1;
        self.ppp()?.then_some(())
    }

    /// `None` if no IP header begins here.
    pub(super) fn by_version(&self) -> Option<()> {
        matches!(self.frame.get(self.at)? >> 4, 4 | 6).then_some(())
    }
}

/// Offsets in a cooked header: its length, the ether type, the octet with the packet type.
struct LinuxCooked {
    header: usize,
    protocol: usize,
    kind: usize,
}
