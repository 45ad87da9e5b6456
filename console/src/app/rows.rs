//! Rows of the tables, positions of the bars, and the number of rows that are seen at once.

use traf_model::time::SECOND;
use traf_model::{Facility, Group, Item, Report, Row, Timestamp};

use super::dialog::Dialog;
use super::list::{self, List};
use super::traffic::{Others, Pane};
use super::{App, Screen};
use crate::widget::layout;

impl App {
    /// Lists the rows of an answer; `before` is the one it replaces.
    pub(super) fn arrange(&mut self, place: usize, before: Option<&Report>) {
        let flushed = self.flushed();
        let (page, lower) = (self.page_of(Pane::Upper), self.page_of(Pane::Lower));
        let Some(report) = self.feeds.report(place) else { return };
        match (self.screen, report.facility) {
            (Screen::Traffic, Facility::Packets) => self.traffic.packets.take_lines(report, lower),
            (Screen::Traffic, _) if self.traffic.group != Group::Flow => {
                let groups = |row: &Row| matches!(row.item, Item::Group(..) | Item::Other(..));
                self.traffic.groups.arrange(report, before, page, groups);
            }
            (Screen::Traffic, _) if place == 0 => self.traffic.upper.arrange(report, before, page, |row| {
                matches!(&row.item, Item::Flow(flow) if !flow.state.is_over() || flushed.is_none_or(|at| flow.last > at))
            }),
            (Screen::Traffic, _) => {
                self.traffic.lower.arrange(report, before, lower, |row| matches!(row.item, Item::Flow(_)));
                if self.traffic.others(report.live) == Others::Mixed {
                    self.traffic.packets.take_flows(report, lower);
                }
            }
            (screen, facility) if screen.facility() == Some(facility) => {
                let hidden = |row: &Row| self.no_groups && matches!(screen, Screen::Counted(view) if view.hides(row));
                if let Some(list) = self.lists.get_mut(&facility) {
                    list.arrange(report, before, page, |row| !hidden(row));
                }
            }
            _ => {}
        }
    }

    /// Lists the rows of the same answer anew: others are hidden now.
    pub(super) fn arrange_again(&mut self) {
        let before = self.feeds.report(0).cloned();
        self.arrange(0, before.as_ref());
        self.keep_in_place();
    }

    /// Connections that were over by then are out of sight; none are in the past.
    fn flushed(&self) -> Option<Timestamp> {
        let minutes = i64::from(self.look.persistence);
        let aged = (minutes > 0).then(|| Timestamp(self.now.0.saturating_sub(minutes * 60 * SECOND)));
        self.traffic.flushed.max(aged).filter(|_| self.time.interval().is_none())
    }

    /// Rows of tables that are seen at once.
    pub(super) fn page(&self) -> usize {
        self.page_of(self.traffic.pane)
    }

    fn page_of(&self, pane: Pane) -> usize {
        let body = self.areas().body;
        let inside = usize::from(layout::inside(body).height);
        match self.screen {
            Screen::Traffic if self.traffic.group == Group::Flow => {
                let (upper, lower) = layout::panes(body, 6);
                usize::from(if pane == Pane::Upper { upper.height } else { lower.height })
            }
            Screen::Sensors => usize::from(layout::panes(body, 5).0.height),
            Screen::Counted(view) => {
                let summary = view.table().is_some_and(|table| table.summary.is_some());
                inside.saturating_sub(usize::from(summary)) / view.lines(body.width)
            }
            _ => inside,
        }
    }

    /// The table of the screen, and the place of its answer.
    pub fn list(&self) -> Option<(&List, usize)> {
        match self.screen {
            Screen::Traffic if self.traffic.group != Group::Flow => Some((&self.traffic.groups, 0)),
            Screen::Traffic if self.traffic.pane == Pane::Upper => Some((&self.traffic.upper, 0)),
            Screen::Traffic if self.others() == Others::Flows => Some((&self.traffic.lower, 1)),
            screen => Some((self.lists.get(&screen.facility()?)?, 0)),
        }
    }

    /// The same, to be changed, with its answer.
    pub(super) fn list_mut(&mut self) -> Option<(&mut List, Option<&Report>)> {
        let others = self.others();
        let (list, place) = match self.screen {
            Screen::Traffic if self.traffic.group != Group::Flow => (&mut self.traffic.groups, 0),
            Screen::Traffic if self.traffic.pane == Pane::Upper => (&mut self.traffic.upper, 0),
            Screen::Traffic if others == Others::Flows => (&mut self.traffic.lower, 1),
            screen => (self.lists.get_mut(&screen.facility()?)?, 0),
        };
        Some((list, self.feeds.report(place)))
    }

    /// Contents of the lower pane of the traffic monitor at this time.
    pub fn others(&self) -> Others {
        self.traffic.others(self.time.interval().is_none())
    }

    /// The row with the bar.
    pub fn selected(&self) -> Option<&Row> {
        match self.list() {
            Some((list, place)) => Some(list.selected(self.feeds.report(place))?.0),
            None if self.screen == Screen::Traffic => self.traffic.packets.selected(),
            None => None,
        }
    }

    /// Bars stay on their rows and inside their lists, whatever came or went.
    pub(super) fn keep_in_place(&mut self) {
        let page = self.page();
        if self.screen == Screen::Traffic {
            let (upper, lower) = (self.page_of(Pane::Upper), self.page_of(Pane::Lower));
            self.traffic.upper.fit(upper);
            self.traffic.lower.fit(lower);
            self.traffic.packets.fit(lower);
        }
        if self.screen == Screen::Sensors {
            let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
            self.sensors.follow(|place| Some(sensors.get(place)?.id.clone()), sensors.len(), page);
        } else if let Some((list, _)) = self.list_mut() {
            list.fit(page);
        }
        self.renew_details();
    }

    /// Details show the newest numbers of their row.
    fn renew_details(&mut self) {
        let Some(Dialog::Details(shown, _)) = &mut self.dialog else { return };
        let newest = self.feeds.reports().flat_map(|report| &report.rows).find(|row| list::id(row) == list::id(shown));
        if let Some(row) = newest {
            **shown = row.clone();
        }
    }
}
