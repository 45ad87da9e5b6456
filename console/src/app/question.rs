//! Queries whose answers the screen shows.

use traf_model::filter::{Expression, Test};
use traf_model::{Facility, Filter, Group, Order, OrderBy, Query};

use super::list::List;
use super::packet_window::PacketWindow;
use super::traffic::Others;
use super::{App, Screen};
use crate::condition::both;
use crate::facility::OVERVIEW;

/// IP protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

impl App {
    /// The questions whose answers the present screen shows.
    pub(super) fn wanted(&self) -> Vec<Query> {
        let order = self.lists.get(&Facility::Interfaces).map(|list| list.order).unwrap_or_default();
        let interfaces = |filter| self.ask(Facility::Interfaces, filter, order, Query::LIMIT);
        match self.screen {
            Screen::Home => {
                let by_rate = Order { by: OrderBy::Rate, ascending: false };
                vec![
                    interfaces(self.filter.clone()),
                    self.ask(OVERVIEW.facility.into(), self.filter.clone(), by_rate, 20),
                ]
            }
            Screen::Traffic => self.traffic_wanted(),
            Screen::Interfaces | Screen::Detailed => vec![interfaces(self.filter.clone())],
            Screen::Counted(view) => {
                let list = self.list().map(|(list, _)| (list.order, list.limit));
                let (order, limit) = list.unwrap_or((Order::default(), Query::LIMIT));
                vec![self.ask(view.facility.into(), self.filter.clone(), order, limit)]
            }
            // Who reports is asked apart; this is for the strip.
            Screen::Sensors => vec![interfaces(Filter::default())],
        }
    }

    fn traffic_wanted(&self) -> Vec<Query> {
        let state = &self.traffic;
        if state.group != Group::Flow {
            let groups = self.ask(Facility::Traffic, self.filter.clone(), state.groups.order, state.groups.limit);
            return vec![Query { group: state.group, ..groups }];
        }
        let protocol = |number| Expression::Test(Test::Protocol(number));
        let not = |expression| Expression::Not(Box::new(expression));
        let flows = |part, list: &List| self.ask(Facility::Traffic, both(&self.filter, part), list.order, list.limit);
        let newest = Order { by: OrderBy::Last, ascending: false };
        let packets = |filter| self.ask(Facility::Packets, self.visible(filter), newest, PacketWindow::EACH);
        let connections = flows(protocol(TCP), &state.upper);
        match self.others() {
            Others::Flows => vec![connections, flows(not(protocol(TCP)), &state.lower)],
            Others::Packets => vec![connections, packets(self.filter.clone())],
            Others::Mixed => {
                vec![connections, flows(protocol(UDP), &state.lower), packets(both(&self.filter, not(protocol(UDP))))]
            }
        }
    }

    fn ask(&self, facility: Facility, filter: Filter, order: Order, limit: u32) -> Query {
        Query {
            facility,
            window: self.time.window(),
            scope: self.scope.clone(),
            filter,
            group: Group::Flow,
            order,
            limit,
        }
    }
}
