//! The overview beside the main menu: interfaces and IP addresses, the busiest first, each of which opens its facility.

use traf_model::{Filter, Group, Item, Row, Scope};

use super::list::{self, RowId};
use super::{App, Screen};
use crate::condition::both;
use crate::facility;

/// The line with the bar, and the way back from what a line opened.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The line with the bar, while the overview has the keys.
    pub picked: Option<RowId>,
    /// Scope and filter before a line was opened, and since.
    way: Option<[(Scope, Filter); 2]>,
}

impl App {
    /// Interfaces, the busiest first.
    pub fn busy_interfaces(&self) -> Vec<&Row> {
        let rows = self.report().map_or(&[][..], |report| &report.rows);
        let mut rows: Vec<&Row> = rows.iter().filter(|row| matches!(row.item, Item::Interface(_))).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.rate.total().octets));
        rows
    }

    /// Rows of the facility beside the menu, the busiest first, and the traffic without a row.
    pub fn busy_keys(&self) -> Vec<&Row> {
        self.feeds.report(1).map_or(Vec::new(), |report| report.rows.iter().collect())
    }

    /// The lines that open something.
    fn lines(&self) -> Vec<&Row> {
        let keys = self.busy_keys().into_iter().filter(|row| !matches!(row.item, Item::Other(..)));
        self.busy_interfaces().into_iter().chain(keys).collect()
    }

    /// The overview has the keys, not the menu beside it.
    pub(super) fn in_overview(&self) -> bool {
        self.screen == Screen::Home && self.overview.picked.is_some()
    }

    /// The keys go to the overview, or back to the menu.
    pub(super) fn switch_overview(&mut self) {
        let first = self.lines().first().map(|row| list::id(row));
        self.overview.picked = if self.overview.picked.is_some() { None } else { first };
    }

    /// Moves the bar of the overview; a row that has gone leaves it to the first.
    pub(super) fn go_overview(&mut self, to: impl Fn(usize, usize) -> usize) {
        let lines = self.lines();
        let at = lines.iter().position(|row| Some(list::id(row)) == self.overview.picked);
        let at = at.map_or(0, |at| to(at, lines.len()).min(lines.len().saturating_sub(1)));
        self.overview.picked = lines.get(at).map(|row| list::id(row));
    }

    /// Opens the facility that the line comes from: an interface in detail, or who a host talks to.
    pub(super) fn open_line(&mut self) {
        let Some(row) = self.lines().into_iter().find(|row| Some(list::id(row)) == self.overview.picked) else {
            return;
        };
        let before = (self.scope.clone(), self.filter.clone());
        let (screen, scope, filter) = match facility::condition(row) {
            Some(host) => (Screen::Traffic, self.scope.clone(), both(&self.filter, host)),
            None => (Screen::Detailed, Scope(row.observed_by.clone()), self.filter.clone()),
        };
        (self.scope, self.filter, self.traffic.group) = (scope, filter, Group::Flow);
        self.open(screen);
        self.overview.way = Some([before, (self.scope.clone(), self.filter.clone())]);
    }

    /// Back in the main menu: what a line narrowed is wide again, unless somebody chose something else meanwhile.
    pub(super) fn return_to_overview(&mut self) {
        if let Some([before, since]) = self.overview.way.take()
            && since == (self.scope.clone(), self.filter.clone())
        {
            (self.scope, self.filter) = before;
        }
    }
}
