//! Packet sizes: IPTraf's twenty brackets of the MTU and what is larger, as numbers and as bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::facility::SIZES;
use traf_model::{Bracket, OrderBy, Report, Row, Traffic};

use super::cell::{key_text, octets_in, octets_out, packets_in, packets_out, points};
use super::plain;
use super::row::counted;
use super::view::{Layout, MenuEntry, StartOption, View};
use crate::key::KeyContext;
use crate::number::{count, grouped, plain};
use crate::theme::{Role, Theme};
use crate::widget::bar::bar;
use crate::widget::border::message;
use crate::widget::table::{Align, Cell, Column, Table, put};

pub(super) static VIEW: View = View {
    start: Some(StartOption { letter: 'z', all: false, help: "Packet sizes of an interface" }),
    keys: KeyContext::CHART,
    // The brackets of interfaces with different MTUs differ.
    one_interface: true,
    order: OrderBy::Key,
    orders: &[],
    layout: Layout::Chart(
        |report, context| {
            let total = report.total;
            let (inbound, outbound) = (count(total.inbound.packets), count(total.outbound.packets));
            format!("{inbound} in  {outbound} out · {}", context.rate(report.rate.total()))
        },
        draw,
    ),
    text: |_| {
        vec![
            Column::left("Size", 0, 0, key_text),
            Column::right("Packets in", 0, 0, packets_in),
            Column::right("Octets in", 0, 0, octets_in),
            Column::right("Packets out", 0, 0, packets_out),
            Column::right("Octets out", 0, 0, octets_out),
            Column::left("Seen by", 0, 0, points),
        ]
    },
    ..plain::view(
        SIZES,
        ["Packet sizes", "packet"],
        MenuEntry::breakdown("By packet size", 's', "How many packets of which size an interface carries"),
    )
};

/// Brackets and what is larger than the largest.
const ROWS: usize = 21;

/// Lines from which on the brackets stand below each other, with long bars.
const TALL: u16 = ROWS as u16 + 6;

fn draw(report: &Report, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let bracket = |row: &Row| Bracket::of_key(counted(&row.item)?.key);
    let rows = report.rows.iter().filter_map(|row| Some((bracket(row)?, row.item.traffic())));
    let rows: Vec<(Bracket, Traffic)> = rows.collect();
    if rows.len() > ROWS {
        let why = "the interfaces of this scope have several MTUs, so their brackets differ";
        message(buffer, area, &[why.to_owned(), "press i and choose one of them".to_owned()], theme);
        return;
    }
    if area.height >= TALL {
        tall(&rows, buffer, area, theme);
    } else {
        low(&rows, buffer, area, theme);
    }
    let words = below(report, &rows);
    let first = area.bottom().saturating_sub(words.len() as u16).max(area.y);
    for (line, y) in words.iter().zip(first..area.bottom()) {
        put(buffer, (area.x, y), area.width, Align::Left, Cell::text(line), theme);
    }
}

/// The length of the longest bar, and its packets.
type Scale = (u16, u64);

/// A column of the charts.
type Bars<'a> = Column<&'a (Bracket, Traffic), Scale>;

fn drawn(packets: u64, (columns, top): Scale, role: Role) -> Cell {
    Cell::new(bar(packets, top, columns), role)
}

/// Two columns of ten, the oversized below the second: what 24 lines have room for.
fn low(rows: &[(Bracket, Traffic)], buffer: &mut Buffer, area: Rect, theme: Theme) {
    let columns: [Bars<'_>; 4] = [
        Column::right("Size", 11, 0, |row, _| Cell::text(range(row.0))),
        Column::right("In", 8, 0, |row, _| Cell::number(plain(row.1.inbound.packets))),
        Column::right("Out", 8, 0, |row, _| Cell::number(plain(row.1.outbound.packets))),
        Column::left("", 0, 0, |row, scale| drawn(row.1.total().packets, *scale, Role::Mark)),
    ];
    let top = rows.iter().map(|(_, traffic)| traffic.total().packets).max().unwrap_or(0);
    let half = area.width.saturating_sub(2) / 2;
    let (left, right) = rows.split_at(rows.len().min(10));
    for (rows, x) in [(left, area.x), (right, area.x + half + 2)] {
        let lines = Rect::new(x, area.y + 1, half, area.height.saturating_sub(1));
        let scale = (half.saturating_sub(30), top);
        Table::new(&columns, &scale, theme).draw(buffer, lines, area.y, rows.iter(), None);
    }
}

/// One below the other, with a bar for each direction.
fn tall(rows: &[(Bracket, Traffic)], buffer: &mut Buffer, area: Rect, theme: Theme) {
    let columns: [Bars<'_>; 5] = [
        Column::right("Packet size", 14, 0, |row, _| Cell::text(range(row.0))),
        Column::right("In", 10, 0, |row, _| Cell::number(count(row.1.inbound.packets))),
        Column::left("", 0, 0, |row, scale| drawn(row.1.inbound.packets, *scale, Role::Mark)),
        Column::right("Out", 10, 0, |row, _| Cell::number(count(row.1.outbound.packets))),
        Column::left("", 0, 0, |row, scale| drawn(row.1.outbound.packets, *scale, Role::Number)),
    ];
    let ways = |traffic: &Traffic| [traffic.inbound.packets, traffic.outbound.packets];
    let top = rows.iter().flat_map(|(_, traffic)| ways(traffic)).max().unwrap_or(0);
    let lines = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let scale = (area.width.saturating_sub(14 + 4 + 2 * 10) / 2, top);
    Table::new(&columns, &scale, theme).draw(buffer, lines, area.y, rows.iter(), None);
}

fn range(bracket: Bracket) -> String {
    match bracket.to {
        Some(to) => format!("{}–{to}", bracket.from.max(1)),
        None => "oversized".to_owned(),
    }
}

fn below(report: &Report, rows: &[(Bracket, Traffic)]) -> Vec<String> {
    let largest = |octets: u32| if octets == 0 { "none".to_owned() } else { grouped(u64::from(octets)) };
    let [inbound, outbound] = report.largest;
    let mut lines = vec![format!("Largest packet in: {}   out: {} octets", largest(inbound), largest(outbound))];
    lines.push(match report.mtu {
        Some(mtu) => format!("Interface MTU is {} octets, not counting the data-link header.", grouped(u64::from(mtu))),
        None => "The MTU is not known.".to_owned(),
    });
    let oversized = rows.iter().filter(|(bracket, _)| bracket.to.is_none());
    if oversized.map(|(_, traffic)| traffic.total().packets).sum::<u64>() > 0 {
        lines.push("Oversized ones were several on the wire: the interface's offload joined them.".to_owned());
    }
    lines
}
