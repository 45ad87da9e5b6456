//! Traffic of committed slices without a flow row: how much of it counts in a LAN, and under which keys.
//!
//! ```text
//! without a row = aggregated flows, joined by their ends                  (aggregated)
//!               + what found no place there, by class and by the points' own tables of hosts, services and protocols
//! ```
//!
//! The rest is joined as the tail of the present is, and keys never get more of it than the classes have.

use std::collections::HashMap;

use traf_model::{AggregatedFlow, Class, Counted, Counters, Group, InterfaceSummary, Traffic};

use super::aggregated::{Aggregated, Joined};
use super::coverage::{Amount, Coverage, Join, Sharing};
use super::history::RecentRow;
use super::points::{FlowId, PointIndex, Points};
use super::seen::{SeenFlow, SeenFlows};
use super::tally::{Kind, SiteKey, TableKey};
use crate::report::point::Share;

/// One interface in one slice.
#[derive(Clone, Copy)]
pub(crate) struct PointSlice<'a> {
    pub(crate) point: PointIndex,
    pub(crate) rows: &'a [RecentRow],
    pub(crate) summary: &'a InterfaceSummary,
}

/// What was counted earlier of the slices of one time: of points that delivered theirs before.
#[derive(Default)]
pub(crate) struct Earlier {
    pub(crate) rows: Vec<RecentRow>,
    pub(crate) aggregated: Vec<(PointIndex, AggregatedFlow)>,
}

/// Traffic without a row that counts in a LAN.
#[derive(Debug, Default)]
pub(crate) struct Unrowed {
    pub(crate) more: Sums,
    /// What was counted without a row earlier, and has one now: rows of other points have come.
    pub(crate) less: Sums,
}

/// Sums by class and under keys.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) classes: HashMap<Class, Amount>,
    /// The part of it that is known to be under keys.
    pub(crate) keys: HashMap<(Kind, SiteKey), Amount>,
}

/// Flows with a row: all, and those that every point which sees them names.
struct Gathered {
    all: SeenFlows,
    known: SeenFlows,
}

/// What is known of flows without a row by their ends, and what else is needed for the rest.
struct Rest<'a> {
    slices: &'a [PointSlice<'a>],
    points: &'a Points,
    /// All flows with a row.
    all: SeenFlows,
    /// Flows that every point which sees them names.
    known: SeenFlows,
    joined: Vec<Joined>,
    /// Counted earlier, and not without a row any more.
    rowed: Vec<Joined>,
    sharing: Sharing<'a>,
}

/// Counts of one thing: of each point all of it, and the part of that of which nothing else is known; and what is counted already,
/// each byte once.
#[derive(Default)]
struct Counts {
    points: Vec<(PointIndex, Amount, Amount)>,
    counted: Amount,
}

impl PointSlice<'_> {
    /// Octets from which on every flow has a row, with a margin for other clocks.
    pub(super) fn complete(&self) -> u64 {
        if self.summary.other_flows.is_empty() {
            return 0;
        }
        let least = self.rows.iter().map(RecentRow::octets).min().unwrap_or_default();
        least.saturating_add(least / 4)
    }
}

impl Counts {
    fn count(&mut self, point: PointIndex, all: Amount, rest: Amount) {
        match self.points.last_mut() {
            Some((last, sum, of_rest)) if *last == point => {
                *sum += all;
                *of_rest += rest;
            }
            _ => self.points.push((point, all, rest)),
        }
    }

