//! Flows that are not known one by one, of several points as one: those without a row, beside those with one. Pure.
//!
//! Flows of the same ends take the same way, so of the points that have any flow in common whoever sees some of them sees all of
//! them, and the greatest count is the LAN's. Points that have none in common stand at different links: what they count adds up.
//! What rows have of it is subtracted.
//!
//! Where a flood fills a sensor's places, its keys stand for any source, and which keys of one source found a place differs from point
//! to point: there the count of the responder's port is no less than that of its parts.

use std::collections::HashMap;

use traf_model::{AggregatedFlow, FlowKey};

use super::coverage::Amount;
use super::history::RecentRow;
use super::points::{FlowId, PointIndex, Points, UNKNOWN};
use super::seen::{SeenFlow, SeenFlows};
use super::tail::ClassCoverage;

/// Flows by their ends without the source's port, and by the responder's end alone.
pub(super) struct Aggregated<'a> {
    points: &'a Points,
    /// What points see once more, by class.
    coverage: ClassCoverage,
    /// Points that have flows in common, by one of them.
    links: HashMap<PointIndex, PointIndex>,
    pairs: HashMap<FlowId, Ends>,
    responders: HashMap<FlowId, Ends>,
}

/// What points count between two ends.
struct Ends {
    /// The ends, as the first point has them that sees any of it.
    key: FlowKey,
    counts: Vec<Count>,
    /// What rows have, each byte once.
    rows: Amount,
    /// Some of it has no row.
    lacks_rows: bool,
    /// Some of it is of sources for which some point had no place.
    of_any: bool,
}

/// What one point counts between two ends.
#[derive(Clone, Copy)]
struct Count {
    point: PointIndex,
    all: Amount,
    /// Without the rows of flows that are so great that other points have rows for them.
    rest: Amount,
}

/// Flows between two ends without a row, each byte once. An unspecified source stands for any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined {
    pub(super) id: FlowId,
    pub(super) point: PointIndex,
    pub(super) key: FlowKey,
    pub(super) amount: Amount,
}

impl Ends {
    fn count(&mut self, point: PointIndex, amount: Amount, is_rest: bool) {
        // Points come one after the other.
        let place = match self.counts.last() {
            Some(last) if last.point == point => Some(self.counts.len() - 1),
            _ => self.counts.iter().position(|count| count.point == point),
        };
        let place = place.unwrap_or_else(|| {
            self.counts.push(Count { point, all: Amount::default(), rest: Amount::default() });
            self.counts.len() - 1
        });
        self.counts[place].all += amount;
        self.counts[place].rest += if is_rest { amount } else { Amount::default() };
    }
}

