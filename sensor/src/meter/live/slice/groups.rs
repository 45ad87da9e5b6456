//! Groups of the flows of a slice; of their flows those that began in the slice are counted. What left the table without a place is added
//! by its ends.

use traf_model::{Answer, FlowKey, Group, GroupKey, Item, Order, Traffic, Wish};

use super::{Gather, SliceFlow};
use crate::meter::live::LiveView;
use crate::meter::live::sums::Sums;
use crate::meter::live::top::Top;

/// Gathered in as many passes as the keys need.
pub(super) struct GroupsOfSlice<'a> {
    view: &'a LiveView<'a>,
    group: Group,
    /// Every flow counts.
    is_whole: bool,
    sums: Sums<GroupKey>,
    top: Top,
}

impl<'a> GroupsOfSlice<'a> {
    pub(super) fn new(view: &'a LiveView<'a>, wish: &Wish) -> Self {
        let top = Top::new(&Wish { order: Order::default(), ..wish.clone() });
        let mut gathered = Self { view, group: wish.group, is_whole: wish.filter.is_all(), sums: Sums::new(), top };
        if gathered.is_whole {
            let flows = &view.meter.flows;
            let mut others = flows.other.clone();
            for flow in flows.aggregated.rows().filter(|flow| gathered.group(&flow.key).is_some()) {
                others.take(flow.key.class(), flow.traffic, flow.flows);
            }
            for (class, traffic, flows) in others.rows() {
                gathered.top.push_other(Item::Other(class, traffic, flows));
            }
        }
        gathered.begin();
        gathered
    }

    /// Begins a pass with what left the table.
    fn begin(&mut self) {
        for flow in self.view.meter.flows.aggregated.rows().filter(|_| self.is_whole) {
            if let Some(group) = self.group(&flow.key) {
                self.sums.add(group, flow.traffic, Traffic::default(), flow.flows);
            }
        }
    }

    /// The group of an aggregated flow; `None` if that is a matter of its source, and the key stands for any.
    fn group(&self, key: &FlowKey) -> Option<GroupKey> {
        let of_any = self.group == Group::Pair && key.source.address.is_unspecified();
        self.group.of(key, "").filter(|_| !of_any)
    }
}

impl Gather for GroupsOfSlice<'_> {
    fn take(&mut self, flow: &SliceFlow<'_>) {
        if let Some(group) = self.group.of(flow.key, "") {
            self.sums.add(group, flow.traffic, flow.growth, u64::from(flow.begins));
        }
    }

    fn end(&mut self) -> bool {
        let (sums, more) = self.sums.end();
        for (group, sum) in sums {
            self.top.push(self.view.rate(sum.growth), Item::Group(group, sum.traffic, sum.flows));
        }
        if more {
            self.begin();
        }
        more
    }

    fn answer(self: Box<Self>) -> Answer {
        self.top.answer()
    }
}
