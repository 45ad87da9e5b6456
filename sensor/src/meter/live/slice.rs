//! Answers about one slice: what it has counted so far, or, when it is sealed, all of it.
//!
//! The busiest rows by octets, whatever the order of the wish. Rows, `other` and what is in the total only add up to what the
//! summary of the slice says. All wishes under one filter are answered in the same passes over the flow table.

mod flows;
mod groups;
mod keys;

use traf_model::{Answer, Class, Facility, Filter, Flow, FlowKey, Group, Timestamp, Traffic, Wish};

use self::flows::FlowsOfSlice;
use self::groups::GroupsOfSlice;
use self::keys::KeysOfSlice;
use super::LiveView;
use crate::meter::flow_rates::LeftGrowth;
use crate::meter::flow_state;

/// A flow that counted anything in the slice, or does just now.
struct SliceFlow<'a> {
    key: &'a FlowKey,
    /// What it counted in the slice.
    traffic: Traffic,
    /// In the last seconds.
    growth: Traffic,
    /// It began in the slice.
    begins: bool,
    /// Where it stands in the table.
    place: Place<'a>,
    view: &'a LiveView<'a>,
}

enum Place<'a> {
    Slot(usize),
    /// It left the table within the slice; what it counted is in the facilities.
    Parted(&'a Flow),
    /// It left the table in the last seconds, and is one of several of these ends: only their growth is known.
    Left,
}

/// Adds up flows for the answer to one wish.
trait Gather {
    /// Takes a flow, in every pass.
    fn take(&mut self, flow: &SliceFlow<'_>);
    /// Ends a pass; true if it needs another one.
    fn end(&mut self) -> bool;
    fn answer(self: Box<Self>) -> Answer;
}

impl SliceFlow<'_> {
    fn class(&self) -> Class {
        match self.place {
            Place::Slot(slot) => self.view.meter.flows.class(slot),
            Place::Parted(_) | Place::Left => self.key.class(),
        }
    }

    /// The whole row, with what counts of it.
    fn row(&self) -> Flow {
        let row = match self.place {
            Place::Slot(slot) => self.view.meter.flows.row(slot, self.traffic, self.view.now.0),
            Place::Parted(flow) => *flow,
            Place::Left => Flow::new(*self.key, self.traffic, self.view.now),
        };
        Flow { traffic: self.traffic, ..row }
    }
}

impl LiveView<'_> {
    /// The answers about the slice that began at `from` and is not folded yet, to wishes under one filter: none to those of
    /// something else than flows and counted facilities, nor when too many filters are counted already.
    pub(in crate::meter) fn slice_answers(&self, wishes: &[&Wish], from: Timestamp) -> Vec<Answer> {
        let mut gathering: Vec<(Box<dyn Gather + '_>, bool)> =
            wishes.iter().filter_map(|wish| Some((self.gathering(wish)?, true))).collect();
        let Some(filter) = wishes.first().map(|wish| &wish.filter) else { return Vec::new() };
        let left = self.left(filter);
        while gathering.iter().any(|(_, again)| *again) {
            self.each_of_slice(filter, &left, |flow| {
                let open = gathering.iter_mut().filter(|(_, again)| *again);
                open.for_each(|(gathered, _)| gathered.take(&flow));
            });
            for (gathered, again) in gathering.iter_mut().filter(|(_, again)| *again) {
                *again = gathered.end();
            }
        }
        let answer = |(gathered, _): (Box<dyn Gather + '_>, bool)| Answer { slice: Some(from), ..gathered.answer() };
        gathering.into_iter().map(answer).collect()
    }

    fn gathering<'a>(&'a self, wish: &Wish) -> Option<Box<dyn Gather + 'a>> {
        Some(match wish.facility {
            Facility::Traffic if wish.group == Group::Flow => Box::new(FlowsOfSlice::new(self, wish)),
            Facility::Traffic => Box::new(GroupsOfSlice::new(self, wish)),
            Facility::Counted(facility) => {
                let all = &self.meter.flows.tables;
                let tables = if wish.filter.is_all() { all } else { self.meter.filtered.of(&wish.filter)? };
                Box::new(KeysOfSlice::new(self, (facility, tables), wish))
            }
            Facility::Interfaces | Facility::Packets => return None,
        })
    }

    /// Every flow that the filter selects and that counted anything in the slice, or does just now. Those that left the table
    /// within the slice come last, and then those that left it in the last seconds.
    fn each_of_slice(&self, filter: &Filter, left: &LeftGrowth, mut each: impl FnMut(SliceFlow<'_>)) {
        let (mut reader, flows) = (self.meter.rates.reader(), &self.meter.flows);
        for slot in flows.table.all() {
            let flow = &flows.table.flows[slot];
            let (traffic, first) = (flows.slice(slot), Timestamp(flow.cold.first));
            let mut growth = reader.growth(slot, first);
            if traffic.is_empty() && growth.is_empty() {
                continue;
            }
            let second_began = flow_state::second_began(&flow.warm);
            let key = flow.hot.key.flow(second_began);
            if second_began {
                growth = growth.reversed();
            }
            let directions = if filter.is_all() { (true, true) } else { self.directions(filter, slot, &key) };
            let Some((traffic, growth)) = selected(directions, traffic, growth) else { continue };
            let (begins, place) = (first.0 >= flows.opened, Place::Slot(slot));
            each(SliceFlow { key: &key, traffic, growth, begins, place, view: self });
        }
        for flow in flows.parted.rows() {
            let directions = filter.directions(flow, "", &self.meter.interface.name);
            let Some((traffic, growth)) = selected(directions, flow.traffic, Traffic::default()) else { continue };
            let (begins, place) = (flow.first.0 >= flows.opened, Place::Parted(flow));
            each(SliceFlow { key: &flow.key, traffic, growth, begins, place, view: self });
        }
        for (key, growth) in left.iter().filter(|(_, growth)| !growth.is_empty()) {
            let (traffic, place) = (Traffic::default(), Place::Left);
            each(SliceFlow { key, traffic, growth: *growth, begins: false, place, view: self });
        }
    }
}

/// The selected directions of a flow's traffic and growth, if any of them counts anything.
fn selected((forward, reverse): (bool, bool), mut traffic: Traffic, mut growth: Traffic) -> Option<(Traffic, Traffic)> {
    if !forward {
        (traffic.outbound, growth.outbound) = Default::default();
    }
    if !reverse {
        (traffic.inbound, growth.inbound) = Default::default();
    }
    (!(traffic.is_empty() && growth.is_empty())).then_some((traffic, growth))
}
