//! The busiest flows of a slice: of those that began in it, and of the others, as many of each as are wished. First, by class, all
//! that is in none of them.

use traf_model::{Answer, Item, Order, Row, Traffic, Wish};

use super::LiveView;
use super::gather::{Gather, Place, Span, WalkedFlow};
use crate::meter::other_flows::OtherFlows;
use crate::meter::threshold::Threshold;

/// Gathered in two passes: the octets of all flows, then the busiest of them.
pub(super) struct GatheredSliceFlows {
    answer: Answer,
    limit: usize,
    others: OtherFlows,
    pass: Pass,
}

enum Pass {
    Octets([Vec<u64>; 2]),
    Rows([Threshold; 2]),
}

impl GatheredSliceFlows {
    pub(super) fn new(view: LiveView<'_>, wish: &Wish) -> Self {
        let others = if wish.filter.is_all() { view.meter.flows.other.clone() } else { OtherFlows::default() };
        let answer = Answer { id: wish.id, ..Answer::default() };
        Self { answer, limit: wish.limit.min(Wish::LIMIT) as usize, others, pass: Pass::Octets(Default::default()) }
    }
}

impl Gather for GatheredSliceFlows {
    fn span(&self) -> Span {
        Span::Slice
    }

    fn take(&mut self, flow: &WalkedFlow<'_>) {
        if matches!(flow.place, Place::Left) {
            return;
        }
        let octets = flow.slice.total().octets;
        match &mut self.pass {
            Pass::Octets(all) => all[usize::from(flow.begins)].push(octets),
            Pass::Rows(thresholds) => {
                if thresholds[usize::from(flow.begins)].passes(octets) {
                    self.answer.total += flow.slice;
                    self.answer.rows.push(Row::new(flow.view.rate(flow.growth), Item::Flow(flow.row(Span::Slice))));
                } else {
                    self.others.add(flow.class(), flow.slice, 1);
                }
            }
        }
    }

    fn end(&mut self) -> bool {
        let Pass::Octets(all) = &mut self.pass else { return false };
        self.answer.matched = all.iter().map(Vec::len).sum::<usize>() as u64;
        let threshold = |all: Vec<u64>| Threshold::among(all.into_iter(), self.limit);
        self.pass = Pass::Rows(std::mem::take(all).map(threshold));
        true
    }

    fn answer(self: Box<Self>) -> Answer {
        let Self { mut answer, others, .. } = *self;
        answer.rows.sort_by(|a, b| a.compare(b, Order::default()));
        let others = others.rows().into_iter().filter(|(_, traffic, _)| !traffic.is_empty());
        let others: Vec<Row> = others
            .map(|(class, traffic, flows)| Row::new(Traffic::default(), Item::Other(class, traffic, flows)))
            .collect();
        answer.total += others.iter().map(|row| row.item.traffic()).sum();
        answer.rows.splice(0..0, others);
        answer
    }
}
