//! One LAN as consoles see it: what is committed and the tail, in tables that all of them share.
//!
//! Counts never fall: what a tail had too much stands still until the committed sums have caught up. The rows of a table and what
//! has no row add up to one total, which is the same for all tables of a scope and a filter.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Class, Classes, Counters, Family, Filter, Group, Interval, Scope, Timestamp, Traffic, Transport};

use super::answers::Answers;
use super::history::{FlowGroup, History, RecentRow};
use super::lan::LanQuestion;
use super::points::{PointIndex, Points};
use super::seen::SeenFlows;
use super::sight::Sight;
use super::tail::{FlowTail, Scene, TailSum};
use super::tally::{Kind, LanTally, SiteKey, keep_busiest};
use super::unrowed::{Earlier, PointSlice, unrowed};
use crate::report::filter::depends_on_observer;
use crate::report::point::Share;

/// Nanoseconds for which a table is not made again.
const FRESH: i64 = SECOND / 3;
/// Flows of a part of the LAN whose observer is remembered.
const ELECTED: usize = 200_000;
/// Slices of silence after which another observer is elected.
const SILENT: i64 = 3;

/// What all scopes and filters share.
pub(super) struct Facts<'a> {
    pub(super) points: &'a Points,
    pub(super) history: &'a History,
    pub(super) answers: &'a Answers,
}

/// The sums of one scope and filter.
pub(super) struct LanSums {
    pub(super) scope: Scope,
    pub(super) filter: Filter,
    /// Time of the last question.
    pub(super) asked: Timestamp,
    /// Keys of a table that are shown.
    keys: usize,
    pub(super) tally: LanTally,
    /// `None` where the marks of the store say who counts.
    elections: Option<HashMap<FlowGroup, Elected>>,
    /// Time of the tail.
    looked: Timestamp,
    tail: FlowTail,
    sight: Sight,
    shown: HashMap<Kind, Shown>,
    /// Shown totals by transport protocol.
    totals: Totals,
}

/// Totals by transport protocol.
type Totals = [Counters; Transport::ALL.len()];

/// The observer of a flow whose rows count in a part of a LAN.
#[derive(Clone, Copy)]
struct Elected {
    point: PointIndex,
    vlan: Option<u16>,
    last: Timestamp,
}

/// A table as it was shown last.
#[derive(Default)]
struct Shown {
    at: Timestamp,
    rows: HashMap<SiteKey, ShownRow>,
    total: Traffic,
}

/// A table of a LAN, as it is shown.
pub(crate) struct LanTable {
    pub(crate) rows: Vec<(SiteKey, ShownRow)>,
    /// Of the rows and what has none; neither way is less than before.
    pub(crate) total: Traffic,
    pub(crate) totals: LanTotals,
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ShownRow {
    pub(crate) traffic: Traffic,
    /// Per second.
    pub(crate) rate: Traffic,
    pub(crate) flows: u64,
    pub(crate) peers: u64,
    pub(crate) points: Vec<PointIndex>,
}

/// The totals of a LAN.
#[derive(Clone, Debug)]
pub(crate) struct LanTotals {
    /// Start of the first slice.
    pub(crate) since: Option<Timestamp>,
    /// Traffic by class, not less than before.
    pub(crate) classes: Classes,
    /// Committed traffic without a row, and the number of its flows.
    pub(crate) others: HashMap<Class, (Traffic, u64)>,
    /// Octets that are estimated, and the nanoseconds that they are of.
    pub(crate) estimated: (u64, i64),
    totals: Totals,
}

impl LanSums {
    pub(super) fn new(scope: Scope, filter: Filter, now: Timestamp, keys: usize) -> Self {
        let by_marks = scope.0.is_empty() && !depends_on_observer(&filter);
        let elections = (!by_marks).then(HashMap::new);
        let (looked, tail, sight, shown, totals) = Default::default();
        let tally = LanTally::new(keys);
        Self { scope, filter, asked: now, keys, tally, elections, looked, tail, sight, shown, totals }
    }

    /// Adds the slices that are in memory, with what the filter selects of their rows.
    pub(super) fn begin_with(&mut self, facts: &Facts<'_>, begun: Timestamp) {
        for slice in facts.history.all().filter(|slice| slice.slice.to > begun) {
            self.begin(&facts.points.sensor_name(slice.sensor), slice.slice);
            for rows in slice.rows.chunk_by(|a, b| a.point == b.point) {
                self.add_selected(rows, slice.slice, facts.points);
            }
        }
    }

