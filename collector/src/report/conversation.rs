//! Flows of several slices and observation points become conversations, and each is counted once.
//!
//! Two records are one conversation when the same observer reports them with the same beginning (or the later has none), or
//! when two observers of one site see the same ends talk at the same time, unless both count in one slice: then nothing proves
//! that they saw the same packets. Which observer counts: in the past whose rows
//! carry the mark; where the marks do not say (live, or a part of a LAN), the fullest, who keeps it while it is nearly so.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Flow, Half, Merge as _, Traffic};

use super::point::{ObservationPoint, Share, scopes};
use super::primary::SharedFlow;

/// Clocks of two points, and the moments at which they first see a conversation, may differ by this.
const APART: i64 = 5 * SECOND;
/// Nanoseconds of a slice.
const SLICE: i64 = 10 * SECOND;
/// Conversations of one table; what comes after them is only in the total.
const CAPACITY: usize = 500_000;

/// The observer that counted last time, by conversation.
#[derive(Debug, Default)]
pub(crate) struct Elected(HashMap<SharedFlow, traf_model::Point>);

/// Conversations in the making.
pub(crate) struct Conversations<'a> {
    points: &'a [ObservationPoint],
    scopes: Vec<(usize, usize)>,
    /// Several points see the same: ends are what counts, not who saw them or in which VLAN.
    several: bool,
    flows: HashMap<SharedFlow, Vec<Conversation>>,
    count: usize,
    overflow: Overflow,
}

/// Records beyond the capacity: traffic that counts, and their number.
pub(crate) type Overflow = (Traffic, u64);

struct Conversation {
    seen: Vec<Sighting>,
}

/// One observer's record of a conversation, in its own orientation.
struct Sighting {
    point: usize,
    flow: Flow,
    rate: Traffic,
    /// Of its rows those that are marked.
    marked: Traffic,
    /// Slot of the last one of them.
    counted: Option<i64>,
}

/// A conversation, counted once.
pub(crate) struct JoinedFlow {
    /// Of whom it was counted.
    pub(crate) flow: Flow,
    pub(crate) rate: Traffic,
    /// By whom, and how much of each.
    pub(crate) by: Vec<(usize, Traffic)>,
    /// Its observers.
    pub(crate) observed_by: Vec<usize>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct JoinedFlows {
    pub(crate) rows: Vec<JoinedFlow>,
    /// By point.
    pub(crate) shares: Vec<Share>,
    pub(crate) overflow: Overflow,
}

impl<'a> Conversations<'a> {
    pub(crate) fn new(points: &'a [ObservationPoint]) -> Self {
        let several = points.len() > 1;
        Self { points, scopes: scopes(points), several, flows: HashMap::new(), count: 0, overflow: Overflow::default() }
    }

    /// Adds what a point says; in the past, whether that row is marked.
    pub(crate) fn add(&mut self, point: usize, rate: Traffic, flow: Flow, marked: bool) {
        let Some((site, host)) = self.scopes.get(point).copied() else { return };
        let place = (host as i64, point as i64);
        let mut ends = SharedFlow::new(site as i64, place, &self.points[point].interface, &flow);
        if !self.several {
            ends.flow = flow.key.canonical();
        }
        let conversations = self.flows.entry(ends).or_default();
        // The newest first: a port used again belongs to its last conversation.
        let place = conversations.iter().rposition(|known| known.goes_on(point, &flow));
        let place = place.or_else(|| conversations.iter().rposition(|known| known.meets(point, &flow, marked)));
        if let Some(known) = place.and_then(|place| conversations.get_mut(place)) {
            known.join(Sighting::new(point, rate, flow, marked));
        } else if self.count < CAPACITY {
            self.count += 1;
            conversations.push(Conversation { seen: vec![Sighting::new(point, rate, flow, marked)] });
        } else {
            self.overflow.merge((if marked || !self.several { flow.traffic } else { Traffic::default() }, 1));
        }
    }

