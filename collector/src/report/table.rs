//! Rows under keys: what several points and slices say becomes one table, sorted and cut.
//!
//! Keys of different sites are different rows. What several points count for themselves is added up. A MAC address that several
//! points see is counted by one of them: by the interface that has this address, else by the fullest.

use std::collections::HashMap;

use traf_model::facility::Source;
use traf_model::{
    Answer, Class, Classes, Counted, Counts, Facility, Group, Item, Key, Merge as _, Query, Report, Row, Traffic,
};

use super::best::{Best, Draft};
use super::conversation::{JoinedFlow, Overflow};
use super::keyed::{KeyedSums, Place, RowKey};
use super::point::{ObservationPoint, Share, scopes};

/// Rows of one table; what comes after them is only in the total.
const CAPACITY: usize = 500_000;

/// A table in the making.
#[derive(Default)]
pub(crate) struct Table<'a> {
    points: &'a [ObservationPoint],
    scopes: Vec<(usize, usize)>,
    sums: KeyedSums,
    /// Keys of which the fullest point counts.
    observed: HashMap<(usize, Counted, Key), Vec<Observation>>,
    drafts: Vec<Draft>,
    /// The first flows, where they are not drafts: of many only those that are wanted are in memory. With the nanoseconds of the window.
    best: Option<(Best, i64)>,
    others: HashMap<Class, (Traffic, u64)>,
    /// Traffic of a counted facility that has no row.
    unnamed: Traffic,
    /// Traffic of `others`, or of `unnamed`, that is known to be under keys.
    known: Traffic,
    /// Traffic of the rows, and of what has none.
    pub(crate) total: Traffic,
    overflow: Overflow,
    /// Rows that matched and are not here.
    pub(crate) more: u64,
    /// Traffic that the fullest point has no row for, where the fullest counts.
    unseen: Traffic,
}

/// The counts of a key at a point, and its rate.
type Observation = (usize, Counts, Traffic);

/// Flows of a class that a point has no rows for.
pub(crate) struct Unnamed {
    pub(crate) point: usize,
    pub(crate) class: Class,
    pub(crate) traffic: Traffic,
    pub(crate) flows: u64,
    /// True if the filter selects them; `None` if it is not known.
    pub(crate) selected: Option<bool>,
}

/// Octets of flows without a row: those that are in the total, and those that a filter may or may not select.
#[derive(Default)]
pub(crate) struct Estimates {
    pub(crate) counted: u64,
    pub(crate) undecided: u64,
}

impl<'a> Table<'a> {
    pub(crate) fn new(points: &'a [ObservationPoint]) -> Self {
        Self { points, scopes: scopes(points), ..Self::default() }
    }

    /// Keeps of flows only those that a query wants. Rates are averages over `nanos`.
    pub(crate) fn wanted(self, query: &Query, nanos: i64) -> Self {
        Self { best: Some((Best::new(query), nanos)), ..self }
    }

    /// Adds what a point says under a key, and counts it in the total.
    pub(crate) fn add(&mut self, point: usize, rate: Traffic, item: Item) {
        // The fullest point is known at the end.
        if !matches!(item, Item::Counted(facility, ..) if fullest_counts(facility)) {
            self.total += item.traffic();
        }
        match item {
            Item::Counted(facility, key, counts) if fullest_counts(facility) => {
                self.observe(point, rate, (facility, key), counts);
            }
            Item::Counted(facility, key, counts) => {
                self.sum(point, rate, RowKey::Counted(facility, key), counts);
            }
            Item::Group(key, traffic, flows) => {
                self.sum(point, rate, RowKey::Group(key), Counts { flows, ..traffic.into() });
            }
            Item::Other(class, traffic, keys) => {
                self.others.entry(class).or_default().merge((traffic, keys));
            }
            item => self.drafts.push((Row::new(rate, item), vec![point])),
        }
    }

    /// Adds what a point answers live, of a facility whose keys say by themselves who counts.
    pub(crate) fn answer(&mut self, point: usize, answer: &Answer, facility: Facility) {
        answer.rows.iter().for_each(|row| self.add(point, row.rate, row.item.clone()));
        let rest = rest(answer);
        // All points may have seen the same traffic without a row.
        if facility.counted().is_some_and(fullest_counts) {
            self.unseen = if rest.total().octets > self.unseen.total().octets { rest } else { self.unseen };
        } else {
            self.total += rest;
        }
        self.more = self.more.max(answer.matched.saturating_sub(answer.rows.len() as u64));
    }