    /// The rest, once.
    fn rest(&self, coverage: Option<&Coverage>, sharing: Sharing<'_>) -> Amount {
        let octets: Vec<(PointIndex, u64)> = self.points.iter().map(|(point, all, _)| (*point, all.octets())).collect();
        let mut most = Amount::default();
        self.points.iter().for_each(|(.., rest)| most += *rest);
        let none = Coverage::default();
        let coverage = coverage.unwrap_or(&none);
        let all = match coverage.join(&octets, sharing) {
            Join::Whole(whole) => self.points[whole].1.part(coverage.once(octets[whole].0)),
            Join::Parts(shares) => {
                let (mut sum, mut of_rest) = (Amount::default(), Amount::default());
                for ((_, all, rest), share) in self.points.iter().zip(shares) {
                    sum += all.part(share);
                    of_rest += rest.part(share);
                }
                if sharing != Sharing::Even {
                    return of_rest;
                }
                sum
            }
        };
        all.beyond(self.counted).at_most(most)
    }
}

/// What has no row in slices of one time, of points in rising order: by class, and under the keys of some tables.
pub(crate) fn unrowed(
    slices: &[PointSlice<'_>],
    earlier: &Earlier,
    points: &Points,
    wanted: impl Fn(Kind) -> bool,
) -> Unrowed {
    if slices.iter().all(|slice| slice.summary.other_flows.is_empty()) {
        return Unrowed::default();
    }
    let mut counted: Vec<PointIndex> = earlier.rows.iter().map(|row| row.point).collect();
    counted.sort_unstable();
    counted.dedup();
    let sharing = if counted.is_empty() { Sharing::Even } else { Sharing::Led(&counted) };
    let rest = Rest::new(slices, earlier, points, sharing);

    let (mut more, mut less) = (Sums::default(), Sums::default());
    rest.classes().into_iter().for_each(|(class, amount)| *more.classes.entry(class).or_default() += amount);
    for kind in Kind::all().filter(|kind| *kind != Kind::Group(Group::Sensor) && wanted(*kind)) {
        for (joined, sums) in [(&rest.joined, &mut more), (&rest.rowed, &mut less)] {
            let mut add = |key, amount| *sums.keys.entry((kind, key)).or_default() += amount;
            joined.iter().for_each(|joined| joined.under(kind, points, &mut add));
        }
        if let Kind::Counted(facility) = kind {
            let most = rest.most(facility, &more.classes);
            for (key, amount) in bounded(rest.keys(facility), most) {
                *more.keys.entry((kind, key)).or_default() += amount;
            }
        }
    }
    for (joined, sums) in [(&rest.joined, &mut more), (&rest.rowed, &mut less)] {
        joined.iter().for_each(|joined| *sums.classes.entry(joined.key.class()).or_default() += joined.amount);
        sums.classes.retain(|_, amount| *amount != Amount::default());
    }
    Unrowed { more, less }
}

impl Joined {
    /// Hands over the keys of a table that it is under. Of any source only the other end is known.
    fn under(&self, kind: Kind, points: &Points, mut take: impl FnMut(SiteKey, Amount)) {
        let of_any = self.key.is_of_any();
        if of_any && kind == Kind::Group(Group::Pair) {
            return;
        }
        let mut before = None;
        for (key, reversed) in kind.keys(&self.key, self.point, points).into_iter().flatten() {
            if of_any && kind.both_ends() && !reversed {
                continue;
            }
            // A flow from a key to itself is one flow.
            let flows = if before == Some(key) { 0 } else { self.amount.flows };
            take(key, Amount { flows, ..self.amount.reversed_if(reversed) });
            before = Some(key);
        }
    }
}

impl Gathered {
    /// And flows by their ends.
    fn new<'a>(slices: &[PointSlice<'_>], earlier: &Earlier, points: &'a Points) -> (Self, Aggregated<'a>) {
        let complete = slices.iter().map(PointSlice::complete).max().unwrap_or_default();
        let great = |row: &RecentRow| row.octets() >= complete;
        let rows = || earlier.rows.iter().chain(slices.iter().flat_map(|slice| slice.rows));
        let (all, known) = (SeenFlows::new(rows().copied()), SeenFlows::new(rows().copied().filter(great)));
        let mut aggregated = Aggregated::new(&known, rows(), points);
        rows().for_each(|row| aggregated.add_row(row, great(row), all.stands_for(row)));
        earlier.aggregated.iter().for_each(|(point, flow)| aggregated.add(*point, flow));
        for PointSlice { point, summary, .. } in slices {
            summary.aggregated_flows.iter().for_each(|flow| aggregated.add(*point, flow));
        }
        (Self { all, known }, aggregated)
    }
}

