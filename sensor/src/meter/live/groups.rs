//! Flows added up by what they have in common; outbound is what the initiators sent.
//!
//! In a slice what left the table without a place is added by its ends, and of flows those that began in the slice are counted. Of the
//! whole table it is told by class.

use traf_model::{Answer, FlowKey, Group, GroupKey, Item, Traffic, Wish};

use super::LiveView;
use super::gather::{Gather, Span, WalkedFlow};
use super::sums::Sums;
use super::top::Top;

/// Gathered in as many passes as the keys need.
pub(super) struct GatheredGroups<'a> {
    view: LiveView<'a>,
    span: Span,
    group: Group,
    /// What left the table within the slice counts.
    left_counts: bool,
    sums: Sums<GroupKey>,
    top: Top,
}

impl<'a> GatheredGroups<'a> {
    pub(super) fn new(view: LiveView<'a>, span: Span, wish: &Wish) -> Self {
        let top = Top::of_span(wish, span);
        let left_counts = wish.filter.is_all() && span == Span::Slice;
        let mut gathered = Self { view, span, group: wish.group, left_counts, sums: Sums::new(), top };
        match span {
            Span::Whole => view.gone(wish, &mut gathered.top),
            Span::Slice => gathered.add_rowless(),
        }
        gathered.begin();
        gathered
    }

    /// Adds, by class, what left the table within the slice and is of no group.
    fn add_rowless(&mut self) {
        let flows = &self.view.meter.flows;
        if !self.left_counts {
            return;
        }
        let mut others = flows.other.clone();
        for flow in flows.aggregated.rows().filter(|flow| self.group(&flow.key).is_some()) {
            others.take(flow.key.class(), flow.traffic, flow.flows);
        }
        for (class, traffic, flows) in others.rows() {
            self.top.push_other(Item::Other(class, traffic, flows));
        }
    }

    /// Begins a pass with what left the table.
    fn begin(&mut self) {
        for flow in self.view.meter.flows.aggregated.rows().filter(|_| self.left_counts) {
            if let Some(group) = self.group(&flow.key) {
                self.sums.add(group, flow.traffic, Traffic::default(), flow.flows);
            }
        }
    }

    /// The group of an aggregated flow; `None` if that is a matter of its source, and the key stands for any.
    fn group(&self, key: &FlowKey) -> Option<GroupKey> {
        let is_told = self.group != Group::Pair || !key.is_of_any();
        self.group.of(key, "").filter(|_| is_told)
    }
}

impl Gather for GatheredGroups<'_> {
    fn span(&self) -> Span {
        self.span
    }

    fn take(&mut self, flow: &WalkedFlow<'_>) {
        if let Some(group) = self.group.of(flow.key, "") {
            self.sums.add(group, flow.traffic(self.span), flow.growth, flow.counts(self.span));
        }
    }

    fn end(&mut self) -> bool {
        let (sums, more) = self.sums.end();
        let shown = |traffic: &Traffic| self.span == Span::Slice || !traffic.is_empty();
        for (group, sum) in sums.into_iter().filter(|(_, sum)| shown(&sum.traffic)) {
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
