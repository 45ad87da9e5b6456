//! Direction of frames: this host's own are known by the interface's MAC, or where it has none, by its addresses.

use std::collections::HashSet;
use std::net::IpAddr;

use traf_model::{Interface, Mac};

use crate::parse::packet::Packet;

/// Own addresses of an interface.
#[derive(Debug, Default)]
pub(super) struct LocalAddresses {
    mac: Option<Mac>,
    addresses: HashSet<IpAddr>,
}

impl LocalAddresses {
    /// A mirror port and a file have no local side. On loopback every packet is sent and received; it counts once, as
    /// received.
    pub(super) fn new(interface: &Interface) -> Self {
        if interface.mirror || interface.loopback {
            return Self::default();
        }
        Self { mac: interface.mac, addresses: interface.addresses.iter().copied().collect() }
    }

    /// True if this host sent the packet.
    #[inline(always)]
    pub(super) fn sent(&self, packet: &Packet) -> bool {
        match self.mac {
            Some(mac) if packet.macs != [0; 12] => packet.source_mac() == mac,
            _ => packet.sent || !self.addresses.is_empty() && self.has_source(packet),
        }
    }

    fn has_source(&self, packet: &Packet) -> bool {
        packet.is_ip() && self.addresses.contains(&packet.key.address(packet.addresses().0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::packet::NO_VLAN;

    fn packet(source_mac: u8, source: u128) -> Packet {
        let mut packet = Packet::new(60);
        if source_mac != 0 {
            packet.set_macs([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, source_mac]);
        }
        packet.set_flow(4, 17, NO_VLAN, (source, 1), (0x0a00_0009, 2));
        packet
    }

    #[test]
    fn a_frame_with_our_mac_or_without_macs_with_our_address_was_sent() {
        let addresses = vec![IpAddr::from([10, 0, 0, 1])];
        let wired =
            Interface { mac: Some(Mac([2, 0, 0, 0, 0, 1])), addresses: addresses.clone(), ..Interface::default() };
        let local = LocalAddresses::new(&wired);
        assert!(local.sent(&packet(1, 0x0a00_0002)) && !local.sent(&packet(2, 0x0a00_0001)));
        let tun = LocalAddresses::new(&Interface { addresses: addresses.clone(), ..Interface::default() });
        assert!(tun.sent(&packet(0, 0x0a00_0001)) && !tun.sent(&packet(0, 0x0a00_0002)));
        for none in [Interface { mirror: true, ..wired.clone() }, Interface { loopback: true, ..wired }] {
            assert!(!LocalAddresses::new(&none).sent(&packet(1, 0x0a00_0001)));
        }
    }
}
