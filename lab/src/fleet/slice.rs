//! A slice as a sensor of a simulated fleet seals it: its flows, and all that is counted beside them. Pure.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use traf_model::facility::{COUNTED, DSCP, HOSTS, PROTOCOLS, SERVICES, SIZES, STATIONS, VLANS};
use traf_model::time::SECOND;
use traf_model::{
    Brackets, Cast, Class, Classes, Counted, Counters, Counts, Evidence, Family, Flow, FlowState, Half, Interface,
    InterfaceSummary, Interval, Key, Learnt, Ledger, Mac, Ports, Second, Summary, Tally, Timestamp, Traffic, Transport,
};

use super::clock::Clock;
use super::conversation::{Conversation, Sighting};
use super::network::{Network, mac_of};
use super::random::mix;

/// Generation of the digests' key, the same at all sensors.
const GENERATION: u32 = 1;
/// Octets of the link header.
const LINK: u64 = 14;
/// The router, behind which the servers are.
const GATEWAY: Mac = Mac([0, 0x1b, 0x21, 0, 0, 1]);
const MTU: u32 = 1_500;

/// A slice of a sensor with `clock`, as if it were right; [`move_times`] makes it wrong. `places` are the conversations that it sees.
pub(super) fn summary(network: &Network, places: &[usize], sensor: usize, clock: Clock, slice: Interval) -> Summary {
    let window = clock.window(slice);
    let mut counts = SliceCounts::new(slice);
    for place in places {
        let conversation = &network.conversations()[*place];
        if let Some(sighting) = conversation.seen(window) {
            counts.add(conversation, &sighting, sensor, clock);
        }
    }
    counts.summary()
}

/// Adds `by` nanoseconds to all times of a summary.
pub(super) fn move_times(summary: &mut Summary, by: i64) {
    let add = |at: &mut Timestamp| at.0 += by;
    [&mut summary.slice.from, &mut summary.slice.to, &mut summary.sealed].into_iter().for_each(add);
    for part in &mut summary.interfaces {
        part.seconds.iter_mut().for_each(|second| add(&mut second.at));
        part.flows.iter_mut().flat_map(|flow| [&mut flow.first, &mut flow.last]).for_each(add);
        let stations = part.counted.remove(&STATIONS).map(|mut tally| {
            let (rows, other) = tally.drain();
            let moved = rows.into_iter().map(|(key, mut counts)| {
                counts.addresses.iter_mut().flat_map(|learnt| [&mut learnt.first, &mut learnt.last]).for_each(add);
                (key, counts)
            });
            let mut tally: Tally<Key, Counts> = moved.collect();
            tally.add_other(other);
            tally
        });
        part.counted.extend(stations.map(|tally| (STATIONS, tally)));
    }
}

/// Counts of one slice at one interface.
struct SliceCounts {
    slice: Interval,
    flows: Vec<Flow>,
    seconds: BTreeMap<i64, Classes>,
    counted: BTreeMap<Counted, Tally<Key, Counts>>,
    stations: HashMap<Mac, Counts>,
    frames: u64,
    brackets: Brackets,
    ports: Ports,
    largest: [u32; 2],
}

impl SliceCounts {
    fn new(slice: Interval) -> Self {
        let counted = COUNTED.map(|facility| (facility, Tally::with_capacity(facility.capacity))).into();
        let (flows, seconds, stations) = (Vec::new(), BTreeMap::new(), HashMap::new());
        let (brackets, ports, largest) = (Brackets::new(MTU), Ports::default(), [0; 2]);
        Self { slice, flows, seconds, counted, stations, frames: 0, brackets, ports, largest }
    }

    fn add(&mut self, conversation: &Conversation, sighting: &Sighting, sensor: usize, clock: Clock) {
        let (key, ip) = (conversation.key, sighting.traffic);
        let v6 = key.source.address.is_ipv6();
        let frames = Traffic { inbound: framed(ip.inbound), outbound: framed(ip.outbound) };
        let last = clock.shows(sighting.last);
        self.frames += ip.total().packets;

        // What the initiator sends leaves the interface of its own sensor, and reaches that of another one.
        let own = conversation.observers[0] == sensor;
        let at_interface = |traffic: Traffic| if own { traffic } else { traffic.reversed() };
        let family = if v6 { Family::Ipv6 } else { Family::Ipv4 };
        let class = Class { family, transport: Transport::of(key.protocol), cast: Cast::Unicast };
        self.seconds.entry(last.floor(SECOND).0).or_default().add(class, at_interface(frames));
        for (way, counters) in [frames.outbound, frames.inbound].into_iter().enumerate() {
            if counters.packets > 0 {
                let bracket = self.brackets.bracket(self.brackets.place(sighting.size[way]));
                let traffic = if way == 0 { Traffic::outbound(counters) } else { Traffic::inbound(counters) };
                self.count(SIZES, bracket.key(), at_interface(traffic));
                let out = usize::from((way == 0) == own);
                self.largest[out] = self.largest[out].max(sighting.size[way]);
            }
        }
        self.count(VLANS, Key::Number(0), at_interface(frames));
        // Voice is marked, and some of the rest.
        let dscp = if key.protocol == 17 && key.destination.port == 443 { 46 } else { 0 };
        self.count(DSCP, Key::Number(dscp), at_interface(ip));
        let by_flow = [SERVICES, HOSTS, PROTOCOLS];
        for (facility, shares) in by_flow.into_iter().filter_map(|facility| Some((facility, facility.shares()?))) {
            for share in shares(&key, &self.ports).into_iter().flatten() {
                self.count(facility, share.key, if share.reversed { ip.reversed() } else { ip });
            }
        }
        self.station(mac_of(key.source.address), key.source.address, frames, last);
        self.station(GATEWAY, key.destination.address, frames.reversed(), last);
        self.flows.push(flow(conversation, sighting, sensor, clock));
    }

