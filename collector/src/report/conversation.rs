//! Flows of several slices and observation points become conversations, and each is counted once.
//!
//! ```text
//! record ─► SharedFlow ─► its observer's conversation ─┬─ joined with another observer's where that is proved ─► JoinedFlow
//!                         (the same beginning, or the  │
//!                         later record has none)       └─ without proof each counts
//! ```
//!
//! Two observers saw the same packets where the evidence of their rows says so, where that was proved in an earlier live list
//! ([`Elected`]), or where the store has decided so. Rows whose evidence is not at hand are joined by their marks: at one time one of
//! them at most counts, for two that count in one slice were not proved to be the same.
//!
//! Which observer counts: in the past whose rows carry the mark; where the marks do not say (live, or a part of a LAN), the
//! fullest, who keeps it while it is nearly so.

mod elected;
mod sighting;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use foldhash::quality::RandomState;
use traf_model::{Flow, Merge as _, Traffic};

pub(crate) use self::elected::Elected;
use self::elected::Member;
pub(crate) use self::sighting::Sighting;
use super::point::{ObservationPoint, Share, scopes};
use super::primary::SharedFlow;

/// Conversations that are held at a time, of one table or of the same ends; what comes after them is only in the total.
const CAPACITY: usize = 500_000;

/// Conversations in the making.
pub(crate) struct Conversations<'a> {
    points: &'a [ObservationPoint],
    scopes: Vec<(usize, usize)>,
    /// Several points see the same: ends are what counts, not who saw them or in which VLAN.
    several: bool,
    flows: HashMap<SharedFlow, Vec<Conversation>, RandomState>,
    number: usize,
    /// Of each point.
    shares: Vec<Share>,
    overflow: Overflow,
}

/// Records beyond the capacity: traffic that counts, and their number.
pub(crate) type Overflow = (Traffic, u64);

/// What says which observer of a conversation counts.
pub(crate) enum Counting<'e> {
    /// The marks of the rows.
    Marks,
    /// Their traffic, and who counted before where that is remembered.
    Fullest(Option<&'e mut Elected>),
}

/// A conversation, by observer.
#[derive(Default)]
struct Conversation {
    seen: Vec<Sighting>,
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

impl<'a> Conversations<'a> {
    pub(crate) fn new(points: &'a [ObservationPoint]) -> Self {
        let several = points.len() > 1;
        let (flows, shares) = (HashMap::default(), vec![Share::default(); points.len()]);
        Self { points, scopes: scopes(points), several, flows, number: 0, shares, overflow: Overflow::default() }
    }

    /// Adds a record of an observation point. Those of the past come in the order of their slices.
    pub(crate) fn add(&mut self, record: Sighting) {
        let Some((site, host)) = self.scopes.get(record.point).copied() else { return };
        let (place, flow) = ((host as i64, record.point as i64), &record.flow);
        let mut ends = SharedFlow::new(site as i64, place, &self.points[record.point].interface, flow);
        if !self.several {
            ends.flow = flow.key.canonical();
        }
        let all = self.flows.entry(ends).or_default();
        let before = all.len();
        // The newest first: a port used again belongs to its last conversation.
        let known = all.iter().rposition(|known| known.goes_on(&record));
        let known = known.or_else(|| all.iter().rposition(|known| known.meets(&record)));
        if known.is_none() && self.number >= CAPACITY {
            let counts = if self.several { record.marked } else { record.flow.traffic };
            return self.overflow.merge((counts, 1));
        }
        let mut joined = known.map(|known| all.remove(known)).unwrap_or_default();
        // Whom it proves to have seen the same.
        for other in all.extract_if(.., |other| other.is_proved_by(&record)) {
            other.seen.into_iter().for_each(|seen| joined.join(seen));
        }
        joined.join(record);
        // Mostly one: a vector would take room for four.
        all.reserve_exact(1);
        all.push(joined);
        self.number = self.number + all.len() - before;
    }

    /// Joins what was proved in an earlier list.
    pub(crate) fn recall(&mut self, elected: &Elected) {
        self.join_by(|ends, seen| elected.group(ends, &Member::of(seen)));
    }

    /// Joins what the store has decided to be the same: `proven` says who stands for those that see what a point sees of a flow.
    pub(crate) fn decide<Observer: PartialEq>(&mut self, proven: impl Fn(usize, &Flow) -> Option<Observer>) {
        self.join_by(|_, seen| proven(seen.point, &seen.flow));
    }

