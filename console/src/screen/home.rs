//! Main menu, and beside it one glance: is it busy, who is it, is anything wrong?

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::{Presence, Row};

use super::words::why_empty;
use crate::app::menu::ENTRIES;
use crate::app::{App, list};
use crate::facility::OVERVIEW;
use crate::facility::cell::interface;
use crate::facility::row::counted;
use crate::number::{Units, count, plural, rate, span};
use crate::theme::Role;
use crate::widget::bar::{bar, percent};
use crate::widget::border::{self, message, paragraph, wrapped};
use crate::widget::table::{Cell, Column, Table};

/// Columns of the menu, lines around it included.
const MENU: u16 = 34;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let menu = Rect { width: MENU.min(body.width), ..body };
    let overview = Rect { x: body.x + menu.width, width: body.width - menu.width, ..body };
    draw_menu(app, buffer, menu);
    if overview.width >= 30 {
        draw_overview(app, buffer, overview);
    }
}

fn draw_menu(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, area, theme);
    let dividers = ENTRIES.iter().filter(|entry| entry.apart).count() as u16;
    // A low terminal has no room for the lines between.
    let apart = area.height >= ENTRIES.len() as u16 + dividers + 2;
    let mut y = area.y + 1;
    let room = usize::from(area.width.saturating_sub(3));
    for (place, entry) in ENTRIES.iter().enumerate() {
        if entry.apart && apart {
            border::divider(buffer, area, y, theme);
            y += 1;
        }
        if y >= area.bottom().saturating_sub(1) {
            return;
        }
        buffer.set_stringn(area.x + 2, y, entry.title, room, theme.style(Role::Text));
        let hot = entry.title.find(|c: char| c.eq_ignore_ascii_case(&entry.hot)).filter(|at| *at < room);
        if let Some(at) = hot {
            buffer.set_style(Rect::new(area.x + 2 + at as u16, y, 1, 1), theme.style(Role::Mark));
        }
        if place == app.menu && app.overview.picked.is_none() {
            buffer.set_style(Rect::new(area.x + 1, y, area.width.saturating_sub(2), 1), theme.style(Role::Bar));
            buffer.set_string(area.x + 1, y, "›", theme.style(Role::Mark));
        }
        y += 1;
    }
}

struct Context {
    several: bool,
    units: Units,
    /// The busiest row's octets a second.
    top: u64,
    /// All rows' octets a second.
    all: u64,
}

fn draw_overview(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, area, theme);
    let room = usize::from(area.width.saturating_sub(4));
    let lines = wrapped(now_lines(app), room);
    let inside = area.height.saturating_sub(4);
    let now = (lines.len() as u16).clamp(1, (inside / 3).max(1));
    let rows = app.busy_interfaces();
    let line = ((inside - now) / 2).min(rows.len().max(3) as u16);
    let section = |y: u16, height: u16| Rect::new(area.x + 2, y, area.width.saturating_sub(4), height);
    let (first, second) = (area.y + 1, area.y + 2 + line);
    let third = area.bottom().saturating_sub(1 + now);

    table(app, buffer, (area, section(first, line)), "Line", &rows, &line_columns());
    if rows.is_empty() {
        message(buffer, section(first, line), &why_empty(app, "interface"), app.look.theme);
    }
    border::divider(buffer, area, second - 1, theme);
    let height = third.saturating_sub(second + 1);
    table(app, buffer, (area, section(second, height)), OVERVIEW.title, &app.busy_keys(), &key_columns());
    border::divider(buffer, area, third - 1, theme);
    border::title(buffer, area, third - 1, "Now", area.right(), theme);
    let hint = if app.overview.picked.is_some() { "tab: the menu" } else { "tab: these lines" };
    border::title(buffer, area, area.bottom().saturating_sub(1), hint, area.right(), theme);
    paragraph(buffer, section(third, now), &lines, theme);
}

