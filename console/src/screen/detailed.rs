//! Detailed interface statistics: every class of packets, in and out, and how fast; one interface, or the sum of several.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::{ClassGroup, Classes, Counters, Item, Report, Traffic};

use super::words::{filter_words, footer, nanos, why_empty};
use crate::app::App;
use crate::number::{Units, count, plain, plural, rate};
use crate::theme::{Role, Theme};
use crate::widget::bar::{bar, percent};
use crate::widget::border::{self, message};
use crate::widget::table::{Cell, Column, Table, pieces};

/// Everything that the screen shows, added up.
#[derive(Default)]
struct Sum {
    units: Units,
    interfaces: u64,
    classes: Classes,
    rates: Classes,
    /// Per second, of all classes.
    now: Traffic,
    peak: Traffic,
    peak_total: Counters,
    average: Traffic,
    bad_checksum: u64,
    own: Traffic,
}

impl Sum {
    fn of(report: &Report, nanos: i64, units: Units) -> Self {
        let mut sum = Self { units, ..Self::default() };
        for row in &report.rows {
            let Item::Interface(stats) = &row.item else { continue };
            sum.interfaces += 1;
            sum.classes.merge(&stats.classes);
            sum.rates.merge(&stats.rates);
            sum.now += row.rate;
            // Peaks of several were not at one time: no sum, the highest of them.
            sum.peak.inbound = highest(sum.peak.inbound, stats.peak.inbound);
            sum.peak.outbound = highest(sum.peak.outbound, stats.peak.outbound);
            sum.peak_total = highest(sum.peak_total, stats.peak_total);
            sum.bad_checksum += stats.ledger.bad_checksum;
            sum.own += stats.own;
        }
        sum.average = sum.classes.group(ClassGroup::Total).per_second(nanos);
        sum
    }

    fn class(&self, group: &ClassGroup) -> Traffic {
        self.classes.group(*group)
    }

    fn speed(&self, group: &ClassGroup) -> Traffic {
        if *group == ClassGroup::Total { self.now } else { self.rates.group(*group) }
    }
}

fn highest(a: Counters, b: Counters) -> Counters {
    Counters { packets: a.packets.max(b.packets), octets: a.octets.max(b.octets), coalesced: 0 }
}

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    let area = border::frame(buffer, body, theme);
    let Some(report) = app.report().filter(|report| !report.rows.is_empty()) else {
        border::title(buffer, body, body.y, "Statistics", body.right(), theme);
        message(buffer, area, &why_empty(app, "interface"), app.look.theme);
        return;
    };
    let sum = Sum::of(report, nanos(app, report), app.look.units);
    let title = match &report.rows[..] {
        [row] => row.observed_by.first().map_or_else(String::new, ToString::to_string),
        rows => format!("{} of {}", plural(rows.len() as u64, "interface", "interfaces"), app.scope),
    };
    let words = format!("Statistics for {title}{}", filter_words(app));
    border::title(buffer, body, body.y, &words, body.right(), theme);

    // Three parts, with lines between them as far as there is room.
    let spare = area.height.saturating_sub(18).min(3);
    let line = |y: u16, height: u16| Rect { y: area.y + y, height, ..area }.intersection(area);
    classes(app.second, &sum, buffer, line(u16::from(spare > 2), 12), theme);
    let y = 12 + spare.min(1) + u16::from(spare > 2);
    rates(&sum, buffer, line(y, 5), theme);
    last(&sum, buffer, line(y + 5 + u16::from(spare > 1), 1), theme);
    let speed = sum.now.total();
    footer(app, buffer, body, &format!("{} / {} pps", rate(speed.octets, sum.units), count(speed.packets)));
}

type Class = Column<ClassGroup, Sum>;

/// IPTraf's columns; wide terminals add rates and shares.
const COUNTS: [Class; 9] = [
    Column::left("", 10, 0, |group, _| Cell::text(NAMES[*group as usize])),
    Column::right("Packets", 10, 0, |group, sum| Cell::number(count(sum.class(group).total().packets))),
    Column::right("Octets", 10, 0, |group, sum| Cell::number(count(sum.class(group).total().octets))),
    Column::right("Packets", 10, 0, |group, sum| Cell::number(count(sum.class(group).inbound.packets))),
    Column::right("Octets", 10, 0, |group, sum| Cell::number(count(sum.class(group).inbound.octets))),
    Column::right("Packets", 10, 0, |group, sum| Cell::number(count(sum.class(group).outbound.packets))),
    Column::right("Octets", 10, 0, |group, sum| Cell::number(count(sum.class(group).outbound.octets))),
    Column::right("Rate", 13, 92, |group, sum| Cell::number(rate(sum.speed(group).total().octets, sum.units))),
    Column::left("Share of octets", 25, 120, |group, sum| share(group, sum, 20)),
];