    /// Adds a conversation, as a row of a facility or a part of its rows.
    pub(crate) fn conversation(&mut self, once: JoinedFlow, facility: Facility, group: Group) {
        match facility {
            Facility::Counted(facility) if fullest_counts(facility) => self.observe_ends(&once, facility),
            Facility::Counted(facility) => self.shares(&once, facility, true),
            _ => {
                self.total += once.flow.traffic;
                self.group(once, group);
            }
        }
    }

    /// Adds what has no row of its own, each byte once.
    pub(crate) fn unnamed(&mut self, facility: Facility, others: Vec<Unnamed>) -> Estimates {
        let mut estimates = Estimates::default();
        for Unnamed { point, class, traffic, flows, selected } in others {
            let estimate = match selected {
                Some(false) => continue,
                Some(true) => &mut estimates.counted,
                None => &mut estimates.undecided,
            };
            *estimate = estimate.saturating_add(traffic.total().octets);
            match facility {
                _ if selected.is_none() => {}
                Facility::Traffic => self.add(point, Traffic::default(), Item::Other(class, traffic, flows)),
                Facility::Counted(counted) if facility.is_of_flows() && (counted.covers)(class) => {
                    self.unnamed += counted.total(traffic);
                }
                _ => {}
            }
        }
        estimates
    }

    /// Adds what is in the total already, as part of what has no row of its own.
    pub(crate) fn add_known(&mut self, point: usize, item: &Item) {
        let traffic = item.traffic();
        let (key, flows) = match item {
            Item::Counted(facility, key, _) => (RowKey::Counted(*facility, *key), 0),
            Item::Group(key, _, flows) => (RowKey::Group(key.clone()), *flows),
            _ => return,
        };
        self.known += traffic;
        if let Some(place) = self.entry(point, key, traffic) {
            self.sums.add(place, traffic, Traffic::default(), &[]);
            let sum = self.sums.sum(place);
            sum.flows = sum.flows.saturating_add(flows);
        }
    }

    /// Adds a flow and its peers to rows whose traffic was added before.
    pub(crate) fn add_peers(&mut self, once: &JoinedFlow, facility: Counted) {
        self.shares(once, facility, false);
    }

    /// Traffic of the rows by class, where they are flows.
    pub(crate) fn classes(&self) -> Classes {
        let flow = |(row, _): &Draft| match row.item {
            Item::Flow(flow) => Some((flow.key.class(), flow.traffic)),
            _ => None,
        };
        self.drafts.iter().filter_map(flow).collect()
    }

    /// Adds what found no room to the total.
    pub(crate) fn overflow(&mut self, overflow: Overflow) {
        self.total += overflow.0;
        self.overflow.merge(overflow);
    }

    fn group(&mut self, once: JoinedFlow, group: Group) {
        let point = once.by.first().map_or(0, |(point, _)| *point);
        let site = self.points.get(point).map(|point| point.site.clone()).unwrap_or_default();
        if group == Group::Flow {
            let row = Row { site, ..Row::new(once.rate, Item::Flow(once.flow)) };
            return match &mut self.best {
                Some((best, nanos)) => best.push(averaged((row, once.observed_by), *nanos)),
                None => self.drafts.push((row, once.observed_by)),
            };
        }
        let mut flows = 1;
        for (point, traffic) in &once.by {
            let sensor = self.points.get(*point).map(|point| point.id.sensor.clone()).unwrap_or_default();
            let Some(key) = group.of(&once.flow.key, &sensor) else { continue };
            // Of two observers one after the other the first tells how many and how fast.
            let rate = if flows == 1 { once.rate } else { Traffic::default() };
            let observers: &[usize] = if group == Group::Sensor { &[*point] } else { &once.observed_by };
            let Some(place) = self.entry(*point, RowKey::Group(key), *traffic) else { continue };
            self.sums.add(place, *traffic, rate, observers);
            let sum = self.sums.sum(place);
            sum.flows = sum.flows.saturating_add(flows);
            flows = 0;
        }
    }

    /// Adds a flow to its keys; only its number and its peers if `counts` is false.
    fn shares(&mut self, once: &JoinedFlow, facility: Counted, counts: bool) {
        let point = once.by.first().map_or(0, |(point, _)| *point);
        let site = self.site(point, facility);
        let (Some(shares), Some(own)) = (facility.shares(), self.points.get(point)) else { return };
        let shares = shares(&once.flow.key, &own.ports);
        for (place, share) in shares.iter().enumerate() {
            let Some(share) = share else { continue };
            let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
            let traffic = towards(once.flow.traffic);
            let key = RowKey::Counted(facility, share.key);
            let found = if counts {
                self.total += traffic;
                self.entry(point, key, traffic)
            } else {
                self.sums.find(&(site, key))
            };
            let Some(found) = found else { continue };
            if counts {
                self.sums.add(found, traffic, towards(once.rate), &once.observed_by);
            }
            let other = shares[1 - place].map(|other| other.key);
            // A flow from a key to itself is one flow.
            self.sums.sum(found).flows += u64::from(place == 0 || other != Some(share.key));
            if let Some(other) = other {
                self.sums.add_other(found, other);
            }
        }
    }

