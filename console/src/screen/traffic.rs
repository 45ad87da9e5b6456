//! IP traffic monitor: TCP connections above, two rows each; all other flows below, a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_proto::{Counters, Half, Item};

use super::words::{Line, other_line, seen_by, why_empty};
use crate::app::App;
use crate::app::layout::panes;
use crate::app::traffic::{Columns, Pane, folded};
use crate::number::{Units, count, elapsed, grouped, plural, rate};
use crate::theme::Role;
use crate::widget::border;
use crate::widget::table::{Cell, Column, Table};

/// What cells need to know beside their row.
struct Context {
    /// Rows name sensors, not interfaces.
    several: bool,
    /// Of rates.
    units: Units,
}

type Col<'a> = Column<Line<'a>, Context>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    let (upper, lower) = panes(body, 6);
    border::frame(buffer, body, theme);
    upper_pane(app, buffer, body, upper);

    let divider = lower.y - 1;
    border::divider(buffer, body, divider, theme);
    let active = |pane| if app.traffic.pane == pane { Role::Mark } else { Role::Border };
    border::title(buffer, body, divider, &lower_title(app), body.right(), theme);
    if app.traffic.pane == Pane::Lower {
        border::right(buffer, body, divider, body.x, &[("Active".to_owned(), active(Pane::Lower))], theme);
    }
    lower_pane(app, buffer, lower);
    foot(app, buffer, body);
}

fn upper_pane(app: &App, buffer: &mut Buffer, body: Rect, area: Rect) {
    let theme = app.look.theme;
    let state = &app.traffic;
    let context = Context { several: app.several_sensors(), units: app.look.units };
    let columns = columns(state.columns, context.several);
    let table = Table { columns: &columns, context: &context, theme };
    let report = app.report();
    let lines = (state.upper.offset..state.connections() * 2).map_while(|line| state.line(report?, line));
    let bar = (state.pane == Pane::Upper && state.connections() > 0).then(|| state.upper.selected - state.upper.offset);
    let end = table.draw(buffer, area, body.y, lines, bar);
    border::title(buffer, body, body.y, &upper_title(app), end, theme);
    if state.connections() == 0 {
        say(buffer, area, &why_empty(app, "TCP connection"), app);
    }
}

/// Lines in the middle of an empty table.
pub(super) fn say(buffer: &mut Buffer, area: Rect, lines: &[String], app: &App) {
    let top = area.y + (area.height.saturating_sub(lines.len() as u16)) / 2;
    for (line, y) in lines.iter().zip(top..area.bottom()) {
        let room = usize::from(area.width.saturating_sub(2));
        let line = crate::text::clean(line);
        let line = crate::text::fit(&line, room);
        let x = area.x + (usize::from(area.width).saturating_sub(crate::text::width(&line)) / 2) as u16;
        buffer.set_stringn(x, y, &line, room, app.look.theme.style(Role::Text));
    }
}

fn upper_title(app: &App) -> String {
    let matched = app.report().map_or(0, |report| report.matched);
    let listed = app.traffic.connections() as u64;
    let number =
        if matched > listed { format!("{} of {}", grouped(listed), grouped(matched)) } else { grouped(listed) };
    let once = if app.traffic.continuous { "" } else { ", kept" };
    let filter = if app.filter.is_all() { String::new() } else { format!(" · {}", app.filter) };
    format!("TCP connections · {number} · by {}{once}{filter}", app.traffic.order.by.name())
}

fn lower_title(app: &App) -> String {
    let matched = app.feeds.report(1).map_or(0, |report| report.matched);
    let listed = app.traffic.others() as u64;
    let number =
        if matched > listed { format!("{} of {}", grouped(listed), grouped(matched)) } else { grouped(listed) };
    let folded = folded(app.report(), app.feeds.report(1));
    let other = match folded.keys {
        0 => String::new(),
        keys => format!(
            " · other: {} folded, {} bytes",
            plural(keys, "flow", "flows"),
            count(folded.traffic.total().octets)
        ),
    };
    format!("Other flows · {number}{other}")
}

fn lower_pane(app: &App, buffer: &mut Buffer, area: Rect) {
    let state = &app.traffic;
    let several = app.several_sensors();
    let Some(report) = app.feeds.report(1) else { return };
    let rows = (state.lower.offset..state.others()).map_while(|place| state.other(report, place));
    for (row, y) in rows.zip(area.top()..area.bottom()) {
        let Item::Flow(flow) = &row.item else { continue };
        let (text, role) = other_line(row, flow, several);
        let text = crate::text::clean(&text);
        let shifted: String = text.chars().skip(usize::from(state.shift)).collect();
        let room = usize::from(area.width.saturating_sub(1));
        buffer.set_stringn(area.x + 1, y, crate::text::fit(&shifted, room), room, app.look.theme.style(role));
    }
    if state.pane == Pane::Lower && state.others() > 0 {
        let y = area.y + (state.lower.selected - state.lower.offset) as u16;
        buffer.set_style(Rect::new(area.x, y, area.width, 1).intersection(area), app.look.theme.bar());
    }
}