impl<'a> Aggregated<'a> {
    /// Of points that see flows together, and their rows.
    pub(super) fn new<'r>(seen: &SeenFlows, rows: impl Iterator<Item = &'r RecentRow>, points: &'a Points) -> Self {
        let mut links: HashMap<PointIndex, PointIndex> = HashMap::new();
        for row in rows.filter(|row| !row.counts) {
            let (elected, _) = row.elected();
            if elected != UNKNOWN && elected != row.point {
                let [one, other] = [row.point, elected].map(|point| first(&links, point));
                links.insert(one.max(other), one.min(other));
            }
        }
        let coverage = seen.class_coverage(points);
        Self { points, coverage, links, pairs: HashMap::new(), responders: HashMap::new() }
    }

    /// Adds what a point counts of flows without a row.
    pub(super) fn add(&mut self, point: PointIndex, flow: &AggregatedFlow) {
        let amount = Amount { traffic: flow.traffic, flows: flow.flows };
        for ends in self.ends(point, &flow.key) {
            ends.count(point, amount, true);
            ends.lacks_rows = true;
            ends.of_any |= flow.key.is_of_any();
        }
    }

    /// Adds a row: whether it is of a great flow, and stands for it.
    pub(super) fn add_row(&mut self, row: &RecentRow, great: bool, stands: bool) {
        let amount = Amount { traffic: row.traffic(), flows: 1 };
        for ends in self.ends(row.point, &row.key) {
            ends.count(row.point, amount, !great);
            ends.rows += if stands { amount } else { Amount::default() };
        }
    }

    /// The ends of a flow: those of its pair, and its responder's.
    fn ends(&mut self, point: PointIndex, key: &FlowKey) -> [&mut Ends; 2] {
        let Self { pairs, responders, points, .. } = self;
        [(pairs, key.aggregated()), (responders, key.from_any())].map(|(known, key)| {
            let new = || Ends { key, counts: Vec::new(), rows: Amount::default(), lacks_rows: false, of_any: false };
            known.entry(points.ends(point, &key)).or_insert_with(new)
        })
    }

    /// What has no row, by its ends.
    pub(super) fn unrowed(&self) -> Vec<Joined> {
        let lacks_rows = |(_, ends): &(&FlowId, &Ends)| ends.lacks_rows;
        let mut parts: HashMap<FlowId, Amount> = HashMap::new();
        let mut joined = Vec::new();
        for (id, ends) in self.pairs.iter().filter(lacks_rows).filter(|(_, ends)| !ends.key.is_of_any()) {
            let (point, amount) = self.joined(ends);
            *parts.entry(self.points.ends(point, &ends.key.from_any())).or_default() += amount;
            joined.push(Joined { id: *id, point, key: ends.key, amount });
        }
        for (id, ends) in self.responders.iter().filter(lacks_rows) {
            let (point, amount) = self.joined(ends);
            let amount = amount.beyond(parts.get(id).copied().unwrap_or_default());
            joined.push(Joined { id: *id, point, key: ends.key, amount });
        }
        joined.retain(|joined| joined.amount != Amount::default());
        joined
    }

    /// One of the points that see some ends, and what has no row there, once.
    fn joined(&self, ends: &Ends) -> (PointIndex, Amount) {
        let mut sum = Amount::default();
        for of_link in self.by_link(ends) {
            let most = of_link.iter().map(|count| self.once(ends, count.point, count.all)).max_by_key(Amount::octets);
            sum += most.unwrap_or_default();
        }
        (ends.counts.first().map_or(UNKNOWN, |count| count.point), sum.beyond(ends.rows))
    }

    /// Who sees the flows between two ends: those that count at least half of what is counted most. Each stands for one flow. Where
    /// sources had no place it is those of a responder: which of them had one is another matter at each point.
    pub(super) fn seen(&self) -> Vec<SeenFlow> {
        let mut seen = Vec::new();
        let known = |(_, ends): &(&FlowId, &Ends)| {
            let first = ends.counts.first().map_or(UNKNOWN, |count| count.point);
            let responder = self.responders.get(&self.points.ends(first, &ends.key.from_any()));
            responder.is_none_or(|responder| !responder.of_any)
        };
        let responders = self.responders.iter().filter(|(_, ends)| ends.of_any);
        for (id, ends) in self.pairs.iter().filter(known).chain(responders) {
            for of_link in self.by_link(ends) {
                let once = |count: &Count| (count.point, self.once(ends, count.point, count.rest).octets());
                let Some((leader, octets)) = of_link.iter().map(once).max_by_key(|(_, octets)| *octets) else {
                    continue;
                };
                let half = of_link.iter().map(once).filter(|(_, once)| *once >= octets.div_ceil(2));
                let points: Vec<PointIndex> = half.map(|(point, _)| point).collect();
                let again = of_link.iter().map(|count| (count.point, count.rest.octets() - once(count).1));
                let again = again.filter(|(_, octets)| *octets > 0).collect();
                if octets > 0 {
                    seen.push(SeenFlow { id: *id, key: ends.key, leader, points: points.into(), octets, again });
                }
            }
        }
        seen
    }

    /// What a point sees for the first time: on both sides of a router it sees everything twice.
    fn once(&self, ends: &Ends, point: PointIndex, amount: Amount) -> Amount {
        let coverage = self.coverage.get(&(self.points.site(point), ends.key.class()));
        amount.part(coverage.map(|coverage| coverage.once(point)).unwrap_or_default())
    }

    /// What the points of each link count, in rising order.
    fn by_link(&self, ends: &Ends) -> Vec<Vec<Count>> {
        let mut counts: Vec<(PointIndex, Count)> =
            ends.counts.iter().map(|count| (first(&self.links, count.point), *count)).collect();
        counts.sort_unstable_by_key(|(link, count)| (*link, count.point));
        let of_link = counts.chunk_by(|a, b| a.0 == b.0);
        of_link.map(|counts| counts.iter().map(|(_, count)| *count).collect()).collect()
    }
}

