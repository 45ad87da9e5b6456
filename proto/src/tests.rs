//! Every value survives the wire, and no bytes make a decoder panic.

use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;
use prost::Message;

use super::WireError;
use crate as wire;
use crate::{decode, encode};
use traf_model::facility::{COUNTED, KeyKind};
use traf_model::flow::Word;
use traf_model::settings::{SETTINGS, Value};
use traf_model::*;

/// Values out of entropy that proptest can shrink: exhausted entropy gives zeros.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn number(&mut self, octets: usize) -> u64 {
        (0..octets).fold(0, |number, _| {
            let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
            self.0 = rest;
            number << 8 | u64::from(first)
        })
    }

    fn below(&mut self, bound: usize) -> usize {
        self.number(1) as usize % bound
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    fn list<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        self.list(|source| char::from(b'a' + source.below(26) as u8)).into_iter().collect::<String>() + "x"
    }

    fn time(&mut self) -> Timestamp {
        Timestamp(self.number(8) as i64)
    }

    fn counters(&mut self) -> Counters {
        Counters { packets: self.number(8), octets: self.number(3), coalesced: self.number(1) }
    }

    fn traffic(&mut self) -> Traffic {
        Traffic { inbound: self.counters(), outbound: self.counters() }
    }

    fn address(&mut self) -> IpAddr {
        if self.flag() {
            (self.number(4) as u32).to_be_bytes().into()
        } else {
            Ipv6Addr::from(u128::from(self.number(8)) << 64 | u128::from(self.number(8))).into()
        }
    }

    fn mac(&mut self) -> Mac {
        Mac(std::array::from_fn(|_| self.number(1) as u8))
    }

    fn class(&mut self) -> Class {
        Class::at(self.below(Class::COUNT)).unwrap()
    }

    fn classes(&mut self) -> Classes {
        let rows = self.list(|source| (source.class(), source.traffic()));
        // Sums of adds saturate, values on the wire do not: one add a class.
        rows.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect()
    }

    fn end(&mut self) -> Endpoint {
        Endpoint::new(self.address(), self.number(2) as u16)
    }

    fn half(&mut self) -> Half {
        Half {
            flags: self.number(1) as u8,
            last_flags: self.number(1) as u8,
            window: self.number(2) as u16,
            size: self.number(4) as u32,
            mac: self.some(Self::mac),
            word: self.one(&[None, Some(Word::Done), Some(Word::Closed), Some(Word::Reset), Some(Word::TimedOut)]),
        }
    }

    fn aggregated_flow(&mut self) -> AggregatedFlow {
        AggregatedFlow { key: self.flow().key, traffic: self.traffic(), flows: self.number(8) }
    }

    fn flow(&mut self) -> Flow {
        Flow {
            key: FlowKey {
                protocol: self.number(1) as u8,
                vlan: self.some(|source| source.number(2) as u16),
                source: self.end(),
                destination: self.end(),
            },
            traffic: self.traffic(),
            first: self.time(),
            last: self.time(),
            forward: self.half(),
            reverse: self.half(),
            state: self.one(&FlowState::ALL),
            complete: self.flag(),
            own: self.flag(),
            evidence: Evidence(self.number(8)),
        }
    }

    fn interface(&mut self) -> Interface {
        Interface {
            name: self.text(),
            index: self.number(4) as u32,
            mac: self.some(Self::mac),
            addresses: self.list(Self::address),
            mtu: self.some(|source| source.number(4) as u32),
            speed: self.some(|source| source.number(8)),
            link: self.text(),
            loopback: self.flag(),
            mirror: self.flag(),
        }
    }

    fn ledger(&mut self) -> Ledger {
        Ledger {
            received: self.number(4),
            parsed: self.number(4),
            malformed: self.number(4),
            unsupported: self.number(4),
            dropped: self.number(4),
            bad_checksum: self.number(4),
            unparsed_octets: self.number(4),
            nic: self.some(|source| Nic {
                rx_packets: source.number(8),
                tx_octets: source.number(8),
                ..Nic::default()
            }),
            kernel_received: self.some(|source| source.number(8)),
            clock_step: self.number(8) as i64,
        }
    }

    fn facility(&mut self) -> Counted {
        self.one(&COUNTED)
    }

    fn key(&mut self, facility: Counted) -> Key {
        match facility.key {
            KeyKind::Address => Key::Address(self.address()),
            KeyKind::Mac => Key::Mac(self.mac()),
            KeyKind::Number => Key::Number(self.number(8)),
        }
    }

    fn counts(&mut self) -> Counts {
        let (traffic, ip, flows, peers) = (self.traffic(), self.traffic(), self.number(8), self.number(8));
        let mut counts = Counts { traffic, ip, flows, peers, addresses: Vec::new() };
        let learnt =
            self.list(|source| Learnt { address: source.address(), first: source.time(), last: source.time() });
        learnt.into_iter().for_each(|learnt| counts.seen(learnt));
        counts
    }

    fn tally(&mut self, facility: Counted) -> Tally<Key, Counts> {
        let rows = self.list(|source| (source.key(facility), source.counts()));
        let rows: std::collections::HashMap<Key, Counts> = rows.into_iter().collect();
        let mut tally: Tally<Key, Counts> = rows.into_iter().collect();
        tally.add_other(self.counts());
        tally
    }

    fn loss(&mut self) -> Loss {
        Loss {
            reason: self.one(&LossReason::ALL),
            interval: Interval::new(self.time(), self.time()),
            records: self.number(2),
            counted: self.some(|source| (source.number(8), source.number(8))),
            interface: self.some(Self::text),
        }
    }

    fn summary(&mut self) -> Summary {
        Summary {
            slice: Interval::new(self.time(), self.time()),
            sealed: self.time(),
            interfaces: self.list(|source| InterfaceSummary {
                interface: source.interface(),
                ledger: source.ledger(),
                seconds: source.list(|source| Second { at: source.time(), classes: source.classes() }),
                flows: source.list(Self::flow),
                other_flows: source.list(|source| (source.class(), source.traffic(), source.number(8))),
                aggregated_flows: source.list(Self::aggregated_flow),
                counted: COUNTED.map(|facility| (facility, source.tally(facility))).into_iter().collect(),
                own: source.traffic(),
                largest_inbound: source.number(4) as u32,
                largest_outbound: source.number(4) as u32,
            }),
            losses: self.list(Self::loss),
            unknown: 0,
            generation: self.number(4) as u32,
        }
    }

    fn row(&mut self) -> Row {
        let item = match self.below(9) {
            0 => Item::Flow(self.flow()),
            1 => Item::Interface(Box::new(InterfaceStats {
                interface: self.interface(),
                ledger: self.ledger(),
                classes: self.classes(),
                rates: self.classes(),
                peak: self.traffic(),
                peak_total: self.traffic().inbound,
                own: self.traffic(),
            })),
            2..=5 => {
                let facility = self.facility();
                Item::Counted(facility, self.key(facility), self.counts())
            }
            6 => Item::Group(self.group_key(), self.traffic(), self.number(8)),
            7 => Item::Packet(self.packet()),
            _ => Item::Other(self.class(), self.traffic(), self.number(8)),
        };
        Row { site: self.text(), observed_by: self.list(Self::point), rate: self.traffic(), item }
    }

    fn group_key(&mut self) -> GroupKey {
        match self.below(4) {
            0 => GroupKey::Address(self.address()),
            1 => GroupKey::Port(self.number(1) as u8, self.number(2) as u16),
            2 => GroupKey::Pair(self.address(), self.address()),
            _ => GroupKey::Sensor(self.text()),
        }
    }

    fn packet_end(&mut self) -> PacketEnd {
        match self.below(3) {
            0 => PacketEnd::Host(self.end()),
            1 => PacketEnd::Station(self.mac()),
            _ => PacketEnd::Nobody,
        }
    }

    fn packet(&mut self) -> SinglePacket {
        SinglePacket {
            number: self.number(8),
            at: self.time(),
            kind: self.one(&PacketKind::ALL),
            label: self.text(),
            detail: self.text(),
            octets: self.number(4) as u32,
            source: self.packet_end(),
            destination: self.packet_end(),
            mac: self.some(Self::mac),
        }
    }

    fn settings(&mut self) -> SettingsState {
        let mut settings = Settings::default().at(self.number(8));
        for setting in SETTINGS {
            let value = match setting.default {
                Value::Switch(_) => Value::Switch(self.flag()),
                Value::Seconds(_) => Value::Seconds(self.number(3) as u32 + 1),
                Value::Octets(_) => Value::Octets(self.number(2) as u32 + 32_000),
                Value::Text(_) => Value::Text(self.one(&["", "tcp port 80", "not (host a)"]).to_owned()),
                Value::Ports(_) => {
                    let from = self.number(2) as u16 / 2 + 1;
                    Value::Ports(vec![PortRange { from, to: from + self.number(1) as u16 }])
                }
            };
            settings.put(setting, self.some(|_| value));
        }
        SettingsState { settings, refused: self.text(), trouble: self.text() }
    }

    fn point(&mut self) -> Point {
        Point { sensor: self.text(), interface: self.some(Self::text) }
    }

    fn order(&mut self) -> Order {
        Order { by: self.one(&OrderBy::ALL), ascending: self.flag() }
    }

    fn spool(&mut self) -> SpoolState {
        SpoolState {
            records: self.number(8),
            octets: self.number(8),
            limit: self.number(8),
            oldest: self.some(Self::time),
            lost: self.number(8),
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            at: self.time(),
            started: self.time(),
            epoch: self.number(8),
            version: self.text(),
            name: self.text(),
            site: self.text(),
            interfaces: self.list(|source| InterfaceSnapshot {
                interface: source.interface(),
                started: source.time(),
                ledger: source.ledger(),
                classes: source.classes(),
                rate: source.traffic(),
                rates: source.classes(),
                peak: source.traffic(),
                peak_total: source.traffic().outbound,
                own_rate: source.traffic(),
                own: source.traffic(),
                answers: source.list(|source| Answer {
                    id: source.number(8),
                    matched: source.number(8),
                    total: source.traffic(),
                    largest: [source.number(4) as u32, source.number(4) as u32],
                    since: source.some(Self::time),
                    slice: source.some(Self::time),
                    rows: source.list(Self::row),
                }),
                flows: source.number(8),
                capacity: source.number(8),
                gone: source.flag(),
            }),
            spool: self.spool(),
            settings: self.settings(),
        }
    }

    fn query(&mut self) -> Query {
        let from = self.time();
        Query {
            facility: self.one(&Facility::all().collect::<Vec<_>>()),
            window: match self.below(3) {
                0 => Window::Live,
                1 => Window::Last(std::time::Duration::from_nanos(self.number(6) + 1)),
                _ => Window::Past(Interval::new(Timestamp(from.0 / 2), Timestamp(from.0 / 2 + 1))),
            },
            scope: Scope(self.list(Self::point)),
            filter: self.one(&["", "tcp port 443 and not net 10.0.0.0/8"]).parse().unwrap(),
            group: self.one(&Group::ALL),
            order: self.order(),
            limit: self.number(2) as u32 % Query::LIMIT + 1,
        }
    }

    fn report(&mut self) -> Report {
        Report {
            facility: self.one(&Facility::all().collect::<Vec<_>>()),
            at: self.time(),
            live: self.flag(),
            interval: Interval::new(self.time(), self.time()),
            rows: self.list(Self::row),
            matched: self.number(8),
            total: self.traffic(),
            rate: self.traffic(),
            dropped: self.number(8),
            strip: Strip {
                from: self.time(),
                step: self.number(8) as i64,
                octets: self.list(|source| source.number(8)),
                gaps: self.list(|source| source.number(4) as u32),
            },
            gaps: self
                .list(|source| Gap { interval: Interval::new(source.time(), source.time()), point: source.point() }),
            largest: [self.number(4) as u32, self.number(4) as u32],
            mtu: self.some(|source| source.number(4) as u32),
            notes: self.list(Self::text),
            sensors_reporting: self.number(4) as u32,
            sensors_known: self.number(4) as u32,
        }
    }

    fn fleet(&mut self) -> Fleet {
        Fleet {
            at: self.time(),
            notes: self.list(Self::text),
            sensors: self.list(|source| SensorState {
                id: source.text(),
                name: source.text(),
                site: source.text(),
                presence: source.one(&Presence::ALL),
                connected: source.some(Self::time),
                started: source.some(Self::time),
                last_seen: source.some(Self::time),
                stored: source.some(Self::time),
                version: source.text(),
                epoch: source.number(8),
                clock_offset: source.number(8) as i64,
                spool: source.spool(),
                interfaces: source.list(|source| InterfaceState {
                    interface: source.interface(),
                    ledger: source.ledger(),
                    rate: source.traffic(),
                    gone: source.flag(),
                    flows: source.number(8),
                    capacity: source.number(8),
                }),
                losses: source.list(Self::loss),
                trouble: source.text(),
                settings: source.settings(),
                wanted: source.settings().settings.at(1),
            }),
        }
    }
}

