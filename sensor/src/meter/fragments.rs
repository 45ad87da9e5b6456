//! Fragments follow their first: only the first has the ports of its datagram.
//!
//! A later fragment takes the ports that the first of the same addresses, protocol and identification brought within the
//! last minute (RFC 8200, 4.5). One whose first was not seen, came after it, or was forgotten because too many datagrams
//! were on their way, counts under port 0, and stays there.

use super::keyed_hash::{KeyedHash, spread};
use crate::parse::packet::{Fragment, PackedKey, Packet};

/// Datagrams remembered: 4,096 in sets of four.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// Time for which the ports of a datagram are remembered.
const PATIENCE: i64 = 60 * traf_model::time::SECOND;

/// A datagram on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Datagram {
    /// Its flow without ports, and whether it goes from the second end to the first.
    flow: (PackedKey, bool),
    id: u32,
}

#[derive(Clone, Copy)]
struct KnownFragment {
    datagram: Datagram,
    ports: (u16, u16),
    at: i64,
}

/// The datagrams whose first fragment was seen.
pub(super) struct Fragments {
    /// Made when the first fragment comes.
    entries: Vec<Option<KnownFragment>>,
    seed: KeyedHash,
}

impl Fragments {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), seed: KeyedHash::random() }
    }

    /// Learns from a first fragment, gives a later one its ports.
    pub(super) fn follow(&mut self, packet: &mut Packet) {
        let (source, destination) = packet.addresses();
        let key = &packet.key;
        let flow = PackedKey::new(key.version(), key.protocol(), key.vlan(), (source, 0), (destination, 0));
        let datagram = Datagram { flow, id: packet.id };
        let set = self.set(&datagram);
        let known = set.iter_mut().flatten().find(|entry| entry.datagram == datagram);
        match (packet.fragment, known) {
            (Fragment::First, Some(entry)) => (entry.ports, entry.at) = (packet.ports(), packet.at),
            (Fragment::First, None) => {
                let oldest = set.iter_mut().min_by_key(|entry| entry.map_or(i64::MIN, |entry| entry.at));
                if let Some(place) = oldest {
                    *place = Some(KnownFragment { datagram, ports: packet.ports(), at: packet.at });
                }
            }
            (Fragment::Later, Some(entry)) if packet.at.saturating_sub(entry.at) <= PATIENCE => {
                let (from, to) = entry.ports;
                packet.set_ports(from, to);
            }
            _ => {}
        }
    }

    fn set(&mut self, datagram: &Datagram) -> &mut [Option<KnownFragment>] {
        if self.entries.is_empty() {
            self.entries = vec![None; SETS * WAYS];
        }
        let hash = self.seed.pair(self.seed.flow(&datagram.flow.0), u64::from(datagram.id));
        let first = spread(hash, SETS) * WAYS;
        &mut self.entries[first..first + WAYS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::packet::NO_VLAN;

    fn fragment(kind: Fragment, id: u32, at: i64, ports: (u16, u16)) -> Packet {
        let mut packet = Packet::new(100);
        packet.set_flow(4, 17, NO_VLAN, (9, ports.0), (2, ports.1));
        (packet.fragment, packet.id, packet.at) = (kind, id, at);
        packet
    }

    #[test]
    fn later_fragments_take_the_ports_of_their_first_for_a_minute() {
        let mut fragments = Fragments::new();
        let mut ports = |kind, id, at, ports| {
            let mut packet = fragment(kind, id, at, ports);
            fragments.follow(&mut packet);
            packet.ports()
        };
        assert_eq!(ports(Fragment::Later, 7, 0, (0, 0)), (0, 0));
        assert_eq!(ports(Fragment::First, 7, 0, (5000, 53)), (5000, 53));
        assert_eq!(ports(Fragment::Later, 7, PATIENCE, (0, 0)), (5000, 53));
        assert_eq!(ports(Fragment::Later, 8, 1, (0, 0)), (0, 0));
        assert_eq!(ports(Fragment::Later, 7, PATIENCE + 1, (0, 0)), (0, 0));
    }

    #[test]
    fn a_flood_of_datagrams_is_forgotten_from_the_oldest_on() {
        let mut fragments = Fragments::new();
        for id in 0..100_000 {
            fragments.follow(&mut fragment(Fragment::First, id, i64::from(id), (1, 2)));
        }
        let mut last = fragment(Fragment::Later, 99_999, 100_000, (0, 0));
        fragments.follow(&mut last);
        assert_eq!((fragments.entries.len(), last.ports()), (SETS * WAYS, (1, 2)));
    }
}
