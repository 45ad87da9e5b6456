//! Passes over the flow table that several wishes share.

use traf_model::{Answer, Filter, FlowKey, Timestamp, Traffic};

use super::LiveView;
use super::gather::{Gather, Place, Span, WalkedFlow, selected};
use crate::meter::flow_rates::LeftGrowth;
use crate::meter::flow_state;
use crate::meter::slot::Slot;

/// Everything that is gathered in the same passes, by filter.
pub(super) struct Walk<'a> {
    view: LiveView<'a>,
    filters: Vec<UnderFilter<'a>>,
}

/// What is gathered of the flows that one filter selects.
struct UnderFilter<'a> {
    filter: &'a Filter,
    left: LeftGrowth,
    gathering: Vec<Gathering<'a>>,
}

struct Gathering<'a> {
    /// Place of its wish.
    place: usize,
    gathered: Box<dyn Gather + 'a>,
    span: Span,
    /// It needs another pass.
    again: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(view: LiveView<'a>) -> Self {
        Self { view, filters: Vec::new() }
    }

    pub(super) fn add(&mut self, place: usize, filter: &'a Filter, gathered: Box<dyn Gather + 'a>) {
        let under = self.filters.iter().position(|under| under.filter == filter).unwrap_or_else(|| {
            self.filters.push(UnderFilter { filter, left: self.view.left(filter), gathering: Vec::new() });
            self.filters.len() - 1
        });
        let (span, again) = (gathered.span(), gathered.walks());
        self.filters[under].gathering.push(Gathering { place, gathered, span, again });
    }

    /// Walks as often as anybody needs it; answers with the places of their wishes.
    pub(super) fn answers(mut self) -> Vec<(usize, Answer)> {
        while self.filters.iter().any(UnderFilter::needs_pass) {
            self.pass();
            self.filters.iter_mut().flat_map(|under| &mut under.gathering).for_each(Gathering::end);
        }
        let slice = self.view.slice;
        let answer = |Gathering { place, gathered, span, .. }: Gathering<'_>| {
            (place, Answer { slice: (span == Span::Slice).then_some(slice), ..gathered.answer() })
        };
        self.filters.into_iter().flat_map(|under| under.gathering).map(answer).collect()
    }

    /// Hands over every flow: those in the table, then those that left it within the slice, then those that left it in the last
    /// seconds.
    fn pass(&mut self) {
        let Self { view, filters } = self;
        let mut open: Vec<&mut UnderFilter<'_>> = filters.iter_mut().filter(|under| under.needs_pass()).collect();
        let of_slices = open.iter().all(|under| under.is_of_slices());
        let (mut reader, flows) = (view.meter.rates.reader(), &view.meter.flows);
        for slot in flows.table.all() {
            let Slot { hot, warm, cold } = &flows.table.flows[slot];
            let (slice, first) = (flows.slice(slot), Timestamp(cold.first));
            let mut growth = reader.growth(slot, first);
            let is_idle = slice.is_empty() && growth.is_empty();
            if is_idle && of_slices {
                continue;
            }
            let second_began = flow_state::second_began(warm);
            let key = hot.key.flow(second_began);
            if second_began {
                growth = growth.reversed();
            }
            for under in &mut open {
                if is_idle && under.is_of_slices() {
                    continue;
                }
                let directions =
                    if under.filter.is_all() { (true, true) } else { view.directions(under.filter, slot, &key) };
                let (begins, place) = (first.0 >= flows.opened, Place::Slot(slot));
                under.take(WalkedFlow { key: &key, directions, slice, growth, begins, place, view: *view });
            }
        }
        for under in &mut open {
            for flow in flows.parted.rows() {
                let directions = under.filter.directions(flow, "", &view.meter.interface.name);
                let (growth, begins, place) = (Traffic::default(), flow.first.0 >= flows.opened, Place::Parted(flow));
                let (key, slice) = (&flow.key, flow.traffic);
                under.take(WalkedFlow { key, directions, slice, growth, begins, place, view: *view });
            }
            let left = std::mem::take(&mut under.left);
            for (key, growth) in left.iter().filter(|(_, growth)| !growth.is_empty()) {
                let (directions, slice, begins) = ((true, true), Traffic::default(), false);
                let place = Place::Left;
                under.take(WalkedFlow { key, directions, slice, growth: *growth, begins, place, view: *view });
            }
            under.left = left;
        }
    }
}

impl UnderFilter<'_> {
    fn needs_pass(&self) -> bool {
        self.gathering.iter().any(|gathering| gathering.again)
    }

    /// Flows that counted nothing in the slice, and nothing just now, are of no matter.
    fn is_of_slices(&self) -> bool {
        self.gathering.iter().all(|gathering| !gathering.again || gathering.span == Span::Slice)
    }

    fn take(&mut self, mut flow: WalkedFlow<'_>) {
        if flow.directions == (false, false) {
            return;
        }
        if flow.directions != (true, true) {
            flow.slice = selected(flow.directions, flow.slice);
            flow.growth = selected(flow.directions, flow.growth);
        }
        let is_idle = flow.slice.is_empty() && flow.growth.is_empty();
        for gathering in self.gathering.iter_mut().filter(|gathering| gathering.again) {
            if !is_idle || gathering.span == Span::Whole {
                gathering.gathered.take(&flow);
            }
        }
    }
}

impl Gathering<'_> {
    fn end(&mut self) {
        if self.again {
            self.again = self.gathered.end();
        }
    }
}

impl LiveView<'_> {
    /// The directions of the flow in a slot that a filter selects. Asked before a row is made: most filters select few.
    fn directions(&self, filter: &Filter, slot: usize, key: &FlowKey) -> (bool, bool) {
        let Slot { warm, cold, .. } = &self.meter.flows.table.flows[slot];
        let (a, b) = (cold.mac(0), cold.mac(1));
        let macs = if flow_state::second_began(warm) { (b, a) } else { (a, b) };
        filter.directions_of(key, macs, "", &self.meter.interface.name)
    }
}
