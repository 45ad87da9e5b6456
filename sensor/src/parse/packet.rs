//! A parsed frame, as far as the meter needs it: made by the parser, fixed in size, never copied.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use traf_model::filter::Subject;
use traf_model::{Cast, Class, Endpoint, Family, FlowKey, Mac, Transport};
use zerocopy::FromZeros;

/// Ether types of ARP (RFC 826) and RARP (RFC 903).
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const RARP: u16 = 0x8035;

/// TCP flags (RFC 9293, 3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 1;
    pub(crate) const SYN: u8 = 2;
    pub(crate) const RST: u8 = 4;
    pub(crate) const ACK: u8 = 16;
}

/// No VLAN tag; identifiers have twelve bits.
pub(crate) const NO_VLAN: u16 = u16::MAX;

/// Identifier of a tag that names no VLAN, only a priority (IEEE 802.1Q, 9.6).
pub(crate) const PRIORITY_TAG: u16 = 0;

/// Bits of the VLAN in the last word of a key. All of them are set in a key without one.
const VLAN: u64 = (NO_VLAN as u64) << 40;

/// One end as numbers: the address (IPv4 in the low 32 bits) and the port.
pub(crate) type PackedEnd = (u128, u16);

/// A biflow key in 40 octets, the smaller end first, so that both directions find one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromZeros)]
#[repr(C)]
pub(crate) struct PackedKey(pub(crate) [u64; 5]);

impl PackedKey {
    /// Of no flow, without a VLAN.
    pub(crate) const NONE: Self = Self([0, 0, 0, 0, VLAN]);

    /// The key, and whether `source` is its second end.
    #[inline(always)]
    pub(crate) fn new(version: u8, protocol: u8, vlan: u16, source: PackedEnd, destination: PackedEnd) -> (Self, bool) {
        let reverse = destination < source;
        let (a, b) = if reverse { (destination, source) } else { (source, destination) };
        let rest = u64::from(a.1)
            | u64::from(b.1) << 16
            | u64::from(protocol) << 32
            | u64::from(vlan) << 40
            | u64::from(version) << 56;
        (Self([a.0 as u64, (a.0 >> 64) as u64, b.0 as u64, (b.0 >> 64) as u64, rest]), reverse)
    }

    /// True if both are equal, in a few instructions where `==` would call memcmp.
    #[inline(always)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differing, (mine, theirs)| differing | (mine ^ theirs)) == 0
    }

    /// The same flow without a VLAN.
    #[inline(always)]
    pub(crate) fn untagged(&self) -> Self {
        let [a, a_high, b, b_high, rest] = self.0;
        Self([a, a_high, b, b_high, rest | VLAN])
    }

    /// First and second end.
    pub(crate) fn ends(&self) -> (PackedEnd, PackedEnd) {
        let [a, a_high, b, b_high, rest] = self.0;
        let address = |low: u64, high: u64| u128::from(high) << 64 | u128::from(low);
        ((address(a, a_high), rest as u16), (address(b, b_high), (rest >> 16) as u16))
    }

    #[inline(always)]
    pub(crate) fn protocol(&self) -> u8 {
        (self.0[4] >> 32) as u8
    }

    /// VLAN identifier, or [`NO_VLAN`].
    #[inline(always)]
    pub(crate) fn vlan(&self) -> u16 {
        (self.0[4] >> 40) as u16
    }

    /// IP version.
    #[inline(always)]
    pub(crate) fn version(&self) -> u8 {
        (self.0[4] >> 56) as u8
    }

    /// Family and transport.
    #[inline(always)]
    pub(crate) fn class(&self, cast: Cast) -> Class {
        let family = if self.version() == 6 { Family::Ipv6 } else { Family::Ipv4 };
        Class { family, transport: Transport::of(self.protocol()), cast }
    }

    /// An address of this key as the model has it.
    pub(crate) fn address(&self, number: u128) -> IpAddr {
        match self.version() {
            6 => IpAddr::V6(Ipv6Addr::from(number)),
            _ => IpAddr::V4(Ipv4Addr::from(number as u32)),
        }
    }

    /// As the model has it, with the second end as the source when `reverse`.
    pub(crate) fn flow(&self, reverse: bool) -> FlowKey {
        let (a, b) = self.ends();
        let (source, destination) = if reverse { (b, a) } else { (a, b) };
        let end = |end: PackedEnd| Endpoint::new(self.address(end.0), end.1);
        let vlan = Some(self.vlan()).filter(|&vlan| vlan != NO_VLAN);
        FlowKey { protocol: self.protocol(), vlan, source: end(source), destination: end(destination) }
    }

    /// From the model, and whether its source is the second end.
    pub(crate) fn of(flow: &FlowKey) -> (Self, bool) {
        let number = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        let version = if flow.source.address.is_ipv6() { 6 } else { 4 };
        let end = |end: Endpoint| (number(end.address), end.port);
        Self::new(version, flow.protocol, flow.vlan.unwrap_or(NO_VLAN), end(flow.source), end(flow.destination))
    }
}

