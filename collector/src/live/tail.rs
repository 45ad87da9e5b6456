//! The last seconds of a LAN, which no slice covers yet: of the sensors' own counts each byte once, as far as can be known.
//!
//! ```text
//! tail = counts of each point x the part of its rows that would count now   (shares)
//!      + flows that they name: known ones by their marks, new ones each once  (named flows)
//!      + committed rows of others than an elected point that is away        (orphans)
//! ```
//!
//! The shares are those of the last committed rows, elected again among the points that are present. Pure: no clock, no network.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use traf_model::{Class, Classes, Evidence, Filter, Flow, FlowKey, FlowState, Group, Half, Timestamp, Traffic};

use super::answers::{Answers, TailFlow};
use super::history::{History, RecentRow};
use super::points::{FlowId, PointIndex, Points};
use super::tally::{Kind, SiteKey};
use crate::report::filter::{class_of, masked};
use crate::report::point::Share;
use crate::report::primary::{RowEvidence, same};

/// Everything that a tail is made from.
pub(crate) struct Scene<'a> {
    pub(crate) points: &'a Points,
    pub(crate) history: &'a History,
    pub(crate) answers: &'a Answers,
    pub(crate) filter: &'a Filter,
    /// Points of the scope that speak now, in rising order.
    pub(crate) present: &'a [PointIndex],
}

/// A flow that a point names.
struct NamedFlow {
    point: PointIndex,
    key: FlowKey,
    traffic: Traffic,
    rate: Traffic,
    /// It counts here.
    counts: bool,
    /// It began in a slice that is not committed.
    begins: bool,
}

/// Of one point, the parts that count.
#[derive(Default)]
struct PointTail {
    /// By class, of its last committed rows.
    classes: HashMap<Class, Share>,
    all: Share,
    /// Of its new flows.
    new: Share,
    /// Of what it counts now.
    now: Share,
}

/// What flows tell of the tail.
#[derive(Default)]
pub(crate) struct FlowTail {
    named: Vec<NamedFlow>,
    /// Of these the ones that are not new.
    known: HashSet<(FlowId, PointIndex)>,
    orphans: Vec<RecentRow>,
    /// Of flows whose elected point is away: the first of those that are here.
    heirs: HashMap<FlowId, PointIndex>,
    points: HashMap<PointIndex, PointTail>,
    /// The tail, each byte once.
    pub(crate) classes: Classes,
    /// Octets of the tail that were counted by shares.
    pub(crate) estimated: u64,
    /// Start of the first slice in it.
    pub(crate) since: Option<Timestamp>,
    version: u64,
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

/// Shares of a point by key, and the version of the facts that they are made from.
pub(crate) type KeyShares = HashMap<(Kind, PointIndex), (u64, HashMap<SiteKey, Share>)>;

/// New flows, by the points that report them; true if they began in a slice that is not committed.
type Reports = HashMap<FlowId, Vec<(PointIndex, TailFlow, bool)>>;

/// True if two points that report a flow of the same ends saw the same packets. Live rows do not say of which generation their
/// digests are: those of different keys do not agree anyway.
fn joined(one: &Flow, other: &Flow) -> bool {
    same(&RowEvidence::new(one, 1), &RowEvidence::new(other, 1))
}

impl Scene<'_> {
    /// The tail of flows, by the answers to a wish for the busiest of them.
    pub(crate) fn flows(&self, wish: u64) -> FlowTail {
        let mut tail = FlowTail { heirs: self.heirs(), ..FlowTail::default() };
        tail.version = self.version(&tail.heirs);
        let (mut counted, mut reports) = (Vec::new(), Reports::new());
        for &point in self.present {
            let of_point = self.last_shares(point, &tail);
            tail.points.insert(point, of_point);
            let (classes, since) = self.counted(point, wish, &mut reports, &mut tail);
            tail.since = [tail.since, since].into_iter().flatten().min();
            counted.push((point, classes));
        }
        self.elect(reports, wish, &mut tail);
        for (point, classes) in counted {
            self.count(point, classes, &mut tail);
        }
        tail.orphans = self.orphans(&tail.heirs);
        for row in &tail.orphans {
            tail.classes.add(class_of(&row.key), row.traffic());
        }
        tail
    }

