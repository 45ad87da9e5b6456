//! The first flows of the table in the orders of a wish.

use traf_model::{Answer, Item, Wish};

use super::LiveView;
use super::gather::{Gather, Place, Span, WalkedFlow};
use super::top::Top;

/// Gathered in one pass.
pub(super) struct GatheredFlows {
    top: Top,
}

impl GatheredFlows {
    pub(super) fn new(view: LiveView<'_>, wish: &Wish) -> Self {
        let mut top = Top::new(wish);
        view.gone(wish, &mut top);
        Self { top }
    }
}

impl Gather for GatheredFlows {
    fn span(&self) -> Span {
        Span::Whole
    }

    fn take(&mut self, flow: &WalkedFlow<'_>) {
        let row = matches!(flow.place, Place::Slot(_)).then(|| flow.row(Span::Whole));
        if let Some(row) = row.filter(|row| !row.traffic.is_empty()) {
            self.top.push(flow.view.rate(flow.growth), Item::Flow(row));
        }
    }

    fn end(&mut self) -> bool {
        false
    }

    fn answer(self: Box<Self>) -> Answer {
        self.top.answer()
    }
}
