//! The busiest flows of a slice as points name them, each once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use traf_model::{Flow, FlowKey, Timestamp};

use super::answers::TailFlow;
use super::coverage::Amount;
use super::points::{FlowId, PointIndex};
use super::seen::SeenFlow;
use super::tail::Scene;
use crate::report::primary::{RowEvidence, same};

/// A flow that one or several points name.
pub(super) struct NamedFlow {
    /// The point that has most of it, or whose rows count; the flow's ends and its count there.
    pub(super) point: PointIndex,
    pub(super) key: FlowKey,
    pub(super) amount: Amount,
    /// It is not counted already, by a committed slice.
    counts: bool,
    /// No committed slice knows it.
    is_new: bool,
    /// As each point that sees it counts it.
    seen: Vec<(PointIndex, FlowKey, Amount)>,
}

/// Names the flows of a slice.
pub(super) struct Namer<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) wish: u64,
    /// The slice; `None` for the present second.
    pub(super) start: Option<Timestamp>,
    pub(super) points: &'a [(PointIndex, Timestamp)],
    /// Points that have committed the slice.
    pub(super) before: &'a [PointIndex],
}

/// Octets from which on each of the points names all flows: of those that began before its slice, and in it.
struct Least(Vec<(PointIndex, Timestamp, [u64; 2])>);

/// A flow as a point names it.
type Named = (PointIndex, TailFlow);

impl NamedFlow {
    /// Hands over the flow once, if it counts.
    pub(super) fn once(&self, mut take: impl FnMut(&FlowKey, Amount)) {
        if self.counts {
            take(&self.key, self.amount);
        }
    }

    /// Hands over the flow as each point counts it.
    pub(super) fn each(&self, mut take: impl FnMut(PointIndex, &FlowKey, Amount)) {
        self.seen.iter().for_each(|(point, key, amount)| take(*point, key, *amount));
    }

    /// The points that see it, if no committed slice says so.
    pub(super) fn news(&self) -> Option<Arc<[PointIndex]>> {
        self.is_new.then(|| {
            let mut points: Vec<PointIndex> = self.seen.iter().map(|(point, ..)| *point).collect();
            points.sort_unstable();
            points.into()
        })
    }
}

/// True if two points that report a flow of the same ends saw the same packets. Live rows do not say of which generation their
/// digests are: those of different keys do not agree anyway.
fn joined(one: &Flow, other: &Flow) -> bool {
    same(&RowEvidence::new(one, 1), &RowEvidence::new(other, 1))
}

