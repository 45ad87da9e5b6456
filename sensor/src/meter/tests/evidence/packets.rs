//! Packets as their sender makes them, and as an observation point sees them.

use proptest::prelude::*;

/// An IP packet between the two ends of one flow, or a fragment of one.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) forward: bool,
    pub(super) six: bool,
    pub(super) protocol: u8,
    /// Identification, or flow label.
    pub(super) label: u32,
    /// Transport header and what it carries.
    pub(super) segment: Vec<u8>,
}

/// Whatever a switch, a router or offload may change.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) mac: u8,
    /// VLAN identifiers.
    pub(super) tags: Vec<u16>,
    /// Of the transport.
    pub(super) checksum: Option<u16>,
    /// Octets behind the packet.
    pub(super) padding: Vec<u8>,
    /// Options in the IPv4 header.
    pub(super) options: bool,
}

prop_compose! {
    pub(super) fn way()(
        ttl: u8, tos: u8, mac: u8,
        tags in prop::collection::vec(0u16..4096, 0..4),
        checksum: Option<u16>,
        padding in prop::collection::vec(any::<u8>(), 0..40),
        options: bool,
    ) -> Way {
        Way { ttl, tos, mac, tags, checksum, padding, options }
    }
}

impl Sent {
    pub(super) fn udp(label: u32, payload: &[u8]) -> Self {
        let mut segment = vec![0x13, 0x88, 0, 53];
        segment.extend((payload.len() as u16 + 8).to_be_bytes());
        segment.extend([0xab, 0xcd]);
        segment.extend(payload);
        Self { forward: true, six: false, protocol: 17, label, segment }
    }

    /// From the end of port 40000, which begins, or from the other.
    pub(super) fn tcp(forward: bool, sequence: u32, flags: u8, payload: usize) -> Self {
        let ports: [u16; 2] = if forward { [40_000, 443] } else { [443, 40_000] };
        let mut segment: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
        segment.resize(20 + payload, 0x5a);
        Self { forward, six: false, protocol: 6, label: 7, segment }
    }

    pub(super) fn over_six(self, six: bool) -> Self {
        Self { six, ..self }
    }

    /// The frame that arrives. Of IPv4 `fragment` is what follows the identification: flags and offset.
    pub(super) fn seen(&self, way: &Way, fragment: u16) -> Vec<u8> {
        let (to, from) = if self.forward { (2, 1) } else { (1, 2) };
        let mut frame = vec![2, 0, 0, 0, way.mac, to, 2, 0, 0, 0, way.mac, from];
        for tag in &way.tags {
            frame.extend([0x81, 0]);
            frame.extend(tag.to_be_bytes());
        }
        let (source, destination) = if self.forward { (9, 1) } else { (1, 9) };
        if self.six {
            frame.extend([0x86, 0xdd]);
            frame.extend((6 << 28 | u32::from(way.tos) << 20 | self.label & 0xf_ffff).to_be_bytes());
            frame.extend((self.segment.len() as u16).to_be_bytes());
            frame.extend([self.protocol, way.ttl]);
            frame.extend([0xfd; 15].iter().chain(&[source]));
            frame.extend([0xfd; 15].iter().chain(&[destination]));
        } else {
            let header = if way.options { 24 } else { 20 };
            frame.extend([0x08, 0x00, 0x40 + header as u8 / 4, way.tos]);
            frame.extend((header + self.segment.len() as u16).to_be_bytes());
            frame.extend((self.label as u16).to_be_bytes());
            frame.extend(fragment.to_be_bytes());
            frame.extend([way.ttl, self.protocol, 0, 0, 10, 0, 0, source, 10, 0, 0, destination]);
            frame.extend(if way.options { &[1, 1, 1, 0][..] } else { &[] });
        }
        let mut segment = self.segment.clone();
        let place = match self.protocol {
            6 => 16,
            17 => 6,
            1 | 58 => 2,
            132 => 8,
            _ => usize::MAX,
        };
        if let Some(checksum) = way.checksum
            && fragment & 0x1fff == 0
            && segment.len() >= place.saturating_add(2)
        {
            segment[place..place + 2].copy_from_slice(&checksum.to_be_bytes());
        }
        frame.extend(segment);
        frame.extend(&way.padding);
        frame
    }
}