/// The second set: how fast each class is.
const RATES: [Class; 6] = [
    Column::left("", 10, 0, |group, _| Cell::text(NAMES[*group as usize])),
    Column::right("pps", 10, 0, |group, sum| Cell::number(count(sum.speed(group).total().packets))),
    Column::right("Rate", 12, 0, |group, sum| Cell::number(rate(sum.speed(group).total().octets, sum.units))),
    Column::right("In", 12, 0, |group, sum| Cell::number(rate(sum.speed(group).inbound.octets, sum.units))),
    Column::right("Out", 12, 0, |group, sum| Cell::number(rate(sum.speed(group).outbound.octets, sum.units))),
    Column::left("Share of octets", 15, 0, |group, sum| share(group, sum, 10)),
];

fn classes(second: bool, sum: &Sum, buffer: &mut Buffer, area: Rect, theme: Theme) {
    if area.height < 2 {
        return;
    }
    let columns = if second { &RATES[..] } else { &COUNTS[..] };
    let rows = Rect { y: area.y + 2, height: area.height - 2, ..area };
    let table = Table::new(columns, sum, theme);
    table.draw(buffer, rows, area.y + 1, ClassGroup::ALL.into_iter(), None);
    let heads = if second { [""; 3] } else { ["Total", "Incoming", "Outgoing"] };
    for (head, place) in heads.iter().zip(0u16..) {
        // Over the second column of each pair, which begins after the name.
        let end = 10 + (place * 2 + 2) * 11;
        let Some(x) = end.checked_sub(head.len() as u16 + 11).filter(|_| end <= area.width) else { continue };
        for x in [x, end - head.len() as u16] {
            buffer.set_string(area.x + x, area.y, head, theme.style(Role::Border));
        }
    }
}

/// In the order of [`ClassGroup::ALL`].
const NAMES: [&str; ClassGroup::ALL.len()] =
    ["Total:", "IPv4:", "IPv6:", "TCP:", "UDP:", "ICMP:", "Other IP:", "Non-IP:", "Broadcast:", "Multicast:"];

fn share(group: &ClassGroup, sum: &Sum, columns: u16) -> Cell {
    let (part, all) = (sum.class(group).total().octets, sum.class(&ClassGroup::Total).total().octets);
    Cell::new(format!("{:>3}% {}", percent(part, all), bar(part, all, columns)), Role::Mark)
}

/// A line of the rates: total, in, out.
type Speeds = (&'static str, [Counters; 3]);

fn rates(sum: &Sum, buffer: &mut Buffer, area: Rect, theme: Theme) {
    const COLUMNS: [Column<Speeds, Units>; 7] = [
        Column::left("", 10, 0, |row, _| Cell::text(row.0)),
        Column::right("Total rate", 12, 0, |row, units| Cell::number(rate(row.1[0].octets, *units))),
        Column::right("pps", 8, 0, |row, _| Cell::number(plain(row.1[0].packets))),
        Column::right("Incoming", 12, 0, |row, units| Cell::number(rate(row.1[1].octets, *units))),
        Column::right("pps", 8, 0, |row, _| Cell::number(plain(row.1[1].packets))),
        Column::right("Outgoing", 12, 0, |row, units| Cell::number(rate(row.1[2].octets, *units))),
        Column::right("pps", 8, 0, |row, _| Cell::number(plain(row.1[2].packets))),
    ];
    if area.height == 0 {
        return;
    }
    let ways = |traffic: Traffic| [traffic.total(), traffic.inbound, traffic.outbound];
    let rows: [Speeds; 4] = [
        ("Now", ways(sum.now)),
        ("Peak", [sum.peak_total, sum.peak.inbound, sum.peak.outbound]),
        ("Average", ways(sum.average)),
        ("Broadcast", ways(sum.rates.group(ClassGroup::Broadcast))),
    ];
    let lines = Rect { y: area.y + 1, height: area.height - 1, ..area };
    Table::new(&COLUMNS, &sum.units, theme).draw(buffer, lines, area.y, rows.into_iter(), None);
}

fn last(sum: &Sum, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let errors = if sum.bad_checksum == 0 { Role::Number } else { Role::Alarm };
    let own = sum.own.total();
    let mut words = vec![
        ("IP checksum errors: ".to_owned(), Role::Text),
        (count(sum.bad_checksum), errors),
        ("   our own stream: ".to_owned(), Role::Text),
        (format!("{} octets", count(own.octets)), Role::Number),
    ];
    if sum.interfaces > 1 {
        words.push((", peaks are of the busiest".to_owned(), Role::Text));
    }
    pieces(buffer, area, &words, theme);
}
