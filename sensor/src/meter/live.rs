//! Answers to wishes: exact, over everything that is in the tables now.

use std::collections::HashMap;
use std::hash::Hash;

use traf_proto::{Answer, Facility, Host, InterfaceStats, Item, Merge, Order, Row, Station, Timestamp, Traffic, Wish};

use super::flows::Flows;
use super::line::Line;
use super::lines::Lines;
use super::memory;
use super::rates::Rates;

/// What answers are made from.
pub(super) struct View<'a> {
    pub(super) flows: &'a Flows,
    pub(super) line: &'a Line,
    pub(super) lines: &'a Lines,
    pub(super) rates: &'a Rates,
    /// The interface's own row.
    pub(super) stats: &'a InterfaceStats,
    /// The interface's rate.
    pub(super) rate: Traffic,
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// The answer to one wish.
    ///
    /// Flows, and hosts and services under a filter, are those in the flow table. Without a filter hosts and services
    /// are all that were seen, and the flows' answer ends with what left the table, by class, so that it adds up to the
    /// interface. Stations heed only what a filter says of MAC addresses; sizes and the interface heed none.
    pub(super) fn answer(&self, wish: &Wish) -> Answer {
        let mut top = Top::new(wish);
        match wish.facility {
            Facility::Traffic => self.traffic(wish, &mut top),
            Facility::Interfaces => top.push(self.rate, Item::Interface(Box::new(self.stats.clone()))),
            Facility::Sizes => self.line.sizes().rows().for_each(|(bracket, traffic)| {
                if !traffic.is_empty() {
                    top.push(Traffic::default(), Item::Size(bracket, traffic));
                }
            }),
            Facility::Services => self.services(wish, &mut top),
            Facility::Hosts => self.hosts(wish, &mut top),
            Facility::Stations => self.stations(wish, &mut top),
            Facility::Lines => return self.lines(wish),
        }
        let mut answer = top.answer();
        if wish.facility == Facility::Sizes {
            answer.largest = self.line.largest();
        }
        answer
    }

    fn traffic(&self, wish: &Wish, top: &mut Top) {
        self.each_flow(wish, |_, flow, rate| top.push(rate, Item::Flow(flow)));
        if wish.filter.is_all() {
            for (class, traffic, flows) in self.flows.gone.rows() {
                top.push_other(Item::Other(class, traffic, flows));
            }
        }
    }

    fn services(&self, wish: &Wish, top: &mut Top) {
        let mut sums: Sums<traf_proto::Service> = Sums::default();
        let all = wish.filter.is_all();
        if all {
            self.flows.facilities.services.totals().for_each(|(service, traffic)| sums.add(service, traffic));
        }
        self.each_flow(wish, |slot, flow, rate| {
            let Some(service) = flow.service(&self.flows.facilities.ports) else { return };
            let at_source = flow.key.source.port == service.port && flow.key.destination.port != service.port;
            let towards = |traffic: Traffic| if at_source { traffic } else { traffic.reversed() };
            // What was folded already is in the totals.
            let traffic = if all { self.flows.slice(slot) } else { flow.traffic };
            sums.add_with_rate(service, towards(traffic), towards(rate));
        });
        sums.rows(|service, traffic, rate| top.push(rate, Item::Service(service, traffic)));
        if all {
            top.add_total(self.flows.facilities.services.other());
        }
    }

    fn hosts(&self, wish: &Wish, top: &mut Top) {
        let mut sums: Sums<std::net::IpAddr> = Sums::default();
        let all = wish.filter.is_all();
        let (totals, other) = if all { self.flows.facilities.host_totals() } else { Default::default() };
        totals.into_iter().for_each(|(host, traffic)| sums.add(host, traffic));
        self.each_flow(wish, |slot, flow, rate| {
            let traffic = if all { self.flows.slice(slot) } else { flow.traffic };
            sums.add_with_rate(flow.key.source.address, traffic, rate);
            sums.add_with_rate(flow.key.destination.address, traffic.reversed(), rate.reversed());
        });
        sums.rows(|host, traffic, rate| top.push(rate, Item::Host(host, Host { traffic, ..Host::default() })));
        top.add_total(other);
    }

    fn stations(&self, wish: &Wish, top: &mut Top) {
        for (mac, station) in self.flows.facilities.stations.totals() {
            let subject = traf_proto::filter::Subject {
                sensor: "",
                interface: &self.stats.interface.name,
                ether_type: 0,
                protocol: None,
                ends: None,
                vlan: None,
                macs: (Some(mac), Some(mac)),
            };
            if !station.traffic.is_empty() && wish.filter.matches(&subject) {
                top.push(Traffic::default(), Item::Station(mac, station));
            }
        }
        if wish.filter.is_all() {
            let Station { traffic, .. } = self.flows.facilities.stations.other();
            top.add_total(traffic);
        }
    }

    /// How many lines there were since the start; of those that a filter selects, as many as are still there.
    fn lines(&self, wish: &Wish) -> Answer {
        let (rows, total) = self.lines.rows(wish, &self.stats.interface);
        let matched = if wish.filter.is_all() { self.lines.newest() } else { total.total().packets };
        Answer { id: wish.id, matched, total, rows, ..Answer::default() }
    }

    /// Every flow that the filter selects, with the directions it selects, and its rate.
    fn each_flow(&self, wish: &Wish, mut each: impl FnMut(usize, traf_proto::Flow, Traffic)) {
        let mut reader = self.rates.reader();
        let table = &self.flows.table;
        for slot in (0..table.sets()).flat_map(|set| table.slots(set)) {
            let mut flow = self.flows.row(slot, self.flows.whole(slot), self.now.0);
            let mut rate = reader.rate(slot, flow.first);
            if memory::second_began(&table.warm[slot]) {
                rate = rate.reversed();
            }
            let (forward, reverse) = wish.filter.directions(&flow, "", &self.stats.interface.name);
            if !forward {
                (flow.traffic.outbound, rate.outbound) = Default::default();
            }
            if !reverse {
                (flow.traffic.inbound, rate.inbound) = Default::default();
            }
            if (forward || reverse) && !flow.traffic.is_empty() {
                each(slot, flow, rate);
            }
        }
    }
}

