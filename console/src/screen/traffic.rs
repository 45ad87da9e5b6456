//! IP traffic monitor: TCP connections above, two rows each; all other traffic below, a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::{Item, Row};

use super::words::{filter_words, footer, listed, order_words, other_line, why_empty};
use crate::app::App;
use crate::app::traffic::{Columns, ConnectionLine, Others, Pane, folded};
use crate::facility::cell::{RowContext, seen, seen_column};
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::border::{self, message};
use crate::widget::layout::panes;
use crate::widget::table::{Cell, Column, Table};

type Col<'a> = Column<ConnectionLine<'a>, RowContext<'a>>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    let (upper, lower) = panes(body, 6);
    border::frame(buffer, body, theme);
    upper_pane(app, buffer, body, upper);
    border::divider(buffer, body, lower.y - 1, theme);
    lower_pane(app, buffer, body, lower);
    foot(app, buffer, body);
}

fn upper_pane(app: &App, buffer: &mut Buffer, body: Rect, area: Rect) {
    let theme = app.look.theme;
    let state = &app.traffic;
    let columns = columns(state.columns, app.several_sensors(), area.width);
    let context = app.row_context();
    let table = Table::new(&columns, &context, theme);
    let lines = state.upper.seen(app.report()).filter_map(ConnectionLine::of);
    let bar = state.upper.bar().filter(|_| state.pane == Pane::Upper);
    let end = table.draw(buffer, area, body.y, lines, bar);
    let number = listed(state.upper.len() as u64, app.report().map_or(0, |report| report.matched));
    let words = format!("TCP connections · {number} · {}{}", order_words(&state.upper), filter_words(app));
    title(app, buffer, body, body.y, &words, end, Pane::Upper);
    if state.upper.is_empty() {
        message(buffer, area, &why_empty(app, "TCP connection"), app.look.theme);
    }
}

/// The title of a pane, bright where it has the keys.
fn title(app: &App, buffer: &mut Buffer, body: Rect, y: u16, words: &str, end: u16, pane: Pane) {
    let role = if app.traffic.pane == pane { Role::Mark } else { Role::Border };
    border::words(buffer, body, y, words, end, app.look.theme.style(role));
}

fn lower_pane(app: &App, buffer: &mut Buffer, body: Rect, area: Rect) {
    let state = &app.traffic;
    let (theme, y) = (app.look.theme, area.y - 1);
    let (rows, bar, position): (Vec<&Row>, _, _) = match app.others() {
        Others::Flows => (state.lower.seen(app.feeds.report(1)).map(|(row, _)| row).collect(), state.lower.bar(), ""),
        Others::Mixed | Others::Packets => {
            let (entries, cursor) = (&state.packets.entries, &state.packets.cursor);
            let bar = (!entries.is_empty()).then(|| cursor.selected.saturating_sub(cursor.offset));
            (entries.iter().skip(cursor.offset).collect(), bar, state.packets.position(usize::from(area.height)))
        }
    };
    rows.into_iter().zip(area.top()..area.bottom()).for_each(|(row, y)| other(app, buffer, area, y, row));
    if let Some(bar) = bar.filter(|_| state.pane == Pane::Lower) {
        let y = area.y + bar as u16;
        buffer.set_style(Rect::new(area.x, y, area.width, 1).intersection(area), theme.style(Role::Bar));
    }
    let captured = captured(app).map(|frames| format!("Captured {}", count(frames))).unwrap_or_default();
    let mut pieces = vec![(position.to_owned(), Role::Border), (captured, Role::Border)];
    pieces.retain(|(words, _)| !words.is_empty());
    let words = lower_title(app, area.width);
    border::right(buffer, body, y, body.x + crate::text::width(&words) as u16 + 3, &pieces, theme);
    title(app, buffer, body, y, &words, body.right(), Pane::Lower);
}

fn other(app: &App, buffer: &mut Buffer, area: Rect, y: u16, row: &Row) {
    let (text, role) = other_line(app, row);
    let text = crate::text::clean(&text);
    let shifted: String = text.chars().skip(usize::from(app.traffic.shift)).collect();
    let room = usize::from(area.width.saturating_sub(1));
    buffer.set_stringn(area.x + 1, y, crate::text::fit(&shifted, room), room, app.look.theme.style(role));
}

