//! Rows of several observation points and slices become one table.
//!
//! Counts add up, key by key. Two records are one conversation when the same point reports them with the same beginning (or
//! the later has none), or when two points see the same ends talk at the same time. Several points in one table count a
//! packet once each: the report says so.

use std::collections::HashMap;

use traf_proto::time::SECOND;
use traf_proto::{
    Bracket, Class, Flow, FlowKey, Host, InterfaceStats, Item, Mac, Merge as _, Order, Point, Row, Service, Station,
    Timestamp, Traffic,
};

/// Clocks of two points, and the moments at which they first see a conversation, may differ by this.
const APART: i64 = 5 * SECOND;
/// Rows of one table; what comes after them is only in the total.
const CAPACITY: usize = 500_000;

/// A table in the making.
#[derive(Default)]
pub(super) struct Merge {
    flows: HashMap<FlowKey, Vec<Conversation>>,
    rows: HashMap<Key, (Sum, Traffic, Vec<Point>)>,
    interfaces: Vec<Row>,
    others: HashMap<Class, (Traffic, u64)>,
    total: Traffic,
    count: usize,
    /// Traffic and number of records that found no place.
    overflow: (Traffic, u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Size(Bracket),
    Service(Service),
    Station(Mac),
    Host(std::net::IpAddr),
}

enum Sum {
    Traffic(Traffic),
    Station(Station),
}

struct Conversation {
    flow: Flow,
    rate: Traffic,
    /// Who saw it, and when it began for them.
    seen: Vec<(Point, Timestamp)>,
}

/// A finished table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) matched: u64,
    pub(super) total: Traffic,
    pub(super) notes: Vec<String>,
}

impl Merge {
    /// Adds what a point says under a key, and counts it in the total.
    pub(super) fn add(&mut self, point: &Point, rate: Traffic, item: Item) {
        self.total += item.traffic();
        self.place(point, rate, item);
    }

    /// Adds to the total only: what has no row.
    pub(super) fn add_total(&mut self, traffic: Traffic) {
        self.total += traffic;
    }

    /// Adds rows whose total is told apart.
    pub(super) fn place(&mut self, point: &Point, rate: Traffic, item: Item) {
        match item {
            Item::Flow(flow) => self.flow(point, rate, flow),
            Item::Interface(stats) => self.interface(point, rate, stats),
            Item::Size(bracket, traffic) => self.sum(point, rate, Key::Size(bracket), Sum::Traffic(traffic)),
            Item::Service(service, traffic) => self.sum(point, rate, Key::Service(service), Sum::Traffic(traffic)),
            Item::Host(address, host) => self.sum(point, rate, Key::Host(address), Sum::Traffic(host.traffic)),
            Item::Station(mac, station) => self.sum(point, rate, Key::Station(mac), Sum::Station(station)),
            Item::Other(class, traffic, keys) => {
                let other = self.others.entry(class).or_default();
                other.0 += traffic;
                other.1 += keys;
            }
            // Made here, from flows; and shown by the live view alone.
            Item::Group(..) | Item::Line(_) => {}
        }
    }

    fn flow(&mut self, point: &Point, rate: Traffic, flow: Flow) {
        let conversations = self.flows.entry(flow.key.canonical()).or_default();
        let same = |known: &Conversation| match known.seen.iter().find(|(seen, _)| seen == point) {
            Some((_, first)) => *first == flow.first || (!flow.complete && flow.first > *first),
            None => flow.first.since(known.flow.last) <= APART && known.flow.first.since(flow.last) <= APART,
        };
        // The newest first: a port used again belongs to its last conversation.
        if let Some(known) = conversations.iter_mut().rev().find(|known| same(known)) {
            known.join(point, rate, flow);
        } else if self.count < CAPACITY {
            self.count += 1;
            conversations.push(Conversation { flow, rate, seen: vec![(point.clone(), flow.first)] });
        } else {
            self.overflow.0 += flow.traffic;
            self.overflow.1 += 1;
        }
    }

    fn interface(&mut self, point: &Point, rate: Traffic, stats: Box<InterfaceStats>) {
        self.interfaces.push(Row { observed_by: vec![point.clone()], ..Row::new(rate, Item::Interface(stats)) });
    }

    fn sum(&mut self, point: &Point, rate: Traffic, key: Key, value: Sum) {
        if let Some((sum, rates, points)) = self.rows.get_mut(&key) {
            match (sum, value) {
                (Sum::Traffic(sum), Sum::Traffic(traffic)) => *sum += traffic,
                (Sum::Station(sum), Sum::Station(station)) => sum.merge(station),
                _ => {}
            }
            *rates += rate;
            if !points.contains(point) {
                points.push(point.clone());
            }
        } else if self.rows.len() < CAPACITY {
            self.rows.insert(key, (value, rate, vec![point.clone()]));
        } else {
            let traffic = match value {
                Sum::Traffic(traffic) => traffic,
                Sum::Station(station) => station.traffic,
            };
            self.overflow.0 += traffic;
            self.overflow.1 += 1;
        }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.count + self.rows.len() + self.interfaces.len()
    }