    /// The parts of a point's last committed rows that count.
    fn last_shares(&self, point: PointIndex, tail: &FlowTail) -> PointTail {
        let mut of_point = PointTail::default();
        for row in self.recent(point) {
            let share = Share { counted: if tail.counts(&row) { row.octets() } else { 0 }, seen: row.octets() };
            of_point.classes.entry(class_of(&row.key)).or_default().add(share);
            of_point.all.add(share);
        }
        of_point
    }

    /// Adds to the tail what counts of a point's classes.
    fn count(&self, point: PointIndex, mut rest: Classes, tail: &mut FlowTail) {
        let mut of_point = tail.points.remove(&point).unwrap_or_default();
        of_point.now.seen = rest.rows().map(|(_, traffic)| traffic.total().octets).sum();
        let (mut taken, mut kept) = (Classes::default(), Classes::default());
        for flow in tail.named.iter().filter(|flow| flow.point == point) {
            let class = class_of(&flow.key);
            taken.add(class, flow.traffic);
            if flow.counts {
                kept.add(class, flow.traffic);
            }
            let octets = flow.traffic.total().octets;
            of_point.new.add(Share { counted: if flow.counts { octets } else { 0 }, seen: octets });
        }
        rest = rest.since(&taken);
        for (class, traffic) in rest.rows() {
            let share = of_point.of(of_point.classes.get(&class).copied());
            let part = share.of_traffic(traffic);
            if share.counted > 0 && share.counted < share.seen {
                tail.estimated = tail.estimated.saturating_add(part.total().octets);
            }
            kept.add(class, part);
        }
        of_point.now.counted = kept.rows().map(|(_, traffic)| traffic.total().octets).sum();
        tail.classes.merge(&kept);
        tail.points.insert(point, of_point);
    }

    /// What is in the tail under the keys of a table, by the answers to its wish.
    pub(crate) fn rows(
        &self,
        kind: Kind,
        wish: u64,
        tail: &FlowTail,
        shares: &mut KeyShares,
    ) -> HashMap<SiteKey, TailSum> {
        let mut sums: HashMap<SiteKey, TailSum> = HashMap::new();
        // Of keys that are new at points: what the one that counts most of each counts.
        let mut greatest: HashMap<SiteKey, TailSum> = HashMap::new();
        for &point in self.present {
            let of_point = tail.points.get(&point);
            let mut new: HashMap<SiteKey, (Traffic, Traffic, u64)> = HashMap::new();
            for flow in tail.named.iter().filter(|flow| flow.point == point) {
                self.under_keys(kind, point, &flow.key, |key, turned| {
                    let (traffic, rate, flows) = new.entry(key).or_default();
                    *traffic += turned(flow.traffic);
                    *rate += turned(flow.rate);
                    *flows += u64::from(flow.begins);
                });
            }
            let shares = self.shares(kind, point, tail, shares);
            let newest = self.answers.of(point, wish).next_back().map(|(start, _)| start);
            let mut found: HashMap<SiteKey, TailSum> = HashMap::new();
            for (start, answer) in self.answers.of(point, wish) {
                for row in &answer.rows {
                    let sum = found.entry((kind.site(point, self.points), row.key)).or_default();
                    sum.traffic += row.traffic;
                    sum.flows += row.flows;
                    sum.peers = sum.peers.max(row.peers);
                    if Some(start) == newest {
                        sum.rate = row.rate;
                    }
                }
            }
            for (key, found) in found {
                let (traffic, rate, flows) = new.get(&key).copied().unwrap_or_default();
                let known = shares.get(&key).copied();
                let share = of_point.map_or_else(Share::default, |of_point| of_point.of(known));
                let sum = sums.entry(key).or_default();
                sum.peers = sum.peers.max(found.peers);
                sum.points.push(point);
                if known.is_none() && of_point.is_some_and(|of_point| of_point.all.seen > 0) {
                    let most = greatest.entry(key).or_default();
                    if found.traffic.total().octets >= most.traffic.total().octets {
                        (most.traffic, most.rate, most.flows) = (found.traffic, found.rate, found.flows);
                    }
                    continue;
                }
                sum.traffic += share.of_traffic(found.traffic - traffic);
                sum.rate += share.of_traffic(found.rate - rate);
                sum.flows += share.of(found.flows.saturating_sub(flows));
            }
        }
        for flow in tail.named.iter().filter(|flow| flow.counts) {
            let mut before = None;
            self.under_keys(kind, flow.point, &flow.key, |key, turned| {
                let sum = sums.entry(key).or_default();
                sum.traffic += turned(flow.traffic);
                sum.rate += turned(flow.rate);
                sum.flows += u64::from(flow.begins && before != Some(key));
                before = Some(key);
            });
        }
        for (key, most) in greatest {
            // Part of it is counted already: of points that know the key, and of flows that are named.
            let sum = sums.entry(key).or_default();
            sum.traffic += most.traffic - sum.traffic;
            sum.rate += most.rate - sum.rate;
            sum.flows += most.flows.saturating_sub(sum.flows);
        }
        for row in &tail.orphans {
            self.under_keys(kind, row.point, &row.key, |key, turned| {
                sums.entry(key).or_default().traffic += turned(row.traffic());
            });
        }
        sums
    }

