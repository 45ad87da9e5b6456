//! The parts of a frame that its counts depend on, read from its octets; by none of the sensor's code.

use std::collections::HashMap;
use std::net::IpAddr;

use super::pcapng::Captured;

/// Types of Ethernet frames.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// IP protocols.
const TCP: u8 = 6;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
/// Extension headers of IPv6 that may stand before the transport, each with its own length.
const EXTENSIONS: [u8; 3] = [0, 43, 60];

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Time of capture, in nanoseconds since 1970.
    pub at: i64,
    /// Octets on the wire.
    pub octets: u64,
    /// MAC address of the sender.
    pub source: [u8; 6],
    /// MAC address it is sent to.
    pub destination: [u8; 6],
    /// The IP packet in it.
    pub packet: Option<IpHead>,
}

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpHead {
    /// Number of its protocol.
    pub protocol: u8,
    /// Sender, with its port; 0 for protocols without ports.
    pub source: (IpAddr, u16),
    /// Receiver, with its port.
    pub destination: (IpAddr, u16),
    /// Octets of the packet.
    pub octets: u64,
    /// TCP's flags; 0 where there are none.
    pub flags: u8,
}

/// Reads frames: a later fragment has the ports of its first.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Ports of the first fragment, by addresses and identification.
    firsts: HashMap<(IpAddr, IpAddr, u32), [u16; 2]>,
}

impl Heads {
    /// A frame of Ethernet; `None` if it is cut within its header.
    pub(super) fn read(&mut self, frame: &Captured<'_>) -> Option<Head> {
        let octets = frame.octets;
        let (destination, source) = (octets.get(..6)?.try_into().ok()?, octets.get(6..12)?.try_into().ok()?);
        let mut at = 12;
        while TAGS.contains(&number(octets, at)?) {
            at += 4;
        }
        let packet = match number(octets, at)? {
            IPV4 => self.ipv4(&octets[at + 2..]),
            IPV6 => self.ipv6(&octets[at + 2..]),
            _ => None,
        };
        Some(Head { at: frame.at, octets: frame.length.into(), source, destination, packet })
    }

    fn ipv4(&mut self, packet: &[u8]) -> Option<IpHead> {
        let address = |at| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
        let ends = [address(12)?, address(16)?];
        let (fragment, identification) = (number(packet, 6)?, number(packet, 4)?);
        let header = usize::from(*packet.first()? & 0x0f) * 4;
        let protocol = *packet.get(9)?;
        let parted = (fragment & 0x3fff != 0).then_some(identification.into());
        let transport = if fragment & 0x1fff == 0 { packet.get(header..) } else { None };
        Some(self.packet(protocol, ends, number(packet, 2)?.into(), parted, transport))
    }

    fn ipv6(&mut self, packet: &[u8]) -> Option<IpHead> {
        let address = |at| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
        let ends = [address(8)?, address(24)?];
        let (mut protocol, mut at, mut parted, mut first) = (*packet.get(6)?, 40, None, true);
        loop {
            if protocol == FRAGMENT {
                let identification = [number(packet, at + 4)?, number(packet, at + 6)?];
                parted = Some(u32::from(identification[0]) << 16 | u32::from(identification[1]));
                first = number(packet, at + 2)? >> 3 == 0;
                protocol = *packet.get(at)?;
                at += 8;
            } else if EXTENSIONS.contains(&protocol) {
                protocol = *packet.get(at)?;
                at += 8 + usize::from(*packet.get(at + 1)?) * 8;
            } else {
                break;
            }
        }
        let transport = if first { packet.get(at..) } else { None };
        Some(self.packet(protocol, ends, 40 + u64::from(number(packet, 4)?), parted, transport))
    }

    /// A packet; `parted` identifies the datagram of a fragment, `transport` is absent in a later one.
    fn packet(
        &mut self,
        protocol: u8,
        [source, destination]: [IpAddr; 2],
        octets: u64,
        parted: Option<u32>,
        transport: Option<&[u8]>,
    ) -> IpHead {
        let datagram = parted.map(|identification| (source, destination, identification));
        let ports = match (transport, datagram) {
            (Some(transport), _) if protocol == TCP || protocol == UDP => {
                [0, 2].map(|at| number(transport, at).unwrap_or_default())
            }
            (None, Some(datagram)) => self.firsts.get(&datagram).copied().unwrap_or_default(),
            _ => [0; 2],
        };
        if let (Some(_), Some(datagram)) = (transport, datagram) {
            self.firsts.insert(datagram, ports);
        }
        let flags = transport.filter(|_| protocol == TCP).and_then(|transport| transport.get(13));
        IpHead {
            protocol,
            source: (source, ports[0]),
            destination: (destination, ports[1]),
            octets,
            flags: flags.copied().unwrap_or_default(),
        }
    }
}

fn number(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]))
}