    /// Counts each once: of the observer that is the fullest, or was elected last time and is nearly so; without `elected` the
    /// rows that carry the mark. Those of which nothing counts here are left out.
    pub(crate) fn finish(self, elected: Option<&mut Elected>) -> JoinedFlows {
        let mut rows = Vec::with_capacity(self.count);
        let mut shares = vec![Share::default(); self.points.len()];
        let mut newly = HashMap::new();
        for (ends, conversations) in self.flows {
            for conversation in conversations {
                for seen in &conversation.seen {
                    let share = &mut shares[seen.point];
                    share.seen = share.seen.saturating_add(seen.flow.traffic.total().octets);
                }
                let once = match &elected {
                    None => conversation.marked(),
                    Some(last) => {
                        let once = conversation.fullest(self.points, last.0.get(&ends));
                        if let (true, [(point, _)]) = (self.several, &once.by[..]) {
                            newly.insert(ends, self.points[*point].id.clone());
                        }
                        once
                    }
                };
                for (point, traffic) in &once.by {
                    let share = &mut shares[*point];
                    share.counted = share.counted.saturating_add(traffic.total().octets);
                }
                if !once.flow.traffic.is_empty() {
                    rows.push(once);
                }
            }
        }
        if let Some(elected) = elected {
            elected.0 = newly;
        }
        JoinedFlows { rows, shares, overflow: self.overflow }
    }
}

impl Conversation {
    /// True if an observer of it goes on.
    fn goes_on(&self, point: usize, flow: &Flow) -> bool {
        let own = self.seen.iter().find(|seen| seen.is_of(point, flow));
        own.is_some_and(|seen| seen.flow.first == flow.first || (!flow.complete && flow.first > seen.flow.first))
    }

    /// True if another observer sees it too: at the same time, and not counted beside one of it in the same slice. Two that count
    /// were not proved to see the same packets.
    fn meets(&self, point: usize, flow: &Flow, marked: bool) -> bool {
        let overlaps =
            |seen: &Sighting| flow.first.since(seen.flow.last) <= APART && seen.flow.first.since(flow.last) <= APART;
        let counts = |seen: &Sighting| marked && seen.counted == Some(slot(flow));
        !self.seen.iter().any(|seen| seen.is_of(point, flow) || counts(seen)) && self.seen.iter().any(overlaps)
    }

    fn join(&mut self, seen: Sighting) {
        match self.seen.iter_mut().find(|known| known.is_of(seen.point, &seen.flow)) {
            Some(known) => known.add(seen),
            None => self.seen.push(seen),
        }
    }

    /// Counts what is marked.
    fn marked(self) -> JoinedFlow {
        let chosen = self.best(|seen| seen.marked.total().octets);
        let orient = |seen: &Sighting| seen.turned(seen.marked, &self.seen[chosen].flow);
        let by: Vec<(usize, Traffic)> =
            self.seen.iter().filter(|seen| !seen.marked.is_empty()).map(|seen| (seen.point, orient(seen))).collect();
        let rate = self.seen[chosen].rate;
        self.once(chosen, rate, by)
    }

    /// Counts the fullest, or `last` when it is nearly so. Who no longer speaks counts only when nobody else does.
    fn fullest(self, points: &[ObservationPoint], last: Option<&traf_model::Point>) -> JoinedFlow {
        let fresh = self.seen.iter().any(|seen| points[seen.point].fresh);
        let octets = |seen: &Sighting| seen.flow.traffic.total().octets;
        let weight =
            |seen: &Sighting| if fresh && !points[seen.point].fresh { 0 } else { octets(seen).saturating_add(1) };
        let mut chosen = self.best(weight);
        if let Some(last) = last
            && let Some(kept) = self.seen.iter().position(|seen| points[seen.point].id == *last)
            && weight(&self.seen[kept]) >= weight(&self.seen[chosen]) / 10 * 9
            && weight(&self.seen[kept]) > 0
        {
            chosen = kept;
        }
        let Sighting { point, flow, rate, .. } = &self.seen[chosen];
        let (rate, by) = (*rate, vec![(*point, flow.traffic)]);
        self.once(chosen, rate, by)
    }

    /// The first of the greatest weight.
    fn best(&self, weight: impl Fn(&Sighting) -> u64) -> usize {
        let first = |place: &usize| (std::cmp::Reverse(weight(&self.seen[*place])), self.seen[*place].point);
        (0..self.seen.len()).min_by_key(first).unwrap_or(0)
    }