    /// Adds a flow to the MAC addresses at both of its ends.
    fn observe_ends(&mut self, once: &JoinedFlow, facility: Counted) {
        let (flow, point) = (&once.flow, once.by.first().map_or(0, |(point, _)| *point));
        for (half, end, traffic, rate) in [
            (flow.forward, flow.key.source, flow.traffic, once.rate),
            (flow.reverse, flow.key.destination, flow.traffic.reversed(), once.rate.reversed()),
        ] {
            if let Some(mac) = half.mac {
                let learnt = traf_model::Learnt { address: end.address, first: flow.first, last: flow.last };
                let counts = Counts { traffic, ip: traffic, addresses: vec![learnt], ..Counts::default() };
                self.observe(point, rate, (facility, Key::Mac(mac)), counts);
            } else {
                self.total += traffic;
            }
        }
    }

    fn observe(&mut self, point: usize, rate: Traffic, (facility, key): (Counted, Key), counts: Counts) {
        let key = (self.site(point, facility), facility, key);
        if self.observed.len() >= CAPACITY && !self.observed.contains_key(&key) {
            return self.overflow((counts.traffic, 1));
        }
        let known = self.observed.entry(key).or_default();
        match known.iter_mut().find(|(other, ..)| *other == point) {
            Some((_, sum, rates)) => {
                sum.merge(counts);
                *rates += rate;
            }
            None => known.push((point, counts, rate)),
        }
    }

    /// The first point of a point's site; the first of all if keys mean the same everywhere.
    fn site(&self, point: usize, facility: Counted) -> usize {
        if facility.everywhere { 0 } else { self.scopes.get(point).map_or(0, |(site, _)| *site) }
    }

    fn sum(&mut self, point: usize, rate: Traffic, key: RowKey, counts: Counts) {
        if let Some(place) = self.entry(point, key, counts.traffic) {
            self.sums.add(place, counts.traffic, rate, &[point]);
            let sum = self.sums.sum(place);
            sum.flows = sum.flows.saturating_add(counts.flows);
            sum.peers = sum.peers.saturating_add(counts.peers);
        }
    }

    /// The sum under a key of a point's site; `None` when there is no more room.
    fn entry(&mut self, point: usize, key: RowKey, traffic: Traffic) -> Option<Place> {
        let site = match key {
            RowKey::Counted(facility, _) => self.site(point, facility),
            RowKey::Group(_) => self.scopes.get(point).map_or(0, |(site, _)| *site),
        };
        let place = self.sums.entry((site, key), CAPACITY);
        if place.is_none() {
            self.overflow.merge((traffic, 1));
        }
        place
    }