fn table<'a>(
    app: &App,
    buffer: &mut Buffer,
    (area, rows_area): (Rect, Rect),
    title: &str,
    rows: &[&'a Row],
    columns: &[Column<&'a Row, Context>],
) {
    let speed = |row: &&Row| row.rate.total().octets;
    let context = Context {
        several: app.several_sensors(),
        units: app.look.units,
        top: rows.iter().map(speed).max().unwrap_or(0).max(1),
        all: rows.iter().map(speed).sum::<u64>().max(1),
    };
    let table = Table::new(columns, &context, app.look.theme);
    let y = rows_area.y.saturating_sub(1);
    let bar = rows.iter().position(|row| Some(list::id(row)) == app.overview.picked);
    // The line with the bar is always seen.
    let first = bar.map_or(0, |bar| (bar + 1).saturating_sub(usize::from(rows_area.height)));
    let end = table.draw(buffer, rows_area, y, rows.iter().skip(first).copied(), bar.map(|bar| bar - first));
    border::title(buffer, area, y, title, end, app.look.theme);
}

fn line_columns<'a>() -> [Column<&'a Row, Context>; 4] {
    [
        Column::name(|row, context| interface(row, context.several)),
        Column::left("", 30, 80, |row, context| busy(row, context, 30)),
        Column::right("in", 12, 0, |row, context| Cell::number(rate(row.rate.inbound.octets, context.units))),
        Column::right("out", 12, 0, |row, context| Cell::number(rate(row.rate.outbound.octets, context.units))),
    ]
}

fn key_columns<'a>() -> [Column<&'a Row, Context>; 5] {
    [
        Column::name(|row, _| match counted(&row.item) {
            Some(counted) => Cell::text(counted.text()),
            None => Cell::new(format!("other {}s", OVERVIEW.noun), Role::Warn),
        }),
        Column::right("in", 12, 0, |row, context| Cell::number(rate(row.rate.inbound.octets, context.units))),
        Column::right("out", 12, 0, |row, context| Cell::number(rate(row.rate.outbound.octets, context.units))),
        Column::right("share", 6, 60, |row, context| {
            Cell::number(format!("{} %", percent(row.rate.total().octets, context.all)))
        }),
        Column::left("", 20, 80, |row, context| busy(row, context, 20)),
    ]
}

/// A bar, full for the busiest row.
fn busy(row: &Row, context: &Context, columns: u16) -> Cell {
    Cell::new(bar(row.rate.total().octets, context.top, columns), Role::Mark)
}

/// Present troubles, or the message that there are none.
fn now_lines(app: &App) -> Vec<(String, Role)> {
    let mut lines = Vec::new();
    let at = app.fleet.as_ref().map_or(app.now, |fleet| fleet.at);
    for sensor in app.sensor_states() {
        let name = &sensor.name;
        if !sensor.trouble.is_empty() {
            lines.push((format!("{name}: {}", sensor.trouble), Role::Alarm));
        } else if sensor.presence == Presence::Away {
            let since = sensor
                .last_seen
                .map_or_else(|| "never heard".to_owned(), |seen| format!("away for {}", span(at.since(seen).max(0))));
            lines.push((format!("{name}: {since}"), Role::Alarm));
        } else if sensor.presence == Presence::Late {
            lines.push((format!("{name}: late"), Role::Warn));
        }
        let dropped: u64 = sensor.interfaces.iter().map(|state| state.ledger.dropped).sum();
        if dropped > 0 {
            lines.push((format!("{name}: the kernel dropped {} frames", count(dropped)), Role::Warn));
        }
        if let Some(loss) = sensor.losses.first() {
            let reason = loss.reason.name();
            lines.push((
                format!("{name}: {} known, newest: {reason}", plural(sensor.losses.len() as u64, "loss", "losses")),
                Role::Warn,
            ));
        }
    }
    if lines.is_empty() && app.fleet.is_some() {
        lines.push(match app.sensor_states().len() {
            0 => ("no sensor has joined yet".to_owned(), Role::Text),
            _ => ("all is well: everybody reports, nothing is dropped or lost".to_owned(), Role::Good),
        });
    }
    lines
}