    fn count(&mut self, facility: Counted, key: Key, traffic: Traffic) {
        self.counted.entry(facility).or_default().add(key, traffic.into());
    }

    fn station(&mut self, mac: Mac, address: IpAddr, frames: Traffic, last: Timestamp) {
        let counts = self.stations.entry(mac).or_default();
        counts.traffic += frames;
        counts.ip += frames;
        // As many addresses as are kept; a router has too many in any case.
        if counts.addresses.len() < Counts::ADDRESSES {
            counts.seen(Learnt { address, first: self.slice.from, last });
        }
    }

    fn summary(mut self) -> Summary {
        for (mac, counts) in self.stations {
            self.counted.entry(STATIONS).or_default().add(Key::Mac(mac), counts);
        }
        let interface = Interface {
            name: "eth0".to_owned(),
            index: 2,
            mtu: Some(MTU),
            link: "EN10MB".to_owned(),
            ..Interface::default()
        };
        let part = InterfaceSummary {
            interface,
            ledger: Ledger { received: self.frames, parsed: self.frames, ..Ledger::default() },
            seconds: self.seconds.into_iter().map(|(at, classes)| Second { at: Timestamp(at), classes }).collect(),
            flows: self.flows,
            counted: self.counted,
            largest_inbound: self.largest[0],
            largest_outbound: self.largest[1],
            ..InterfaceSummary::default()
        };
        let (slice, generation) = (self.slice, GENERATION);
        Summary { slice, sealed: slice.to, interfaces: vec![part], generation, ..Summary::default() }
    }
}

/// The row of a flow. Some observers take the answer for the beginning.
fn flow(conversation: &Conversation, sighting: &Sighting, sensor: usize, clock: Clock) -> Flow {
    let Conversation { key, observers, born, .. } = conversation;
    let tcp = key.protocol == 6;
    let (state, flags) = if tcp { (FlowState::Established, 0x1b) } else { (FlowState::Active, 0) };
    let half = |way: usize, mac| Half {
        flags,
        last_flags: flags & 0x18,
        window: u16::from(flags) * 18,
        size: sighting.size[way],
        mac: Some(mac),
        word: None,
    };
    let flow = Flow {
        key: *key,
        traffic: sighting.traffic,
        first: clock.shows(*born),
        last: clock.shows(sighting.last),
        forward: half(0, mac_of(key.source.address)),
        reverse: half(1, GATEWAY),
        state,
        complete: true,
        own: false,
        evidence: sighting.evidence,
    };
    let turned = observers[0] != sensor && mix(conversation.profile() ^ sensor as u64).is_multiple_of(50);
    if !turned {
        return flow;
    }
    let [forward, reverse] = flow.evidence.halves();
    Flow {
        key: key.reversed(),
        traffic: flow.traffic.reversed(),
        forward: flow.reverse,
        reverse: flow.forward,
        complete: false,
        evidence: if tcp { Evidence::new([reverse, forward]) } else { flow.evidence },
        ..flow
    }
}

/// With the octets of the link header.
fn framed(ip: Counters) -> Counters {
    Counters::new(ip.packets, ip.octets + LINK * ip.packets)
}

#[cfg(test)]
mod tests {
    use traf_model::ClassGroup;

    use super::super::clock::SLICE;
    use super::super::network::NetworkConfig;
    use super::super::random::Random;
    use super::*;

    #[test]
    fn every_table_of_a_slice_adds_up_to_its_classes() {
        let config = NetworkConfig { first: 0, sensors: 6, flows: 1_000, shared: 80, lookalikes: 5, seed: 1 };
        let (mut network, mut random) = (Network::new(config, vec![]), Random::new(1));
        let clocks: Vec<Clock> = (0..6).map(|_| Clock::new(&mut random, None)).collect();
        for number in 0..3 {
            let slice = Interval::new(Timestamp(number * SLICE), Timestamp(number * SLICE + SLICE));
            network.advance(slice, 0);
            for (sensor, places) in network.by_sensor().iter().enumerate() {
                let summary = summary(&network, places, sensor, clocks[sensor], slice);
                let part = &summary.interfaces[0];
                let flows: Traffic = part.flows.iter().map(|flow| flow.traffic).sum();
                let classes = part.classes();
                let (total, ip) = (classes.group(ClassGroup::Total).total(), flows.total());
                assert_eq!(total.packets, ip.packets);
                assert_eq!(total.octets, ip.octets + LINK * ip.packets);
                assert_eq!((part.ledger.residue(), part.ledger.parsed), (0, ip.packets));
                assert!(part.flows.len() > 900, "{}", part.flows.len());
                for (facility, tally) in &part.counted {
                    let rows = tally.rows().map(|(_, counts)| counts.traffic).sum::<Traffic>() + tally.other().traffic;
                    let covered = classes.rows().filter(|(class, _)| (facility.covers)(*class));
                    let covered = covered.map(|(_, traffic)| traffic.total().packets).sum::<u64>();
                    let counted = [rows.inbound.packets, rows.outbound.packets];
                    match facility.both_ends {
                        true => assert_eq!(counted, [covered; 2], "{facility:?}"),
                        false => assert_eq!(counted.iter().sum::<u64>(), covered, "{facility:?}"),
                    }
                }
                let inside = |at: Timestamp| summary.slice.from <= at && at < summary.slice.to;
                assert!(part.flows.iter().all(|flow| inside(flow.last) && flow.first <= flow.last));
            }
        }
    }
}