    /// The first `limit` rows in an order, and then what had no place, by class. With `nanos`, rates are averages over it.
    pub(super) fn finish(self, order: Order, limit: u32, nanos: Option<i64>) -> Table {
        let matched = self.len() as u64;
        let mut rows: Vec<Row> = self.interfaces;
        for conversation in self.flows.into_values().flatten() {
            rows.push(conversation.row());
        }
        for (key, (sum, rate, mut observed_by)) in self.rows {
            observed_by.sort();
            let item = match (key, sum) {
                (Key::Station(mac), Sum::Station(station)) => Item::Station(mac, station),
                (Key::Size(bracket), Sum::Traffic(traffic)) => Item::Size(bracket, traffic),
                (Key::Service(service), Sum::Traffic(traffic)) => Item::Service(service, traffic),
                (Key::Host(address), Sum::Traffic(traffic)) => Item::Host(address, Host { traffic, ..Host::default() }),
                _ => continue,
            };
            rows.push(Row { observed_by, ..Row::new(rate, item) });
        }
        if let Some(nanos) = nanos {
            rows.iter_mut().for_each(|row| row.rate = row.item.traffic().per_second(nanos));
        }
        let limit = limit as usize;
        if limit > 0 && rows.len() > limit {
            rows.select_nth_unstable_by(limit - 1, |a, b| a.compare(b, order));
        }
        rows.truncate(limit);
        rows.sort_by(|a, b| a.compare(b, order));
        let mut others: Vec<(Class, (Traffic, u64))> = self.others.into_iter().collect();
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
        Table { rows, matched, total: self.total, notes }
    }
}

impl Conversation {
    fn join(&mut self, point: &Point, mut rate: Traffic, mut flow: Flow) {
        // Two points may not agree on who began.
        if flow.key != self.flow.key {
            (flow.traffic, rate) = (flow.traffic.reversed(), rate.reversed());
            (flow.key, flow.forward, flow.reverse) = (flow.key.reversed(), flow.reverse, flow.forward);
        }
        self.flow.traffic += flow.traffic;
        self.rate += rate;
        if flow.last >= self.flow.last {
            (self.flow.forward, self.flow.reverse) =
                (later(self.flow.forward, flow.forward), later(self.flow.reverse, flow.reverse));
            (self.flow.state, self.flow.last) = (flow.state, flow.last);
        }
        self.flow.first = self.flow.first.min(flow.first);
        self.flow.complete |= flow.complete;
        self.flow.own |= flow.own;
        if !self.seen.iter().any(|(seen, _)| seen == point) {
            self.seen.push((point.clone(), flow.first));
        }
    }

    fn row(self) -> Row {
        let mut observed_by: Vec<Point> = self.seen.into_iter().map(|(point, _)| point).collect();
        observed_by.sort();
        Row { observed_by, ..Row::new(self.rate, Item::Flow(self.flow)) }
    }
}

/// The later record of a direction; flags seen stay seen, and a direction that was silent keeps what is known of it.
fn later(known: traf_proto::Half, mut newer: traf_proto::Half) -> traf_proto::Half {
    newer.flags |= known.flags;
    if newer.size == 0 {
        (newer.size, newer.window, newer.last_flags) = (known.size, known.window, known.last_flags);
    }
    newer.mac = newer.mac.or(known.mac);
    newer.word = newer.word.or(known.word);
    newer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_proto::{Counters, Endpoint, FlowState, Half};

    use super::*;

    fn flow(first: i64, last: i64, octets: u64) -> Flow {
        let end = |last, port| Endpoint::new([10, 0, 0, last].into(), port);
        Flow {
            key: FlowKey { protocol: 6, vlan: None, source: end(1, 5000), destination: end(2, 80) },
            traffic: Traffic::outbound(Counters::new(1, octets)),
            first: Timestamp::from_seconds(first),
            last: Timestamp::from_seconds(last),
            forward: Half::default(),
            reverse: Half::default(),
            state: FlowState::Established,
            complete: true,
            own: false,
        }
    }

    fn table(records: &[(&str, Flow)]) -> Table {
        let mut merge = Merge::default();
        for (sensor, flow) in records {
            merge.add(&Point::new(*sensor, "eth0"), Traffic::default(), Item::Flow(*flow));
        }
        merge.finish(Order::default(), 100, None)
    }

    #[test]
    fn slices_of_one_conversation_are_one_row_and_a_port_used_again_is_another() {
        let rows = table(&[("a", flow(0, 5, 10)), ("a", flow(0, 15, 20)), ("a", flow(16, 18, 5))]).rows;
        assert_eq!(rows.iter().map(|row| row.item.traffic().total().octets).collect::<Vec<_>>(), [30, 5]);
    }

    #[test]
    fn what_goes_on_after_a_restart_of_its_sensor_is_the_same_conversation() {
        let rest = Flow { complete: false, ..flow(20, 25, 7) };
        let table = table(&[("a", flow(0, 5, 10)), ("a", rest)]);
        assert_eq!((table.rows.len(), table.total.total().octets), (1, 17));
    }

    #[test]
    fn two_points_that_see_one_conversation_share_a_row_even_turned_around() {
        let mut turned = flow(1, 6, 10);
        (turned.key, turned.traffic) = (turned.key.reversed(), turned.traffic.reversed());
        let table = table(&[("a", flow(0, 5, 10)), ("b", turned), ("b", flow(100, 101, 3))]);
        assert_eq!((table.matched, table.total.total().octets), (2, 23));
        let first = &table.rows[0];
        assert_eq!(first.observed_by, [Point::new("a", "eth0"), Point::new("b", "eth0")]);
        assert_eq!(first.item.traffic(), Traffic::outbound(Counters::new(2, 20)));
    }

    #[test]
    fn what_had_no_place_comes_after_the_rows_and_is_never_cut() {
        let mut merge = Merge::default();
        let point = Point::new("a", "eth0");
        merge.add(&point, Traffic::default(), Item::Flow(flow(0, 1, 1)));
        let class = Class::at(0).unwrap();
        merge.add(&point, Traffic::default(), Item::Other(class, Traffic::inbound(Counters::new(9, 900)), 3));
        let table = merge.finish(Order::default(), 1, None);
        assert!(matches!(table.rows[..], [Row { item: Item::Flow(_), .. }, Row { item: Item::Other(..), .. }]));
        assert_eq!(table.total.total().octets, 901);
    }
}
