//! The counted facilities of an interface: each in a table of its own type, counted per frame or folded from flows.
//!
//! A new facility is a field here, a line where it is counted, and a line in [`Facilities::counters`] and [`Facilities::seal`].

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use traf_model::facility::{DSCP, HOSTS, PROTOCOLS, SERVICES, SIZES, STATIONS, Source, VLANS};
use traf_model::{Counted, Counters, Counts, Interface, Key, Ports, Service, Tally, Traffic};

use super::counter::{Counter, Indexed};
use super::flow_delta::FlowDelta;
use super::ranked::{RankedTable, TableKey};
use super::rates::KeyRates;
use super::sizes::Sizes;
use super::stations::Stations;
use crate::parse::packet::{NO_VLAN, Packet};

impl TableKey for IpAddr {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        match self {
            Self::V4(address) => (u64::from(u32::from(address)), 4),
            Self::V6(address) => (u128::from(address) as u64, (u128::from(address) >> 64) as u64),
        }
    }

    fn key(self) -> Key {
        Key::Address(self)
    }
}

impl TableKey for Service {
    #[inline(always)]
    fn numbers(self) -> (u64, u64) {
        (u64::from(self.port) | u64::from(self.protocol) << 16, 0)
    }

    fn key(self) -> Key {
        Service::key(self)
    }
}

/// Key of frames of no VLAN.
const UNTAGGED: u16 = 0;

/// The default class of DSCP (RFC 2474, 4.1).
const DEFAULT: u8 = 0;

/// The tables.
pub(super) struct Facilities {
    sizes: Sizes,
    services: RankedTable<Service, Traffic>,
    pub(super) stations: Stations,
    vlans: Indexed,
    dscp: Indexed,
    /// All IP packets.
    ip: Traffic,
    protocols: Indexed,
    hosts: RankedTable<IpAddr, Traffic>,
    /// Ports that are services.
    pub(super) ports: Ports,
    /// Former counts of what is counted per frame, while a console looks at it: for its rates.
    rates: BTreeMap<Counted, KeyRates>,
    /// Rows of each table in one slice.
    history: usize,
}

impl Facilities {
    /// Tables with room for as many keys as `capacity` says, and for `history` rows of each in a slice.
    pub(super) fn new(mtu: Option<u32>, capacity: impl Fn(Counted) -> usize, history: usize) -> Self {
        Self {
            sizes: Sizes::new(mtu),
            services: RankedTable::new(capacity(SERVICES)),
            stations: Stations::new(capacity(STATIONS)),
            vlans: Indexed::new(1 << 12),
            dscp: Indexed::new(1 << 6),
            ip: Traffic::default(),
            protocols: Indexed::new(1 << 8),
            hosts: RankedTable::new(capacity(HOSTS)),
            ports: Ports::default(),
            rates: BTreeMap::new(),
            history,
        }
    }

    fn counters(&self) -> [(Counted, &dyn Counter); 7] {
        [
            (SIZES, &self.sizes.counts),
            (SERVICES, &self.services),
            (STATIONS, &self.stations.table),
            (HOSTS, &self.hosts),
            (VLANS, &self.vlans),
            (DSCP, &self.dscp),
            (PROTOCOLS, &self.protocols),
        ]
    }

    /// Counts a frame.
    #[inline(always)]
    pub(super) fn frame(&mut self, packet: &Packet) {
        self.count(packet, Counters::count);
    }

    /// Counts packets that offload hid in a frame: they have no octets of their own.
    pub(super) fn hidden(&mut self, packet: &Packet, extra: u64) {
        self.count(packet, |counters, _| counters.coalesced = counters.coalesced.saturating_add(extra));
    }

    /// Counts under each key of a frame; `count` is told the octets that the facility counts.
    #[inline(always)]
    fn count(&mut self, packet: &Packet, count: impl Fn(&mut Counters, u32)) {
        let frame = |counters: &mut Counters| count(counters, packet.length);
        self.sizes.count(packet.size(), packet.sent, frame);
        // The usual keys are the rest: untagged of all frames, and the default class of all IP packets.
        let vlan = packet.key.vlan();
        if vlan != NO_VLAN {
            self.vlans.count(usize::from(vlan), || Key::Number(u64::from(vlan)), packet.sent, frame);
        }
        if packet.is_ip() {
            let packet_octets = |counters: &mut Counters| count(counters, packet.octets);
            packet_octets(self.ip.counters_mut(packet.sent));
            if packet.dscp != DEFAULT {
                let key = || Key::Number(u64::from(packet.dscp));
                self.dscp.count(usize::from(packet.dscp), key, packet.sent, packet_octets);
            }
        }
        if packet.macs != [0; 12] {
            self.stations.count(packet, frame);
        }
    }

    /// Adds what left a flow to its keys, and notes the addresses behind its MAC addresses.
    #[inline]
    pub(super) fn fold(&mut self, folded: &FlowDelta) {
        let FlowDelta { key, traffic, .. } = folded;
        let packets = traffic.total().packets;
        *self.hosts.row(key.source.address, packets) += *traffic;
        *self.hosts.row(key.destination.address, packets) += traffic.reversed();
        if let Some(service) = key.service(&self.ports) {
            let at_source = self.ports.serves_source(key.source.port, key.destination.port);
            *self.services.row(service, packets) += if at_source { *traffic } else { traffic.reversed() };
        }
        for (sent, counters) in [(true, traffic.outbound), (false, traffic.inbound)] {
            let protocol = || Key::Number(u64::from(key.protocol));
            self.protocols.count(usize::from(key.protocol), protocol, sent, |sum| *sum += counters);
        }
        self.stations.learn(folded);
    }

