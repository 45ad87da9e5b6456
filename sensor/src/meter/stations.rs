//! Stations: octets of frames, which only frames can tell, so they are counted per frame.

use std::net::IpAddr;

use traf_model::{Counters, Counts, Key, Learnt, Mac, Merge, Timestamp, Traffic};

use super::flow_delta::FlowDelta;
use super::keyed_hash::KeyedHash;
use super::ranked::{RankedTable, TableKey, Value};
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

impl Value for StationCounters {
    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn counts(self) -> Counts {
        let mut addresses: Vec<Learnt> = self.addresses.into_iter().map(|(learnt, _)| learnt).collect();
        addresses.sort_unstable();
        Counts { traffic: self.traffic, ip: self.ip, addresses, ..Counts::default() }
    }
}

/// The stations of an interface.
pub(super) struct Stations {
    /// Frames that wait in pairs are not yet here; [`Stations::flush_pairs`] is to be called before it is read.
    pub(super) table: RankedTable<Mac, StationCounters>,
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
    pub(super) fn count(&mut self, packet: &Packet, count: impl Fn(&mut Counters)) {
        let place = self.pair_of(&packet.macs);
        if self.pairs[place].stations != packet.macs {
            self.flush_pair(place);
            self.pairs[place].stations = packet.macs;
        }
        let pair = &mut self.pairs[place];
        count(&mut pair.all);
        if packet.is_ip() {
            count(&mut pair.ip);
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
        for (mac, end) in folded.macs.iter().zip([folded.key.source, folded.key.destination]) {
            if let Some(station) = mac.and_then(|mac| self.table.known(mac))
                && !end.address.is_unspecified()
            {
                station.seen(end.address, folded.first, false);
                station.seen(end.address, folded.last, false);
            }
        }
    }

    /// A station says in this frame that an address is its own.
    pub(super) fn prove(&mut self, packet: &Packet, address: IpAddr) {
        let mac = packet.source_mac();
        if self.table.known(mac).is_none() {
            // Its first frames may still wait to be added up; this one is among them.
            self.flush_pair(self.pair_of(&packet.macs));
        }
        if let Some(station) = self.table.known(mac) {
            station.seen(address, packet.at, true);
        }
    }
}

/// A station of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StationCounters {
    /// All frames.
    pub(super) traffic: Traffic,
    /// Those that carried IP.
    pub(super) ip: Traffic,
    addresses: Vec<(Learnt, bool)>,
}

impl StationCounters {
    /// Notes an address at this time.
    pub(super) fn seen(&mut self, address: IpAddr, at: i64, proven: bool) {
        let at = Timestamp(at);
        self.note(Learnt { address, first: at, last: at }, proven);
    }

    fn note(&mut self, learnt: Learnt, proven: bool) {
        if let Some((known, was_proven)) = self.addresses.iter_mut().find(|(known, _)| known.address == learnt.address)
        {
            (known.first, known.last) = (known.first.min(learnt.first), known.last.max(learnt.last));
            *was_proven |= proven;
            return;
        }
        self.addresses.push((learnt, proven));
        if self.addresses.len() > Counts::ADDRESSES {
            let weakest = (0..self.addresses.len()).min_by_key(|place| {
                let (learnt, proven) = self.addresses[*place];
                (proven, learnt.last)
            });
            weakest.map(|place| self.addresses.swap_remove(place));
        }
    }
}

impl Merge for StationCounters {
    fn merge(&mut self, other: Self) {
        self.traffic += other.traffic;
        self.ip += other.ip;
        other.addresses.into_iter().for_each(|(learnt, proven)| self.note(learnt, proven));
    }
}

#[cfg(test)]
mod tests {
    use traf_model::Merge;

    use super::super::counter::Counter;
    use super::*;

    #[test]
    fn every_frame_counts_once_in_and_once_out_whatever_the_number_of_stations() {
        let mut stations = Stations::new(2_048);
        for number in 0..5000u32 {
            let mut packet = Packet::new(100);
            let [a, b, c, d] = number.to_be_bytes();
            packet.set_macs([2, 0, 0, 0, 0, 1, 2, 0, a, b, c, d]);
            stations.count(&packet, |counters| counters.count(100));
        }
        stations.flush_pairs();
        let stations = stations.table.seal(4_096);
        let mut sum = stations.other().clone();
        stations.rows().for_each(|(_, station)| sum.merge(station.clone()));
        let all = Counters::new(5000, 500_000);
        assert_eq!(sum.traffic, Traffic { inbound: all, outbound: all });
        assert_eq!(sum.ip, Traffic::default());
        let busy = stations.row(&Key::Mac(Mac([2, 0, 0, 0, 0, 1]))).map(|station| station.traffic.inbound);
        assert_eq!(busy, Some(all));
    }

    fn address(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    #[test]
    fn proven_addresses_stay_and_of_the_others_the_newest() {
        let mut station = StationCounters::default();
        station.seen(address(1), 1, true);
        for number in 2..=200 {
            station.seen(address(number), i64::from(number), false);
        }
        station.seen(address(1), 500, false);
        let addresses = station.clone().counts().addresses;
        let numbers: Vec<IpAddr> = addresses.iter().map(|learnt| learnt.address).collect();
        let expected: Vec<IpAddr> = std::iter::once(1).chain(194..=200).map(address).collect();
        assert_eq!(numbers, expected);
        assert_eq!((addresses[0].first, addresses[0].last), (Timestamp(1), Timestamp(500)));

        let mut later = StationCounters::default();
        (1..=20).for_each(|number| later.seen(address(100 + number), 1000, true));
        station.merge(later);
        assert!(
            station
                .counts()
                .addresses
                .iter()
                .all(|learnt| learnt.first == Timestamp(1000) || learnt.address == address(1))
        );
    }
}