    /// Joins conversations of equal ends that have records of one group.
    fn join_by<Group: PartialEq>(&mut self, group: impl Fn(&SharedFlow, &Sighting) -> Option<Group>) {
        for (ends, all) in self.flows.iter_mut().filter(|(_, all)| all.len() > 1) {
            let groups = |known: &Conversation| known.seen.iter().filter_map(|seen| group(ends, seen)).collect();
            let mut groups: Vec<Vec<Group>> = all.iter().map(groups).collect();
            for place in (1..all.len()).rev() {
                let own = |earlier: &Vec<Group>| earlier.iter().any(|group| groups[place].contains(group));
                let Some(earlier) = groups[..place].iter().position(own) else { continue };
                let (more, joined) = (groups.remove(place), all.remove(place));
                groups[earlier].extend(more);
                joined.seen.into_iter().for_each(|seen| all[earlier].join(seen));
            }
        }
    }

    /// Counts each once and hands it to `take`, so that two forms of all of them are never in memory. Those of which nothing counts
    /// here are left out. Returns the shares of the points, and what found no room.
    pub(crate) fn finish(mut self, counting: Counting<'_>, take: impl FnMut(JoinedFlow)) -> (Vec<Share>, Overflow) {
        self.count(counting, take);
        (self.shares, self.overflow)
    }

    /// The same of those that are here so far, and forgets them: what is added later has other ends.
    pub(crate) fn count(&mut self, mut counting: Counting<'_>, mut take: impl FnMut(JoinedFlow)) {
        let mut newly = matches!(counting, Counting::Fullest(Some(_))).then(|| Elected::of(self.points));
        self.number = 0;
        for (ends, conversations) in std::mem::take(&mut self.flows) {
            for conversation in conversations {
                for seen in &conversation.seen {
                    let share = &mut self.shares[seen.point];
                    share.seen = share.seen.saturating_add(seen.flow.traffic.total().octets);
                }
                let once = match &counting {
                    Counting::Marks => conversation.marked(),
                    Counting::Fullest(None) => conversation.fullest(self.points, None),
                    Counting::Fullest(Some(last)) => {
                        let members: Vec<Member> = conversation.seen.iter().map(Member::of).collect();
                        let once = conversation.fullest(self.points, last.counted(&ends, &members));
                        if let (true, [(point, _)], Some(newly)) = (self.several, &once.by[..], &mut newly) {
                            newly.note(ends, members, *point);
                        }
                        once
                    }
                };
                for (point, traffic) in &once.by {
                    let share = &mut self.shares[*point];
                    share.counted = share.counted.saturating_add(traffic.total().octets);
                }
                if !once.flow.traffic.is_empty() {
                    take(once);
                }
            }
        }
        if let (Counting::Fullest(Some(elected)), Some(newly)) = (&mut counting, newly) {
            **elected = newly;
        }
    }
}

impl Conversation {
    /// True if an observer of it goes on.
    fn goes_on(&self, record: &Sighting) -> bool {
        self.seen.iter().find(|seen| seen.is_of(record)).is_some_and(|seen| seen.goes_on(record))
    }

    /// True if the marks say that another observer sees it too: at the same time, and not counted beside one of it in the same
    /// slice.
    fn meets(&self, record: &Sighting) -> bool {
        !record.has_evidence()
            && !self.seen.iter().any(|seen| seen.is_of(record) || seen.counts_beside(record))
            && self.seen.iter().any(|seen| seen.overlaps(record))
    }

    /// True if evidence says that another observer of it saw the packets of a record.
    fn is_proved_by(&self, record: &Sighting) -> bool {
        record.has_evidence() && self.seen.iter().any(|seen| !seen.is_of(record) && seen.is_proved_by(record))
    }

    fn join(&mut self, seen: Sighting) {
        match self.seen.iter_mut().find(|known| known.is_of(&seen)) {
            Some(known) => known.add(seen),
            None => {
                // Mostly one or two: a vector would take room for four.
                self.seen.reserve_exact(1);
                self.seen.push(seen);
            }
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

    /// Counts the fullest, or the point that counted last when it is nearly so. Who no longer speaks counts only when nobody else
    /// does.
    fn fullest(self, points: &[ObservationPoint], last: Option<usize>) -> JoinedFlow {
        let fresh = self.seen.iter().any(|seen| points[seen.point].fresh);
        let octets = |seen: &Sighting| seen.flow.traffic.total().octets;
        let weight =
            |seen: &Sighting| if fresh && !points[seen.point].fresh { 0 } else { octets(seen).saturating_add(1) };
        let mut chosen = self.best(weight);
        if let Some(kept) = self.seen.iter().position(|seen| Some(seen.point) == last)
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