    /// True if anything that an interface sees may count.
    pub(super) fn concerns(&self, sensor: &str, interface: &str) -> bool {
        self.scope.holds(sensor, interface) && crate::report::filter::concerns(&self.filter, sensor, interface)
    }

    /// Makes the tail anew before anybody sees it: what was committed would be in both.
    pub(super) fn outdate(&mut self) {
        self.looked = Timestamp::default();
        self.shown.values_mut().for_each(|shown| shown.at = Timestamp::default());
    }

    /// A sensor's slice begins: of it the rows that are added next.
    pub(super) fn begin(&mut self, sensor: &str, slice: Interval) {
        if self.scope.holds_sensor(sensor) {
            self.tally.begin(slice);
        }
    }

    /// Adds a row that the filter selects.
    fn add(&mut self, row: &RecentRow, slice: Interval, points: &Points) {
        let counts = match &mut self.elections {
            None => row.counts,
            Some(elections) => elect(elections, row, slice),
        };
        self.tally.add(row, counts, slice, points);
    }

    /// Adds what the filter selects of a point's rows.
    pub(super) fn add_selected(&mut self, rows: &[RecentRow], slice: Interval, points: &Points) {
        let own = rows.first().and_then(|row| points.get(row.point));
        let Some(own) = own.filter(|own| self.concerns(&own.id.sensor, own.name())) else { return };
        for row in rows {
            if let Some(row) = row.selected(&self.filter, own) {
                self.add(&row, slice, points);
            }
        }
    }

    /// The mark of a row is another.
    pub(super) fn change(&mut self, row: &RecentRow, counts: bool, slice: Interval, points: &Points) {
        let own = points.get(row.point).filter(|own| self.concerns(&own.id.sensor, own.name()));
        if self.elections.is_none()
            && let Some(row) = own.and_then(|own| row.selected(&self.filter, own))
        {
            self.tally.change(&row, counts, slice, points);
        }
    }