/// A packet's place among the fragments of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fragment {
    /// Not one.
    #[default]
    Whole,
    /// The one that has the ports.
    First,
    /// One that has no ports.
    Later,
}

/// One parsed frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Its flow; of what is not IP only the VLAN, and of ARP and RARP over Ethernet the IPv4 addresses.
    pub(crate) key: PackedKey,
    /// Nanoseconds since 1970; set by the meter.
    pub(crate) at: i64,
    /// Octets of the frame on the wire.
    pub(crate) length: u32,
    /// Octets of the IP packet; zero when it is not IP.
    pub(crate) octets: u32,
    /// Octets that the transport header carries, on the wire.
    pub(crate) payload: u32,
    /// TCP sequence number. Of all else, set by the meter: its half of its flow's evidence ([`traf_model::Evidence`]), zero for
    /// none.
    pub(crate) sequence: u32,
    /// TCP acknowledgement number.
    pub(crate) acknowledgement: u32,
    /// Identification of the datagram that a fragment belongs to.
    pub(crate) id: u32,
    /// Octets before the network layer, which the MTU does not bound.
    pub(crate) header: u8,
    /// Offset of the IP header in the frame, or [`Packet::DEEP`].
    pub(crate) network: u8,
    /// TCP window.
    pub(crate) window: u16,
    /// Largest segment that a SYN announces; zero for none.
    pub(crate) mss: u16,
    /// Ether type of what is not IP, or its length where that stands in its place; zero where the link has none.
    pub(crate) ether_type: u16,
    /// Offset of the transport header in the frame, if it was captured; zero for none.
    pub(crate) transport: u16,
    /// Destination MAC, source MAC; zeros where the link has none.
    pub(crate) macs: [u8; 12],
    /// TCP flags.
    pub(crate) flags: u8,
    /// Codepoint in the DS field of the IP header (RFC 2474, 3).
    pub(crate) dscp: u8,
    /// Family, transport and cast.
    pub(crate) class: Class,
    /// From the second end of the key to the first.
    pub(crate) reverse: bool,
    /// The link header says that this host sent it.
    pub(crate) sent: bool,
    /// IPv4 header checksum is wrong.
    pub(crate) bad_checksum: bool,
    /// An authentication header (RFC 4302) was passed on the way to the transport.
    pub(crate) authenticated: bool,
    /// Position in a fragmented datagram.
    pub(crate) fragment: Fragment,
}

impl Packet {
    /// In place of the offset of an IP header that stands deeper in tunnels than this.
    pub(crate) const DEEP: u8 = u8::MAX;

    /// A frame of which nothing is known yet but its length.
    #[inline(always)]
    pub(crate) fn new(length: u32) -> Self {
        Self { key: PackedKey::NONE, length, ..Self::default() }
    }

    /// It belongs to a flow.
    #[inline(always)]
    pub(crate) fn is_ip(&self) -> bool {
        self.class.family != Family::NonIp
    }

