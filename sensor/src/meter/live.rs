//! Answers to wishes: exact, over everything that is in the tables now, in memory that does not grow with them.
//!
//! Most of them need passes over the flow table, which cost much more than what is made of a flow: wishes that are answered in one go
//! share their passes, whatever they ask for.

pub(crate) mod batches;
mod flows;
mod gather;
mod groups;
mod keys;
mod peers;
pub(super) mod sealed;
mod slice_flows;
mod sums;
mod top;

mod walk;

use traf_model::{Answer, Facility, Filter, Group, InterfaceStats, Item, Timestamp, Traffic, Wish};

use super::Meter;
use super::flow_rates::LeftGrowth;
use super::tables::Tables;
use flows::GatheredFlows;
use gather::{Gather, Span};
use groups::GatheredGroups;
use keys::GatheredKeys;
use slice_flows::GatheredSliceFlows;
use top::Top;
use walk::Walk;

/// Tables and figures that answers are made from.
#[derive(Clone, Copy)]
pub(super) struct LiveView<'a> {
    pub(super) meter: &'a Meter,
    pub(super) now: Timestamp,
    /// Start of the slice that runs, or is being sealed.
    pub(super) slice: Timestamp,
}

impl<'a> LiveView<'a> {
    /// The answers to wishes, in their order; none to one about a slice that asks for something else than flows and counted facilities, nor to one
    /// whose filter is not counted because too many are.
    ///
    /// Flows and groups under a filter are those in the flow table. Without a filter their answer ends with what left the
    /// table, by class, so that it adds up to the interface. Everything else under a filter is what was counted since the
    /// filter was set.
    pub(super) fn answers(&self, wishes: &[&'a Wish]) -> Vec<Answer> {
        let (mut answers, mut walk) = (Vec::with_capacity(wishes.len()), Walk::new(*self));
        for (place, wish) in wishes.iter().enumerate() {
            let answer = match (wish.facility, self.gathered(wish)) {
                (_, Some(gathered)) => {
                    walk.add(place, &wish.filter, gathered);
                    None
                }
                (Facility::Interfaces, None) if !wish.slice => self.interface(wish),
                (Facility::Packets, None) if !wish.slice => {
                    Some(self.meter.packet_log.answer(wish, &self.meter.interface))
                }
                _ => None,
            };
            answers.extend(answer.map(|answer| (place, answer)));
        }
        answers.extend(walk.answers());
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// What adds up the flows for a wish, if that asks for flows or what they have in common.
    fn gathered(&self, wish: &Wish) -> Option<Box<dyn Gather + 'a>> {
        let span = if wish.slice { Span::Slice } else { Span::Whole };
        Some(match (wish.facility, wish.group) {
            (Facility::Traffic, Group::Flow) if wish.slice => Box::new(GatheredSliceFlows::new(*self, wish)),
            (Facility::Traffic, Group::Flow) => Box::new(GatheredFlows::new(*self, wish)),
            (Facility::Traffic, _) => Box::new(GatheredGroups::new(*self, span, wish)),
            (Facility::Counted(facility), _) => {
                Box::new(GatheredKeys::new(*self, (facility, self.tables(&wish.filter)?), span, wish))
            }
            (Facility::Interfaces | Facility::Packets, _) => return None,
        })
    }

    fn interface(&self, wish: &Wish) -> Option<Answer> {
        let (all, interface, tables) = (&self.meter.flows.tables, &self.meter.interface, self.tables(&wish.filter)?);
        let stats = InterfaceStats { ledger: all.stats(interface).ledger, ..tables.stats(interface) };
        let mut top = Top::new(wish);
        top.push(tables.rated.total, Item::Interface(Box::new(stats)));
        Some(Self::since(top.answer(), tables))
    }

    /// The tables of all packets, or of what a filter selects.
    fn tables(&self, filter: &Filter) -> Option<&'a Tables> {
        if filter.is_all() { Some(&self.meter.flows.tables) } else { self.meter.filtered.of(filter) }
    }

    /// An answer that is made of all that some tables counted.
    fn since(answer: Answer, tables: &Tables) -> Answer {
        let since = (!tables.filter.is_all()).then_some(tables.since);
        Answer { largest: tables.counters.largest_packets(), since, ..answer }
    }

    /// Per second.
    fn rate(&self, growth: Traffic) -> Traffic {
        growth.per_second(self.meter.rates.nanos())
    }

    /// Growth of the flows that left the table in the last seconds, by their ends. They cannot be filtered.
    fn left(&self, filter: &Filter) -> LeftGrowth {
        if filter.is_all() { self.meter.rates.left() } else { LeftGrowth::default() }
    }

    /// Traffic that left the table, by class. It cannot be filtered.
    fn gone(&self, wish: &Wish, top: &mut Top) {
        if wish.filter.is_all() {
            for (class, traffic, flows) in self.meter.flows.gone.rows() {
                top.push_other(Item::Other(class, traffic, flows));
            }
        }
    }
}
