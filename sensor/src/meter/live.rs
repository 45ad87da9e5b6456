//! Answers to wishes: exact, over everything that is in the tables now, in memory that does not grow with them.

mod keys;
mod peers;
pub(super) mod sealed;
mod slice;
mod sums;
pub(crate) mod together;
mod top;

use traf_model::{
    Answer, Facility, Filter, Flow, FlowKey, Group, GroupKey, InterfaceStats, Item, Timestamp, Traffic, Wish,
};

use super::flow_rates::LeftGrowth;
use super::slot::Slot;
use super::{Meter, flow_state};
use sums::Sums;
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
            return self.slice_answers(&[wish], self.meter.slice).pop();
        }
        let mut top = Top::new(wish);
        match wish.facility {
            Facility::Packets => return Some(self.meter.packet_log.answer(wish, &self.meter.interface)),
            Facility::Traffic => {
                if wish.group == Group::Flow {
                    self.each_flow(wish, |_, flow, growth| top.push(self.rate(growth), Item::Flow(flow)));
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
        let (mut sums, mut more, left) = (Sums::<GroupKey>::new(), true, self.left(&wish.filter));
        while more {
            self.each_flow(wish, |_, flow, growth| {
                if let Some(group) = group(&flow.key) {
                    sums.add(group, flow.traffic, growth, 1);
                }
            });
            for (key, growth) in &left {
                group(key).into_iter().for_each(|group| sums.add(group, Traffic::default(), *growth, 0));
            }
            let found;
            (found, more) = sums.end();
            for (group, sum) in found.into_iter().filter(|(_, sum)| !sum.traffic.is_empty()) {
                top.push(self.rate(sum.growth), Item::Group(group, sum.traffic, sum.flows));
            }
        }
    }

    /// Per second.
    fn rate(&self, growth: Traffic) -> Traffic {
        growth.per_second(self.meter.rates.nanos())
    }

    /// Growth of the flows that left the table in the last seconds, by their ends. They cannot be filtered.
    fn left(&self, filter: &Filter) -> LeftGrowth {
        if filter.is_all() { self.meter.rates.left() } else { LeftGrowth::default() }
    }

    /// Every flow that the filter selects, with the directions it selects, and its growth in the last seconds.
    fn each_flow(&self, wish: &Wish, mut each: impl FnMut(usize, Flow, Traffic)) {
        let mut reader = self.meter.rates.reader();
        let table = &self.meter.flows.table;
        for slot in table.all() {
            let second_began = flow_state::second_began(&table.flows[slot].warm);
            let key = table.flows[slot].hot.key.flow(second_began);
            let (forward, reverse) = self.directions(&wish.filter, slot, &key);
            if !forward && !reverse {
                continue;
            }
            let mut flow = self.meter.flows.row(slot, self.meter.flows.whole(slot), self.now.0);
            let mut growth = reader.growth(slot, flow.first);
            if second_began {
                growth = growth.reversed();
            }
            if !forward {
                (flow.traffic.outbound, growth.outbound) = Default::default();
            }
            if !reverse {
                (flow.traffic.inbound, growth.inbound) = Default::default();
            }
            if !flow.traffic.is_empty() {
                each(slot, flow, growth);
            }
        }
    }

    /// The directions of the flow in a slot that the filter selects. Asked before the row is made: most filters select few.
    fn directions(&self, filter: &Filter, slot: usize, key: &FlowKey) -> (bool, bool) {
        let Slot { warm, cold, .. } = &self.meter.flows.table.flows[slot];
        let (a, b) = (cold.mac(0), cold.mac(1));
        let macs = if flow_state::second_began(warm) { (b, a) } else { (a, b) };
        filter.directions_of(key, macs, "", &self.meter.interface.name)
    }
}