    /// Takes the MAC addresses, and the cast from the first of them.
    #[inline(always)]
    pub(crate) fn set_macs(&mut self, macs: [u8; 12]) {
        self.macs = macs;
        self.class.cast = match macs {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] => Cast::Broadcast,
            [first, ..] if first & 1 == 1 => Cast::Multicast,
            _ => Cast::Unicast,
        };
    }

    /// Notes the VLAN of what may turn out not to be IP.
    #[inline(always)]
    pub(crate) fn set_vlan(&mut self, vlan: u16) {
        self.key = PackedKey([0, 0, 0, 0, u64::from(vlan) << 40]);
    }

    /// Makes it an IP packet of this flow.
    #[inline(always)]
    pub(crate) fn set_flow(&mut self, version: u8, protocol: u8, vlan: u16, source: PackedEnd, destination: PackedEnd) {
        (self.key, self.reverse) = PackedKey::new(version, protocol, vlan, source, destination);
        self.class = self.key.class(self.class.cast);
    }

    /// Gives a fragment the ports of its datagram.
    pub(crate) fn set_ports(&mut self, source: u16, destination: u16) {
        let (from, to) = self.addresses();
        self.set_flow(self.key.version(), self.key.protocol(), self.key.vlan(), (from, source), (to, destination));
    }

    /// Source and destination address.
    pub(crate) fn addresses(&self) -> (u128, u128) {
        let ((a, _), (b, _)) = self.key.ends();
        if self.reverse { (b, a) } else { (a, b) }
    }

    /// Source and destination port.
    pub(crate) fn ports(&self) -> (u16, u16) {
        let ((_, a), (_, b)) = self.key.ends();
        if self.reverse { (b, a) } else { (a, b) }
    }

    /// As a filter sees it.
    pub(crate) fn subject<'a>(&self, interface: &'a str) -> Subject<'a> {
        subject(&self.key, self.reverse, self.ether_type, &self.macs, interface)
    }

    /// Octets on the wire without the link header.
    #[inline(always)]
    pub(crate) fn size(&self) -> u32 {
        self.length.saturating_sub(u32::from(self.header))
    }

    /// MAC address of the sender.
    pub(crate) fn source_mac(&self) -> Mac {
        let [_, _, _, _, _, _, a, b, c, d, e, f] = self.macs;
        Mac([a, b, c, d, e, f])
    }
}

/// A packet of these fields as a filter sees it; a sensor does not know its own name.
pub(crate) fn subject<'a>(
    key: &PackedKey,
    reverse: bool,
    ether_type: u16,
    macs: &[u8; 12],
    interface: &'a str,
) -> Subject<'a> {
    let flow = key.flow(reverse);
    let ip = key.version() != 0;
    let arp = !ip && matches!(ether_type, ARP | RARP) && key.ends() != ((0, 0), (0, 0));
    let macs = (*macs != [0; 12]).then(|| {
        let [a, b, c, d, e, f, source @ ..] = *macs;
        (Mac(source), Mac([a, b, c, d, e, f]))
    });
    Subject {
        sensor: "",
        interface,
        ether_type: match key.version() {
            4 => 0x0800,
            6 => 0x86dd,
            _ => ether_type,
        },
        protocol: ip.then_some(flow.protocol),
        ends: (ip || arp).then_some((flow.source, flow.destination)),
        vlan: flow.vlan,
        macs: macs.unzip(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn both_directions_have_one_key_and_the_model_gets_its_ends_back() {
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("fd00::2", "fd00::1"), ("::ffff:1.2.3.4", "::1")] {
            let end = |text: &str, port| Endpoint::new(text.parse().unwrap(), port);
            for vlan in [None, Some(0), Some(4095)] {
                let flow = FlowKey { protocol: 6, vlan, source: end(a, 40000), destination: end(b, 22) };
                let (key, reverse) = PackedKey::of(&flow);
                let (other, other_reverse) = PackedKey::of(&flow.reversed());
                assert_eq!((key, reverse), (other, !other_reverse));
                assert_eq!(key.flow(reverse), flow);
            }
        }
    }

    #[test]
    fn a_mapped_address_is_not_the_ipv4_address() {
        let (four, _) = PackedKey::new(4, 6, NO_VLAN, (1, 1), (2, 2));
        let (six, _) = PackedKey::new(6, 6, NO_VLAN, (1, 1), (2, 2));
        assert_ne!(four, six);
    }
}