/// The first of the points that have flows in common with one.
fn first(links: &HashMap<PointIndex, PointIndex>, mut point: PointIndex) -> PointIndex {
    while let Some(other) = links.get(&point).filter(|other| **other != point) {
        point = *other;
    }
    point
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::net::IpAddr;

    use traf_model::{
        AggregatedFlow, Counters, Endpoint, Flow, GroupKey, Interface, InterfaceSummary, Timestamp, Traffic,
    };

    use super::*;
    use crate::live::history::RecentRow;
    use crate::live::tally::Kind;
    use crate::live::unrowed::{Earlier, PointSlice, Sums, unrowed};

    fn key(source: u8, port: u16, destination: u8) -> FlowKey {
        let end = |last, port| Endpoint::new([10, 0, 0, last].into(), port);
        FlowKey { protocol: 6, vlan: None, source: end(source, port), destination: end(destination, 443) }
    }

    fn traffic(packets: u64) -> Traffic {
        Traffic::outbound(Counters::new(packets, packets * 100))
    }

    fn aggregated(key: FlowKey, flows: u64) -> AggregatedFlow {
        AggregatedFlow { key, traffic: traffic(flows), flows }
    }

    type Found = HashMap<GroupKey, (u64, u64)>;

    /// What is found of points that have rows of flows, of which the first observer's count, and aggregated flows. It does not matter
    /// whether their slices come together or one after the other: then what had no row may have one now.
    fn found(of: &[(&[FlowKey], &[AggregatedFlow])]) -> Found {
        let mut points = Points::default();
        let mut parts = Vec::new();
        let mut leaders: HashMap<FlowKey, PointIndex> = HashMap::new();
        for (number, (rows, flows)) in of.iter().enumerate() {
            let interface = Interface { name: "eth0".to_owned(), ..Interface::default() };
            let point = points.learn((&format!("s{number}"), ""), &interface, None);
            let row = |key: &FlowKey| {
                let flow = Flow::new(*key, traffic(1), Timestamp(0));
                let leader = *leaders.entry(*key).or_insert(point);
                RecentRow::new(&flow, points.flow(point, &flow), point, (leader, None), leader == point)
            };
            let rows: Vec<RecentRow> = rows.iter().map(row).collect();
            let all = flows.iter().map(|flow| (flow.traffic, flow.flows));
            let other_flows = all.map(|(traffic, flows)| (key(1, 1, 1).class(), traffic, flows)).collect();
            let summary =
                InterfaceSummary { aggregated_flows: flows.to_vec(), other_flows, ..InterfaceSummary::default() };
            parts.push((point, rows, summary));
        }
        let slices: Vec<PointSlice<'_>> =
            parts.iter().map(|(point, rows, summary)| PointSlice { point: *point, rows, summary }).collect();
        let is_group = |kind| matches!(kind, Kind::Group(_));
        let mut together = Found::new();
        let joined = unrowed(&slices, &Earlier::default(), &points, is_group);
        add(&mut together, &joined.more, 1);
        let (mut earlier, mut apart) = (Earlier::default(), Found::new());
        for slice in &slices {
            let joined = unrowed(&[*slice], &earlier, &points, is_group);
            add(&mut apart, &joined.more, 1);
            add(&mut apart, &joined.less, -1);
            earlier.rows.extend(slice.rows);
            earlier.aggregated.extend(slice.summary.aggregated_flows.iter().map(|flow| (slice.point, *flow)));
        }
        apart.retain(|_, sum| *sum != (0, 0));
        assert_eq!(apart, together, "one after the other, and together");
        together
    }

    fn add(found: &mut Found, sums: &Sums, sign: i64) {
        for ((_, (_, key)), amount) in &sums.keys {
            let (packets, flows) = found.entry(key.group().unwrap()).or_default();
            *packets = packets.strict_add_signed(sign * amount.traffic.total().packets as i64);
            *flows = flows.strict_add_signed(sign * amount.flows as i64);
        }
    }

    #[test]
    fn what_one_point_has_rows_of_and_another_has_not_counts_once() {
        // A mirror and both ends of ten flows: each has rows of others.
        let flows: Vec<FlowKey> = (0..10).map(|port| key(1, 1_000 + port, 2)).collect();
        let rest = |rows: u64| [aggregated(key(1, 0, 2), 10 - rows)];
        let found = found(&[(&flows[..2], &rest(2)), (&flows[1..4], &rest(3)), (&flows[..1], &rest(1))]);
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let six = (6, 6);
        let wanted = [
            (GroupKey::Address(address(2)), six),
            (GroupKey::Port(6, 443), six),
            (GroupKey::Pair(address(1), address(2)), six),
        ];
        assert_eq!(found, wanted.into());
    }

    #[test]
    fn keys_that_only_one_point_sees_add_up() {
        let found = found(&[(&[], &[aggregated(key(1, 0, 9), 5)]), (&[], &[aggregated(key(2, 0, 9), 7)])]);
        assert_eq!(found[&GroupKey::Address([10, 0, 0, 9].into())], (12, 12));
    }

    #[test]
    fn a_flood_of_which_each_point_has_other_keys_counts_once() {
        // Of a thousand sources each point has places for three.
        let of = |first: u8| -> Vec<AggregatedFlow> {
            let own = (first..first + 3).map(|source| aggregated(key(source, 0, 9), 1));
            own.chain([aggregated(key(0, 0, 9).from_any(), 997)]).collect()
        };
        let common = [key(9, 1, 9)];
        let found = found(&[(&common, &of(10)), (&common, &of(20))]);
        assert_eq!(found[&GroupKey::Address([10, 0, 0, 9].into())], (1_000, 1_000));
        assert_eq!(found[&GroupKey::Port(6, 443)], (1_000, 1_000));
        assert_eq!(found.keys().filter(|key| matches!(key, GroupKey::Pair(..))).count(), 6);
    }
}