    /// Adds what has no row in slices of one time, as far as classes tell whether the filter selects it.
    pub(super) fn add_unrowed(&mut self, slices: &[PointSlice<'_>], earlier: &Earlier, points: &Points) {
        let inside = |point: PointIndex| points.get(point).is_some_and(|own| self.concerns(&own.id.sensor, own.name()));
        let slices: Vec<PointSlice<'_>> = slices.iter().filter(|slice| inside(slice.point)).copied().collect();
        let earlier = Earlier {
            rows: earlier.rows.iter().filter(|row| inside(row.point)).copied().collect(),
            aggregated: earlier.aggregated.iter().filter(|(point, _)| inside(*point)).copied().collect(),
        };
        let mut unrowed = unrowed(&slices, &earlier, points, |_| self.filter.is_all());
        if !self.filter.is_all() {
            let own = slices.first().and_then(|slice| points.get(slice.point));
            let selects = |class: &Class| own.and_then(|own| own.selected(&self.filter, Some(*class))) == Some(true);
            unrowed.more.classes.retain(|class, _| selects(class));
            unrowed.less.classes.retain(|class, _| selects(class));
        }
        self.tally.add_unrowed(&unrowed);
    }

    /// Brings the tail of flows and the totals up to date.
    pub(super) fn look(&mut self, facts: &Facts<'_>, question: &LanQuestion<'_>) {
        if (0..FRESH).contains(&question.now.since(self.looked)) {
            return;
        }
        self.looked = question.now;
        self.sight.look(facts, question, &self.filter);
        let scene = scene(facts, question, &self.filter, &self.sight.seen);
        self.tail = question.flows.map(|wish| scene.flows(wish, &self.sight.classes)).unwrap_or_default();
        let (classes, _) = self.value();
        let mut totals = Totals::default();
        classes.rows().for_each(|(class, traffic)| totals[class.transport as usize] += traffic.total());
        for (shown, total) in self.totals.iter_mut().zip(totals) {
            *shown = greatest(*shown, total);
        }
    }

    /// The share of a point's present traffic that counts.
    pub(super) fn share(&self, point: PointIndex) -> Share {
        self.tail.share(point)
    }

    /// Brings a table up to date, by the answers to a wish for it.
    pub(super) fn show(&mut self, facts: &Facts<'_>, question: &LanQuestion<'_>, kind: Kind, wish: Option<u64>) {
        let shown = self.shown.entry(kind).or_default();
        if (0..FRESH).contains(&question.now.since(shown.at)) {
            return;
        }
        shown.at = question.now;
        self.sight.look_at(kind, facts.points);
        let scene = scene(facts, question, &self.filter, &self.sight.seen);
        let coverage = |key: &SiteKey| self.sight.coverage(kind, key);
        let mut tail = wish.map(|wish| scene.rows(kind, wish, &self.tail, coverage)).unwrap_or_default();
        for row in shown.rows.values_mut() {
            row.rate = Traffic::default();
        }
        for (key, sum) in self.tally.rows(kind) {
            let mut value = tail.remove(key).unwrap_or_default();
            value.traffic += sum.traffic;
            value.flows += sum.flows;
            value.peers = value.peers.max(sum.peers);
            value.points.extend(&sum.points);
            shown.rows.entry(*key).or_default().rise(value);
        }
        for (key, value) in tail.into_iter().filter(|(_, value)| !value.traffic.is_empty() || !value.rate.is_empty()) {
            shown.rows.entry(key).or_default().rise(value);
        }
        keep_busiest(&mut shown.rows, self.keys + self.keys / 4, |row| row.traffic.total().octets);
        self.lift(kind);
    }

    /// Raises the totals where the rows of a table have more, or where one way of its total would fall.
    fn lift(&mut self, kind: Kind) {
        // Which sensor counts what of the tail may be another one when it is committed: that is no traffic.
        if kind == Kind::Group(Group::Sensor) {
            return;
        }
        let Some(shown) = self.shown.get(&kind) else { return };
        let Traffic { inbound, outbound } = shown.least();
        let counted = if kind.both_ends() { greatest(inbound, outbound) } else { inbound + outbound };
        let lifted = [Transport::Tcp, Transport::Udp, Transport::Other].into_iter();
        // What it is of cannot be told apart any more: of most, where the table holds that.
        let most = lifted.filter(|transport| covers(kind, *transport));
        if let Some(most) = most.max_by_key(|transport| self.totals[*transport as usize].octets) {
            self.totals[most as usize] += counted - total_of(&self.totals, kind);
        }
    }

    /// A table as it is shown.
    pub(super) fn table(&mut self, kind: Kind, now: Timestamp) -> LanTable {
        let totals = self.total(now);
        let shown = self.shown.entry(kind).or_default();
        let rows = shown.rows.iter().filter(|(_, row)| !row.traffic.is_empty());
        let rows: Vec<(SiteKey, ShownRow)> = rows.map(|(key, row)| (*key, row.clone())).collect();
        let estimate = totals.of(kind, rows.iter().map(|(_, row)| row.traffic).sum());
        shown.total = at_least(shown.least(), estimate);
        LanTable { rows, total: shown.total, totals }
    }

    /// The totals as they are shown.
    pub(super) fn total(&self, now: Timestamp) -> LanTotals {
        let (mut classes, others) = self.value();
        // What is shown beyond the value stands with the busiest class.
        for transport in Transport::ALL {
            let of_transport: Vec<_> = classes.rows().filter(|(class, _)| class.transport == transport).collect();
            let counted = of_transport.iter().fold(Counters::default(), |sum, (_, traffic)| sum + traffic.total());
            let unknown =
                (Class { family: Family::Ipv4, transport, cast: traf_model::Cast::Unicast }, Traffic::default());
            let busiest = of_transport.into_iter().max_by_key(|(_, traffic)| traffic.total().octets);
            let (class, traffic) = busiest.unwrap_or(unknown);
            classes.add(class, Share::divided(self.totals[transport as usize] - counted, traffic));
        }
        let since = [self.tally.since, self.tail.since].into_iter().flatten().min();
        let nanos = self.tail.since.map_or(0, |since| now.since(since).max(0));
        LanTotals { since, classes, others, estimated: (self.tail.estimated, nanos), totals: self.totals }
    }

    /// All traffic by class, and of it what was committed without a row.
    fn value(&self) -> (Classes, HashMap<Class, (Traffic, u64)>) {
        let (mut classes, others) = (self.tally.classes.clone(), self.tally.others.clone());
        others.iter().for_each(|(class, (traffic, _))| classes.add(*class, *traffic));
        classes.merge(&self.tail.classes);
        (classes, others)
    }
}

impl LanTotals {
    /// The total of a table with these rows.
    pub(crate) fn of(&self, kind: Kind, rows: Traffic) -> Traffic {
        let all = total_of(&self.totals, kind);
        if kind.both_ends() {
            return Traffic { inbound: all, outbound: all };
        }
        let classes: Traffic =
            self.classes.rows().filter(|(class, _)| kind.covers(*class)).map(|(_, traffic)| traffic).sum();
        filled(rows, all, if kind.faces_initiators() { classes.reversed() } else { classes })
    }