    fn once(self, chosen: usize, rate: Traffic, by: Vec<(usize, Traffic)>) -> JoinedFlow {
        let mut flow = self.seen[chosen].flow;
        flow.traffic = by.iter().map(|(_, traffic)| *traffic).sum();
        for seen in &self.seen {
            flow.first = flow.first.min(seen.flow.first);
            if seen.flow.last > flow.last {
                (flow.last, flow.state) = (seen.flow.last, seen.flow.state);
            }
            flow.complete |= seen.flow.complete;
            flow.own |= seen.flow.own;
        }
        let observed_by = self.seen.iter().map(|seen| seen.point).collect();
        JoinedFlow { flow, rate, by, observed_by }
    }
}

impl Sighting {
    fn new(point: usize, rate: Traffic, flow: Flow, marked: bool) -> Self {
        let counted = marked.then(|| slot(&flow));
        let marked = if marked { flow.traffic } else { Traffic::default() };
        Self { point, flow, rate, marked, counted }
    }

    /// True if it is the record of an observer.
    fn is_of(&self, point: usize, flow: &Flow) -> bool {
        self.point == point && self.flow.key.vlan == flow.key.vlan
    }

    /// A later record of the same observer.
    fn add(&mut self, later: Self) {
        let Self { mut flow, rate, .. } = later;
        self.rate += later.turned(rate, &self.flow);
        self.marked += later.turned(later.marked, &self.flow);
        self.counted = self.counted.max(later.counted);
        if later.is_turned(&self.flow) {
            flow.traffic = flow.traffic.reversed();
            (flow.key, flow.forward, flow.reverse) = (flow.key.reversed(), flow.reverse, flow.forward);
        }
        self.flow.traffic += flow.traffic;
        if flow.last >= self.flow.last {
            (self.flow.forward, self.flow.reverse) =
                (after(self.flow.forward, flow.forward), after(self.flow.reverse, flow.reverse));
            (self.flow.state, self.flow.last) = (flow.state, flow.last);
        }
        self.flow.first = self.flow.first.min(flow.first);
        self.flow.complete |= flow.complete;
        self.flow.own |= flow.own;
    }

    /// Two observers may not agree on who began.
    fn is_turned(&self, other: &Flow) -> bool {
        (self.flow.key.source, self.flow.key.destination) != (other.key.source, other.key.destination)
    }

