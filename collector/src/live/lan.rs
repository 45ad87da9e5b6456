//! LANs as they are now: what was committed of them, what their sensors answer, and the sums of each scope and filter.

use traf_model::time::SECOND;
use traf_model::{Filter, InterfaceSnapshot, Scope, Settings, Timestamp};

use super::answers::Answers;
use super::committed::{Committed, CommittedSlice};
use super::held::Held;
use super::history::{History, RecentRow, RecentSlice};
use super::points::{PointIndex, Points, UNKNOWN};
use super::sums::{Facts, LanSums, LanTotals, ShownRow};
use super::tally::{Kind, SiteKey};
use crate::report::filter::masked;
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
        let (points, history, answers, held, parts) = Default::default();
        let whole = LanSums::new(Scope::default(), Filter::default(), begun, KEYS);
        Self { begun, points, history, answers, held, whole, parts }
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
        // Who has just begun to look is not kept waiting.
        if first {
            self.outdate();
        }
    }

    /// Takes what was committed.
    pub(crate) fn commit(&mut self, committed: Committed, now: Timestamp) {
        for slice in committed.slices {
            self.held.add(slice, now);
        }
        for change in &committed.changes {
            if self.held.change(change) {
                continue;
            }
            if let Some((row, slice)) = self.history.change(change.row, change.primary) {
                for sums in self.parts.iter_mut().chain([&mut self.whole]) {
                    sums.change(&row, change.primary, slice, &self.points);
                }
            }
        }
        self.release(now);
    }

    /// Adds the slices that wait for no other sensor.
    fn release(&mut self, now: Timestamp) {
        let Self { held, answers, points, .. } = self;
        let ready = held.take(now, |held, start| {
            let mut waiting = answers.points_of(start).filter_map(|point| points.get(point));
            waiting.any(|point| !held.has(&point.id.sensor, start))
        });
        if !ready.is_empty() {
            ready.iter().for_each(|slice| self.add(slice));
            self.outdate();
        }
    }

    fn outdate(&mut self) {
        self.parts.iter_mut().chain([&mut self.whole]).for_each(LanSums::outdate);
    }

    fn add(&mut self, committed: &CommittedSlice) {
        let CommittedSlice { sensor, site, summary, first_row, decisions } = committed;
        let slice = summary.slice;
        let counts = slice.to > self.begun;
        let mut decisions = decisions.iter();
        let mut rows = Vec::with_capacity(decisions.len());
        let mut number = None;
        if counts {
            self.parts.iter_mut().chain([&mut self.whole]).for_each(|sums| sums.begin(sensor, slice));
        }
        for part in &summary.interfaces {
            let point = self.points.learn((sensor, site), &part.interface, None);
            number = Some(self.points.sensor(point));
            self.answers.commit(point, slice.from);
            let first = rows.len();
            for (flow, decided) in part.flows.iter().zip(&mut decisions) {
                self.points.note_key(decided.point, point);
                let elected = self.points.of_key(decided.elected);
                let id = self.points.flow(point, flow);
                rows.push(RecentRow::new(flow, id, point, elected, decided.counts));
            }
            for sums in self.parts.iter_mut().chain([&mut self.whole]).filter(|_| counts) {
                let Some(own) = self.points.get(point).filter(|own| sums.concerns(&own.id.sensor, own.name())) else {
                    continue;
                };
                for (row, flow) in rows[first..].iter().zip(&part.flows) {
                    if sums.filter.is_all() {
                        sums.add(row, slice, &self.points);
                    } else if let Some(flow) = masked(&sums.filter, *flow, &own.id.sensor, own.name()) {
                        let row = RecentRow::new(&flow, row.flow, point, row.elected, row.counts);
                        sums.add(&row, slice, &self.points);
                    }
                }
                for (class, traffic, flows) in &part.other_flows {
                    if own.selected(&sums.filter, Some(*class)) == Some(true) {
                        sums.tally.add_other(point, *class, *traffic, *flows);
                    }
                }
            }
        }
        if let Some(sensor) = number {
            self.history.add(*first_row, RecentSlice { sensor, slice, rows });
        }
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

    /// A table of a LAN by the answers to a wish for it: the rows under their keys, and the totals.
    pub(crate) fn table(
        &mut self,
        question: &LanQuestion<'_>,
        kind: Kind,
        wish: Option<u64>,
    ) -> (Vec<(SiteKey, ShownRow)>, LanTotals) {
        let (sums, rest) = self.sums(question);
        sums.look(&rest, question);
        sums.show(&rest, question, kind, wish);
        (sums.rows(kind), sums.total(question.now))
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
