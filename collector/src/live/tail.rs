//! The last seconds of a LAN, which no slice covers yet: of the sensors' own counts each byte once, as far as can be known.
//!
//! ```text
//! tail = counts of the points, joined by what each sees of a key         (coverage)
//!      + flows that they name, each once, where nobody sees all of a key (named)
//!      + committed rows of others than an elected point that is away     (orphans)
//! ```
//!
//! Each slice is joined for itself: of one that some points have committed only what they do not lead counts. Pure: no clock, no
//! network.

use std::collections::{BTreeMap, HashMap, HashSet};

use traf_model::{Class, Classes, Filter, Group, Timestamp, Traffic};

use super::answers::{Answers, SliceAnswer};
use super::coverage::{Amount, Coverage, Sharing};
use super::history::{History, RecentRow};
use super::named::{NamedFlow, Namer};
use super::points::{PointIndex, Points};
use super::seen::SeenFlows;
use super::tally::{Kind, SiteKey};
use super::together::Together;
use crate::report::point::Share;

/// Everything that a tail is made from.
pub(crate) struct Scene<'a> {
    pub(crate) points: &'a Points,
    pub(crate) history: &'a History,
    pub(crate) answers: &'a Answers,
    pub(crate) filter: &'a Filter,
    /// Points of the scope that speak now, in rising order.
    pub(crate) present: &'a [PointIndex],
    /// Flows of the last committed slices, as the points of the scope saw them.
    pub(crate) seen: &'a SeenFlows,
}

/// What points say of one slice, or, where it has no start, of the present second.
pub(super) struct Part {
    start: Option<Timestamp>,
    /// Points that speak of it, in rising order, and the slice that each speaks of.
    points: Vec<(PointIndex, Timestamp)>,
    /// Points that have committed the slice.
    before: Vec<PointIndex>,
    named: Vec<NamedFlow>,
}

/// What flows tell of the tail.
#[derive(Default)]
pub(crate) struct FlowTail {
    parts: Vec<Part>,
    orphans: Vec<RecentRow>,
    /// Of what each point counts, the part that counts in the LAN.
    shares: HashMap<PointIndex, Share>,
    /// The tail, each byte once.
    pub(crate) classes: Classes,
    /// Octets of the tail that are shared out.
    pub(crate) estimated: u64,
    /// Start of the first slice in it.
    pub(crate) since: Option<Timestamp>,
}

/// What is in the tail under a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct TailSum {
    pub(crate) traffic: Traffic,
    pub(crate) rate: Traffic,
    pub(crate) flows: u64,
    pub(crate) peers: u64,
    pub(crate) points: Vec<PointIndex>,
}

/// The coverage of classes, by site.
pub(crate) type ClassCoverage = HashMap<(u32, Class), Coverage>;

impl Part {
    fn sharing(&self, kind: Option<Kind>) -> Sharing<'_> {
        let of_one = kind == Some(Kind::Group(Group::Sensor));
        if of_one || !self.before.is_empty() { Sharing::Led(&self.before) } else { Sharing::Even }
    }
}

