//! State of the IP traffic monitor: two panes or one table of groups, and what was put out of sight.

use traf_model::{
    Counters, Endpoint, Filter, Flow, Group, Half, Item, OrderBy, Report, Row, Timestamp, Traffic, Transport,
};

use super::list::List;
use super::packet_window::PacketWindow;

/// The pane that has the keys.
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
    PacketSize,
}

impl Columns {
    /// The set after this one.
    pub const fn next(self) -> Self {
        [Self::Macs, Self::PacketSize, Self::Counts][self as usize]
    }
}

/// Contents of the lower pane. The past has flows only: single packets are not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// UDP as flows, all else packet by packet.
    #[default]
    Mixed,
    /// Every packet, as in IPTraf.
    Packets,
    /// Flows only, in the order of the connections.
    Flows,
}

impl Others {
    /// The one after this.
    pub const fn next(self) -> Self {
        [Self::Packets, Self::Flows, Self::Mixed][self as usize]
    }

    /// In the pane's title.
    pub const fn title(self) -> &'static str {
        ["UDP flows, other packets", "Other packets", "Other flows"][self as usize]
    }
}

/// A row of the upper pane: one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLine<'a> {
    /// The whole row.
    pub row: &'a Row,
    /// The connection.
    pub flow: &'a Flow,
    /// From the initiator.
    pub forward: bool,
    /// The end that sends.
    pub end: Endpoint,
    /// Packets and octets.
    pub counters: Counters,
    /// Per second.
    pub rate: Counters,
    /// State of that end.
    pub half: Half,
}

impl<'a> ConnectionLine<'a> {
    /// A line of a row that is a flow.
    pub fn of((row, line): (&'a Row, usize)) -> Option<Self> {
        let Item::Flow(flow) = &row.item else { return None };
        let (key, traffic, rate) = (flow.key, flow.traffic, row.rate);
        let (end, counters, rate, half) = match line {
            0 => (key.source, traffic.outbound, rate.outbound, flow.forward),
            _ => (key.destination, traffic.inbound, rate.inbound, flow.reverse),
        };
        Some(Self { row, flow, forward: line == 0, end, counters, rate, half })
    }
}

/// The monitor's state.
#[derive(Clone, Debug)]
pub struct TrafficState {
    /// The pane that has the keys.
    pub pane: Pane,
    /// The columns that are shown.
    pub columns: Columns,
    /// The grouping of flows; except for single flows there is one table and no panes.
    pub group: Group,
    /// The filter and the grouping that a group was opened from.
    pub opened: Option<(Filter, Group)>,
    /// Contents of the lower pane.
    pub others: Others,
    /// Connections: two lines each.
    pub upper: List,
    /// Flows of the lower pane.
    pub lower: List,
    /// Groups.
    pub groups: List,
    /// Packets of the lower pane.
    pub packets: PacketWindow,
    /// Columns by which the text of the lower pane is shifted.
    pub shift: u16,
    /// Connections that were over by then are out of sight.
    pub flushed: Option<Timestamp>,
}

impl Default for TrafficState {
    fn default() -> Self {
        Self {
            pane: Pane::default(),
            columns: Columns::default(),
            group: Group::Flow,
            opened: None,
            others: Others::default(),
            upper: List::new(OrderBy::Rate).of_lines(2),
            lower: List::new(OrderBy::Rate),
            groups: List::new(OrderBy::Rate),
            packets: PacketWindow::default(),
            shift: 0,
            flushed: None,
        }
    }
}

impl TrafficState {
    /// Contents of the lower pane, live or in the past.
    pub const fn others(&self, live: bool) -> Others {
        if live { self.others } else { Others::Flows }
    }

    /// Forgets what it listed: another screen, another question.
    pub fn clear(&mut self) {
        for list in [&mut self.upper, &mut self.lower, &mut self.groups] {
            list.clear();
        }
        self.packets = PacketWindow::default();
    }
}

/// Flows without rows in the answers for TCP and for all else, and their traffic; one flow may be counted more than once.
pub fn folded<'a>(reports: impl Iterator<Item = &'a Report>) -> (u64, Traffic) {
    let mut sum = (0, Traffic::default());
    for (place, report) in reports.enumerate() {
        for row in &report.rows {
            // Answers may both speak of what no filter can tell apart: of each only its own part counts.
            if let Item::Other(class, traffic, flows) = row.item
                && (class.transport == Transport::Tcp) == (place == 0)
            {
                sum = (sum.0 + flows, sum.1 + traffic);
            }
        }
    }
    sum
}
