//! A LAN of sensors and mirrors, second by second, beside its truth.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use traf_model::facility::{HOSTS, SERVICES};
use traf_model::{
    Answer, Counters, Counts, Endpoint, Evidence, Flow, FlowKey, FlowState, Group, Half, Interface, InterfaceSummary,
    Interval, Item, Key, Ports, Row, Summary, Traffic,
};

use super::*;
use crate::live::committed::Decided;
use crate::live::sums::ShownRow;
use crate::live::tally::SiteKey;
use crate::live::tally::TableKey;
use crate::store::PointKey;

const START: i64 = 1_800_000_000;
/// Wishes, by their numbers.
const FLOWS: u64 = 1;
const TABLES: [(u64, Kind); 5] = [
    (2, Kind::Counted(HOSTS)),
    (3, Kind::Counted(SERVICES)),
    (4, Kind::Group(Group::Address)),
    (5, Kind::Group(Group::Pair)),
    (6, Kind::Group(Group::Sensor)),
];
/// Errors in thousandths: of the total; the mean and the greatest of the busiest 20 hosts; the same of their rates.
type Errors = [i64; 5];
/// Rows of an answer: flows, keys.
const ROWS: (usize, usize) = (150, 300);

/// A conversation that goes on.
#[derive(Clone)]
struct Talk {
    key: FlowKey,
    /// Octets of a packet.
    size: u64,
    /// Packets a second.
    rate: u64,
    begins: i64,
    ends: i64,
    /// The points that see it.
    seen: Vec<usize>,
}

struct Sensor {
    name: String,
    interface: Interface,
    speaks: bool,
    /// In the running slice.
    slice: HashMap<FlowKey, Flow>,
    /// Sealed, and the answers of then.
    sealed: Vec<(Interval, Vec<Flow>, Vec<Answer>)>,
}

struct Network {
    lan: Lan,
    sensors: Vec<Sensor>,
    talks: Vec<Talk>,
    second: i64,
    /// Seconds after which a sealed slice is committed.
    lag: i64,
    rows: i64,
    elected: HashMap<FlowKey, (usize, i64)>,
    hosts: HashMap<IpAddr, Traffic>,
    /// Octets of each host in the last second.
    rates: HashMap<IpAddr, u64>,
    total: Traffic,
    /// Of each table as it was shown last.
    totals: HashMap<u64, Traffic>,
    random: u64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(START + second)
}

fn address(number: u64) -> IpAddr {
    [10, (number >> 16) as u8, (number >> 8) as u8, number as u8].into()
}

