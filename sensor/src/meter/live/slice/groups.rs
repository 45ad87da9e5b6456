//! Groups of the flows of a slice; of their flows those that began in the slice are counted.

use traf_model::{Answer, Group, GroupKey, Item, Order, Wish};

use super::{Gather, SliceFlow};
use crate::meter::live::LiveView;
use crate::meter::live::sums::Sums;
use crate::meter::live::top::Top;

/// Gathered in as many passes as the keys need.
pub(super) struct GroupsOfSlice<'a> {
    view: &'a LiveView<'a>,
    group: Group,
    sums: Sums<GroupKey>,
    top: Top,
}

impl<'a> GroupsOfSlice<'a> {
    pub(super) fn new(view: &'a LiveView<'a>, wish: &Wish) -> Self {
        let mut top = Top::new(&Wish { order: Order::default(), ..wish.clone() });
        if wish.filter.is_all() {
            for (class, traffic, flows) in view.meter.flows.other.rows() {
                top.push_other(Item::Other(class, traffic, flows));
            }
        }
        Self { view, group: wish.group, sums: Sums::new(), top }
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
        more
    }

    fn answer(self: Box<Self>) -> Answer {
        self.top.answer()
    }
}