    fn under_keys(
        &self,
        kind: Kind,
        point: PointIndex,
        flow: &FlowKey,
        mut each: impl FnMut(SiteKey, &dyn Fn(Traffic) -> Traffic),
    ) {
        for (key, reversed) in kind.keys(flow, point, self.points).into_iter().flatten() {
            each(key, &move |traffic| if reversed { traffic.reversed() } else { traffic });
        }
    }

    /// Of a point, the part of its last committed rows of each key that would count now.
    fn shares<'s>(
        &self,
        kind: Kind,
        point: PointIndex,
        tail: &FlowTail,
        shares: &'s mut KeyShares,
    ) -> &'s HashMap<SiteKey, Share> {
        let version = tail.version.wrapping_add(self.history.version(self.points.sensor(point)));
        let known = shares.entry((kind, point)).or_insert_with(|| (!version, HashMap::new()));
        if known.0 != version {
            known.0 = version;
            known.1.clear();
            for row in self.recent(point) {
                let octets = row.octets();
                let share = Share { counted: if tail.counts(&row) { octets } else { 0 }, seen: octets };
                self.under_keys(kind, point, &row.key, |key, _| known.1.entry(key).or_default().add(share));
            }
        }
        &known.1
    }

    /// A point's traffic by class in the slices that are not committed, and the first of these. Flows that it names count as their
    /// last rows did; those that had none go to `reports`.
    fn counted(
        &self,
        point: PointIndex,
        wish: u64,
        reports: &mut Reports,
        of_flows: &mut FlowTail,
    ) -> (Classes, Option<Timestamp>) {
        let (mut classes, mut since, sensor) = (Classes::default(), None, self.points.sensor(point));
        let newest = self.answers.of(point, wish).next_back().map(|(start, _)| start);
        for (start, answer) in self.answers.of(point, wish) {
            let first = *since.get_or_insert(start);
            let mut rest = answer.total;
            for tail in &answer.flows {
                classes.add(class_of(&tail.flow.key), tail.flow.traffic);
                rest = rest - tail.flow.traffic;
                let mut rows = self.history.rows_of(sensor, point, tail.id).peekable();
                if rows.peek().is_some() {
                    let counts = rows.any(|row| of_flows.counts(row));
                    let TailFlow { flow, rate, .. } = *tail;
                    // Rates are those of the last slice.
                    let rate = if Some(start) == newest { rate } else { Traffic::default() };
                    let (key, traffic) = (flow.key, flow.traffic);
                    of_flows.named.push(NamedFlow { point, key, traffic, rate, counts, begins: false });
                    of_flows.known.insert((tail.id, point));
                    continue;
                }
                let known = reports.entry(tail.id).or_default();
                match known.iter_mut().find(|(other, ..)| *other == point) {
                    Some((_, known, _)) => {
                        let traffic = known.flow.traffic + tail.flow.traffic;
                        *known = *tail;
                        known.flow.traffic = traffic;
                    }
                    None => known.push((point, *tail, tail.flow.first >= first)),
                }
            }
            for (class, traffic) in &answer.others {
                classes.add(*class, *traffic);
                rest = rest - *traffic;
            }
            // Rows that found no place in the message.
            let busiest = classes.rows().max_by_key(|(_, traffic)| traffic.total().octets);
            if let Some(class) = busiest.map(|(class, _)| class).or(Class::at(0)) {
                classes.add(class, rest);
            }
        }
        (classes, since)
    }

    /// Elects at once whose report of a new flow counts: nobody's where a point that has seen it for longer counts it, else the
    /// greatest.
    ///
    /// A flow so small that another point may see it and not name it is left to the shares.
    fn elect(&self, reports: Reports, wish: u64, tail: &mut FlowTail) {
        // The octets from which on a point names all flows: those that began earlier, and new ones. The others may have counted a little
        // less of a flow by now.
        let least = |point: PointIndex, which: usize| {
            let least = self.answers.of(point, wish).map(|(_, answer)| answer.least[which]).max();
            least.map_or(0, |least| least.saturating_add(least / 4))
        };
        let mut unnamed: Vec<(u64, PointIndex)> = self.present.iter().map(|point| (least(*point, 1), *point)).collect();
        unnamed.sort_unstable_by(|a, b| b.cmp(a));
        let begin = |point: PointIndex| {
            let first = self.answers.of(point, wish).next().map(|(start, _)| start);
            first.unwrap_or(Timestamp(i64::MAX))
        };
        // A point that counted it counts it still, unless it would name it and does not: then it sees it no longer.
        let mut elsewhere: HashSet<FlowId> = HashSet::new();
        for &point in self.present {
            let least = least(point, 0);
            for row in self.recent(point) {
                let Some(reports) = reports.get(&row.flow).filter(|_| tail.counts(&row)) else { continue };
                let greatest = reports.iter().map(|(_, seen, _)| seen.flow.traffic.total().octets).max();
                // Where its slice is committed and the others' are not, its row is all that is known.
                let ahead = reports.iter().any(|(other, ..)| begin(point) > begin(*other));
                if ahead || tail.known.contains(&(row.flow, point)) || greatest.is_some_and(|greatest| greatest < least)
                {
                    elsewhere.insert(row.flow);
                }
            }
        }
        for (id, mut reports) in reports {
            let greatest = reports.iter().map(|(_, seen, _)| seen.flow.traffic.total().octets).max().unwrap_or(0);
            // Of those that report about as much, whoever counts most elsewhere: so will the marks have it.
            reports.sort_by_key(|(point, seen, _)| {
                let octets = seen.flow.traffic.total().octets;
                let octets = if octets >= greatest - greatest / 50 { greatest } else { octets };
                let share = tail.points.get(point).map_or(0, |of_point| of_point.all.of(1_000));
                (std::cmp::Reverse((octets, share)), *point)
            });
            let mut greatest: Vec<Flow> = Vec::new();
            let several = reports.len() > 1;
            for (point, TailFlow { flow, rate, .. }, begins) in reports {
                let others = unnamed.iter().find(|(_, other)| *other != point).map_or(0, |(least, _)| *least);
                if flow.traffic.total().octets < others && !several {
                    continue;
                }
                let counts = !elsewhere.contains(&id) && !greatest.iter().any(|other| joined(other, &flow));
                if counts {
                    greatest.push(flow);
                }
                tail.named.push(NamedFlow { point, key: flow.key, traffic: flow.traffic, rate, counts, begins });
            }
        }
    }

    /// Of flows whose elected point is away, the first that is present: its rows count until the marks say so.
    fn heirs(&self) -> HashMap<FlowId, PointIndex> {
        let mut heirs = HashMap::new();
        for &point in self.present {
            for row in self.recent(point).filter(|row| !row.counts && !self.is_present(row.elected)) {
                heirs.entry(row.flow).or_insert(point);
            }
        }
        heirs
    }

    /// Committed rows of heirs, of slices that the elected point's sensor has not delivered.
    fn orphans(&self, heirs: &HashMap<FlowId, PointIndex>) -> Vec<RecentRow> {
        let mut orphans = Vec::new();
        if heirs.is_empty() {
            return orphans;
        }
        for &point in self.present {
            for slice in self.history.of(self.points.sensor(point)) {
                let rows = slice.rows.iter().filter(|row| row.point == point && !row.counts);
                for row in rows.filter(|row| heirs.get(&row.flow) == Some(&point) && !self.is_present(row.elected)) {
                    let known = self.points.get(row.elected).is_some();
                    let last = self.history.of(self.points.sensor(row.elected)).next().map(|last| last.slice.from);
                    if known
                        && last.is_some_and(|last| last < slice.slice.from)
                        && let Some(row) = self.selected(row)
                    {
                        orphans.push(row);
                    }
                }
            }
        }
        orphans
    }

    fn is_present(&self, point: PointIndex) -> bool {
        self.present.binary_search(&point).is_ok()
    }

    /// The rows that tell the shares of a point, as the filter selects them.
    fn recent(&self, point: PointIndex) -> impl Iterator<Item = RecentRow> {
        self.history.recent(self.points.sensor(point), point).filter_map(|row| self.selected(row))
    }

    fn selected(&self, row: &RecentRow) -> Option<RecentRow> {
        select(row, self.filter, self.points)
    }

    fn version(&self, heirs: &HashMap<FlowId, PointIndex>) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.present.hash(&mut hasher);
        if !heirs.is_empty() {
            self.present.iter().for_each(|point| self.history.version(self.points.sensor(*point)).hash(&mut hasher));
        }
        hasher.finish()
    }
}

