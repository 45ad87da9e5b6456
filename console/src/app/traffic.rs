//! State of the IP traffic monitor: two panes, their order, their bars.

use std::collections::HashMap;

use traf_proto::{Flow, FlowKey, Item, Order, OrderBy, Point, Query, Report, Row, Timestamp, Traffic, Transport};

use super::cursor::Cursor;

/// Which pane has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// TCP connections.
    #[default]
    Upper,
    /// Everything else.
    Lower,
}

/// IPTraf's sets of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Packets and octets.
    #[default]
    Counts,
    /// Source MAC of each direction.
    Macs,
    /// Size of the last packet, and its window.
    Sizes,
}

impl Columns {
    /// The set after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Counts => Self::Macs,
            Self::Macs => Self::Sizes,
            Self::Sizes => Self::Counts,
        }
    }
}

/// Which flow: the same key used again is another flow, the same flow seen elsewhere another row.
pub type FlowId = (FlowKey, Timestamp, Vec<Point>);

/// The identity of a row that is a flow.
#[must_use]
pub fn id(row: &Row) -> Option<FlowId> {
    match &row.item {
        Item::Flow(flow) => Some((flow.key, flow.first, row.observed_by.clone())),
        _ => None,
    }
}

/// A row of the upper pane: one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The whole row.
    pub row: &'a Row,
    /// The connection.
    pub flow: &'a Flow,
    /// From the initiator.
    pub forward: bool,
}

/// What a report has no rows for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// How many flows; one may be counted more than once.
    pub keys: u64,
    /// Their traffic.
    pub traffic: Traffic,
}

/// The monitor's state.
#[derive(Clone, Debug)]
pub struct TrafficState {
    /// Which pane has the keys.
    pub pane: Pane,
    /// Which columns.
    pub columns: Columns,
    /// What the collector sorts by.
    pub order: Order,
    /// Rows move as their numbers do; else a row keeps its place until the next sort.
    pub continuous: bool,
    /// By line: two for each connection.
    pub upper: Cursor<(FlowId, bool)>,
    /// By flow.
    pub lower: Cursor<FlowId>,
    /// Columns by which the text of the lower pane is shifted.
    pub shift: u16,
    /// Rows asked for: more as one scrolls.
    pub limit: u32,
    upper_rows: Vec<usize>,
    lower_rows: Vec<usize>,
}

/// Rows of the first question; live answers stay small unless one scrolls.
const FIRST_LIMIT: u32 = 200;

impl Default for TrafficState {
    fn default() -> Self {
        Self {
            pane: Pane::Upper,
            columns: Columns::Counts,
            order: Order { by: OrderBy::Rate, ascending: false },
            continuous: true,
            upper: Cursor::default(),
            lower: Cursor::default(),
            shift: 0,
            limit: FIRST_LIMIT,
            upper_rows: Vec::new(),
            lower_rows: Vec::new(),
        }
    }
}

impl TrafficState {
    /// Takes the connections of a new report; `before` is the one it replaces.
    pub fn arrange_upper(&mut self, report: &Report, before: Option<&Report>, page: usize) {
        self.upper_rows = arrange(report, before.filter(|_| !self.continuous), &self.upper_rows);
        let rows = &self.upper_rows;
        self.upper.follow(|line| upper_key(rows, report, line), rows.len() * 2, page);
    }

    /// Takes the other flows of a new report.
    pub fn arrange_lower(&mut self, report: &Report, before: Option<&Report>, page: usize) {
        self.lower_rows = arrange(report, before.filter(|_| !self.continuous), &self.lower_rows);
        let rows = &self.lower_rows;
        self.lower.follow(|place| lower_key(rows, report, place), rows.len(), page);
    }

    /// Moves the bar of the pane that has the keys.
    pub fn go(&mut self, to: impl Fn(usize, usize) -> usize, reports: (Option<&Report>, Option<&Report>), page: usize) {
        match self.pane {
            Pane::Upper => {
                let length = self.upper_rows.len() * 2;
                self.upper.go(to(self.upper.selected, length), length, page);
                let rows = &self.upper_rows;
                self.upper.note(|line| upper_key(rows, reports.0?, line));
            }
            Pane::Lower => {
                let length = self.lower_rows.len();
                self.lower.go(to(self.lower.selected, length), length, page);
                let rows = &self.lower_rows;
                self.lower.note(|place| lower_key(rows, reports.1?, place));
            }
        }
        let selected = match self.pane {
            Pane::Upper => self.upper.selected / 2,
            Pane::Lower => self.lower.selected,
        };
        if selected + page.max(20) >= self.limit as usize {
            self.limit = (self.limit * 2).min(Query::LIMIT);
        }
    }

    /// How many connections are listed.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.upper_rows.len()
    }

    /// How many other flows are listed.
    #[must_use]
    pub fn others(&self) -> usize {
        self.lower_rows.len()
    }

    /// A line of the upper pane.
    #[must_use]
    pub fn line<'a>(&self, report: &'a Report, line: usize) -> Option<Line<'a>> {
        let row = report.rows.get(*self.upper_rows.get(line / 2)?)?;
        let Item::Flow(flow) = &row.item else { return None };
        Some(Line { row, flow, forward: line.is_multiple_of(2) })
    }

    /// A row of the lower pane.
    #[must_use]
    pub fn other<'a>(&self, report: &'a Report, place: usize) -> Option<&'a Row> {
        report.rows.get(*self.lower_rows.get(place)?)
    }

    /// Forgets what it listed: another facility, another time.
    pub fn clear(&mut self) {
        self.upper_rows.clear();
        self.lower_rows.clear();
    }
}

fn upper_key(rows: &[usize], report: &Report, line: usize) -> Option<(FlowId, bool)> {
    Some((id(report.rows.get(*rows.get(line / 2)?)?)?, line.is_multiple_of(2)))
}

fn lower_key(rows: &[usize], report: &Report, place: usize) -> Option<FlowId> {
    id(report.rows.get(*rows.get(place)?)?)
}

/// Places of the flows of `report`: in its order, or in the order they had in `before`, new ones last.
fn arrange(report: &Report, before: Option<&Report>, listed: &[usize]) -> Vec<usize> {
    let flows = report.rows.iter().enumerate().filter(|(_, row)| matches!(row.item, Item::Flow(_)));
    let mut rows: Vec<usize> = flows.map(|(place, _)| place).collect();
    if let Some(before) = before {
        let known = listed.iter().enumerate().filter_map(|(place, row)| Some((id(before.rows.get(*row)?)?, place)));
        let known: HashMap<FlowId, usize> = known.collect();
        let place = |row: &usize| id(&report.rows[*row]).and_then(|id| known.get(&id).copied()).unwrap_or(usize::MAX);
        rows.sort_by_cached_key(place);
    }
    rows
}

/// What the answers for TCP and for all else have no rows for.
#[must_use]
pub fn folded(tcp: Option<&Report>, others: Option<&Report>) -> Folded {
    let rows = |report: Option<&'_ Report>, tcp: bool| {
        let rows = report.into_iter().flat_map(|report| &report.rows);
        rows.fold(Folded::default(), |sum, row| match row.item {
            Item::Other(class, traffic, keys) if (class.transport == Transport::Tcp) == tcp => {
                Folded { keys: sum.keys + keys, traffic: sum.traffic + traffic }
            }
            _ => sum,
        })
    };
    let (tcp, others) = (rows(tcp, true), rows(others, false));
    Folded { keys: tcp.keys + others.keys, traffic: tcp.traffic + others.traffic }
}
