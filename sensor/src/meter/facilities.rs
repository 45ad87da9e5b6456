//! Hosts, services and stations: folded from flows when a slice closes or a flow leaves its table; stations' octets are
//! frame octets, which only frames can tell, so these are counted per frame.

use std::net::IpAddr;

use traf_model::{Counters, Mac, Ports, Service, Station, Tally, Traffic};

use super::keyed_hash::KeyedHash;
use super::ranked::{RankedTable, TableKey};
use super::station::StationCounters;
use super::station_rates::StationRates;
use crate::parse::packet::{PackedKey, Packet};

/// Pairs of stations whose frames are added up before the table of stations hears of them.
const PAIRS: usize = 256;

/// An address as a key: IP version and number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct HostKey(u8, u128);

impl HostKey {
    pub(super) fn address(self) -> IpAddr {
        if self.0 == 6 { IpAddr::V6(self.1.into()) } else { IpAddr::V4((self.1 as u32).into()) }
    }
}

impl TableKey for HostKey {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        (self.1 as u64 ^ u64::from(self.0) << 56, (self.1 >> 64) as u64)
    }
}

impl TableKey for Service {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        (u64::from(self.port) | u64::from(self.protocol) << 16, 0)
    }
}

impl TableKey for Mac {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        let [a, b, c, d, e, f] = self.0;
        (u64::from_le_bytes([a, b, c, d, e, f, 0, 0]), 0)
    }
}

/// Counts of a flow since the slice began.
#[derive(Clone, Copy)]
pub(super) struct FlowDelta {
    pub(super) key: PackedKey,
    /// The key's second end is the initiator.
    pub(super) second_began: bool,
    /// From the first end to the second, and back.
    pub(super) counters: [Counters; 2],
    /// Source MAC of each way; `None` where that way was never seen or has none.
    pub(super) macs: [Option<Mac>; 2],
    /// Times of the first packet that the counts can be of, and of the last.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl FlowDelta {
    /// Outbound is forward: from the initiator.
    pub(super) fn traffic(&self) -> Traffic {
        let [first, second] = self.counters;
        if self.second_began {
            Traffic { outbound: second, inbound: first }
        } else {
            Traffic { outbound: first, inbound: second }
        }
    }
}

/// Frames from one station to another.
#[derive(Clone, Copy, Default)]
struct StationPair {
    stations: [u8; 12],
    all: Counters,
    ip: Counters,
}

/// The three tables.
pub(super) struct Facilities {
    pub(super) hosts: RankedTable<HostKey, Traffic>,
    pub(super) services: RankedTable<Service, Traffic>,
    pub(super) stations: RankedTable<Mac, StationCounters>,
    /// Ports that are services.
    pub(super) ports: Ports,
    pairs: Box<[StationPair]>,
    station_rates: StationRates,
    seed: KeyedHash,
    /// Rows of each table in one slice.
    history: usize,
}

impl Facilities {
    pub(super) fn new(config: &super::MeterConfig) -> Self {
        Self {
            hosts: RankedTable::new(config.hosts),
            services: RankedTable::new(config.services),
            stations: RankedTable::new(config.stations),
            ports: Ports::default(),
            pairs: vec![StationPair::default(); PAIRS].into_boxed_slice(),
            station_rates: StationRates::default(),
            seed: KeyedHash::random(),
            history: config.history_keys,
        }
    }

    /// Counts a frame for the stations at its ends.
    #[inline(always)]
    pub(super) fn frame(&mut self, packet: &Packet) {
        let counters = Counters::new(1, u64::from(packet.length));
        let pair = self.pair(&packet.stations);
        pair.all.packets += 1;
        pair.all.octets = pair.all.octets.saturating_add(counters.octets);
        if packet.is_ip() {
            pair.ip.packets += 1;
            pair.ip.octets = pair.ip.octets.saturating_add(counters.octets);
        }
    }

    /// Counts packets that offload hid in a frame between stations.
    pub(super) fn coalesced(&mut self, packet: &Packet, extra: u64) {
        let counters = Counters { coalesced: extra, ..Counters::default() };
        let pair = self.pair(&packet.stations);
        pair.all += counters;
        pair.ip += counters;
    }

    #[inline(always)]
    fn pair(&mut self, stations: &[u8; 12]) -> &mut StationPair {
        let place = self.pair_of(stations);
        if self.pairs[place].stations != *stations {
            self.flush_pair(place);
            self.pairs[place].stations = *stations;
        }
        &mut self.pairs[place]
    }

    #[inline(always)]
    fn pair_of(&self, stations: &[u8; 12]) -> usize {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *stations;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let second = u64::from(u32::from_le_bytes([i, j, k, l]));
        (self.seed.pair(first, second) >> 56) as usize % PAIRS
    }

