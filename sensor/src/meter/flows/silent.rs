//! Connections that timed out, and those that are open, for a text log.

use super::Flows;
use crate::meter::connection_events::{self, ConnectionChange, ConnectionEvent};
use crate::meter::flow_state;
use crate::meter::slot::Slot;

impl Flows {
    /// Tells of the connections that timed out since this was asked last.
    pub(in crate::meter) fn tell_silent(&mut self, now: i64) {
        let Some(events) = &mut self.events else { return };
        let range = events.silent_since(now, self.idle);
        // The ticks of the table wrap: a silence that they cannot measure is none.
        let Ok(ticks) = u32::try_from(self.idle >> 20) else { return };
        if ticks > i32::MAX as u32 {
            return;
        }
        let tick = self.table.tick(now);
        for set in 0..self.table.sets() {
            for slot in self.table.silent(set, tick, ticks.saturating_sub(1)) {
                if range.contains(&self.table.flows[slot].warm.last) {
                    self.tell_end(slot, now, ConnectionChange::TimedOut);
                }
            }
        }
    }

    /// Connections that are open at `now`, each direction by itself, at most `limit`; and how many more there are.
    pub(in crate::meter) fn open(&self, now: i64, limit: usize) -> (Vec<ConnectionEvent>, u64) {
        let (mut open, mut more) = (Vec::new(), 0);
        let table = &self.table;
        for slot in table.all() {
            let Slot { hot, warm, .. } = &table.flows[slot];
            if hot.key.protocol() != 6 || now.saturating_sub(warm.last) > self.idle {
                continue;
            }
            let second = usize::from(flow_state::second_began(warm));
            for way in [second, 1 - second].into_iter().filter(|&way| flow_state::spoke(warm.state, way)) {
                if !flow_state::may_send(warm, way) {
                    continue;
                }
                if open.len() >= limit {
                    more += 1;
                    continue;
                }
                open.push(connection_events::connection(
                    now,
                    way,
                    |counts, _| ConnectionChange::Active(counts),
                    table,
                    slot,
                ));
            }
        }
        (open, more)
    }
}