/// Traffic and rate by key.
struct Sums<K>(HashMap<K, (Traffic, Traffic)>);

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Sums<K> {
    fn add(&mut self, key: K, traffic: Traffic) {
        self.add_with_rate(key, traffic, Traffic::default());
    }

    fn add_with_rate(&mut self, key: K, traffic: Traffic, rate: Traffic) {
        let (sum, rates) = self.0.entry(key).or_default();
        *sum += traffic;
        *rates += rate;
    }

    fn rows(self, mut each: impl FnMut(K, Traffic, Traffic)) {
        self.0.into_iter().filter(|(_, (traffic, _))| !traffic.is_empty()).for_each(|(k, (t, r))| each(k, t, r));
    }
}

/// The first rows of an order.
struct Top {
    answer: Answer,
    others: Vec<Row>,
    order: Order,
    limit: usize,
}

impl Top {
    fn new(wish: &Wish) -> Self {
        let answer = Answer { id: wish.id, ..Answer::default() };
        Self { answer, others: Vec::new(), order: wish.order, limit: wish.limit.min(Wish::LIMIT) as usize }
    }

    fn push(&mut self, rate: Traffic, item: Item) {
        self.answer.matched += 1;
        self.answer.total.merge(item.traffic());
        self.answer.rows.push(Row::new(rate, item));
        if self.answer.rows.len() >= 2 * self.limit + 64 {
            self.prune();
        }
    }

    fn push_other(&mut self, item: Item) {
        self.answer.total.merge(item.traffic());
        self.others.push(Row::new(Traffic::default(), item));
    }

    fn add_total(&mut self, traffic: Traffic) {
        self.answer.total.merge(traffic);
    }

    fn prune(&mut self) {
        let (rows, order) = (&mut self.answer.rows, self.order);
        if rows.len() > self.limit {
            if self.limit > 0 {
                rows.select_nth_unstable_by(self.limit - 1, |a, b| a.compare(b, order));
            }
            rows.truncate(self.limit);
        }
    }

    fn answer(mut self) -> Answer {
        self.prune();
        let order = self.order;
        self.answer.rows.sort_by(|a, b| a.compare(b, order));
        self.answer.rows.append(&mut self.others);
        self.answer
    }
}
