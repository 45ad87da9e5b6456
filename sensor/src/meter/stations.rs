//! Stations: octets of frames, which only frames can tell, so they are counted per frame.

use std::net::IpAddr;

use traf_model::{Counters, Counts, Key, Mac, Tally, Traffic};

use super::counter::Counter;
use super::facilities::FlowDelta;
use super::keyed_hash::KeyedHash;
use super::ranked::{RankedTable, TableKey};
use super::station::StationCounters;
use crate::parse::packet::Packet;

/// Pairs of stations whose frames are added up before the table of stations is updated.
const PAIRS: usize = 256;

impl TableKey for Mac {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        let [a, b, c, d, e, f] = self.0;
        (u64::from_le_bytes([a, b, c, d, e, f, 0, 0]), 0)
    }

    fn key(self) -> Key {
        Key::Mac(self)
    }
}

/// Frames from one station to another.
#[derive(Clone, Copy, Default)]
struct StationPair {
    stations: [u8; 12],
    all: Counters,
    ip: Counters,
}

/// The stations of an interface.
pub(super) struct Stations {
    table: RankedTable<Mac, StationCounters>,
    pairs: Box<[StationPair]>,
    seed: KeyedHash,
}

impl Stations {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            table: RankedTable::new(capacity),
            pairs: vec![StationPair::default(); PAIRS].into_boxed_slice(),
            seed: KeyedHash::random(),
        }
    }

    /// Counts a frame, or packets that offload hid in it, for the stations at its ends.
    #[inline(always)]
    pub(super) fn count(&mut self, packet: &Packet, counters: Counters) {
        let place = self.pair_of(&packet.stations);
        if self.pairs[place].stations != packet.stations {
            self.flush_pair(place);
            self.pairs[place].stations = packet.stations;
        }
        let pair = &mut self.pairs[place];
        pair.all += counters;
        if packet.is_ip() {
            pair.ip += counters;
        }
    }

    #[inline(always)]
    fn pair_of(&self, stations: &[u8; 12]) -> usize {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *stations;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let second = u64::from(u32::from_le_bytes([i, j, k, l]));
        (self.seed.pair(first, second) >> 56) as usize % PAIRS
    }

    /// Adds what a pair counted to the table.
    #[inline(never)]
    fn flush_pair(&mut self, place: usize) {
        let StationPair { stations, all, ip } = std::mem::take(&mut self.pairs[place]);
        if all.is_empty() {
            return;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = stations;
        let destination = self.table.row(Mac([a, b, c, d, e, f]), all.packets);
        destination.traffic.inbound += all;
        destination.ip.inbound += ip;
        let source = self.table.row(Mac([g, h, i, j, k, l]), all.packets);
        source.traffic.outbound += all;
        source.ip.outbound += ip;
    }

    /// Adds what all pairs counted to the table.
    pub(super) fn flush_pairs(&mut self) {
        (0..self.pairs.len()).for_each(|place| self.flush_pair(place));
    }

    /// Notes the addresses of a flow behind its MAC addresses.
    #[inline]
    pub(super) fn learn(&mut self, folded: &FlowDelta) {
        let ((a, _), (b, _)) = folded.key.ends();
        for (mac, number) in folded.macs.iter().zip([a, b]) {
            if let Some(station) = mac.and_then(|mac| self.table.known(mac))
                && number != 0
            {
                let address = folded.key.address(number);
                station.seen(address, folded.first, false);
                station.seen(address, folded.last, false);
            }
        }
    }

    /// A station says in this frame that an address is its own.
    pub(super) fn prove(&mut self, packet: &Packet, address: IpAddr) {
        let mac = packet.source_mac();
        if self.table.known(mac).is_none() {
            // Its first frames may still wait to be added up; this one is among them.
            self.flush_pair(self.pair_of(&packet.stations));
        }
        if let Some(station) = self.table.known(mac) {
            station.seen(address, packet.at, true);
        }
    }
}

/// The frames that wait in pairs are not yet in the table; [`Stations::flush_pairs`] is to be called before.
impl Counter for Stations {
    fn seal(&mut self, most: usize) -> Tally<Key, Counts> {
        self.table.seal(most)
    }

    fn totals(&self, each: &mut dyn FnMut(Key, Counts)) -> Counts {
        self.table.totals(each)
    }

    fn traffic(&self, sealed: bool, each: &mut dyn FnMut(Key, Traffic)) {
        self.table.traffic(sealed, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use traf_model::Merge;

    #[test]
    fn every_frame_counts_once_in_and_once_out_whatever_the_number_of_stations() {
        let mut stations = Stations::new(2_048);
        for number in 0..5000u32 {
            let mut packet = Packet::new(100);
            let [a, b, c, d] = number.to_be_bytes();
            packet.set_stations([2, 0, 0, 0, 0, 1, 2, 0, a, b, c, d]);
            stations.count(&packet, Counters::new(1, 100));
        }
        stations.flush_pairs();
        let stations = stations.seal(4_096);
        let mut sum = stations.other().clone();
        stations.rows().for_each(|(_, station)| sum.merge(station.clone()));
        let all = Counters::new(5000, 500_000);
        assert_eq!(sum.traffic, Traffic { inbound: all, outbound: all });
        assert_eq!(sum.ip, Traffic::default());
        let busy = stations.row(&Key::Mac(Mac([2, 0, 0, 0, 0, 1]))).map(|station| station.traffic.inbound);
        assert_eq!(busy, Some(all));
    }
}