/// The part of a committed row that a filter selects. Its MAC addresses are not known any more.
pub(crate) fn select(row: &RecentRow, filter: &Filter, points: &Points) -> Option<RecentRow> {
    if filter.is_all() {
        return Some(*row);
    }
    let own = points.get(row.point)?;
    let flow = Flow {
        key: row.key,
        traffic: row.traffic(),
        first: row.first,
        last: row.first,
        forward: Half::default(),
        reverse: Half::default(),
        state: FlowState::Active,
        complete: false,
        own: false,
        evidence: Evidence::NONE,
    };
    let flow = masked(filter, flow, &own.id.sensor, own.name())?;
    Some(RecentRow::new(&flow, row.flow, row.point, row.elected, row.counts))
}

impl FlowTail {
    /// The part of what a point counts now that counts in the LAN.
    pub(crate) fn share(&self, point: PointIndex) -> Share {
        let Some(of_point) = self.points.get(&point) else { return Share::default() };
        if of_point.now.seen > 0 { of_point.now } else { of_point.of(None) }
    }

    /// True if a row of a point that is present counts, or would if it were elected now.
    fn counts(&self, row: &RecentRow) -> bool {
        row.counts || self.heirs.get(&row.flow) == Some(&row.point)
    }
}

impl PointTail {
    /// The share of what has `known` for a share; of all its rows, or of its new flows, where that is not known.
    fn of(&self, known: Option<Share>) -> Share {
        let shares = [known.unwrap_or_default(), self.all, self.new];
        shares.into_iter().find(|share| share.seen > 0).unwrap_or_default()
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