    /// The total of all flows, of which some have rows.
    pub(crate) fn of_flows(&self, rows: Traffic) -> Traffic {
        let all = self.totals.iter().fold(Counters::default(), |sum, of| sum + *of);
        filled(rows, all, self.classes.rows().map(|(_, traffic)| traffic).sum())
    }
}

/// So much in all, each way at least what the rows have, and beyond them as the classes say.
fn filled(rows: Traffic, all: Counters, classes: Traffic) -> Traffic {
    at_least(rows, Share::divided(greatest(all, rows.total()), classes))
}

fn scene<'a>(facts: &Facts<'a>, question: &LanQuestion<'a>, filter: &'a Filter, seen: &'a SeenFlows) -> Scene<'a> {
    let Facts { points, history, answers } = *facts;
    Scene { points, history, answers, filter, present: question.present, seen }
}

/// The total of a table.
fn total_of(totals: &Totals, kind: Kind) -> Counters {
    let covered = Transport::ALL.into_iter().filter(|transport| covers(kind, *transport));
    covered.fold(Counters::default(), |sum, transport| sum + totals[transport as usize])
}

fn covers(kind: Kind, transport: Transport) -> bool {
    kind.covers(Class { family: Family::Ipv4, transport, cast: traf_model::Cast::Unicast })
}

impl Shown {
    /// What each way of the total is at least: what the rows have, and what it was before.
    fn least(&self) -> Traffic {
        let rows: Traffic = self.rows.values().map(|row| row.traffic).sum();
        Traffic {
            inbound: greatest(rows.inbound, self.total.inbound),
            outbound: greatest(rows.outbound, self.total.outbound),
        }
    }
}

/// A total with at least so much each way: which way what has no row went is an estimate.
fn at_least(least: Traffic, total: Traffic) -> Traffic {
    let all = total.total();
    let (inbound, most) = (greatest(total.inbound, least.inbound), all - least.outbound);
    let inbound = inbound - (inbound - most);
    Traffic { inbound, outbound: all - inbound }
}

/// The greater of both, field by field.
fn greatest(one: Counters, other: Counters) -> Counters {
    Counters {
        packets: one.packets.max(other.packets),
        octets: one.octets.max(other.octets),
        coalesced: one.coalesced.max(other.coalesced),
    }
}

/// Whether a row of a flow counts in a part of a LAN: of those that were proved to see the same whoever sees it first, until it is
/// silent.
fn elect(elections: &mut HashMap<FlowGroup, Elected>, row: &RecentRow, slice: Interval) -> bool {
    let own = Elected { point: row.point, vlan: row.key.vlan, last: slice.from };
    if elections.len() >= ELECTED && !elections.contains_key(&row.group()) {
        elections.retain(|_, elected| slice.from.since(elected.last) <= SILENT * slice.nanos());
        if elections.len() >= ELECTED {
            return true;
        }
    }
    let elected = elections.entry(row.group()).or_insert(own);
    if (elected.point, elected.vlan) == (own.point, own.vlan) {
        elected.last = elected.last.max(own.last);
        return true;
    }
    let silent = slice.from.since(elected.last) >= SILENT * slice.nanos();
    if silent {
        *elected = own;
    }
    silent
}

impl ShownRow {
    /// Takes a new value; counts never fall.
    fn rise(&mut self, value: TailSum) {
        let TailSum { traffic, rate, flows, peers, points } = value;
        self.traffic = Traffic {
            inbound: greatest(self.traffic.inbound, traffic.inbound),
            outbound: greatest(self.traffic.outbound, traffic.outbound),
        };
        (self.flows, self.peers, self.rate) = (self.flows.max(flows), self.peers.max(peers), rate);
        for point in points {
            if !self.points.contains(&point) {
                self.points.push(point);
            }
        }
    }
}