    /// Adds up the addresses and frames that wait for their stations.
    pub(super) fn flush(&mut self) {
        self.stations.flush_pairs();
    }

    /// Adds up what waits; to be called before the tables are read. `frames` are all that were counted since the start.
    pub(super) fn complete(&mut self, frames: Traffic) {
        self.flush();
        self.vlans.set_rest(usize::from(UNTAGGED), Key::Number(u64::from(UNTAGGED)), frames);
        self.dscp.set_rest(usize::from(DEFAULT), Key::Number(u64::from(DEFAULT)), self.ip);
    }

    /// To be called at each snapshot, with all frames since the start: keeps the former counts of what a console wishes and no
    /// flow tells; the first are those of the slice that was opened at `opened`.
    pub(super) fn look(&mut self, now: i64, opened: i64, frames: Traffic, wished: impl Fn(Counted) -> bool) {
        self.complete(frames);
        let mut rates = std::mem::take(&mut self.rates);
        for (facility, counter) in self.counters() {
            if matches!(facility.source, Source::Flows(_)) {
                continue;
            }
            let (wished, rates_of) = (wished(facility), rates.entry(facility).or_default());
            let counts = |sealed| {
                let mut counts = HashMap::new();
                counter.traffic(sealed, &mut |key, traffic| {
                    counts.insert(key, traffic);
                });
                counts
            };
            if wished && rates_of.is_empty() {
                rates_of.roll(opened, true, || counts(true));
            }
            rates_of.roll(now, wished, || counts(false));
        }
        self.rates = rates;
    }

    /// The rate of a key of what is counted per frame.
    pub(super) fn rate(&self, facility: Counted, key: Key) -> Traffic {
        self.rates.get(&facility).map(|rates_of| rates_of.rate(key)).unwrap_or_default()
    }

    /// Hands over each key of a facility with its counts since the start, and returns the counts of what found no place.
    pub(super) fn totals(&self, facility: Counted, mut each: impl FnMut(Key, Counts)) -> Counts {
        let counter = self.counters().into_iter().find(|(counted, _)| *counted == facility);
        counter.map(|(_, counter)| counter.totals(&mut each)).unwrap_or_default()
    }

    /// The same of this slice only.
    pub(super) fn slice(&self, facility: Counted, mut each: impl FnMut(Key, Counts)) -> Counts {
        let counter = self.counters().into_iter().find(|(counted, _)| *counted == facility);
        counter.map(|(_, counter)| counter.slice(&mut each)).unwrap_or_default()
    }

    /// Ends the slice of all tables; `frames` are all since the start. Another MTU of the interface brings other size brackets
    /// from now on.
    pub(super) fn seal(&mut self, frames: Traffic, interface: &Interface) -> BTreeMap<Counted, Tally<Key, Counts>> {
        self.complete(frames);
        let sealed = [
            (SIZES, self.sizes.counts.seal(self.history)),
            (SERVICES, self.services.seal(self.history)),
            (STATIONS, self.stations.table.seal(self.history)),
            (HOSTS, self.hosts.seal(self.history)),
            (VLANS, self.vlans.seal(self.history)),
            (DSCP, self.dscp.seal(self.history)),
            (PROTOCOLS, self.protocols.seal(self.history)),
        ];
        self.sizes.set_mtu(interface.mtu);
        sealed.into_iter().filter(|(_, tally)| *tally != Tally::default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use traf_model::facility::COUNTED;
    use traf_model::{Endpoint, FlowKey};

    use super::*;

    #[test]
    fn a_flow_counts_under_the_keys_that_the_model_gives_it() {
        let ports = Ports::new(&[traf_model::PortRange { from: 6000, to: 6063 }]);
        let counters = |number| Counters { packets: number, octets: 100 * number, coalesced: 0 };
        let traffic = Traffic { outbound: counters(1), inbound: counters(2) };
        for (source, destination) in [(40000, 22), (22, 40000), (22, 80), (5000, 6000), (6000, 5000), (0, 0)] {
            for (from, to) in [([10, 0, 0, 1], [10, 0, 0, 2]), ([10, 0, 0, 2], [10, 0, 0, 1])] {
                let end = |address: [u8; 4], port| Endpoint::new(address.into(), port);
                let key =
                    FlowKey { protocol: 6, vlan: None, source: end(from, source), destination: end(to, destination) };
                let mut facilities = Facilities::new(None, |facility| facility.capacity, 0);
                facilities.ports = ports.clone();
                facilities.fold(&FlowDelta { key, traffic, macs: [None; 2], first: 0, last: 0 });
                for facility in COUNTED {
                    let Some(shares) = facility.shares() else { continue };
                    let mut expected = BTreeMap::new();
                    for share in shares(&key, &ports).into_iter().flatten() {
                        *expected.entry(share.key).or_default() +=
                            if share.reversed { traffic.reversed() } else { traffic };
                    }
                    let mut counted = BTreeMap::<Key, Traffic>::new();
                    facilities.totals(facility, |key, counts| _ = counted.insert(key, counts.traffic));
                    assert_eq!(counted, expected, "{facility:?} of {key:?}");
                }
            }
        }
    }
}