impl Network {
    fn new(sensors: usize) -> Self {
        let sensor = |number: usize| Sensor {
            name: format!("s{number}"),
            interface: Interface { name: "eth0".to_owned(), ..Interface::default() },
            speaks: true,
            slice: HashMap::new(),
            sealed: Vec::new(),
        };
        let sensors = (0..sensors).map(sensor).collect();
        let (talks, elected, hosts, rates, total) = Default::default();
        let lan = Lan::new(at(0));
        Self {
            lan,
            sensors,
            talks,
            second: 0,
            lag: 1,
            rows: 1,
            elected,
            hosts,
            rates,
            total,
            totals: HashMap::new(),
            random: 7,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// A new conversation of a host of one of the first sensors.
    fn talk(&mut self, seen: Vec<usize>, lasts: i64) {
        let home = seen[0] as u64;
        let remote = self.random(5) == 0;
        let (host, peer) = (home * 1_000 + self.random(60), 100_000 + self.random(if remote { 5 } else { 900 }));
        let port = [443, 80, 53, 22][self.random(4) as usize];
        let key = FlowKey {
            protocol: if port == 53 { 17 } else { 6 },
            vlan: None,
            source: Endpoint::new(address(host), 1_024 + self.random(60_000) as u16),
            destination: Endpoint::new(address(peer), port),
        };
        let rate = 1 + self.random(20) * self.random(20) / (1 + self.random(100));
        let (size, begins) = (60 + self.random(1_400), self.second);
        self.talks.push(Talk { key, size, rate, begins, ends: begins + lasts, seen });
    }

    /// As many conversations as are wanted: 20 of 100 seen by one sensor, 60 by one and a mirror, 20 by one and both.
    fn fill(&mut self, alive: usize, mirrors: [usize; 2]) {
        let second = self.second;
        self.talks.retain(|talk| talk.ends > second);
        while self.talks.len() < alive {
            let home = self.random((self.sensors.len() - 2) as u64) as usize;
            let mirror = mirrors[home % 2];
            let seen = match self.random(10) {
                0 | 1 => vec![home],
                2..8 => vec![home, mirror],
                _ => vec![home, mirrors[0], mirrors[1]],
            };
            let lasts = 1 + self.random(60) as i64;
            self.talk(seen, lasts);
        }
    }

    /// One second of traffic; then every sensor answers, and what was sealed `lag` seconds ago is committed.
    fn step(&mut self) {
        let second = self.second;
        self.rates.clear();
        for talk in &self.talks {
            let counters = Counters::new(talk.rate, talk.rate * talk.size);
            let traffic = Traffic { outbound: counters, inbound: Counters::new(talk.rate, talk.rate * 60) };
            self.total += traffic;
            for end in [talk.key.source, talk.key.destination] {
                *self.rates.entry(end.address).or_default() += traffic.total().octets;
            }
            *self.hosts.entry(talk.key.source.address).or_default() += traffic;
            *self.hosts.entry(talk.key.destination.address).or_default() += traffic.reversed();
            for point in &talk.seen {
                let flow = self.sensors[*point].slice.entry(talk.key).or_insert(Flow {
                    key: talk.key,
                    traffic: Traffic::default(),
                    first: at(talk.begins),
                    last: at(second),
                    forward: Half::default(),
                    reverse: Half::default(),
                    state: FlowState::Active,
                    complete: true,
                    own: false,
                    evidence: Evidence::new([7, 9]),
                });
                flow.traffic += traffic;
                flow.last = at(second);
            }
        }
        self.second += 1;
        let from = second - second.rem_euclid(10);
        let slice = Interval::new(at(from), at(from + 10));
        let ends = self.second % 10 == 0;
        for number in 0..self.sensors.len() {
            if !self.sensors[number].speaks {
                continue;
            }
            let sensor = &mut self.sensors[number];
            let flows: Vec<Flow> = sensor.slice.values().copied().collect();
            let mut answers = self.answers(number, slice.from, &flows);
            let sensor = &mut self.sensors[number];
            if ends {
                sensor.slice.clear();
                sensor.sealed.push((slice, flows, answers));
                answers = Vec::new();
            }
            answers.extend(sensor.sealed.iter().flat_map(|(.., answers)| answers).cloned());
            let mut interfaces =
                [InterfaceSnapshot { interface: sensor.interface.clone(), answers, ..InterfaceSnapshot::default() }];
            let name = sensor.name.clone();
            self.lan.hear((&name, ""), &Settings::default(), &mut interfaces, at(self.second));
        }
        // The mirrors are the first: what they see is marked with them.
        for number in (0..self.sensors.len()).rev() {
            let due = |sealed: &(Interval, Vec<Flow>, Vec<Answer>)| sealed.0.to <= at(self.second - self.lag);
            let due: Vec<_> = if self.sensors[number].speaks {
                self.sensors[number].sealed.extract_if(.., |sealed| due(sealed)).collect()
            } else {
                Vec::new()
            };
            for (slice, flows, _) in due {
                self.commit(number, slice, flows);
            }
        }
    }

    /// The first observer counts until it has been silent for three slices.
    fn commit(&mut self, number: usize, slice: Interval, flows: Vec<Flow>) {
        let point = |number: usize| PointKey { sensor: number as i64, interface: 1 };
        let from = slice.from.seconds();
        let mut decisions = Vec::new();
        for flow in &flows {
            let elected = self.elected.entry(flow.key).or_insert((number, from));
            if elected.0 == number || from - elected.1 >= 30 {
                *elected = (number, from);
            }
            decisions.push(Decided {
                point: point(number),
                counts: elected.0 == number,
                elected: (point(elected.0), None),
            });
        }
        let interface = self.sensors[number].interface.clone();
        let summary = InterfaceSummary { interface, flows, ..InterfaceSummary::default() };
        let summary = Arc::new(Summary { slice, interfaces: vec![summary], ..Summary::default() });
        let (sensor, site) = (self.sensors[number].name.clone(), String::new());
        let slice = CommittedSlice { sensor, site, summary, first_row: self.rows << 20, decisions };
        self.rows += 1;
        self.lan.commit(Committed { slices: vec![slice], changes: Vec::new() }, at(self.second));
    }

    /// A sensor's answers about a slice: the busiest flows, and the busiest keys of each table.
    fn answers(&self, number: usize, slice: Timestamp, flows: &[Flow]) -> Vec<Answer> {
        let seen = self.talks.iter().filter(|talk| talk.seen.contains(&number));
        let rates: HashMap<FlowKey, Traffic> = seen
            .map(|talk| {
                let counters = |size| Counters::new(talk.rate, talk.rate * size);
                (talk.key, Traffic { outbound: counters(talk.size), inbound: counters(60) })
            })
            .collect();
        let total = flows.iter().map(|flow| flow.traffic).sum();
        let rate = |flow: &Flow| rates.get(&flow.key).copied().unwrap_or_default();
        let octets = |row: &Row| std::cmp::Reverse(row.item.traffic().total().octets);
        let (mut rows, mut left): (Vec<Row>, Vec<Row>) = flows
            .iter()
            .map(|flow| Row::new(rate(flow), Item::Flow(*flow)))
            .partition(|row| matches!(row.item, Item::Flow(flow) if flow.first >= slice));
        rows.sort_by_key(octets);
        left.sort_by_key(octets);
        let (matched, mut others) = (flows.len() as u64, BTreeMap::<_, Traffic>::new());
        let mut known = left;
        let mut left = rows.split_off(ROWS.0.min(rows.len()));
        left.extend(known.split_off(ROWS.0.min(known.len())));
        rows.extend(known);
        for row in left {
            if let Item::Flow(flow) = row.item {
                *others.entry(flow.key.class()).or_default() += flow.traffic;
            }
        }
        rows.extend(others.into_iter().map(|(class, sum)| Row::new(Traffic::default(), Item::Other(class, sum, 1))));
        let answer = |id, total, rows| Answer { id, total, rows, slice: Some(slice), ..Answer::default() };
        let mut answers = vec![Answer { matched, ..answer(FLOWS, total, rows) }];
        for (id, kind) in TABLES {
            let mut sums = HashMap::<TableKey, (Item, Traffic)>::new();
            let mut add = |key: Item, traffic: Traffic, rate: Traffic| {
                let name = TableKey::of_item(&key, 0).unwrap();
                let (item, sum) = sums.entry(name).or_insert((key, Traffic::default()));
                match item {
                    Item::Counted(_, _, counts) => counts.traffic += traffic,
                    Item::Group(_, sum, _) => *sum += traffic,
                    _ => {}
                }
                *sum += rate;
            };
            let mut all = Traffic::default();
            for flow in flows {
                match kind {
                    Kind::Counted(facility) => {
                        let shares = facility.shares().unwrap()(&flow.key, &Ports::default());
                        for share in shares.into_iter().flatten() {
                            let turned = |t: Traffic| if share.reversed { t.reversed() } else { t };
                            let item = Item::Counted(facility, share.key, Counts::default());
                            add(item, turned(flow.traffic), turned(rate(flow)));
                            all += turned(flow.traffic);
                        }
                    }
                    Kind::Group(group) => {
                        let key = group.of(&flow.key, "").unwrap();
                        add(Item::Group(key, Traffic::default(), 0), flow.traffic, rate(flow));
                        all += flow.traffic;
                    }
                }
            }
            let mut rows: Vec<Row> = sums.into_values().map(|(item, rate)| Row::new(rate, item)).collect();
            rows.sort_by_key(octets);
            rows.truncate(ROWS.1);
            answers.push(answer(id, all, rows));
        }
        answers
    }

    fn ask(&mut self, id: u64, kind: Kind) -> LanTable {
        let present: Vec<PointIndex> = (0..self.sensors.len())
            .filter(|number| self.sensors[*number].speaks)
            .filter_map(|number| self.lan.points.of(&traf_model::Point::new(&self.sensors[number].name, "eth0")))
            .collect();
        let mut present = present;
        present.sort_unstable();
        let (scope, filter) = (Scope::default(), Filter::default());
        let question =
            LanQuestion { scope: &scope, filter: &filter, present: &present, flows: Some(FLOWS), now: at(self.second) };
        self.lan.table(&question, kind, Some(id))
    }

    /// Asks for all tables: their totals are one. `before` holds what was shown before, and nothing of it may fall.
    fn check(&mut self, before: &mut HashMap<(u64, SiteKey), Traffic>) -> Errors {
        let mut totals = Vec::new();
        let mut hosts = HashMap::new();
        for (id, kind) in TABLES {
            let LanTable { rows, total, .. } = self.ask(id, kind);
            let last = self.totals.entry(id).or_default();
            let falls = |now: Counters, last: Counters| now.packets < last.packets || now.octets < last.octets;
            assert!(!falls(total.inbound, last.inbound) && !falls(total.outbound, last.outbound), "{kind:?} falls");
            *last = total;
            for (key, row) in &rows {
                let last = before.entry((id, *key)).or_default();
                assert!(!falls(row.traffic.inbound, last.inbound), "{key:?} falls in second {}", self.second);
                assert!(!falls(row.traffic.outbound, last.outbound), "{key:?} falls in second {}", self.second);
                *last = row.traffic;
            }
            if kind == Kind::Counted(HOSTS) {
                hosts = rows.iter().map(|(key, row)| (*key, row.clone())).collect();
            }
            totals.push((id, kind, rows.iter().map(|(_, row)| row.traffic).sum::<Traffic>()));
        }
        // The last table may have raised them: all are asked for at one moment.
        let all = self.ask(TABLES[0].0, TABLES[0].1).totals;
        let lan = all.of_flows(Traffic::default()).total();
        for (_, kind, rows) in totals {
            let total = all.of(kind, rows);
            if kind.both_ends() {
                assert_eq!((total.inbound, total.outbound), (lan, lan));
            } else if kind != Kind::Group(Group::Sensor) {
                assert_eq!(total.total(), lan, "{kind:?}");
            }
            let whole = |rows: Counters, total: Counters| rows.octets <= total.octets && rows.packets <= total.packets;
            assert!(whole(rows.inbound, total.inbound) && whole(rows.outbound, total.outbound), "{kind:?}");
        }
        let off = |shown: u64, truth: u64| (shown as i64 - truth as i64) * 1_000 / truth.max(1) as i64;
        let shown = |address: IpAddr| {
            let key = (0, TableKey::Counted(Key::Address(address)));
            hosts.get(&key).cloned().unwrap_or_default()
        };
        let of_top = |truth: &HashMap<IpAddr, u64>, octets: &dyn Fn(&ShownRow) -> u64| {
            let mut top: Vec<(IpAddr, u64)> = truth.iter().map(|(address, octets)| (*address, *octets)).collect();
            top.sort_by_key(|(_, octets)| std::cmp::Reverse(*octets));
            let errors = top.iter().take(20).map(|(address, truth)| off(octets(&shown(*address)), *truth).abs());
            let errors: Vec<i64> = errors.collect();
            (errors.iter().sum::<i64>() / 20, errors.iter().copied().max().unwrap_or(0))
        };
        let counts = self.hosts.iter().map(|(address, traffic)| (*address, traffic.total().octets)).collect();
        let (mean, worst) = of_top(&counts, &|row| row.traffic.total().octets);
        let (mean_rate, worst_rate) = of_top(&self.rates, &|row| row.rate.total().octets);
        [off(lan.octets, self.total.total().octets), mean, worst, mean_rate, worst_rate]
    }

    /// Runs for so many seconds with `alive` conversations; the greatest errors after second `from`.
    fn run(&mut self, seconds: i64, alive: usize, before: &mut HashMap<(u64, SiteKey), Traffic>) -> Errors {
        let mut greatest = Errors::default();
        let mirrors = [self.sensors.len() - 2, self.sensors.len() - 1];
        for _ in 0..seconds {
            self.fill(alive, mirrors);
            self.step();
            let errors = self.check(before);
            if self.second > 15 {
                greatest = most(greatest, errors);
            }
        }
        greatest
    }
}

#[test]
fn in_steady_traffic_live_counts_are_those_of_the_network() {
    let (mut network, mut before) = (Network::new(6), HashMap::new());
    let errors = network.run(42, 2_000, &mut before);
    println!("steady: {errors:?}");
    assert!(errors[0] <= 10 && errors[1] <= 10 && errors[2] <= 40, "{errors:?}");
    assert!(errors[3] <= 25 && errors[4] <= 100, "{errors:?}");
    // Everything is committed: what is shown is the truth, but for what was too much and stands still.
    network.talks.clear();
    (0..10).for_each(|_| network.step());
    let [total, mean, worst, ..] = network.check(&mut before);
    assert!(total.abs() <= 3 && mean <= 3 && worst <= 20, "at the end: {total} {mean} {worst}");
}

#[test]
fn slices_that_are_committed_late_are_neither_missing_nor_twice() {
    let (mut network, mut before) = (Network::new(4), HashMap::new());
    network.lag = 14;
    network.run(40, 2_000, &mut before);
    let errors = network.run(8, 2_000, &mut before);
    println!("late: {errors:?}");
    assert!(errors[0] <= 10 && errors[1] <= 20, "{errors:?}");
    network.talks.clear();
    (0..30).for_each(|_| network.step());
    let [total, mean, worst, ..] = network.check(&mut before);
    assert!(total.abs() <= 10 && mean <= 10 && worst <= 40, "at the end: {total} {mean} {worst}");
}

/// The greater of both, one by one.
fn most(one: Errors, other: Errors) -> Errors {
    std::array::from_fn(|place| one[place].max(other[place].abs()))
}

/// The errors of the `10` seconds after an event, and of the `20` then.
fn after(network: &mut Network, before: &mut HashMap<(u64, SiteKey), Traffic>, alive: usize) -> [Errors; 2] {
    [network.run(10, alive, before), network.run(20, alive, before)]
}

fn steady(alive: usize) -> (Network, HashMap<(u64, SiteKey), Traffic>) {
    let (mut network, mut before) = (Network::new(5), HashMap::new());
    network.run(35, alive, &mut before);
    (network, before)
}

#[test]
fn a_flood_counts_once_however_many_see_it() {
    for seen in [vec![0], vec![0, 3, 4]] {
        let (mut network, mut before) = steady(1_000);
        let mirrors = [3, 4];
        let mut greatest = Errors::default();
        for _ in 0..30 {
            // New flows each second: none of them has a history.
            for _ in 0..300 {
                network.talk(seen.clone(), 1);
                let flood = network.talks.last_mut().unwrap();
                (flood.rate, flood.size, flood.key.destination.address) = (40, 100, address(200_000));
            }
            network.fill(1_000, mirrors);
            network.step();
            let errors = network.check(&mut before);
            greatest = most(greatest, errors);
        }
        println!("flood seen by {}: {greatest:?}", seen.len());
        // Of more equal flows than a point may name, each point names others.
        let most = if seen.len() == 1 { 30 } else { 80 };
        assert!(greatest[0] <= most && greatest[1] <= 20, "{seen:?}: {greatest:?}");
    }
}

#[test]
fn when_a_mirror_stops_the_others_count_what_it_counted() {
    let (mut network, mut before) = steady(1_000);
    network.sensors[3].speaks = false;
    let [soon, later] = after(&mut network, &mut before, 1_000);
    println!("a mirror stops: {soon:?}, {later:?}");
    assert!(soon[0] <= 10 && soon[1] <= 10 && later[0] <= 10 && later[1] <= 10, "{soon:?} {later:?}");
}

#[test]
fn a_table_has_its_rates_when_the_next_slice_is_answered_between_two_questions() {
    let (mut network, mut before) = (Network::new(5), HashMap::new());
    network.lag = 0;
    network.run(19, 1_000, &mut before);
    network.fill(1_000, [3, 4]);
    network.step();
    // All is committed, and nobody has said anything of the next slice yet.
    network.ask(3, Kind::Counted(SERVICES));
    for number in 0..network.sensors.len() {
        let flows: Vec<Flow> = network.sensors[number].slice.values().copied().collect();
        let (answers, now) = (network.answers(number, at(20), &flows), at(network.second));
        let Sensor { name, interface, .. } = &network.sensors[number];
        let mut interfaces =
            [InterfaceSnapshot { interface: interface.clone(), answers, ..InterfaceSnapshot::default() }];
        network.lan.hear((name, ""), &Settings::default(), &mut interfaces, now);
    }
    let [.., mean_rate, worst_rate] = network.check(&mut before);
    assert!(mean_rate <= 40 && worst_rate <= 150, "{mean_rate} {worst_rate}");
}
