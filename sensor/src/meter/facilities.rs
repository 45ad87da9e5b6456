//! The counted facilities of an interface: each in a table of its own type, counted per frame or folded from flows.
//!
//! A new facility is a field here, a line where it is counted, and a line in [`Facilities::counters`] and its twin.

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
use crate::parse::packet::{NO_VLAN, PackedKey, Packet};

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

    fn key(self) -> Key {
        Key::Address(self.address())
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

/// The tables.
pub(super) struct Facilities {
    sizes: Sizes,
    services: RankedTable<Service, Traffic>,
    stations: Stations,
    vlans: Indexed,
    dscp: Indexed,
    protocols: Indexed,
    hosts: RankedTable<HostKey, Traffic>,
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
            protocols: Indexed::new(1 << 8),
            hosts: RankedTable::new(capacity(HOSTS)),
            ports: Ports::default(),
            rates: BTreeMap::new(),
            history,
        }
    }

    fn counters(&self) -> [(Counted, &dyn Counter); 7] {
        [
            (SIZES, &self.sizes),
            (SERVICES, &self.services),
            (STATIONS, &self.stations),
            (HOSTS, &self.hosts),
            (VLANS, &self.vlans),
            (DSCP, &self.dscp),
            (PROTOCOLS, &self.protocols),
        ]
    }

    fn counters_mut(&mut self) -> [(Counted, &mut dyn Counter); 7] {
        [
            (SIZES, &mut self.sizes),
            (SERVICES, &mut self.services),
            (STATIONS, &mut self.stations),
            (HOSTS, &mut self.hosts),
            (VLANS, &mut self.vlans),
            (DSCP, &mut self.dscp),
            (PROTOCOLS, &mut self.protocols),
        ]
    }

    /// Counts a frame, or packets that offload hid in it.
    #[inline(always)]
    pub(super) fn frame(&mut self, packet: &Packet, counters: Counters) {
        self.sizes.count(packet.size(), packet.sent, counters);
        let vlan = if packet.key.vlan() == NO_VLAN { 0 } else { packet.key.vlan() };
        self.vlans.count(usize::from(vlan), || Key::Number(u64::from(vlan)), packet.sent, counters);
        if packet.is_ip() {
            // Packets that offload hid have no octets of their own.
            let octets = if counters.packets > 0 { u64::from(packet.octets) } else { 0 };
            let key = || Key::Number(u64::from(packet.dscp));
            self.dscp.count(usize::from(packet.dscp), key, packet.sent, Counters { octets, ..counters });
        }
        if packet.macs != [0; 12] {
            self.stations.count(packet, counters);
        }
    }

    /// Adds what left a flow to its keys, and notes the addresses behind its MAC addresses.
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
        let protocol = folded.key.protocol();
        for (sent, counters) in [(!folded.second_began, there), (folded.second_began, back)] {
            self.protocols.count(usize::from(protocol), || Key::Number(u64::from(protocol)), sent, counters);
        }
        self.stations.learn(folded);
    }

    /// A station says in this frame that an address is its own.
    pub(super) fn prove(&mut self, packet: &Packet, address: IpAddr) {
        self.stations.prove(packet, address);
    }

    /// Adds up what waits; to be called before the tables are read.
    pub(super) fn flush(&mut self) {
        self.stations.flush_pairs();
    }

    /// To be called at each snapshot: keeps the former counts of what a console wishes and no flow tells; the first are those
    /// of the slice that was opened at `opened`.
    pub(super) fn look(&mut self, now: i64, opened: i64, wished: impl Fn(Counted) -> bool) {
        self.flush();
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

    /// Ends the slice of all tables. Another MTU of the interface brings other size brackets from now on.
    pub(super) fn seal(&mut self, interface: &Interface) -> BTreeMap<Counted, Tally<Key, Counts>> {
        self.flush();
        let history = self.history;
        let sealed = self.counters_mut().map(|(facility, counter)| (facility, counter.seal(history)));
        self.sizes.set_mtu(interface.mtu);
        sealed.into_iter().filter(|(_, tally)| *tally != Tally::default()).collect()
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
    use super::*;
    use crate::parse::packet::NO_VLAN;

    #[test]
    fn the_service_of_a_flow_is_the_models() {
        let ports = Ports::new(&[traf_model::PortRange { from: 6000, to: 6063 }]);
        for (source, destination) in [(40000, 22), (22, 40000), (22, 80), (5000, 6000), (6000, 5000), (0, 0)] {
            for (from, to) in [(1, 2), (2, 1)] {
                let (key, second_began) = PackedKey::new(4, 6, NO_VLAN, (from, source), (to, destination));
                let ((_, a), (_, b)) = key.ends();
                let flow = key.flow(second_began);
                let found = service(&ports, &key, (a, b), second_began);
                assert_eq!(found.map(|(service, _)| service), flow.service(&ports));
                let port = found.map(|(_, at_second)| if at_second { b } else { a });
                assert_eq!(port, flow.service(&ports).map(|service| service.port));
            }
        }
    }
}
