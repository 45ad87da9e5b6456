//! LANs as they are now: what was committed of them, what their sensors answer, and the sums of each scope and filter.

use traf_model::time::SECOND;
use traf_model::{Filter, Flow, InterfaceSnapshot, InterfaceSummary, Scope, Settings, Timestamp};

use super::answers::Answers;
use super::committed::{Committed, CommittedSlice, Decided, point_of};
use super::held::Held;
use super::history::{History, RecentRow, RecentSlice};
use super::points::{PointIndex, Points, UNKNOWN};
use super::proofs::{Observer, Proofs};
use super::sums::{Facts, LanSums, LanTable, LanTotals};
use super::tally::Kind;
use super::unrowed::{Earlier, PointSlice};
use crate::report::point::Share;

/// Keys of each table of the whole LAN, and of other scopes.
const KEYS: usize = 8_192;
const KEYS_OF_PART: usize = 2_048;
/// Scopes and filters beside the whole LAN.
const PARTS: usize = 12;
/// Nanoseconds for which the sums of a scope and filter are kept after they were asked for.
const KEPT: i64 = 300 * SECOND;

/// All LANs that are looked at, and the one of all sensors.
pub(crate) struct Lan {
    /// Slices that ended before are not counted.
    begun: Timestamp,
    pub(crate) points: Points,
    history: History,
    proofs: Proofs,
    answers: Answers,
    held: Held,
    whole: LanSums,
    parts: Vec<LanSums>,
}

/// A question about a LAN.
pub(crate) struct LanQuestion<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) filter: &'a Filter,
    /// Points of the scope that speak now.
    pub(crate) present: &'a [PointIndex],
    /// The wish for the busiest flows of the slice.
    pub(crate) flows: Option<u64>,
    pub(crate) now: Timestamp,
}

impl Lan {
    /// With the slices that end after `begun`.
    pub(crate) fn new(begun: Timestamp) -> Self {
        let (points, history, proofs, answers, held, parts) = Default::default();
        let whole = LanSums::new(Scope::default(), Filter::default(), begun, KEYS);
        Self { begun, points, history, proofs, answers, held, whole, parts }
    }

    /// Takes the answers about slices out of a snapshot of a sensor.
    pub(crate) fn hear(
        &mut self,
        (sensor, site): (&str, &str),
        settings: &Settings,
        interfaces: &mut [InterfaceSnapshot],
        now: Timestamp,
    ) {
        self.release(now);
        let mut first = false;
        for snapshot in interfaces {
            let point = self.points.learn((sensor, site), &snapshot.interface, Some(settings));
            if point == UNKNOWN {
                continue;
            }
            first |= self.answers.hear(point, &mut snapshot.answers, &self.points, now);
        }
        self.answers.bound(self.points.sensor_number(sensor), &self.points);
        // Who has just begun to look is not kept waiting.
        if first {
            self.outdate();
        }
    }

    /// Takes what was committed.
    pub(crate) fn commit(&mut self, committed: Committed, now: Timestamp) {
        for slice in committed.slices {
            self.note_keys(&slice);
            self.held.add(slice, now);
        }
        for change in &committed.changes {
            if self.held.change(change) {
                continue;
            }
            let elected = self.points.of_key(point_of(change.elected));
            if let Some((row, slice)) = self.history.change(change.row, change.primary, elected) {
                for sums in self.parts.iter_mut().chain([&mut self.whole]) {
                    sums.change(&row, change.primary, slice, &self.points);
                }
            }
        }
        self.release(now);
    }

    /// Notes the store's numbers of the points of a slice, which changes of marks may speak of before the slice is added.
    fn note_keys(&mut self, committed: &CommittedSlice) {
        let mut decisions = &committed.decisions[..];
        for part in &committed.summary.interfaces {
            let of_point;
            (of_point, decisions) = decisions.split_at(part.flows.len().min(decisions.len()));
            if let Some(decided) = of_point.first() {
                let point = self.points.learn((&committed.sensor, &committed.site), &part.interface, None);
                self.points.note_key(decided.point, point);
            }
        }
    }

    /// Adds the slices that wait for no other sensor.
    fn release(&mut self, now: Timestamp) {
        let Self { held, answers, points, .. } = self;
        let mut ready = held.take(now, |held, start| {
            let mut waiting = answers.points_of(start).filter_map(|point| points.get(point));
            waiting.any(|point| !held.has(&point.id.sensor, start))
        });
        if ready.is_empty() {
            return;
        }
        ready.sort_by_key(|slice| slice.summary.slice.from);
        for slices in ready.chunk_by(|a, b| a.summary.slice.from == b.summary.slice.from) {
            self.add(slices);
        }
        self.outdate();
    }

    fn outdate(&mut self) {
        self.parts.iter_mut().chain([&mut self.whole]).for_each(LanSums::outdate);
    }