impl<'a> Rest<'a> {
    fn new(slices: &'a [PointSlice<'a>], earlier: &Earlier, points: &'a Points, sharing: Sharing<'a>) -> Self {
        let counted =
            if earlier.aggregated.is_empty() { Vec::new() } else { Gathered::new(&[], earlier, points).1.unrowed() };
        let (Gathered { all, mut known }, aggregated) = Gathered::new(slices, earlier, points);
        let all_joined = aggregated.unrowed();
        let (joined, rowed) = (beyond(&all_joined, &counted), beyond(&counted, &all_joined));
        known.add_aggregated(aggregated.seen());
        Self { slices, points, all, known, joined, rowed, sharing }
    }

    /// The rest by class.
    fn classes(&self) -> Vec<(Class, Amount)> {
        let mut counts: HashMap<(u32, Class), Counts> = HashMap::new();
        for slice in self.slices {
            let site = self.points.site(slice.point);
            for row in slice.rows {
                let amount = Amount { traffic: row.traffic(), flows: 1 };
                let counts = counts.entry((site, row.key.class())).or_default();
                counts.count(slice.point, amount, Amount::default());
                if self.all.stands_for(row) {
                    counts.counted += amount;
                }
            }
            let mut aggregated: HashMap<Class, Amount> = HashMap::new();
            for flow in &slice.summary.aggregated_flows {
                *aggregated.entry(flow.key.class()).or_default() += Amount { traffic: flow.traffic, flows: flow.flows };
            }
            for (class, traffic, flows) in &slice.summary.other_flows {
                let amount = Amount { traffic: *traffic, flows: *flows };
                let rest = amount.beyond(aggregated.get(class).copied().unwrap_or_default());
                counts.entry((site, *class)).or_default().count(slice.point, amount, rest);
            }
        }
        for joined in &self.joined {
            let site = self.points.site(joined.point);
            counts.entry((site, joined.key.class())).or_default().counted += joined.amount;
        }
        counts.retain(|_, counts| counts.points.iter().any(|(.., rest)| rest.octets() > 0));
        let coverage = self.known.class_coverage(self.points);
        counts.iter().map(|(key, counts)| (key.1, counts.rest(coverage.get(key), self.sharing))).collect()
    }

    /// What the keys of a facility have of the rest at most: with the sources of which nothing is known.
    fn most(&self, facility: Counted, classes: &HashMap<Class, Amount>) -> Amount {
        let kind = Kind::Counted(facility);
        let mut most = Amount::default();
        for (_, amount) in classes.iter().filter(|(class, _)| kind.covers(**class)) {
            most += Amount { traffic: facility.total(amount.traffic), flows: amount.flows };
        }
        let of_any = |joined: &&Joined| facility.both_ends && joined.key.is_of_any();
        let covered = self.joined.iter().filter(of_any).filter(|joined| kind.covers(joined.key.class()));
        covered.for_each(|joined| most += joined.amount);
        most
    }

    /// The keys of a facility, of the rest.
    fn keys(&self, facility: Counted) -> Vec<(SiteKey, Amount)> {
        let (kind, points) = (Kind::Counted(facility), self.points);
        let mut counts: HashMap<SiteKey, Counts> = HashMap::new();
        for slice in self.slices {
            let mut named: HashMap<SiteKey, Traffic> = HashMap::new();
            for row in slice.rows {
                for (key, reversed) in kind.keys(&row.key, row.point, points).into_iter().flatten() {
                    let traffic = if reversed { row.traffic().reversed() } else { row.traffic() };
                    *named.entry(key).or_default() += traffic;
                    if self.all.stands_for(row) {
                        counts.entry(key).or_default().counted += Amount { traffic, flows: 0 };
                    }
                }
            }
            for flow in &slice.summary.aggregated_flows {
                let amount = Amount { traffic: flow.traffic, flows: 0 };
                Joined { id: 0, point: slice.point, key: flow.key, amount }
                    .under(kind, points, |key, amount| *named.entry(key).or_default() += amount.traffic);
            }
            let site = if facility.everywhere { 0 } else { points.site(slice.point) };
            let tally = slice.summary.counted.get(&facility);
            let told = tally.into_iter().flat_map(|tally| tally.rows());
            let told = told.map(|(key, counts)| ((site, TableKey::Counted(*key)), counts.traffic));
            let mut told: HashMap<SiteKey, Traffic> = told.collect();
            for (key, named) in named {
                // The key of a row may be among those that found no place in the table.
                let told = told.remove(&key).filter(|told| told.total().octets > named.total().octets).unwrap_or(named);
                let [all, rest] = [told, told - named].map(|traffic| Amount { traffic, flows: 0 });
                counts.entry(key).or_default().count(slice.point, all, rest);
            }
            for (key, traffic) in told {
                let amount = Amount { traffic, flows: 0 };
                counts.entry(key).or_default().count(slice.point, amount, amount);
            }
        }
        for joined in &self.joined {
            joined.under(kind, points, |key, amount| {
                counts.entry(key).or_default().counted += Amount { flows: 0, ..amount };
            });
        }
        counts.retain(|_, counts| counts.points.iter().any(|(.., rest)| rest.octets() > 0));
        let coverage = self.known.coverage(|flow: &SeenFlow| {
            let keys = kind.keys(&flow.key, flow.points[0], points);
            keys.into_iter().flatten().map(|(key, _)| key).filter(|key| counts.contains_key(key))
        });
        counts.iter().map(|(key, counts)| (*key, counts.rest(coverage.get(key), self.sharing))).collect()
    }
}