    /// Tells the table of stations what a pair counted.
    #[inline(never)]
    fn flush_pair(&mut self, place: usize) {
        let StationPair { stations, all, ip } = std::mem::take(&mut self.pairs[place]);
        if all.is_empty() {
            return;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = stations;
        let destination = self.stations.row(Mac([a, b, c, d, e, f]), all.packets);
        destination.traffic.inbound += all;
        destination.ip.inbound += ip;
        let source = self.stations.row(Mac([g, h, i, j, k, l]), all.packets);
        source.traffic.outbound += all;
        source.ip.outbound += ip;
    }

    /// Tells the table of stations everything.
    pub(super) fn flush_pairs(&mut self) {
        (0..self.pairs.len()).for_each(|place| self.flush_pair(place));
    }

    /// Adds what left a flow to its hosts and its service, and notes who is behind which MAC.
    #[inline]
    pub(super) fn fold(&mut self, folded: &FlowDelta) {
        let [there, back] = folded.counters;
        let packets = there.packets + back.packets;
        let version = folded.key.version();
        let ((a, a_port), (b, b_port)) = folded.key.ends();
        *self.hosts.row(HostKey(version, a), packets) += Traffic { outbound: there, inbound: back };
        *self.hosts.row(HostKey(version, b), packets) += Traffic { outbound: back, inbound: there };
        if let Some((service, at_second)) = service(&self.ports, &folded.key, (a_port, b_port), folded.second_began) {
            let (to, from) = if at_second { (there, back) } else { (back, there) };
            *self.services.row(service, packets) += Traffic { inbound: to, outbound: from };
        }
        for (mac, number) in folded.macs.iter().zip([a, b]) {
            if let Some(station) = mac.and_then(|mac| self.stations.known(mac))
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
        if self.stations.known(mac).is_none() {
            // Its first frames may still wait to be added up; this one is among them.
            self.flush_pair(self.pair_of(&packet.stations));
        }
        if let Some(station) = self.stations.known(mac) {
            station.seen(address, packet.at, true);
        }
    }

    /// To be called at each snapshot: keeps the stations' rates while they are wished for, first those of the slice that was
    /// opened at `opened`.
    pub(super) fn look(&mut self, now: i64, opened: i64, wished: bool) {
        self.flush_pairs();
        if wished && self.station_rates.is_empty() {
            self.station_rates.roll(opened, true, self.stations.sums_before(|station| station.traffic));
        }
        self.station_rates.roll(now, wished, self.stations.sums(|station| station.traffic));
    }

    /// A station's rate.
    pub(super) fn station_rate(&self, mac: Mac) -> Traffic {
        self.station_rates.rate(mac)
    }

    /// Ends the slice of all three.
    pub(super) fn seal(&mut self) -> (Tally<IpAddr, Traffic>, Tally<Service, Traffic>, Tally<Mac, Station>) {
        self.flush_pairs();
        let (most, octets) = (self.history, |traffic: &Traffic| traffic.total().octets);
        let mut hosts = Tally::default();
        let other = self.hosts.seal(most, octets, |host, traffic| hosts.add(host.address(), traffic));
        hosts.add_other(other);
        let mut services = Tally::default();
        let other = self.services.seal(most, octets, |service, traffic| services.add(service, traffic));
        services.add_other(other);
        let mut stations = Tally::default();
        let other = self.stations.seal(most, |row| octets(&row.traffic), |mac, row| stations.add(mac, row.station()));
        // The addresses behind stations without a row say nothing.
        stations.add_other(Station { addresses: Vec::new(), ..other.station() });
        (hosts, services, stations)
    }
}

/// The service of a flow with these ports and whether it is at the key's second end; the rule is
/// [`traf_model::Flow::service`]'s.
#[inline(always)]
pub(super) fn service(
    ports: &Ports,
    key: &PackedKey,
    (a, b): (u16, u16),
    second_began: bool,
) -> Option<(Service, bool)> {
    let (source, destination) = if second_began { (b, a) } else { (a, b) };
    let at_source = ports.serves_source(source, destination);
    let service = Service::new(key.protocol(), if at_source { source } else { destination })?;
    Some((service, at_source == second_began))
}

#[cfg(test)]
mod tests {
    use traf_model::Merge;

    use super::*;
    use crate::parse::packet::NO_VLAN;

    #[test]
    fn the_service_of_a_flow_is_the_models() {
        let ports = Ports::new(&[(6000, 6063)]);
        for (source, destination) in [(40000, 22), (22, 40000), (22, 80), (5000, 6000), (6000, 5000), (0, 0)] {
            for (from, to) in [(1, 2), (2, 1)] {
                let (key, second_began) = PackedKey::new(4, 6, NO_VLAN, (from, source), (to, destination));
                let ((_, a), (_, b)) = key.ends();
                let flow = traf_model::Flow {
                    key: key.flow(second_began),
                    traffic: Traffic::default(),
                    first: Default::default(),
                    last: Default::default(),
                    forward: Default::default(),
                    reverse: Default::default(),
                    state: Default::default(),
                    complete: true,
                    own: false,
                };
                let found = service(&ports, &key, (a, b), second_began);
                assert_eq!(found.map(|(service, _)| service), flow.service(&ports));
                let port = found.map(|(_, at_second)| if at_second { b } else { a });
                assert_eq!(port, flow.service(&ports).map(|service| service.port));
            }
        }
    }

    #[test]
    fn every_frame_counts_once_in_and_once_out_whatever_the_number_of_stations() {
        let mut facilities = Facilities::new(&crate::meter::MeterConfig::default());
        for number in 0..5000u32 {
            let mut packet = Packet::new(100);
            let [a, b, c, d] = number.to_be_bytes();
            packet.set_stations([2, 0, 0, 0, 0, 1, 2, 0, a, b, c, d]);
            facilities.frame(&packet);
        }
        let (_, _, stations) = facilities.seal();
        let mut sum = stations.other().clone();
        stations.rows().for_each(|(_, station)| sum.merge(station.clone()));
        let all = Counters::new(5000, 500_000);
        assert_eq!(sum.traffic, Traffic { inbound: all, outbound: all });
        assert_eq!(sum.ip, Traffic::default());
        let busy = stations.row(&Mac([2, 0, 0, 0, 0, 1])).map(|station| station.traffic.inbound);
        assert_eq!(busy, Some(all));
    }
}
