//! A flow as a pass over the flow table comes by it, and what is made of many of them.

use traf_model::{Answer, Class, Flow, FlowKey, Traffic};

use super::LiveView;

/// What of a flow counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All of it, of the flows that are in the table.
    Whole,
    /// What it counted in the slice that runs or is being sealed: rows, what has none and the total add up to what the summary of
    /// the slice says. The busiest rows by octets are answered, whatever the order of the wish.
    Slice,
}

/// Adds up flows for the answer to one wish.
pub(super) trait Gather {
    fn span(&self) -> Span;
    /// It needs passes at all.
    fn walks(&self) -> bool {
        true
    }
    /// Takes a flow, in every pass.
    fn take(&mut self, flow: &WalkedFlow<'_>);
    /// Ends a pass; true if it needs another one.
    fn end(&mut self) -> bool;
    fn answer(self: Box<Self>) -> Answer;
}

/// A flow of which a filter selects one direction or both.
pub(super) struct WalkedFlow<'a> {
    pub(super) key: &'a FlowKey,
    /// Directions that are selected: forward, reverse.
    pub(super) directions: (bool, bool),
    /// What they counted in the slice.
    pub(super) slice: Traffic,
    /// In the last seconds.
    pub(super) growth: Traffic,
    /// It began in the slice.
    pub(super) begins: bool,
    /// Where it stands in the table.
    pub(super) place: Place<'a>,
    pub(super) view: LiveView<'a>,
}

pub(super) enum Place<'a> {
    Slot(usize),
    /// It left the table within the slice; what it counted is in the facilities.
    Parted(&'a Flow),
    /// It left the table in the last seconds, and is one of several of these ends: only their growth is known.
    Left,
}

impl WalkedFlow<'_> {
    /// What counts of it.
    pub(super) fn traffic(&self, span: Span) -> Traffic {
        match (span, &self.place) {
            (Span::Slice, _) => self.slice,
            (Span::Whole, Place::Slot(slot)) => selected(self.directions, self.view.meter.flows.whole(*slot)),
            (Span::Whole, Place::Parted(_) | Place::Left) => Traffic::default(),
        }
    }

    /// It counts as a flow: it is in the table, or began in the slice.
    pub(super) fn counts(&self, span: Span) -> u64 {
        u64::from(match span {
            Span::Whole => matches!(self.place, Place::Slot(_)),
            Span::Slice => self.begins,
        })
    }

    pub(super) fn class(&self) -> Class {
        match self.place {
            Place::Slot(slot) => self.view.meter.flows.class(slot),
            Place::Parted(_) | Place::Left => self.key.class(),
        }
    }

    /// The whole row, with what counts of it.
    pub(super) fn row(&self, span: Span) -> Flow {
        let traffic = self.traffic(span);
        let row = match self.place {
            Place::Slot(slot) => self.view.meter.flows.row(slot, traffic, self.view.now.0),
            Place::Parted(flow) => *flow,
            Place::Left => Flow::new(*self.key, traffic, self.view.now),
        };
        Flow { traffic, ..row }
    }
}

/// The selected directions of a flow's traffic.
pub(super) fn selected((forward, reverse): (bool, bool), traffic: Traffic) -> Traffic {
    let of = |selected, counters| if selected { counters } else { Default::default() };
    Traffic { outbound: of(forward, traffic.outbound), inbound: of(reverse, traffic.inbound) }
}
