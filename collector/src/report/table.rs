//! Rows under keys: what several points and slices say becomes one table, sorted and cut.
//!
//! Keys of different sites are different rows. Packets, services and hosts of a single point are added up; a station that
//! several points see is counted by one of them: by the interface that is the station itself, else by the fullest.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use traf_model::{
    Answer, Bracket, Class, Facility, Group, GroupKey, Host, Item, Mac, Merge as _, Order, Report, Row, Service,
    Station, Traffic, Transport,
};

use super::conversation::{Counted, Once, Overflow};
use super::point::{ObservationPoint, homes};

/// Rows of one table; what comes after them is only in the total.
const CAPACITY: usize = 500_000;

/// A table in the making.
pub(crate) struct Table<'a> {
    points: &'a [ObservationPoint],
    homes: Vec<(usize, usize)>,
    sums: HashMap<(usize, Key), Sum>,
    stations: HashMap<(usize, Mac), Vec<Witness>>,
    drafts: Vec<Draft>,
    others: HashMap<Class, (Traffic, u64)>,
    total: Traffic,
    overflow: Overflow,
    /// Rows that matched and are not here.
    more: u64,
    /// Of stations: what the fullest point has no row for.
    unseen: Traffic,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Size(Bracket),
    Service(Service),
    Host(IpAddr),
    Group(GroupKey),
}

#[derive(Default)]
struct Sum {
    traffic: Traffic,
    rate: Traffic,
    flows: u64,
    peers: HashSet<IpAddr>,
    /// Peers and flows as an observation point gives them, where there are no flows to count.
    said: (u64, u64),
    points: Vec<usize>,
}

/// An observation point's record of a station, and its rate.
type Witness = (usize, Station, Traffic);

/// A row without the names of those who saw it.
struct Draft {
    row: Row,
    points: Vec<usize>,
}

