//! Packet sizes: IPTraf's twenty brackets of the MTU and what is larger, as numbers and as bars.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Bracket, Item, Report, Traffic};

use super::traffic::{footer, say};
use super::words::{filter_words, why_empty};
use crate::app::App;
use crate::app::layout::inside;
use crate::number::{count, grouped, plain, rate};
use crate::theme::{Role, Theme};
use crate::widget::bar::bar;
use crate::widget::border;
use crate::widget::table::{Align, Cell, put};

/// Brackets and what is larger than the largest.
const ROWS: usize = 21;

/// Lines from which on the brackets stand below each other, with long bars.
const TALL: u16 = ROWS as u16 + 6;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let title = format!("Packet sizes on {}{}", app.scope, filter_words(app));
    border::title(buffer, body, body.y, &title, body.right(), theme);
    let Some(report) = app.report().filter(|report| !report.rows.is_empty()) else {
        say(buffer, area, &why_empty(app, "packet"), app);
        return;
    };
    let rows: Vec<(Bracket, Traffic)> = report
        .rows
        .iter()
        .filter_map(|row| if let Item::Size(bracket, traffic) = row.item { Some((bracket, traffic)) } else { None })
        .collect();
    if rows.len() > ROWS {
        let why = "the interfaces of this scope have several MTUs, so their brackets differ";
        say(buffer, area, &[why.to_owned(), "press i and choose one of them".to_owned()], app);
        return;
    }
    let words = below(report);
    if area.height >= TALL {
        tall(&rows, buffer, area, theme);
    } else {
        low(&rows, buffer, area, theme);
    }
    let first = area.bottom().saturating_sub(words.len() as u16).max(area.y);
    for (line, y) in words.iter().zip(first..area.bottom()) {
        put(buffer, (area.x, y), area.width, Align::Left, Cell::text(line), theme);
    }
    let total = report.total;
    let words = format!("{} in  {} out · {}", count(total.inbound.packets), count(total.outbound.packets), {
        rate(report.rate.total().octets, app.look.units)
    });
    footer(app, buffer, body, &words);
}

/// Two columns of ten, the oversized below the second: what 24 lines have room for.
fn low(rows: &[(Bracket, Traffic)], buffer: &mut Buffer, area: Rect, theme: Theme) {
    let top = rows.iter().map(|(_, traffic)| traffic.total().packets).max().unwrap_or(0);
    let half = area.width.saturating_sub(2) / 2;
    let places = [area.x, area.x + half + 2];
    for x in places {
        for (title, at) in [("Size", 0), ("In", 12), ("Out", 21)] {
            let columns = if at == 0 { 11 } else { 8 };
            put(buffer, (x + at, area.y), columns, Align::Right, Cell::new(title, Role::Border), theme);
        }
    }
    for (place, (bracket, traffic)) in rows.iter().enumerate() {
        let column = usize::from(place >= 10);
        let y = area.y + 1 + (place - column * 10) as u16;
        if y >= area.bottom() {
            continue;
        }
        let x = places[column];
        put(buffer, (x, y), 11, Align::Right, Cell::text(range(*bracket)), theme);
        put(buffer, (x + 12, y), 8, Align::Right, Cell::number(plain(traffic.inbound.packets)), theme);
        put(buffer, (x + 21, y), 8, Align::Right, Cell::number(plain(traffic.outbound.packets)), theme);
        let columns = half.saturating_sub(30);
        let bar = bar(traffic.total().packets, top, columns);
        put(buffer, (x + 30, y), columns, Align::Left, Cell::new(bar, Role::Mark), theme);
    }
}

/// One below the other, with a bar for each direction.
fn tall(rows: &[(Bracket, Traffic)], buffer: &mut Buffer, area: Rect, theme: Theme) {
    let ways = |traffic: &Traffic| [traffic.inbound.packets, traffic.outbound.packets];
    let top = rows.iter().flat_map(|(_, traffic)| ways(traffic)).max().unwrap_or(0);
    let columns = area.width.saturating_sub(14 + 4 + 2 * 10) / 2;
    let (inbound, outbound) = (area.x + 15, area.x + 15 + 12 + columns);
    for (x, title) in [(inbound, "In"), (outbound, "Out")] {
        put(buffer, (x, area.y), 10, Align::Right, Cell::new(title, Role::Border), theme);
    }
    put(buffer, (area.x, area.y), 14, Align::Right, Cell::new("Packet size", Role::Border), theme);
    for ((bracket, traffic), y) in rows.iter().zip(area.y + 1..area.bottom()) {
        put(buffer, (area.x, y), 14, Align::Right, Cell::text(range(*bracket)), theme);
        let ways = [(inbound, traffic.inbound.packets, Role::Mark), (outbound, traffic.outbound.packets, Role::Number)];
        for (x, packets, role) in ways {
            put(buffer, (x, y), 10, Align::Right, Cell::number(count(packets)), theme);
            put(buffer, (x + 11, y), columns, Align::Left, Cell::new(bar(packets, top, columns), role), theme);
        }
    }
}

fn range(bracket: Bracket) -> String {
    match bracket.to {
        Some(to) => format!("{}–{to}", bracket.from.max(1)),
        None => "oversized".to_owned(),
    }
}

fn below(report: &Report) -> Vec<String> {
    let largest = |octets: u32| if octets == 0 { "none".to_owned() } else { grouped(u64::from(octets)) };
    let [inbound, outbound] = report.largest;
    let mut lines = vec![format!("Largest packet in: {}   out: {} octets", largest(inbound), largest(outbound))];
    lines.push(match report.mtu {
        Some(mtu) => format!("Interface MTU is {} octets, not counting the data-link header.", grouped(u64::from(mtu))),
        None => "The MTU is not known.".to_owned(),
    });
    let oversized = report.rows.iter().filter(|row| matches!(row.item, Item::Size(Bracket { to: None, .. }, _)));
    if oversized.map(|row| row.item.traffic().total().packets).sum::<u64>() > 0 {
        lines.push("Oversized ones were several on the wire: the interface's offload joined them.".to_owned());
    }
    lines
}
