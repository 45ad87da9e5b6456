//! Packets that offload hid: a captured frame larger than the MTU was several packets on the wire.
//!
//! How many is estimated from the payload and the largest segment: what the receiver announced in its SYN less the
//! options of this segment (RFC 6691), and not more than the MTU allows. The estimates stand in a table of their own,
//! since few flows need one.

use std::collections::HashMap;

use traf_model::Transport;

use crate::parse::packet::Packet;

/// Flows with an estimate; of those beyond, it goes to `other`.
const FLOWS: usize = 16_384;

/// Ethernet's MTU, for files.
const MTU: u32 = 1500;

/// True if a frame is larger than one packet may be.
#[inline(always)]
pub(super) fn suspects(mtu: Option<u32>, packet: &Packet) -> bool {
    packet.length > mtu.unwrap_or(MTU).saturating_add(u32::from(packet.header))
}

/// Packets on the wire beyond the one captured. A file does not tell its MTU: there only the segment size that was
/// announced, or Ethernet's, tells TCP's packets apart, and nothing tells UDP's.
pub(super) fn extra(mtu: Option<u32>, packet: &Packet, segment: Option<u32>) -> u64 {
    let headers = packet.octets.saturating_sub(packet.payload);
    let by_mtu = mtu.unwrap_or(MTU).saturating_sub(headers);
    let each = match (packet.class.transport, segment) {
        (Transport::Tcp, Some(segment)) => {
            let fixed = if packet.key.version() == 6 { 60 } else { 40 };
            let by_segment = segment.saturating_sub(headers.saturating_sub(fixed));
            if mtu.is_some() { by_segment.min(by_mtu) } else { by_segment }
        }
        (Transport::Tcp, None) => by_mtu,
        (Transport::Udp, _) if mtu.is_some() => by_mtu,
        _ => return 0,
    };
    // A segment of a few octets is nobody's segment.
    u64::from(packet.payload.div_ceil(each.max(64)).saturating_sub(1))
}

/// Estimates of flows, by slot.
#[derive(Default)]
pub(super) struct CoalescedPackets {
    flows: HashMap<usize, Estimate>,
}

/// Each way: in this slice, before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Estimate {
    pub(super) slice: [u64; 2],
    pub(super) before: [u64; 2],
}

impl CoalescedPackets {
    /// Adds to a flow; false when there is no room for another.
    pub(super) fn add(&mut self, slot: usize, way: usize, extra: u64) -> bool {
        let room = self.flows.len() < FLOWS || self.flows.contains_key(&slot);
        if room {
            self.flows.entry(slot).or_default().slice[way] += extra;
        }
        room
    }

    /// Estimates of a flow.
    pub(super) fn get(&self, slot: usize) -> Estimate {
        self.flows.get(&slot).copied().unwrap_or_default()
    }

    /// Takes what a flow counted in this slice.
    pub(super) fn take(&mut self, slot: usize) -> [u64; 2] {
        let Some(estimate) = self.flows.get_mut(&slot) else { return [0; 2] };
        let slice = std::mem::take(&mut estimate.slice);
        estimate.before = [estimate.before[0] + slice[0], estimate.before[1] + slice[1]];
        slice
    }

    /// Forgets a flow.
    pub(super) fn forget(&mut self, slot: usize) {
        self.flows.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::packet::NO_VLAN;

    fn bulk(protocol: u8, payload: u32, options: u32) -> Packet {
        let headers = if protocol == 6 { 40 + options } else { 28 };
        let mut packet = Packet::new(14 + headers + payload);
        packet.header = 14;
        packet.set_flow(4, protocol, NO_VLAN, (1, 1), (2, 2));
        (packet.octets, packet.payload) = (headers + payload, payload);
        packet
    }

    #[test]
    fn a_super_packet_is_told_by_segment_size_and_mtu() {
        let live = Some(1500);
        assert!(!suspects(live, &bulk(6, 1448, 12)));
        let packet = bulk(6, 45 * 1448, 12);
        assert!(suspects(live, &packet));
        assert_eq!(extra(live, &packet, Some(1460)), 44);
        assert_eq!(extra(live, &packet, None), 44);
        assert_eq!(extra(live, &bulk(6, 45 * 1388, 12), Some(1400)), 44);
        assert_eq!(extra(live, &bulk(17, 3 * 1472, 0), None), 2);
    }

    #[test]
    fn a_jumbo_frame_in_a_file_is_one_packet() {
        let file = None;
        assert_eq!(extra(file, &bulk(6, 8948, 12), Some(8960)), 0);
        assert_eq!(extra(file, &bulk(17, 8000, 0), None), 0);
        assert_eq!(extra(file, &bulk(6, 10 * 1448, 12), None), 9);
    }
}