impl Scene<'_> {
    /// The tail of flows, by the answers to a wish for the busiest of them.
    pub(crate) fn flows(&self, wish: u64, coverage: &ClassCoverage) -> FlowTail {
        let mut tail = FlowTail::default();
        for mut part in self.parts(wish) {
            part.named =
                Namer { scene: self, wish, start: part.start, points: &part.points, before: &part.before }.named();
            if let Some(start) = part.start {
                tail.since = Some(tail.since.map_or(start, |since| since.min(start)));
                self.add_classes(wish, &part, coverage, &mut tail);
            }
            tail.parts.push(part);
        }
        tail.orphans = self.orphans();
        for row in &tail.orphans {
            tail.classes.add(row.key.class(), row.traffic());
        }
        tail
    }

    /// The slices that points speak of, and the present.
    fn parts(&self, wish: u64) -> Vec<Part> {
        let mut slices: BTreeMap<Timestamp, Vec<(PointIndex, Timestamp)>> = BTreeMap::new();
        let mut newest = Vec::new();
        for &point in self.present {
            for (start, _) in self.answers.of(point, wish) {
                slices.entry(start).or_default().push((point, start));
            }
            newest.extend(self.answers.newest(point, wish).map(|start| (point, start)));
        }
        let before = |start: Timestamp| -> Vec<PointIndex> {
            self.present.iter().copied().filter(|point| self.answers.is_committed(*point, start)).collect()
        };
        let part = |(start, points)| Part { start: Some(start), points, before: before(start), named: Vec::new() };
        let now = Part { start: None, points: newest, before: Vec::new(), named: Vec::new() };
        slices.into_iter().map(part).chain([now]).collect()
    }

    /// Adds to the totals what counts of a slice.
    fn add_classes(&self, wish: u64, part: &Part, coverage: &ClassCoverage, tail: &mut FlowTail) {
        let mut together: BTreeMap<(u32, Class), Together> = BTreeMap::new();
        for (point, start) in &part.points {
            let Some(answer) = self.answers.at(*point, wish, *start) else { continue };
            for (class, traffic) in classes(answer).rows() {
                let amount = Amount { traffic, flows: 0 };
                together.entry((self.points.site(*point), class)).or_default().count(*point, amount);
            }
        }
        for flow in &part.named {
            let site = self.points.site(flow.point);
            flow.once(|key, amount| together.entry((site, key.class())).or_default().name(amount));
            flow.each(|point, key, amount| {
                together.entry((site, key.class())).or_default().named_by(point, amount);
            });
            if let Some(points) = flow.news() {
                together.entry((site, flow.key.class())).or_default().news(points, flow.amount.octets());
            }
        }
        for (key, together) in together {
            let (joined, shares) = together.join(coverage.get(&key), part.sharing(None));
            tail.classes.add(key.1, joined.amount.traffic);
            tail.estimated = tail.estimated.saturating_add(joined.estimated);
            for (point, share) in shares {
                tail.shares.entry(point).or_default().add(share);
            }
        }
    }

    /// What is in the tail under the keys of a table, by the answers to its wish.
    pub(crate) fn rows<'c>(
        &self,
        kind: Kind,
        wish: u64,
        tail: &FlowTail,
        coverage: impl Fn(&SiteKey) -> Option<&'c Coverage>,
    ) -> HashMap<SiteKey, TailSum> {
        let mut sums: HashMap<SiteKey, TailSum> = HashMap::new();
        for part in &tail.parts {
            let mut together: HashMap<SiteKey, Together> = HashMap::new();
            for (point, start) in &part.points {
                let answer = match part.start {
                    Some(_) => self.answers.at(*point, wish, *start),
                    None => self.answers.newest(*point, wish).and_then(|start| self.answers.at(*point, wish, start)),
                };
                let Some(answer) = answer else { continue };
                for row in &answer.rows {
                    let key = (kind.site(*point, self.points), row.key);
                    let sum = sums.entry(key).or_default();
                    let (traffic, flows) = if part.start.is_some() { (row.traffic, row.flows) } else { (row.rate, 0) };
                    sum.peers = sum.peers.max(row.peers);
                    if !sum.points.contains(point) {
                        sum.points.push(*point);
                    }
                    together.entry(key).or_default().count(*point, Amount { traffic, flows });
                }
            }
            self.name(kind, part, &mut together);
            for (key, together) in together {
                let (joined, _) = together.join(coverage(&key), part.sharing(Some(kind)));
                let sum = sums.entry(key).or_default();
                if part.start.is_some() {
                    sum.traffic += joined.amount.traffic;
                    sum.flows = sum.flows.saturating_add(joined.amount.flows);
                } else {
                    sum.rate += joined.amount.traffic;
                }
            }
        }
        for row in &tail.orphans {
            for (key, reversed) in kind.keys(&row.key, row.point, self.points).into_iter().flatten() {
                let traffic = row.traffic();
                sums.entry(key).or_default().traffic += if reversed { traffic.reversed() } else { traffic };
            }
        }
        if kind == Kind::Group(Group::Sensor) {
            bound(&mut sums, &tail.classes);
        }
        sums
    }

    /// Adds the flows that are named to their keys.
    fn name(&self, kind: Kind, part: &Part, together: &mut HashMap<SiteKey, Together>) {
        for flow in &part.named {
            flow.once(|key, amount| {
                let mut before = None;
                for (key, reversed) in kind.keys(key, flow.point, self.points).into_iter().flatten() {
                    // A flow from a key to itself is one flow.
                    let flows = if before == Some(key) { 0 } else { amount.flows };
                    together.entry(key).or_default().name(Amount { flows, ..amount.reversed_if(reversed) });
                    before = Some(key);
                }
            });
            flow.each(|point, key, amount| {
                for (key, reversed) in kind.keys(key, point, self.points).into_iter().flatten() {
                    together.entry(key).or_default().named_by(point, amount.reversed_if(reversed));
                }
            });
            let Some(points) = flow.news().filter(|_| kind != Kind::Group(Group::Sensor)) else { continue };
            for (key, _) in kind.keys(&flow.key, flow.point, self.points).into_iter().flatten() {
                together.entry(key).or_default().news(points.clone(), flow.amount.octets());
            }
        }
    }

    /// Committed rows of points that see the flows of one that is away, of slices that its sensor has not delivered: they count until
    /// the marks say so. Of several points the first.
    fn orphans(&self) -> Vec<RecentRow> {
        let leaders = self.seen.leaders();
        let away: HashSet<PointIndex> =
            leaders.into_iter().filter(|point| self.present.binary_search(point).is_err()).collect();
        let known = |point: &PointIndex| self.points.get(*point).is_some();
        let last = |point: PointIndex| {
            let last = self.history.of(self.points.sensor(point)).next()?.slice.from;
            Some((point, last))
        };
        let away: HashMap<PointIndex, Timestamp> = away.into_iter().filter(known).filter_map(last).collect();
        let mut orphans = Vec::new();
        if away.is_empty() {
            return orphans;
        }
        for &point in self.present {
            for slice in self.history.of(self.points.sensor(point)) {
                let rows = slice.rows.iter().filter(|row| row.point == point && !row.counts);
                let lacks = |row: &&RecentRow| away.get(&row.elected).is_some_and(|last| *last < slice.slice.from);
                let rows = rows.filter(lacks).filter(|row| self.seen.stands_for(row));
                orphans.extend(rows.filter_map(|row| row.selected(self.filter, self.points.get(point)?)));
            }
        }
        orphans
    }
}

