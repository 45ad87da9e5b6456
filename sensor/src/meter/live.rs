//! Answers to wishes: exact, over everything that is in the tables now, in memory that does not grow with them.

mod keys;
pub(super) mod sealed;
mod slice;
mod sums;
mod top;

use std::collections::HashMap;

use traf_model::{Answer, Facility, Flow, FlowKey, Group, GroupKey, InterfaceStats, Item, Timestamp, Traffic, Wish};

use super::slot::Slot;
use super::{Meter, flow_state};
use sums::{Part, Sum};
use top::Top;

/// Tables and figures that answers are made from.
pub(super) struct LiveView<'a> {
    pub(super) meter: &'a Meter,
    pub(super) now: Timestamp,
}

impl LiveView<'_> {
    /// The answer to one wish; `None` where too many filters are counted already for this one to be.
    ///
    /// Flows and groups under a filter are those in the flow table. Without a filter their answer ends with what left the
    /// table, by class, so that it adds up to the interface. Everything else under a filter is what was counted since the
    /// filter was set.
    pub(super) fn answer(&self, wish: &Wish) -> Option<Answer> {
        if wish.slice {
            return self.slice_answer(wish, self.meter.slice);
        }
        let mut top = Top::new(wish);
        match wish.facility {
            Facility::Packets => return Some(self.meter.packet_log.answer(wish, &self.meter.interface)),
            Facility::Traffic => {
                if wish.group == Group::Flow {
                    self.each_flow(wish, |_| true, |_, flow, rate| top.push(rate, Item::Flow(flow)));
                } else {
                    self.groups(wish, &mut top);
                }
                self.gone(wish, &mut top);
                return Some(top.answer());
            }
            _ => {}
        }
        // The tables of all packets, or of what the filter selects.
        let all = &self.meter.flows.tables;
        let tables = if wish.filter.is_all() { all } else { self.meter.filtered.of(&wish.filter)? };
        match wish.facility {
            Facility::Counted(facility) => self.keys(facility, wish, tables, &mut top),
            _ => {
                let interface = &self.meter.interface;
                let stats = InterfaceStats { ledger: all.stats(interface).ledger, ..tables.stats(interface) };
                top.push(tables.rated.total, Item::Interface(Box::new(stats)));
            }
        }
        let mut answer = top.answer();
        answer.largest = tables.counters.largest_packets();
        if let Facility::Counted(facility) = wish.facility {
            self.add_peers(facility, wish, &mut answer.rows);
        }
        answer.since = (!wish.filter.is_all()).then_some(tables.since);
        Some(answer)
    }

    /// Traffic that left the table, by class. It cannot be filtered.
    fn gone(&self, wish: &Wish, top: &mut Top) {
        if wish.filter.is_all() {
            for (class, traffic, flows) in self.meter.flows.gone.rows() {
                top.push_other(Item::Other(class, traffic, flows));
            }
        }
    }

    /// Flows added up by what they have in common; outbound is what the initiators sent.
    fn groups(&self, wish: &Wish, top: &mut Top) {
        let group = |key: &FlowKey| wish.group.of(key, "");
        for part in Part::all(self.meter.flows.table.occupied) {
            let mut sums = HashMap::<GroupKey, Sum>::new();
            self.each_flow(
                wish,
                |key| group(key).is_some_and(|group| part.group(&group)),
                |_, flow, rate| {
                    if let Some(group) = group(&flow.key) {
                        sums.entry(group).or_default().add(flow.traffic, rate, 1);
                    }
                },
            );
            for (group, sum) in sums {
                top.push(sum.rate, Item::Group(group, sum.traffic, sum.flows));
            }
        }
    }

    /// Every flow that the filter selects, with the directions it selects, and its rate; only of the keys that are wanted.
    fn each_flow(&self, wish: &Wish, wanted: impl Fn(&FlowKey) -> bool, mut each: impl FnMut(usize, Flow, Traffic)) {
        let mut reader = self.meter.rates.reader();
        let table = &self.meter.flows.table;
        for slot in table.all() {
            let second_began = flow_state::second_began(&table.flows[slot].warm);
            let key = table.flows[slot].hot.key.flow(second_began);
            if !wanted(&key) {
                continue;
            }
            let (forward, reverse) = self.directions(wish, slot, &key);
            if !forward && !reverse {
                continue;
            }
            let mut flow = self.meter.flows.row(slot, self.meter.flows.whole(slot), self.now.0);
            let mut rate = reader.rate(slot, flow.first);
            if second_began {
                rate = rate.reversed();
            }
            if !forward {
                (flow.traffic.outbound, rate.outbound) = Default::default();
            }
            if !reverse {
                (flow.traffic.inbound, rate.inbound) = Default::default();
            }
            if !flow.traffic.is_empty() {
                each(slot, flow, rate);
            }
        }
    }

    /// The directions of the flow in a slot that the filter selects. Asked before the row is made: most filters select few.
    fn directions(&self, wish: &Wish, slot: usize, key: &FlowKey) -> (bool, bool) {
        let Slot { warm, cold, .. } = &self.meter.flows.table.flows[slot];
        let (a, b) = (cold.mac(0), cold.mac(1));
        let macs = if flow_state::second_began(warm) { (b, a) } else { (a, b) };
        wish.filter.directions_of(key, macs, "", &self.meter.interface.name)
    }
}