fn lower_title(app: &App, width: u16) -> String {
    let others = app.others();
    let number = match others {
        Others::Flows => {
            let matched = app.feeds.report(1).map_or(0, |report| report.matched);
            listed(app.traffic.lower.len() as u64, matched)
        }
        Others::Mixed | Others::Packets => {
            let more = match app.traffic.packets.not_shown() {
                0 => String::new(),
                more => format!(", {} more not shown", count(more)),
            };
            format!("{}{more}", app.traffic.packets.entries.len())
        }
    };
    let folded = folded(app.feeds.reports().filter(|report| report.facility == traf_model::Facility::Traffic));
    let other = match folded {
        (0, _) => String::new(),
        (flows, _) if width < 100 => format!(" · {} folded", count(flows)),
        (flows, traffic) => {
            format!(" · other: {} folded, {} bytes", plural(flows, "flow", "flows"), count(traffic.total().octets))
        }
    };
    format!("{} · {number}{other}", others.title())
}

/// Every frame that reached the captures of the scope since they began, whatever the filter; the past does not say.
fn captured(app: &App) -> Option<u64> {
    app.time.interval().is_none().then_some(())?;
    let sensors = app.sensor_states().iter();
    let frames = sensors.flat_map(|sensor| {
        let inside = sensor.interfaces.iter().filter(|state| app.scope.holds(&sensor.name, &state.interface.name));
        inside.map(|state| state.ledger.received)
    });
    Some(frames.sum())
}

/// Rates of the scope and of the row with the bar; drops and time as IPTraf has them.
fn foot(app: &App, buffer: &mut Buffer, body: Rect) {
    let Some(report) = app.report() else { return };
    let (units, state) = (app.look.units, &app.traffic);
    let highlighted = match state.pane {
        Pane::Upper => state.upper.selected(Some(report)).and_then(ConnectionLine::of).map(|line| line.rate),
        // A single packet has no rate.
        Pane::Lower => app.selected().filter(|row| matches!(row.item, Item::Flow(_))).map(|row| row.rate.total()),
    };
    let highlighted = highlighted.map(|counters| format!(" ── row {}", rate(counters.octets, units)));
    let line = if app.several_sensors() {
        // What is in at one is out at another.
        rate(report.rate.total().octets, units)
    } else {
        let [inbound, outbound] = [report.rate.inbound, report.rate.outbound].map(|way| rate(way.octets, units));
        format!("{inbound} in  {outbound} out")
    };
    footer(app, buffer, body, &format!("{line}{}", highlighted.unwrap_or_default()));
}

fn columns<'a>(set: Columns, several: bool, width: u16) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::left("", 1, 0, |line, _| Cell::new(if line.forward { "┌" } else { "└" }, Role::Mark)),
        Column::name(|line, context| Cell::text(context.names.endpoint_label(line.end))),
        Column::left("", 1, 0, |line, _| match line.flow.complete {
            true => Cell::text("="),
            false => Cell::new(">", Role::Warn),
        }),
    ];
    let set: Vec<Col<'a>> = match set {
        Columns::Counts => vec![
            Column::right("Packets", 10, 0, |line, _| Cell::number(count(line.counters.packets))),
            Column::right("Octets", 10, 0, |line, _| Cell::number(count(line.counters.octets))),
            Column::right("Rate", 13, 110, |line, context| Cell::number(context.rate(line.rate))),
        ],
        Columns::Macs => vec![Column::right("Source MAC", 17, 0, |line, _| {
            Cell::number(line.half.mac.map_or_else(|| "N/A".to_owned(), |mac| mac.to_string()))
        })],
        Columns::PacketSize => vec![
            Column::right("Pkt size", 10, 0, |line, _| Cell::number(count(line.half.size.into()))),
            Column::right("Win size", 10, 0, |line, _| Cell::number(count(line.half.window.into()))),
        ],
    };
    columns.extend(set);
    columns.push(Column::left("State", 5, 0, |line, _| Cell::text(line.half.label())));
    columns.push(seen_column(several, width, |line, context| seen(&line.row, context)));
    columns
}