impl Namer<'_> {
    pub(super) fn named(&self) -> Vec<NamedFlow> {
        let mut reports: BTreeMap<FlowId, Vec<Named>> = BTreeMap::new();
        for (point, start) in self.points {
            let answer = self.scene.answers.at(*point, self.wish, *start);
            for flow in answer.into_iter().flat_map(|answer| &answer.flows) {
                let reports = reports.entry(flow.id).or_default();
                match reports.last_mut().filter(|(last, _)| last == point) {
                    // Ends that are used again are one flow to the others.
                    Some((_, sum)) => {
                        sum.flow.traffic += flow.flow.traffic;
                        sum.rate += flow.rate;
                    }
                    None => reports.push((*point, *flow)),
                }
            }
        }
        let (committed, least) = (self.committed(), self.least());
        let mut named = Vec::new();
        for (id, mut left) in reports {
            let mut idle = None;
            for flow in self.scene.seen.of(id) {
                let members: Vec<Named> = left.extract_if(.., |(point, _)| flow.points.contains(point)).collect();
                if members.is_empty() {
                    idle = Some(flow);
                } else {
                    named.push(self.flow(&members, Some(flow), &least));
                }
            }
            // A flow that nobody sees any more where it was seen has moved here.
            while let Some(first) = left.first().copied() {
                let members: Vec<Named> = left
                    .extract_if(.., |(point, flow)| *point == first.0 || joined(&flow.flow, &first.1.flow))
                    .collect();
                if left
                    .iter()
                    .any(|(other, _)| members.iter().any(|(point, _)| self.scene.seen.see_together(*point, *other)))
                {
                    // Nothing is proven of it yet, perhaps because their answers are not of one moment: it is left to the shares.
                    break;
                }
                let known = idle.take();
                if known.is_some() || !least.may_be_unnamed(&members) {
                    let mut flow = self.flow(&members, known, &least);
                    flow.counts &= !committed.contains(&id);
                    named.push(flow);
                }
            }
        }
        named
    }

    /// Flows of the slice that points have committed, where others have not.
    fn committed(&self) -> HashSet<FlowId> {
        let slices = self.scene.history.all().filter(|slice| Some(slice.slice.from) == self.start);
        let slices = slices.filter(|_| !self.before.is_empty());
        slices.flat_map(|slice| &slice.rows).map(|row| row.flow).collect()
    }

    /// One flow, as its points report it and as the committed slices know it.
    fn flow(&self, members: &[Named], known: Option<&SeenFlow>, least: &Least) -> NamedFlow {
        let octets = |named: &Named| named.1.flow.traffic.total().octets;
        let most = members.iter().max_by_key(|named| octets(named)).copied().unwrap_or(members[0]);
        let leads = known.and_then(|flow| members.iter().copied().find(|(point, _)| *point == flow.leader));
        let (point, _) = leads.unwrap_or(most);
        let mut seen: Vec<(PointIndex, FlowKey, Amount)> =
            members.iter().map(|(point, flow)| (*point, flow.flow.key, self.amount(flow))).collect();
        // Others see it and do not name it, because they name greater ones.
        let silent = known.into_iter().flat_map(|flow| flow.points.iter().copied());
        let silent = silent.filter(|point| members.iter().all(|(other, _)| other != point));
        let silent = silent.filter(|point| least.of(*point, &most.1).is_some_and(|least| octets(&most) < least));
        seen.extend(silent.map(|point| (point, most.1.flow.key, self.amount(&most.1))));
        NamedFlow {
            point,
            key: most.1.flow.key,
            amount: self.amount(&most.1),
            counts: known.is_none_or(|flow| !self.before.contains(&flow.leader)),
            is_new: known.is_none(),
            seen,
        }
    }

    /// What a flow counted in the slice, or counts in a second.
    fn amount(&self, flow: &TailFlow) -> Amount {
        match self.start {
            Some(start) => Amount { traffic: flow.flow.traffic, flows: u64::from(flow.flow.first >= start) },
            None => Amount { traffic: flow.rate, flows: 0 },
        }
    }

    /// From answers; others may have counted a little less of a flow by now.
    fn least(&self) -> Least {
        let of = |(point, start): &(PointIndex, Timestamp)| {
            let answer = self.scene.answers.at(*point, self.wish, *start)?;
            Some((*point, *start, answer.least.map(|least| least.saturating_add(least / 4))))
        };
        Least(self.points.iter().filter_map(of).collect())
    }
}

impl Least {
    /// True if a point may see a new flow that it does not name: then it is left to the shares.
    fn may_be_unnamed(&self, members: &[Named]) -> bool {
        let octets = |named: &Named| named.1.flow.traffic.total().octets;
        let Some(most) = members.iter().max_by_key(|named| octets(named)) else { return false };
        let mut others = self.0.iter().filter(|(other, ..)| members.iter().all(|(point, _)| point != other));
        others.any(|other| octets(most) < Self::in_slice(other, &most.1))
    }

    /// Of a point, for a flow that began before its slice or in it. `None` if the point says nothing.
    fn of(&self, point: PointIndex, flow: &TailFlow) -> Option<u64> {
        let place = self.0.binary_search_by_key(&point, |(point, ..)| *point).ok()?;
        Some(Self::in_slice(&self.0[place], flow))
    }

    fn in_slice((_, start, least): &(PointIndex, Timestamp, [u64; 2]), flow: &TailFlow) -> u64 {
        least[usize::from(flow.flow.first >= *start)]
    }
}