/// A finished table.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) rows: Vec<Row>,
    pub(crate) matched: u64,
    pub(crate) total: Traffic,
    pub(crate) notes: Vec<String>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(points: &'a [ObservationPoint]) -> Self {
        Self {
            points,
            homes: homes(points),
            sums: HashMap::new(),
            stations: HashMap::new(),
            drafts: Vec::new(),
            others: HashMap::new(),
            total: Traffic::default(),
            overflow: Overflow::default(),
            more: 0,
            unseen: Traffic::default(),
        }
    }

    /// Adds what a point says under a key, and counts it in the total.
    pub(crate) fn add(&mut self, point: usize, rate: Traffic, item: Item) {
        // Which observer of a station counts is known at the end.
        if !matches!(item, Item::Station(..)) {
            self.total += item.traffic();
        }
        self.place(point, rate, item);
    }

    /// Adds to the total only: what has no row.
    pub(crate) fn add_total(&mut self, traffic: Traffic) {
        self.total += traffic;
    }

    /// Adds what a point answers live, of a facility whose keys say by themselves who counts.
    pub(crate) fn answer(&mut self, point: usize, answer: &Answer, facility: Facility) {
        answer.rows.iter().for_each(|row| self.add(point, row.rate, row.item.clone()));
        let rest = rest(answer);
        // What of stations has no row, all may have seen.
        if facility == Facility::Stations {
            self.unseen = if rest.total().octets > self.unseen.total().octets { rest } else { self.unseen };
        } else {
            self.total += rest;
        }
        self.more = self.more.max(answer.matched.saturating_sub(answer.rows.len() as u64));
    }

    /// Adds flows that a point has no rows for, of a class, as a facility counts them.
    pub(crate) fn add_unnamed(&mut self, point: usize, facility: Facility, class: Class, traffic: Traffic, flows: u64) {
        match facility {
            Facility::Traffic => self.add(point, Traffic::default(), Item::Other(class, traffic, flows)),
            Facility::Hosts => self.total += traffic + traffic.reversed(),
            Facility::Services if matches!(class.transport, Transport::Tcp | Transport::Udp) => self.total += traffic,
            _ => {}
        }
    }

    /// Rows that matched, and are not here.
    pub(crate) fn add_matched(&mut self, rows: u64) {
        self.more = self.more.saturating_add(rows);
    }

    /// Adds rows whose total is told apart.
    pub(crate) fn place(&mut self, point: usize, rate: Traffic, item: Item) {
        match item {
            Item::Size(bracket, traffic) => self.sum(point, rate, Key::Size(bracket), traffic, (0, 0)),
            Item::Service(service, traffic) => self.sum(point, rate, Key::Service(service), traffic, (0, 0)),
            Item::Host(address, host) => {
                self.sum(point, rate, Key::Host(address), host.traffic, (host.peers, host.flows));
            }
            Item::Group(key, traffic, flows) => self.sum(point, rate, Key::Group(key), traffic, (0, flows)),
            Item::Station(mac, station) => self.station(point, rate, mac, station),
            Item::Other(class, traffic, keys) => {
                let other = self.others.entry(class).or_default();
                other.0 += traffic;
                other.1 += keys;
            }
            item => self.draft(Row::new(rate, item), vec![point]),
        }
    }

    /// Adds conversations, as rows of a facility.
    pub(crate) fn conversations(&mut self, counted: Counted, facility: Facility, group: Group) {
        for once in counted.rows {
            let traffic = once.flow.traffic;
            match facility {
                Facility::Hosts => {
                    self.total += traffic + traffic.reversed();
                    self.hosts(&once, true);
                }
                Facility::Services => self.service(&once),
                Facility::Stations => self.behind(&once),
                _ => {
                    self.total += traffic;
                    self.group(once, group);
                }
            }
        }
        self.overflow(counted.overflow);
    }

    /// Adds to hosts whose traffic is told apart with whom they talked.
    pub(crate) fn company(&mut self, counted: Counted) {
        counted.rows.iter().for_each(|once| self.hosts(once, false));
    }

    fn overflow(&mut self, Overflow(traffic, records): Overflow) {
        self.total += traffic;
        self.overflow.0 += traffic;
        self.overflow.1 += records;
    }

    fn group(&mut self, once: Once, group: Group) {
        let point = once.by.first().map_or(0, |(point, _)| *point);
        let site = self.points.get(point).map(|point| point.site.clone()).unwrap_or_default();
        if group == Group::Flow {
            let row = Row { site, ..Row::new(once.rate, Item::Flow(once.flow)) };
            return self.draft(row, once.observed_by);
        }
        let mut flows = 1;
        for (point, traffic) in &once.by {
            let sensor = self.points.get(*point).map(|point| point.id.sensor.clone()).unwrap_or_default();
            let Some(key) = group.of(&once.flow.key, &sensor) else { continue };
            // Of two observers one after the other the first tells how many and how fast.
            let rate = if flows == 1 { once.rate } else { Traffic::default() };
            let observers: &[usize] = if group == Group::Sensor { &[*point] } else { &once.observed_by };
            let Some(sum) = self.entry(*point, Key::Group(key), *traffic) else { continue };
            sum.add(*traffic, rate, observers);
            sum.flows += flows;
            flows = 0;
        }
    }

    fn hosts(&mut self, once: &Once, counts: bool) {
        let (key, traffic, rate) = (once.flow.key, once.flow.traffic, once.rate);
        let point = once.by.first().map_or(0, |(point, _)| *point);
        let site = self.homes.get(point).map_or(0, |(site, _)| *site);
        // Who talks with itself does so in one flow.
        let to_itself = key.source.address == key.destination.address;
        for (own, peer, traffic, rate, flows) in [
            (key.source.address, key.destination.address, traffic, rate, 1),
            (key.destination.address, key.source.address, traffic.reversed(), rate.reversed(), u64::from(!to_itself)),
        ] {
            let key = Key::Host(own);
            let sum = if counts { self.entry(point, key, traffic) } else { self.sums.get_mut(&(site, key)) };
            let Some(sum) = sum else { continue };
            if counts {
                sum.add(traffic, rate, &once.observed_by);
            }
            sum.flows += flows;
            sum.peers.insert(peer);
        }
    }

    fn service(&mut self, once: &Once) {
        let point = once.by.first().map_or(0, |(point, _)| *point);
        let Some(service) = self.points.get(point).and_then(|point| once.flow.service(&point.ports)) else { return };
        let key = once.flow.key;
        let at_source = key.source.port == service.port && key.destination.port != service.port;
        let towards = |traffic: Traffic| if at_source { traffic } else { traffic.reversed() };
        let traffic = towards(once.flow.traffic);
        self.total += traffic;
        let Some(sum) = self.entry(point, Key::Service(service), traffic) else { return };
        sum.add(traffic, towards(once.rate), &once.observed_by);
        sum.flows += 1;
    }

    /// The stations at both ends of a conversation.
    fn behind(&mut self, once: &Once) {
        let (flow, point) = (&once.flow, once.by.first().map_or(0, |(point, _)| *point));
        for (half, end, traffic, rate) in [
            (flow.forward, flow.key.source, flow.traffic, once.rate),
            (flow.reverse, flow.key.destination, flow.traffic.reversed(), once.rate.reversed()),
        ] {
            if let Some(mac) = half.mac {
                let learnt = traf_model::Learnt { address: end.address, first: flow.first, last: flow.last };
                self.station(point, rate, mac, Station { traffic, ip: traffic, addresses: vec![learnt] });
            } else {
                self.total += traffic;
            }
        }
    }

    fn station(&mut self, point: usize, rate: Traffic, mac: Mac, station: Station) {
        let site = self.homes.get(point).map_or(0, |(site, _)| *site);
        let full = self.stations.len() >= CAPACITY;
        let Some(known) = (match self.stations.get_mut(&(site, mac)) {
            None if full => None,
            _ => Some(self.stations.entry((site, mac)).or_default()),
        }) else {
            return self.overflow(Overflow(station.traffic, 1));
        };
        match known.iter_mut().find(|(other, ..)| *other == point) {
            Some((_, sum, rates)) => {
                sum.merge(station);
                *rates += rate;
            }
            None => known.push((point, station, rate)),
        }
    }

    fn sum(&mut self, point: usize, rate: Traffic, key: Key, traffic: Traffic, said: (u64, u64)) {
        if let Some(sum) = self.entry(point, key, traffic) {
            sum.add(traffic, rate, &[point]);
            sum.said = (sum.said.0.saturating_add(said.0), sum.said.1.saturating_add(said.1));
        }
    }

    /// The sum under a key of a point's site; `None` when there is no more room.
    fn entry(&mut self, point: usize, key: Key, traffic: Traffic) -> Option<&mut Sum> {
        // Sizes mean the same everywhere.
        let site = match key {
            Key::Size(_) => 0,
            _ => self.homes.get(point).map_or(0, |(site, _)| *site),
        };
        let key = (site, key);
        if self.sums.len() >= CAPACITY && !self.sums.contains_key(&key) {
            self.overflow.0 += traffic;
            self.overflow.1 += 1;
            return None;
        }
        Some(self.sums.entry(key).or_default())
    }

    fn draft(&mut self, row: Row, points: Vec<usize>) {
        self.drafts.push(Draft { row, points });
    }

    /// The first `limit` rows in an order, and then what had no place, by class. With `nanos`, rates are averages over it.
    pub(crate) fn finish(mut self, order: Order, limit: u32, nanos: Option<i64>) -> Finished {
        let site = |point: usize| self.points.get(point).map(|point| point.site.clone()).unwrap_or_default();
        for ((home, key), sum) in std::mem::take(&mut self.sums) {
            let (peers, flows) = (sum.peers.len() as u64 + sum.said.0, sum.flows + sum.said.1);
            let item = match key {
                Key::Size(bracket) => Item::Size(bracket, sum.traffic),
                Key::Service(service) => Item::Service(service, sum.traffic),
                Key::Host(address) => Item::Host(address, Host { traffic: sum.traffic, peers, flows }),
                Key::Group(key) => Item::Group(key, sum.traffic, flows),
            };
            let site = if matches!(item, Item::Size(..)) { String::new() } else { site(home) };
            self.drafts.push(Draft { row: Row { site, ..Row::new(sum.rate, item) }, points: sum.points });
        }
        for ((home, mac), observers) in std::mem::take(&mut self.stations) {
            let points: Vec<usize> = observers.iter().map(|(point, ..)| *point).collect();
            let weight = |(point, station, _): &Witness| {
                let owns = self.points.get(*point).is_some_and(|point| point.owns(mac) && !point.interface.loopback);
                (owns, station.traffic.total().octets, std::cmp::Reverse(*point))
            };
            let Some((_, station, rate)) = observers.into_iter().max_by_key(weight) else { continue };
            self.total += station.traffic;
            self.drafts
                .push(Draft { row: Row { site: site(home), ..Row::new(rate, Item::Station(mac, station)) }, points });
        }
        if let Some(nanos) = nanos {
            self.drafts.iter_mut().for_each(|draft| draft.row.rate = draft.row.item.traffic().per_second(nanos));
        }
        let matched = self.drafts.len() as u64 + self.more;
        let (mut drafts, limit) = (self.drafts, limit as usize);
        if limit > 0 && drafts.len() > limit {
            drafts.select_nth_unstable_by(limit - 1, |a, b| a.row.compare(&b.row, order));
        }
        drafts.truncate(limit);
        let mut rows: Vec<Row> = drafts.into_iter().map(|draft| draft.named(self.points)).collect();
        rows.sort_by(|a, b| a.compare(b, order));
        let mut others: Vec<(Class, (Traffic, u64))> =
            self.others.into_iter().filter(|(_, (traffic, keys))| !traffic.is_empty() || *keys > 0).collect();
        others.sort_by_key(|(class, _)| *class);
        rows.extend(others.into_iter().map(|(class, (traffic, keys))| {
            let rate = nanos.map_or_else(Traffic::default, |nanos| traffic.per_second(nanos));
            Row::new(rate, Item::Other(class, traffic, keys))
        }));
        let mut notes = Vec::new();
        if self.overflow.1 > 0 {
            notes.push(format!(
                "too many rows: {} records with {} octets are in the total only; narrow the filter or the window",
                self.overflow.1,
                self.overflow.0.total().octets
            ));
        }
        Finished { rows, matched, total: self.total + self.unseen, notes }
    }
}

impl Finished {
    /// Fills in the rows of a report.
    pub(crate) fn fill(self, report: &mut Report) {
        (report.rows, report.matched, report.total) = (self.rows, self.matched, self.total);
        report.notes.extend(self.notes);
    }
}

/// Traffic of a point's answer that is in none of its rows.
pub(crate) fn rest(answer: &Answer) -> Traffic {
    answer.total - answer.rows.iter().map(|row| row.item.traffic()).sum()
}

impl Sum {
    fn add(&mut self, traffic: Traffic, rate: Traffic, points: &[usize]) {
        self.traffic += traffic;
        self.rate += rate;
        for point in points {
            if !self.points.contains(point) {
                self.points.push(*point);
            }
        }
    }
}

impl Draft {
    fn named(mut self, points: &[ObservationPoint]) -> Row {
        self.points.sort_unstable();
        self.points.dedup();
        self.row.observed_by = self.points.iter().filter_map(|point| Some(points.get(*point)?.id.clone())).collect();
        self.row.observed_by.sort();
        if self.row.site.is_empty()
            && !matches!(self.row.item, Item::Size(..))
            && let Some(point) = self.points.first().and_then(|point| points.get(*point))
        {
            self.row.site.clone_from(&point.site);
        }
        self.row
    }
}
