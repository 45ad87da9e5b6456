//! IP traffic monitor, grouped: a row for everything that flows have in common.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{Item, Row};

use super::name;
use super::traffic::{footer, say, seen_cell, seen_column};
use super::words::{listed, order_words, why_empty};
use crate::app::App;
use crate::app::layout::inside;
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::bar::{bar, percent};
use crate::widget::border;
use crate::widget::table::{Cell, Column, Table};

type Col<'a> = Column<&'a Row, App>;

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let columns = columns(app, area.width);
    let table = Table::new(&columns, app, theme);
    let list = &app.traffic.groups;
    let end = table.draw(buffer, area, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    let matched = app.report().map_or(0, |report| report.matched);
    let words = format!("By {} · {}", app.traffic.group.name(), listed(list.len() as u64, matched));
    border::title(buffer, body, body.y, &words, end, theme);
    if list.is_empty() {
        say(buffer, area, &why_empty(app, "traffic"), app);
    }
    let Some(report) = app.report() else { return };
    let units = app.look.units;
    let row = list.selected(Some(report)).map(|(row, _)| row.rate.total().octets);
    let row = row.map(|octets| format!(" ── row {}", rate(octets, units))).unwrap_or_default();
    footer(app, buffer, body, &format!("{} · {}{row}", order_words(list), rate(report.rate.total().octets, units)));
}

fn columns<'a>(app: &App, width: u16) -> Vec<Col<'a>> {
    let several = app.several_sensors();
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(key),
        Column::right("Flows", 7, 0, |row, _| Cell::number(count(flows(row)))),
        Column::right("Pkts to", 10, 100, |row, _| Cell::number(count(row.item.traffic().outbound.packets))),
        Column::right("Octets to", 10, 0, |row, _| Cell::number(count(row.item.traffic().outbound.octets))),
        Column::right("Pkts back", 10, 100, |row, _| Cell::number(count(row.item.traffic().inbound.packets))),
        Column::right("Octets back", 11, 0, |row, _| Cell::number(count(row.item.traffic().inbound.octets))),
        Column::right("Rate", 12, 0, |row, app| Cell::number(rate(row.rate.total().octets, app.look.units))),
        Column::left("Share", 10, 0, share),
    ];
    if width >= 110 {
        columns.push(seen_column(several, width, |row: &&Row, app| seen_cell(row, app)));
    }
    columns
}

fn key(row: &&Row, app: &App) -> Cell {
    match &row.item {
        Item::Group(traf_model::GroupKey::Address(address), ..) => Cell::text(name::host(app, *address)),
        Item::Group(traf_model::GroupKey::Pair(source, destination), ..) => {
            Cell::text(format!("{} → {}", name::host(app, *source), name::host(app, *destination)))
        }
        Item::Group(key, ..) => Cell::text(key.to_string()),
        Item::Other(_, _, keys) => Cell::new(format!("other: {} folded", plural(*keys, "flow", "flows")), Role::Warn),
        _ => Cell::default(),
    }
}

fn flows(row: &Row) -> u64 {
    match &row.item {
        Item::Group(.., flows) | Item::Other(.., flows) => *flows,
        _ => 0,
    }
}

/// Of the octets of everything that matched: they add up, every flow is in one group.
fn share(row: &&Row, app: &App) -> Cell {
    let all = app.report().map_or(0, |report| report.total.total().octets);
    let octets = row.item.traffic().total().octets;
    Cell::new(format!("{:>3}% {}", percent(octets, all), bar(octets, all, 5)), Role::Mark)
}