    /// Fills in the first rows in a query's order, and then what had no place, by class. With `nanos`, rates are averages over
    /// it.
    pub(crate) fn finish(mut self, query: &Query, nanos: Option<i64>, report: &mut Report) {
        let site = |point: usize| self.points.get(point).map(|point| point.site.clone()).unwrap_or_default();
        let mut best = self.best.take().map_or_else(|| Best::new(query), |(best, _)| best);
        let mut finish = |draft| {
            best.push(match nanos {
                Some(nanos) => averaged(draft, nanos),
                None => draft,
            });
        };
        std::mem::take(&mut self.drafts).into_iter().for_each(&mut finish);
        std::mem::take(&mut self.sums).each(|(home, key), sum, points| {
            let (peers, flows) = (sum.peers, sum.flows);
            let item = match key {
                RowKey::Counted(facility, key) => {
                    let (peers, flows) = if facility.peers { (peers, flows) } else { (0, 0) };
                    Item::Counted(facility, key, Counts { peers, flows, ..sum.traffic.into() })
                }
                RowKey::Group(key) => Item::Group(key, sum.traffic, flows),
            };
            let site = if means_the_same_everywhere(&item) { String::new() } else { site(home) };
            finish((Row { site, ..Row::new(sum.rate, item) }, points));
        });
        for ((home, facility, key), observers) in std::mem::take(&mut self.observed) {
            let points: Vec<usize> = observers.iter().map(|(point, ..)| *point).collect();
            let weight = |(point, counts, _): &Observation| {
                let own = self.points.get(*point).filter(|point| !point.interface.loopback);
                let owns = own.zip(key.mac()).is_some_and(|(point, mac)| point.interface.mac == Some(mac));
                (owns, counts.traffic.total().octets, std::cmp::Reverse(*point))
            };
            let Some((_, counts, rate)) = observers.into_iter().max_by_key(weight) else { continue };
            self.total += counts.traffic;
            let row = Row { site: site(home), ..Row::new(rate, Item::Counted(facility, key, counts)) };
            finish((row, points));
        }
        report.matched = best.count + self.more;
        let mut rows = best.rows(|draft| named(draft, self.points));
        let all = self.others.values().map(|(traffic, _)| *traffic).sum::<Traffic>() + self.unnamed;
        let mut rest = all - self.known;
        self.total += self.unnamed;
        let both_ends = query.facility.counted().is_some_and(|facility| facility.both_ends);
        if rest + self.known != all && !both_ends {
            // Keys have more one way than classes say: they know better.
            rest = Share::divided(all.total() - self.known.total(), all);
            self.total = self.total - all + self.known + rest;
        }
        let others = self.others.into_iter().map(|(class, (traffic, keys))| (class, traffic, keys));
        let (mut others, left) = parts_of(others, rest);
        if let Some((_, most, _)) = others.iter_mut().max_by_key(|(_, traffic, _)| traffic.total().octets) {
            *most += left;
        }
        others.retain(|(_, traffic, keys)| !traffic.is_empty() || *keys > 0);
        others.sort_by_key(|(class, ..)| *class);
        rows.extend(others.into_iter().map(|(class, traffic, keys)| {
            let rate = nanos.map_or_else(Traffic::default, |nanos| traffic.per_second(nanos));
            Row::new(rate, Item::Other(class, traffic, keys))
        }));
        if self.overflow.1 > 0 {
            report.notes.push(format!(
                "too many rows: {} records with {} octets are in the total only; narrow the filter or the window",
                self.overflow.1,
                self.overflow.0.total().octets
            ));
        }
        (report.rows, report.total) = (rows, self.total + self.unseen);
    }
}

/// A row with its average rate.
fn averaged((row, points): Draft, nanos: i64) -> Draft {
    (Row { rate: row.item.traffic().per_second(nanos), ..row }, points)
}

/// True if of several points that see a key the fullest counts.
fn fullest_counts(facility: Counted) -> bool {
    matches!(facility.source, Source::FrameEnds)
}

fn means_the_same_everywhere(item: &Item) -> bool {
    matches!(item, Item::Counted(facility, ..) if facility.everywhere)
}

/// Traffic of a point's answer that stands in none of its rows.
pub(crate) fn rest(answer: &Answer) -> Traffic {
    answer.total - answer.rows.iter().map(|row| row.item.traffic()).sum()
}

/// A row with the names of those who saw it.
pub(crate) fn named((mut row, mut seen): Draft, points: &[ObservationPoint]) -> Row {
    seen.sort_unstable();
    seen.dedup();
    row.observed_by = seen.iter().filter_map(|point| Some(points.get(*point)?.id.clone())).collect();
    row.observed_by.sort();
    if row.site.is_empty()
        && !means_the_same_everywhere(&row.item)
        && let Some(point) = seen.first().and_then(|point| points.get(*point))
    {
        row.site.clone_from(&point.site);
    }
    row
}

/// The parts of what has no row that `rest` holds, with as large a part of the keys; and what of `rest` is left.
pub(super) fn parts_of(
    others: impl Iterator<Item = (Class, Traffic, u64)>,
    mut rest: Traffic,
) -> (Vec<(Class, Traffic, u64)>, Traffic) {
    let part = |(class, traffic, keys): (Class, Traffic, u64)| {
        // The lesser of both, field by field.
        let part = traffic - (traffic - rest);
        rest = rest - part;
        let share = Share { counted: part.total().octets, seen: traffic.total().octets };
        (class, part, share.of(keys))
    };
    (others.map(part).collect(), rest)
}

#[cfg(test)]
mod tests {
    use traf_model::Counters;

    use super::*;

    #[test]
    fn both_ways_of_what_has_no_row_stay_as_they_are() {
        // Few large packets one way, many small ones the other.
        let traffic = Traffic { inbound: Counters::new(10, 10_000), outbound: Counters::new(200, 8_000) };
        let class = Class {
            family: traf_model::Family::Ipv4,
            transport: traf_model::Transport::Tcp,
            cast: traf_model::Cast::Unicast,
        };
        let (mut table, mut report) = (Table::new(&[]), Report::default());
        table.add(0, Traffic::default(), Item::Other(class, traffic, 3));
        table.finish(&Query::default(), None, &mut report);
        assert_eq!(report.total, traffic);
        assert_eq!(
            report.rows.iter().map(|row| row.item.clone()).collect::<Vec<_>>(),
            [Item::Other(class, traffic, 3)]
        );
    }
}