    fn turned(&self, traffic: Traffic, other: &Flow) -> Traffic {
        if self.is_turned(other) { traffic.reversed() } else { traffic }
    }
}

/// Number of the slice that a row is of: its last packet lies in it.
fn slot(flow: &Flow) -> i64 {
    flow.last.0.div_euclid(SLICE)
}

/// The later record of a direction; flags seen stay seen, and a direction that was silent keeps what is known of it.
fn after(known: Half, mut newer: Half) -> Half {
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
    use traf_model::{Counters, Endpoint, Evidence, FlowKey, FlowState, Interface, Timestamp};

    use super::*;

    fn points(sites: &[&str]) -> Vec<ObservationPoint> {
        let interface = Interface { name: "eth0".to_owned(), ..Interface::default() };
        let point = |(number, site): (usize, &&str)| {
            ObservationPoint::new((&format!("s{number}"), site), &interface, true, None)
        };
        sites.iter().enumerate().map(point).collect()
    }

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
            evidence: Evidence::NONE,
        }
    }

    fn turned(flow: Flow) -> Flow {
        Flow { key: flow.key.reversed(), traffic: flow.traffic.reversed(), ..flow }
    }

    /// Octets, who counts, who saw; most octets first.
    fn count(
        points: &[ObservationPoint],
        elected: Option<&mut Elected>,
        records: &[(usize, Flow, bool)],
    ) -> Vec<(u64, Vec<usize>, Vec<usize>)> {
        let mut all = Conversations::new(points);
        records.iter().for_each(|(point, flow, marked)| all.add(*point, Traffic::default(), *flow, *marked));
        let mut rows: Vec<_> = all
            .finish(elected)
            .rows
            .into_iter()
            .map(|once| {
                let by = once.by.iter().map(|(point, _)| *point).collect();
                (once.flow.traffic.total().octets, by, once.observed_by)
            })
            .collect();
        rows.sort_by(|a, b| b.cmp(a));
        rows
    }

    #[test]
    fn slices_of_one_conversation_are_one_row_and_a_port_used_again_is_another() {
        let rest = Flow { complete: false, ..flow(40, 45, 7) };
        let records =
            [(0, flow(0, 5, 10), true), (0, flow(0, 15, 20), true), (0, flow(16, 18, 5), true), (0, rest, true)];
        let rows = count(&points(&[""]), None, &records);
        assert_eq!(rows, [(30, vec![0], vec![0]), (12, vec![0], vec![0])]);
    }

    #[test]
    fn of_two_that_see_one_conversation_the_marked_rows_count_even_turned_around() {
        let records =
            [(0, flow(0, 5, 10), true), (1, turned(flow(1, 6, 11)), false), (1, turned(flow(1, 16, 9)), true)];
        let rows = count(&points(&["", ""]), None, &records);
        assert_eq!(rows, [(19, vec![0, 1], vec![0, 1])]);
    }

    #[test]
    fn two_that_both_count_in_a_slice_are_two_conversations() {
        // Equal addresses on two links: in a hundred slices, and two thousand pairs of ends.
        let ends = |flow: Flow, port| {
            let mut flow = flow;
            flow.key.source.port = port;
            flow
        };
        let mut records = Vec::new();
        for slice in 0..100 {
            for port in 0..2_000 {
                let of = |octets| ends(flow(0, slice * 10 + 5, octets), port);
                records.extend([(0, of(10), true), (1, of(7), true)]);
            }
        }
        let rows = count(&points(&["", ""]), None, &records);
        assert_eq!(rows.len(), 4_000);
        assert!(rows[..2_000].iter().all(|row| *row == (1_000, vec![0], vec![0])));
        assert!(rows[2_000..].iter().all(|row| *row == (700, vec![1], vec![1])));
    }

    #[test]
    fn without_marks_the_fullest_counts_and_keeps_it_while_it_is_nearly_so() {
        let (points, mut elected) = (points(&["", ""]), Elected::default());
        let mut who = |a: u64, b: u64| {
            let records = [(0, flow(0, 5, a), false), (1, flow(0, 5, b), false)];
            count(&points, Some(&mut elected), &records)[0].clone()
        };
        assert_eq!(who(100, 99), (100, vec![0], vec![0, 1]));
        assert_eq!(who(200, 210), (200, vec![0], vec![0, 1]));
        assert_eq!(who(200, 300), (300, vec![1], vec![0, 1]));
    }

    #[test]
    fn who_no_longer_speaks_gives_way_to_who_does() {
        let mut points = points(&["", ""]);
        points[0].fresh = false;
        let records = [(0, flow(0, 5, 100), false), (1, flow(0, 5, 90), false)];
        assert_eq!(count(&points, Some(&mut Elected::default()), &records), [(90, vec![1], vec![0, 1])]);
    }

    #[test]
    fn sites_are_apart_and_so_is_what_never_leaves_its_host() {
        let records = [(0, flow(0, 5, 10), true), (1, flow(0, 5, 20), true)];
        assert_eq!(count(&points(&["a", "b"]), None, &records).len(), 2);
        let home = |octets| {
            let mut flow = flow(0, 5, octets);
            (flow.key.source.address, flow.key.destination.address) = ([127, 0, 0, 1].into(), [127, 0, 0, 1].into());
            flow
        };
        let records = [(0, home(10), true), (1, home(20), true)];
        assert_eq!(count(&points(&["", ""]), None, &records).len(), 2);
    }

    #[test]
    fn one_vlan_of_a_trunk_counts_in_a_lan_and_both_at_the_trunk_itself() {
        let tagged = |vlan, octets| {
            let mut flow = flow(0, 5, octets);
            flow.key.vlan = Some(vlan);
            flow
        };
        let records = [(0, tagged(7, 10), true), (0, tagged(9, 10), false)];
        assert_eq!(count(&points(&["", ""]), None, &records), [(10, vec![0], vec![0, 0])]);
        let alone = count(&points(&[""]), Some(&mut Elected::default()), &records);
        assert_eq!(alone.iter().map(|(octets, ..)| octets).sum::<u64>(), 20);
    }
}