/// To octets and back, as between two machines.
fn across<W: Message + Default + for<'a> From<&'a T>, T: TryFrom<W, Error = WireError>>(
    value: &T,
) -> Result<T, WireError> {
    W::decode(&*W::from(value).encode_to_vec()).map_err(|error| WireError::Decode(error.to_string()))?.try_into()
}

/// Reads octets as a message, and that as a value of the model.
fn read<W: Message + Default, T: TryFrom<W, Error = WireError>>(octets: &[u8]) {
    let _ = W::decode(octets).map(T::try_from);
}

proptest! {
    #[test]
    fn every_value_survives_the_wire(entropy: Vec<u8>, more in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let entropy = [entropy, more].concat();
        let mut source = Source(&entropy);
        let summary = source.summary();
        prop_assert_eq!(decode(&encode(&summary)), Ok(summary));
        let snapshot = source.snapshot();
        prop_assert_eq!(across::<wire::Snapshot, _>(&snapshot), Ok(snapshot));
        let query = source.query();
        prop_assert_eq!(across::<wire::Query, _>(&query), Ok(query));
        let report = source.report();
        prop_assert_eq!(across::<wire::Report, _>(&report), Ok(report));
        let fleet = source.fleet();
        prop_assert_eq!(across::<wire::FleetState, _>(&fleet), Ok(fleet));
        let (Query { facility, filter, group, order, .. }, slice) = (source.query(), source.flag());
        let also = vec![source.query().order, order];
        let wish = Wish { id: 1, facility, filter, group, order, also, limit: 9, slice };
        prop_assert_eq!(across::<wire::Wish, _>(&wish), Ok(wish));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(
        octets: Vec<u8>, entropy in proptest::collection::vec(any::<u8>(), 0..400), place: prop::sample::Index, octet: u8
    ) {
        // Noise, and a message with one octet changed.
        let mut bent = encode(&Source(&entropy).summary());
        if !bent.is_empty() {
            let place = place.index(bent.len());
            bent[place] = octet;
        }
        for octets in [&octets, &bent] {
            let _ = decode(octets);
            read::<wire::Snapshot, Snapshot>(octets);
            read::<wire::Query, Query>(octets);
            read::<wire::Report, Report>(octets);
            read::<wire::FleetState, Fleet>(octets);
            read::<wire::Wish, Wish>(octets);
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    use wire::counted_row::Key as WireKey;
    let host = wire::CountedRow { key: Some(WireKey::Address(vec![10, 0, 0, 1])), ..wire::CountedRow::default() };
    let number = wire::CountedRow { key: Some(WireKey::Number(1)), ..wire::CountedRow::default() };
    let table = |facility, rows: &[wire::CountedRow]| wire::CountedTable { facility, rows: rows.to_vec(), other: None };
    let interface = |counted: Vec<wire::CountedTable>| wire::InterfaceSummary {
        interface: Some(wire::Interface::default()),
        ledger: Some(wire::Ledger::default()),
        counted,
        ..Default::default()
    };
    let read = |counted| InterfaceSummary::try_from(interface(counted));
    assert_eq!(read(vec![table(6, &[host.clone(), host.clone()])]), Err(WireError::Twice("hosts")));
    assert_eq!(read(vec![table(6, &[]), table(6, &[])]), Err(WireError::Twice("hosts")));
    assert_eq!(read(vec![table(6, &[number])]), Err(WireError::Key("hosts")));
    let summary = wire::Summary {
        interfaces: vec![interface(vec![
            table(6, std::slice::from_ref(&host)),
            table(250, std::slice::from_ref(&host)),
        ])],
        ..Default::default()
    };
    let summary = Summary::try_from(summary).unwrap();
    assert_eq!((summary.unknown, summary.interfaces[0].counted.len()), (1, 1), "a newer peer's facility is left out");
    let query = wire::Query { facility: 1, window: None, ..Default::default() };
    assert_eq!(Query::try_from(query), Err(WireError::Missing("window")));
    assert_eq!(Endpoint::try_from(wire::Endpoint { address: vec![1; 5], port: 0 }), Err(WireError::Address(5)));
    let end = wire::Endpoint { address: vec![1; 4], port: 65_536 };
    assert_eq!(Endpoint::try_from(end), Err(WireError::Range("port", 65_536)));
}
