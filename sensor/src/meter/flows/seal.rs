//! The end of a slice: its rows, and flows that are forgotten.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use traf_model::time::SECOND;
use traf_model::{AggregatedFlow, Evidence, Flow, Traffic};

use super::Flows;
use crate::meter::flow_state;
use crate::meter::other_flows::OtherFlows;
use crate::meter::threshold::Threshold;

/// Time for which a flow that is over, or timed out, is still shown: longer where there are few, as in IPTraf, so that a live table
/// holds what was; shorter where there are many, so that the table is looked through quickly.
const SHOWN: RangeInclusive<i64> = 60 * SECOND..=3600 * SECOND;

/// One place in so many may be taken before flows that are over are shown for the shortest time only.
const FEW: usize = 64;

impl Flows {
    /// Ends the slice: rows of the busiest flows, and the others by class and by their ends. Flows that were over long ago are
    /// forgotten.
    pub(in crate::meter) fn seal(&mut self, now: i64) -> (Vec<Flow>, OtherFlows, Vec<AggregatedFlow>) {
        self.tables.facilities.flush();
        let parted = self.parted.take();
        let octets = |slot: usize| self.table.flows[slot].hot.counted(0).1 + self.table.flows[slot].hot.counted(1).1;
        let touched = (0..self.table.sets()).flat_map(|set| self.table.touched(set)).map(octets);
        let all = parted.iter().map(Flow::octets).chain(touched);
        let mut threshold = Threshold::among(all, self.history);
        let mut rows = Vec::new();
        for flow in parted {
            if threshold.passes(flow.octets()) {
                rows.push(flow);
            } else {
                self.add_parted(&flow);
            }
        }
        for set in 0..self.table.sets() {
            for slot in self.table.touched(set) {
                let (traffic, evidence) = self.fold(slot);
                if traffic.is_empty() {
                    continue;
                }
                if threshold.passes(traffic.total().octets) {
                    rows.push(Flow { evidence, ..self.row(slot, traffic, now) });
                } else {
                    self.add_other(slot, traffic, 1);
                }
            }
        }
        if std::mem::take(&mut self.spilled) {
            rows = merged(rows);
        }
        self.table.next_slice();
        self.opened = now;
        self.expire(now);
        (rows, std::mem::take(&mut self.other), std::mem::take(&mut self.aggregated).into_rows())
    }

    /// Frees the slots of flows that ended, or fell silent, long enough ago.
    fn expire(&mut self, now: i64) {
        let (tick, shown) = (self.table.tick(now), shown(self.table.occupied, self.table.flows.len()));
        for set in 0..self.table.sets() {
            for slot in self.table.silent(set, tick, (shown >> 20) as u32) {
                let warm = &self.table.flows[slot].warm;
                let silent = now.saturating_sub(warm.last);
                let over = flow_state::is_over(warm) && silent > shown;
                if over || silent.saturating_sub(shown) > self.idle {
                    self.leave(slot);
                    self.table.free(slot);
                }
            }
        }
    }
}

/// Time for which finished flows are shown, by the number of occupied slots.
fn shown(taken: usize, capacity: usize) -> i64 {
    let many = (taken * FEW) as f64 / capacity as f64;
    ((*SHOWN.start() as f64 / (many * many)) as i64).clamp(*SHOWN.start(), *SHOWN.end())
}

/// One row for each flow: its counts and its evidence together, the rest from the latest.
fn merged(rows: Vec<Flow>) -> Vec<Flow> {
    let mut sums: HashMap<_, Flow> = HashMap::with_capacity(rows.len());
    for row in rows {
        let none = Flow { traffic: Traffic::default(), evidence: Evidence::NONE, ..row };
        let sum = sums.entry((row.key, row.first)).or_insert(none);
        let evidence = sum.evidence.and_later(row.evidence, row.key.protocol);
        *sum = Flow { traffic: sum.traffic + row.traffic, evidence, ..row };
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_are_over_are_shown_for_an_hour_where_there_are_few_and_for_a_minute_where_there_are_many() {
        let seconds = |taken| shown(taken, 262_144) / SECOND;
        assert_eq!([0, 100, 1_024, 2_048, 4_096, 262_144].map(seconds), [3600, 3600, 960, 240, 60, 60]);
    }
}
