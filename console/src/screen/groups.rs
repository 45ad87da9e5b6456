//! IP traffic monitor, grouped: a row for everything that flows have in common.

use std::net::IpAddr;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use traf_model::{GroupKey, Item, Row};

use super::footer::footer;
use super::words::{listed, order_words, why_empty};
use crate::app::App;
use crate::facility::cell::{
    Col, RowContext, octets_in, octets_out, packets_in, packets_out, rate_total, seen, seen_column, share,
};
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::border::{self, message};
use crate::widget::layout::inside;
use crate::widget::table::{Cell, Column, Table};

pub(super) fn draw(app: &App, buffer: &mut Buffer, body: Rect) {
    let theme = app.look.theme;
    border::frame(buffer, body, theme);
    let area = inside(body).inner(Margin::new(1, 0));
    let context = app.row_context();
    let columns = columns(&context, area.width);
    let table = Table::new(&columns, &context, theme);
    let list = &app.traffic.groups;
    let end = table.draw(buffer, area, body.y, list.seen(app.report()).map(|(row, _)| row), list.bar());
    let matched = app.report().map_or(0, |report| report.matched);
    let words = format!("By {} · {}", app.traffic.group.name(), listed(list.len() as u64, matched));
    border::title(buffer, body, body.y, &words, end, theme);
    if list.is_empty() {
        message(buffer, area, &why_empty(app, "traffic"), app.look.theme);
    }
    let Some(report) = app.report() else { return };
    let units = app.look.units;
    let row = list.selected(Some(report)).map(|(row, _)| row.rate.total().octets);
    let row = row.map(|octets| format!(" ── row {}", rate(octets, units))).unwrap_or_default();
    footer(app, buffer, body, &format!("{} · {}{row}", order_words(list), rate(report.rate.total().octets, units)));
}

fn columns<'a>(context: &RowContext<'a>, width: u16) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(key),
        Column::right("Flows", 7, 0, |row, _| Cell::number(count(flows(row)))),
        Column::right("Pkts to", 10, 100, packets_out),
        Column::right("Octets to", 10, 0, octets_out),
        Column::right("Pkts back", 10, 100, packets_in),
        Column::right("Octets back", 11, 0, octets_in),
        Column::right("Rate", 12, 0, rate_total),
        Column::left("Share", 10, 0, share_of_octets),
    ];
    if width >= 110 {
        columns.push(seen_column(context.several, width, seen));
    }
    columns
}

fn key(row: &&Row, context: &RowContext<'_>) -> Cell {
    let host = |address: &IpAddr| context.names.host_label(*address);
    match &row.item {
        Item::Group(GroupKey::Address(address), ..) => Cell::text(host(address)),
        Item::Group(GroupKey::Pair(source, destination), ..) => {
            Cell::text(format!("{} → {}", host(source), host(destination)))
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

/// The share of the octets of everything that matched. Shares add up: every flow is in one group.
fn share_of_octets(row: &&Row, context: &RowContext<'_>) -> Cell {
    let all = context.report.map_or(0, |report| report.total.total().octets);
    share(row.item.traffic().total().octets, all)
}