    /// Adds slices of one time.
    fn add(&mut self, slices: &[CommittedSlice]) {
        let start = slices.first().map(|slice| slice.summary.slice.from).unwrap_or_default();
        let parts = || slices.iter().flat_map(|slice| &slice.summary.interfaces);
        let lacks_rows = slices.iter().any(|slice| slice.summary.slice.to > self.begun)
            && parts().any(|part| !part.other_flows.is_empty());
        let mut earlier = Earlier::default();
        for slice in self.history.all().filter(|slice| lacks_rows && slice.slice.from == start) {
            earlier.rows.extend(&slice.rows);
            earlier.aggregated.extend(&slice.aggregated);
        }
        let mut added: Vec<(PointIndex, Vec<RecentRow>, &InterfaceSummary)> = Vec::new();
        for committed in slices {
            let first = added.len();
            self.read(committed, &mut added);
            let slice = committed.summary.slice;
            if slice.to > self.begun {
                for sums in self.parts.iter_mut().chain([&mut self.whole]) {
                    sums.begin(&committed.sensor, slice);
                    added[first..].iter().for_each(|(_, rows, _)| sums.add_selected(rows, slice, &self.points));
                }
            }
            let Some((point, ..)) = added.get(first) else { continue };
            let of_sensor =
                || added[first..].iter().map(|(point, rows, summary)| PointSlice { point: *point, rows, summary });
            let complete = of_sensor().map(|slice| slice.complete()).max().unwrap_or_default();
            let rows = added[first..].iter().flat_map(|(_, rows, _)| rows).copied().collect();
            let aggregated = of_sensor().flat_map(|PointSlice { point, summary, .. }| {
                summary.aggregated_flows.iter().map(move |flow| (point, *flow))
            });
            let (sensor, aggregated) = (self.points.sensor(*point), aggregated.collect());
            self.history.add(committed.first_row, RecentSlice { sensor, slice, rows, aggregated, complete });
        }
        if !lacks_rows {
            return;
        }
        added.sort_by_key(|(point, ..)| *point);
        let of_points = added.iter().map(|(point, rows, summary)| PointSlice { point: *point, rows, summary });
        let of_points: Vec<PointSlice<'_>> = of_points.collect();
        for sums in self.parts.iter_mut().chain([&mut self.whole]) {
            sums.add_unrowed(&of_points, &earlier, &self.points);
        }
    }

    /// Reads the rows of a slice.
    fn read<'s>(
        &mut self,
        committed: &'s CommittedSlice,
        rows: &mut Vec<(PointIndex, Vec<RecentRow>, &'s InterfaceSummary)>,
    ) {
        let CommittedSlice { sensor, site, summary, decisions, .. } = committed;
        let mut decisions = decisions.iter();
        for part in &summary.interfaces {
            let point = self.points.learn((sensor, site), &part.interface, None);
            self.answers.commit(point, summary.slice.from);
            let row = |(flow, decided): (&Flow, &Decided)| {
                let elected = self.points.of_key(decided.elected);
                RecentRow::new(flow, self.points.flow(point, flow), point, elected, decided.counts)
            };
            let of_point: Vec<RecentRow> = part.flows.iter().zip(&mut decisions).map(row).collect();
            of_point.iter().for_each(|row| self.proofs.note(row, summary.slice.to));
            rows.push((point, of_point, part));
        }
    }

    /// The observer that stands for those that were proved to see what a point sees of a flow.
    pub(crate) fn proven(&self, point: PointIndex, flow: &Flow) -> Observer {
        self.proofs.of(self.points.flow(point, flow), (point, flow.key.vlan))
    }

    /// True if a point has answered a wish for slices.
    pub(crate) fn has_answered(&self, point: PointIndex, wish: u64) -> bool {
        self.answers.has(point, wish)
    }

    /// The totals of a LAN; the share of each point that is present goes to `share`.
    pub(crate) fn totals(&mut self, question: &LanQuestion<'_>, mut share: impl FnMut(PointIndex, Share)) -> LanTotals {
        let (sums, rest) = self.sums(question);
        sums.look(&rest, question);
        question.present.iter().for_each(|point| share(*point, sums.share(*point)));
        sums.total(question.now)
    }

    /// A table of a LAN by the answers to a wish for it.
    pub(crate) fn table(&mut self, question: &LanQuestion<'_>, kind: Kind, wish: Option<u64>) -> LanTable {
        let (sums, rest) = self.sums(question);
        sums.look(&rest, question);
        sums.show(&rest, question, kind, wish);
        sums.table(kind, question.now)
    }

    /// The sums of a scope and a filter, and all that is not theirs. They begin with the slices that are in memory.
    fn sums<'s>(&'s mut self, question: &LanQuestion<'_>) -> (&'s mut LanSums, Facts<'s>) {
        let Self { begun, points, history, answers, whole, parts, .. } = self;
        let facts = Facts { points, history, answers };
        let LanQuestion { scope, filter, now, .. } = *question;
        if scope.0.is_empty() && filter.is_all() {
            return (whole, facts);
        }
        parts.retain(|sums| now.since(sums.asked) <= KEPT);
        let known = parts.iter().position(|sums| sums.scope == *scope && sums.filter == *filter);
        let place = known.unwrap_or_else(|| {
            if parts.len() >= PARTS
                && let Some(oldest) = (0..parts.len()).min_by_key(|place| parts[*place].asked)
            {
                parts.swap_remove(oldest);
            }
            let mut sums = LanSums::new(scope.clone(), filter.clone(), now, KEYS_OF_PART);
            sums.begin_with(&facts, *begun);
            parts.push(sums);
            parts.len() - 1
        });
        parts[place].asked = now;
        (&mut parts[place], facts)
    }
}

#[cfg(test)]
mod tests;
