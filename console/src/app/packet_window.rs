//! The lower window as IPTraf has it: the newest packets that belong to no connection, and flows among them at the moment
//! of their last packet, so that the newest is always at the end.

use std::collections::HashMap;

use traf_model::{Item, Point, Report, Row, Timestamp};

use super::cursor::Cursor;
use super::list::{RowId, id};

/// Contents of the window, oldest first.
#[derive(Clone, Debug, Default)]
pub struct PacketWindow {
    lines: Vec<Row>,
    flows: Vec<Row>,
    /// Everything, oldest first.
    pub entries: Vec<Row>,
    /// Position of the bar. On the last entry it stays on the last.
    pub cursor: Cursor<RowId>,
    newest: HashMap<Option<Point>, (Timestamp, u64)>,
    /// Packets that matched.
    matched: u64,
    /// Those of them that were taken, and those that the first answer spoke of and did not bring.
    known: Option<u64>,
}

impl PacketWindow {
    /// Number of entries that are kept, as in IPTraf.
    pub const ROOM: usize = 512;

    /// Packets of one answer: more a second than anybody reads.
    pub const EACH: u32 = 256;

    /// Takes those packets of an answer that are new.
    pub fn take_lines(&mut self, report: &Report, page: usize) {
        let mut new: Vec<&Row> = report.rows.iter().filter(|row| self.is_new(row)).collect();
        new.sort_by_key(|row| moment(row));
        for row in &new {
            self.newest.insert(row.observed_by.first().cloned(), moment(row));
            self.lines.push((*row).clone());
        }
        let taken = new.len() as u64;
        // With fewer of them than before, somebody began to count anew.
        let known = self.known.filter(|_| report.matched >= self.matched).map(|known| known + taken);
        (self.matched, self.known) = (report.matched, Some(known.unwrap_or(report.matched.max(taken))));
        self.lines.drain(..self.lines.len().saturating_sub(Self::ROOM));
        self.renew(page);
    }

    /// Takes the flows that stand among the packets.
    pub fn take_flows(&mut self, report: &Report, page: usize) {
        self.flows = report.rows.iter().filter(|row| matches!(row.item, Item::Flow(_))).cloned().collect();
        self.renew(page);
    }

    /// Packets since this window was opened that found no place in an answer. Of packets that a filter selects the sensors
    /// count only those that they still have, so none are known to be missing.
    pub fn not_shown(&self) -> u64 {
        self.matched.saturating_sub(self.known.unwrap_or(0))
    }

    /// The entry with the bar.
    pub fn selected(&self) -> Option<&Row> {
        self.entries.get(self.cursor.selected)
    }

    /// IPTraf's words for where the window is.
    pub fn position(&self, page: usize) -> &'static str {
        if self.cursor.offset + page >= self.entries.len() {
            "Bottom"
        } else if self.cursor.offset == 0 {
            "Top"
        } else {
            ""
        }
    }

    /// Moves the bar: from where it is and the number of entries to where it shall be.
    pub fn go(&mut self, to: impl Fn(usize, usize) -> usize, page: usize) {
        let length = self.entries.len();
        self.cursor.go(to(self.cursor.selected, length), |place| self.entries.get(place).map(id), length, page);
    }

    /// Keeps the bar inside a page of another size.
    pub fn fit(&mut self, page: usize) {
        self.cursor.fit(self.entries.len(), page);
    }

    /// Forgets the packets: another question.
    pub fn forget_lines(&mut self) {
        self.lines.clear();
        self.newest.clear();
        (self.matched, self.known) = (0, None);
    }

    fn is_new(&self, row: &Row) -> bool {
        matches!(row.item, Item::Packet(_))
            && self.newest.get(&row.observed_by.first().cloned()).is_none_or(|newest| moment(row) > *newest)
    }

    fn renew(&mut self, page: usize) {
        let at_end = self.cursor.selected + 1 >= self.entries.len();
        let mut entries: Vec<Row> = self.lines.iter().chain(&self.flows).cloned().collect();
        entries.sort_by_key(moment);
        entries.drain(..entries.len().saturating_sub(Self::ROOM));
        self.entries = entries;
        let (length, keys) = (self.entries.len(), |place: usize| self.entries.get(place).map(id));
        if at_end {
            self.cursor.go(length.saturating_sub(1), keys, length, page);
        } else {
            self.cursor.follow(keys, length, page);
        }
    }
}

/// Moment of a row, and its order within the moment.
fn moment(row: &Row) -> (Timestamp, u64) {
    match &row.item {
        Item::Packet(line) => (line.at, line.number),
        Item::Flow(flow) => (flow.last, 0),
        _ => Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Facility, PacketEnd, PacketKind, SinglePacket, Traffic};

    use super::*;

    fn report(numbers: std::ops::Range<u64>, matched: u64) -> Report {
        let row = |number: u64| Row {
            observed_by: vec![Point::new("web1", "eth0")],
            ..Row::new(
                Traffic::default(),
                Item::Packet(SinglePacket {
                    number,
                    at: Timestamp(number as i64 * 10),
                    kind: PacketKind::Arp,
                    label: "ARP".into(),
                    detail: String::new(),
                    octets: 28,
                    source: PacketEnd::Nobody,
                    destination: PacketEnd::Nobody,
                    mac: None,
                }),
            )
        };
        // As a collector sends them: newest first.
        Report { facility: Facility::Packets, rows: numbers.rev().map(row).collect(), matched, ..Report::default() }
    }

    fn numbers(tail: &PacketWindow) -> Vec<u64> {
        tail.entries.iter().map(|row| moment(row).1).collect()
    }

    #[test]
    fn each_packet_is_taken_once_and_what_found_no_place_is_counted() {
        let mut tail = PacketWindow::default();
        tail.take_lines(&report(98..101, 100), 2);
        tail.take_lines(&report(99..102, 101), 2);
        assert_eq!((numbers(&tail), tail.not_shown()), (vec![98, 99, 100, 101], 0));
        tail.take_lines(&report(151..153, 152), 2);
        assert_eq!(tail.not_shown(), 49);
        assert_eq!(tail.cursor.selected, 5, "at the end it stays at the end");
    }

    #[test]
    fn the_oldest_leave_and_the_bar_stays_on_its_packet() {
        let mut tail = PacketWindow::default();
        tail.take_lines(&report(1..513, 512), 10);
        tail.go(|_, _| 100, 10);
        tail.take_lines(&report(513..520, 519), 10);
        assert_eq!(numbers(&tail), (8..520).collect::<Vec<_>>());
        assert_eq!((tail.selected().map(|row| moment(row).1), tail.position(10)), (Some(101), ""));
        tail.go(|_, length| length, 10);
        assert_eq!(tail.position(10), "Bottom");
        tail.go(|_, _| 0, 10);
        assert_eq!(tail.position(10), "Top");
    }
}
