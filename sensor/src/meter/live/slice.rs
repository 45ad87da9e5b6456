//! Answers about one slice: what it has counted so far, or, when it is sealed, all of it.
//!
//! The busiest rows by octets, whatever the order of the wish. Rows, `other` and what is in the total only add up to what the
//! summary of the slice says.

use std::collections::HashMap;

use traf_model::{
    Answer, Cast, Class, Counted, Counts, Facility, Flow, FlowKey, Group, GroupKey, Item, Key, Order, Row, Timestamp,
    Traffic, Wish,
};

use super::LiveView;
use super::sums::{Part, Sum};
use super::top::Top;
use crate::meter::flow_state;
use crate::meter::other_flows::OtherFlows;
use crate::meter::tables::Tables;
use crate::meter::threshold::Threshold;
use crate::parse::packet::PackedKey;

impl LiveView<'_> {
    /// The answer about the slice that began at `from` and is not folded yet; `None` where the wish is of something else than
    /// flows and counted facilities, or too many filters are counted already.
    pub(in crate::meter) fn slice_answer(&self, wish: &Wish, from: Timestamp) -> Option<Answer> {
        let mut answer = match wish.facility {
            Facility::Traffic if wish.group == Group::Flow => self.flows_of_slice(wish),
            Facility::Traffic => self.groups_of_slice(wish),
            Facility::Counted(facility) => {
                let all = &self.meter.flows.tables;
                let tables = if wish.filter.is_all() { all } else { self.meter.filtered.of(&wish.filter)? };
                let mut answer = self.keys_of_slice(facility, wish, tables);
                self.add_peers(facility, wish, &mut answer.rows);
                answer
            }
            Facility::Interfaces | Facility::Packets => return None,
        };
        answer.slice = Some(from);
        Some(answer)
    }

    /// The busiest flows: of those that began in the slice, and of the others, as many of each as are wished. First, by class, all
    /// that is in none of them.
    fn flows_of_slice(&self, wish: &Wish) -> Answer {
        let limit = wish.limit.min(Wish::LIMIT) as usize;
        let mut octets = [Vec::new(), Vec::new()];
        self.each_of_slice(
            wish,
            |_| true,
            |flow, _, _| octets[usize::from(self.begins(&flow))].push(flow.traffic.total().octets),
        );
        let matched = octets.iter().map(Vec::len).sum::<usize>() as u64;
        let mut answer = Answer { id: wish.id, matched, ..Answer::default() };
        let mut thresholds = octets.map(|octets| Threshold::among(octets.into_iter(), limit));
        let mut others = if wish.filter.is_all() { self.meter.flows.other.clone() } else { OtherFlows::default() };
        self.each_of_slice(
            wish,
            |_| true,
            |flow, rate, class| {
                if !thresholds[usize::from(self.begins(&flow))].passes(flow.traffic.total().octets) {
                    others.add(class, flow.traffic, 1);
                } else {
                    answer.total += flow.traffic;
                    answer.rows.push(Row::new(rate, Item::Flow(flow)));
                }
            },
        );
        answer.rows.sort_by(|a, b| a.compare(b, Order::default()));
        let others = others.rows().into_iter().filter(|(_, traffic, _)| !traffic.is_empty());
        let others: Vec<Row> = others
            .map(|(class, traffic, flows)| Row::new(Traffic::default(), Item::Other(class, traffic, flows)))
            .collect();
        answer.total += others.iter().map(|row| row.item.traffic()).sum();
        answer.rows.splice(0..0, others);
        answer
    }

    /// Groups; of their flows those that began in the slice are counted.
    fn groups_of_slice(&self, wish: &Wish) -> Answer {
        let mut top = Top::new(&Wish { order: Order::default(), ..wish.clone() });
        let group = |key: &FlowKey| wish.group.of(key, "");
        for part in Part::all(self.meter.flows.table.occupied + self.meter.flows.parted.len()) {
            let mut sums = HashMap::<GroupKey, Sum>::new();
            self.each_of_slice(
                wish,
                |key| group(key).is_some_and(|group| part.group(&group)),
                |flow, rate, _| {
                    if let Some(group) = group(&flow.key) {
                        sums.entry(group).or_default().add(flow.traffic, rate, u64::from(self.begins(&flow)));
                    }
                },
            );
            for (group, sum) in sums {
                top.push(sum.rate, Item::Group(group, sum.traffic, sum.flows));
            }
        }
        if wish.filter.is_all() {
            for (class, traffic, flows) in self.meter.flows.other.rows() {
                top.push_other(Item::Other(class, traffic, flows));
            }
        }
        top.answer()
    }

    fn keys_of_slice(&self, facility: Counted, wish: &Wish, tables: &Tables) -> Answer {
        let mut top = Top::new(&Wish { order: Order::default(), ..wish.clone() });
        let Some(shares) = facility.shares() else {
            let other = tables.facilities.slice(facility, |key, counts| {
                let rate = tables.facilities.rate(facility, key);
                if !counts.traffic.is_empty() || !rate.is_empty() {
                    top.push(rate, Item::Counted(facility, key, counts));
                }
            });
            top.add_total(other.traffic);
            return top.answer();
        };
        let ports = &self.meter.flows.tables.facilities.ports;
        let shares = |key: &FlowKey| shares(key, ports);
        let mut other = Traffic::default();
        for part in Part::all(2 * self.meter.flows.table.occupied) {
            let mut sums = HashMap::<Key, Sum>::new();
            other = tables
                .facilities
                .slice(facility, |key, counts| {
                    if part.key(key) && !counts.traffic.is_empty() {
                        sums.entry(key).or_default().add(counts.traffic, Traffic::default(), 0);
                    }
                })
                .traffic;
            self.each_slot_of_slice(
                wish,
                |key| shares(key).into_iter().flatten().any(|share| part.key(share.key)),
                |_, flow, rate| {
                    let mut before = None;
                    for share in shares(&flow.key).into_iter().flatten() {
                        let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
                        // A flow from a key to itself is one flow.
                        let flows = u64::from(before != Some(share.key) && self.begins(&flow));
                        // What a filter selects is in its tables already.
                        let traffic = if wish.filter.is_all() { flow.traffic } else { Traffic::default() };
                        if part.key(share.key) {
                            sums.entry(share.key).or_default().add(towards(traffic), towards(rate), flows);
                        }
                        before = Some(share.key);
                    }
                },
            );
            for (key, sum) in sums {
                let flows = if facility.peers { sum.flows } else { 0 };
                top.push(sum.rate, Item::Counted(facility, key, Counts { flows, ..sum.traffic.into() }));
            }
        }
        top.add_total(other);
        top.answer()
    }

    /// Every flow that the filter selects and that counted anything in the slice, or does just now: with what it counted in the
    /// slice, its rate and its class. Those that left the table within the slice come last.
    fn each_of_slice(
        &self,
        wish: &Wish,
        wanted: impl Fn(&FlowKey) -> bool,
        mut each: impl FnMut(Flow, Traffic, Class),
    ) {
        let flows = &self.meter.flows;
        self.each_slot_of_slice(wish, &wanted, |slot, flow, rate| each(flow, rate, flows.class(slot)));
        for flow in flows.parted.iter().filter(|flow| wanted(&flow.key)) {
            let mut rate = Traffic::default();
            let directions = wish.filter.directions(flow, "", &self.meter.interface.name);
            if let Some(flow) = selected(directions, *flow, &mut rate) {
                each(flow, rate, PackedKey::of(&flow.key).0.class(Cast::Unicast));
            }
        }
    }

    /// The same of the flows that are in the table.
    fn each_slot_of_slice(
        &self,
        wish: &Wish,
        wanted: impl Fn(&FlowKey) -> bool,
        mut each: impl FnMut(usize, Flow, Traffic),
    ) {
        let mut reader = self.meter.rates.reader();
        let flows = &self.meter.flows;
        for slot in flows.table.all() {
            let second_began = flow_state::second_began(&flows.table.flows[slot].warm);
            let key = flows.table.flows[slot].hot.key.flow(second_began);
            if !wanted(&key) {
                continue;
            }
            let directions = self.directions(wish, slot, &key);
            if directions == (false, false) {
                continue;
            }
            let flow = flows.row(slot, flows.slice(slot), self.now.0);
            let mut rate = reader.rate(slot, flow.first);
            if second_began {
                rate = rate.reversed();
            }
            if flow.traffic.is_empty() && rate.is_empty() {
                continue;
            }
            if let Some(flow) = selected(directions, flow, &mut rate) {
                each(slot, flow, rate);
            }
        }
    }

    /// True if a flow began in the slice.
    fn begins(&self, flow: &Flow) -> bool {
        flow.first.0 >= self.meter.flows.opened
    }
}

/// A flow's selected directions, if any of them counts anything.
fn selected((forward, reverse): (bool, bool), mut flow: Flow, rate: &mut Traffic) -> Option<Flow> {
    if !forward {
        (flow.traffic.outbound, rate.outbound) = Default::default();
    }
    if !reverse {
        (flow.traffic.inbound, rate.inbound) = Default::default();
    }
    (!(flow.traffic.is_empty() && rate.is_empty())).then_some(flow)
}