/// Sums that are no more than the total: who leads a flow is not known of all of them.
fn bound(sums: &mut HashMap<SiteKey, TailSum>, classes: &Classes) {
    let total = classes.rows().map(|(_, traffic)| traffic).sum::<Traffic>().total();
    let all = sums.values().map(|sum| sum.traffic).sum::<Traffic>().total();
    let share = Share { counted: total.octets.min(all.octets), seen: all.octets };
    for sum in sums.values_mut() {
        (sum.traffic, sum.rate) = (share.of_traffic(sum.traffic), share.of_traffic(sum.rate));
    }
}

/// The traffic of an answer by class. Rows that found no place in the message count to the busiest class.
fn classes(answer: &SliceAnswer) -> Classes {
    let (mut classes, mut rest) = (Classes::default(), answer.total);
    let flows = answer.flows.iter().map(|tail| (tail.flow.key.class(), tail.flow.traffic));
    for (class, traffic) in flows.chain(answer.others.iter().copied()) {
        classes.add(class, traffic);
        rest = rest - traffic;
    }
    let busiest = classes.rows().max_by_key(|(_, traffic)| traffic.total().octets);
    if let Some(class) = busiest.map(|(class, _)| class).or(Class::at(0)) {
        classes.add(class, rest);
    }
    classes
}
impl FlowTail {
    /// The part of what a point counts now that counts in the LAN.
    pub(crate) fn share(&self, point: PointIndex) -> Share {
        self.shares.get(&point).copied().unwrap_or_default()
    }
}

impl Kind {
    /// The number of the site where a key of a point means what it does.
    fn site(self, point: PointIndex, points: &Points) -> u32 {
        match self {
            Self::Counted(facility) if facility.everywhere => 0,
            Self::Counted(_)
            | Self::Group(Group::Flow | Group::Address | Group::Port | Group::Pair | Group::Sensor) => {
                points.site(point)
            }
        }
    }
}