/// Rates of the scope and of the row with the bar; drops and time as IPTraf has them.
fn foot(app: &App, buffer: &mut Buffer, body: Rect) {
    let Some(report) = app.report() else { return };
    let units = app.look.units;
    let state = &app.traffic;
    let highlighted = match state.pane {
        Pane::Upper => state
            .line(report, state.upper.selected)
            .map(|line| if line.forward { line.row.rate.outbound } else { line.row.rate.inbound }),
        Pane::Lower => {
            app.feeds.report(1).and_then(|report| state.other(report, state.lower.selected)).map(|row| row.rate.total())
        }
    };
    let highlighted = highlighted.map(|counters| format!(" ── row {}", rate(counters.octets, units)));
    let (inbound, outbound) = (report.rate.inbound.octets, report.rate.outbound.octets);
    let words =
        format!("{} in  {} out{}", rate(inbound, units), rate(outbound, units), highlighted.unwrap_or_default());
    footer(app, buffer, body, &words);
}

/// The lower line of a box: words from the left, drops and time at the right.
pub(super) fn footer(app: &App, buffer: &mut Buffer, body: Rect, words: &str) {
    let theme = app.look.theme;
    let Some(report) = app.report() else { return };
    let time = match app.time.interval() {
        Some(window) => window.nanos(),
        None => report.at.since(report.interval.from),
    };
    // Where there is no room for both, the drops stay.
    let drops = if report.dropped == 0 { Role::Border } else { Role::Alarm };
    let pieces =
        [(format!("Time {}", elapsed(time)), Role::Border), (format!("Drops {}", count(report.dropped)), drops)];
    let from = body.x + crate::text::width(words) as u16 + 3;
    border::right(buffer, body, body.bottom() - 1, from, &pieces, theme);
    border::title(buffer, body, body.bottom() - 1, words, body.right(), theme);
}

fn columns<'a>(set: Columns, several: bool) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::left("", 1, 0, |line, _| Cell::new(if line.forward { "┌" } else { "└" }, Role::Mark)),
        Column::name(|line, _| Cell::text(end(line))),
        Column::left("", 1, 0, |line, _| match line.flow.complete {
            true => Cell::text("="),
            false => Cell::new(">", Role::Warn),
        }),
    ];
    match set {
        Columns::Counts => columns.extend([
            Column::right("Packets", 10, 0, |line: &Line<'a>, _| Cell::number(count(counters(line).packets))),
            Column::right("Octets", 10, 0, |line: &Line<'a>, _| Cell::number(count(counters(line).octets))),
            Column::right("Rate", 13, 110, |line: &Line<'a>, context: &Context| {
                Cell::number(rate(speed(line).octets, context.units))
            }),
        ]),
        Columns::Macs => columns.push(Column::right("Source MAC", 17, 0, |line: &Line<'a>, _| {
            Cell::number(half(line).mac.map_or_else(|| "N/A".to_owned(), |mac| mac.to_string()))
        })),
        Columns::Sizes => columns.extend([
            Column::right("Pkt size", 10, 0, |line: &Line<'a>, _| Cell::number(count(u64::from(half(line).size)))),
            Column::right("Win size", 10, 0, |line: &Line<'a>, _| Cell::number(count(u64::from(half(line).window)))),
        ]),
    }
    columns.push(Column::left("State", 5, 0, |line, _| Cell::text(half(line).label())));
    let title = if several { "Seen by" } else { "Iface" };
    columns.push(Column::left(title, 8, 0, |line: &Line<'a>, context: &Context| {
        Cell::text(seen_by(&line.row.observed_by, context.several))
    }));
    columns
}

fn end(line: &Line<'_>) -> String {
    let key = line.flow.key;
    if line.forward { key.source.to_string() } else { key.destination.to_string() }
}

fn counters(line: &Line<'_>) -> Counters {
    if line.forward { line.flow.traffic.outbound } else { line.flow.traffic.inbound }
}

fn speed(line: &Line<'_>) -> Counters {
    if line.forward { line.row.rate.outbound } else { line.row.rate.inbound }
}

fn half(line: &Line<'_>) -> Half {
    if line.forward { line.flow.forward } else { line.flow.reverse }
}