/// What flows of the same ends have more than in another list.
fn beyond(joined: &[Joined], others: &[Joined]) -> Vec<Joined> {
    let others: HashMap<FlowId, Amount> = others.iter().map(|joined| (joined.id, joined.amount)).collect();
    let more = joined.iter().map(|joined| {
        let other = others.get(&joined.id).copied().unwrap_or_default();
        Joined { amount: joined.amount.beyond(other), ..*joined }
    });
    more.filter(|joined| joined.amount != Amount::default()).collect()
}

/// Keys that together have no more than `most`.
fn bounded(keys: Vec<(SiteKey, Amount)>, most: Amount) -> impl Iterator<Item = (SiteKey, Amount)> {
    let mut sum = Amount::default();
    keys.iter().for_each(|(_, amount)| sum += *amount);
    let keys = keys.into_iter().map(move |(key, amount)| {
        let flows = Share { counted: most.flows.min(sum.flows), seen: sum.flows }.of(amount.flows);
        (key, Amount { traffic: scaled(amount.traffic, sum.traffic, most.traffic), flows })
    });
    keys.filter(|(_, amount)| !amount.traffic.is_empty())
}

/// A part of `sum`, made smaller as `sum` has to be to be no more than `most`. Which way it went is told differently for flows
/// and for keys, so both ways count together.
fn scaled(part: Traffic, sum: Traffic, most: Traffic) -> Traffic {
    let (sum, most) = (sum.total(), most.total());
    let of = |part: u64, sum: u64, most: u64| Share { counted: most.min(sum), seen: sum }.of(part);
    let way = |part: Counters| Counters {
        packets: of(part.packets, sum.packets, most.packets),
        octets: of(part.octets, sum.octets, most.octets),
        coalesced: of(part.coalesced, sum.coalesced, most.coalesced),
    };
    Traffic { inbound: way(part.inbound), outbound: way(part.outbound) }
}
