//! Screens that are one table: general interface statistics, and the IP traffic monitor in groups.

use std::net::IpAddr;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::{ClassGroup, GroupKey, Item, Row};

use super::words::{footer, listed, order_words, why_empty};
use crate::app::App;
use crate::app::list::List;
use crate::facility::cell::{
    Col, RowContext, bad, class_packets, interface, octets_in, octets_out, of_interface, packets, packets_in,
    packets_out, rate_in, rate_out, rate_total, seen, seen_column, share,
};
use crate::number::{count, plural, rate};
use crate::theme::Role;
use crate::widget::border::{self, message};
use crate::widget::table::{Cell, Column, Table};

/// The rows of a list in a box, or why there are none.
fn table<'a>(
    app: &'a App,
    list: &'a List,
    columns: &[Col<'a>],
    buffer: &mut Buffer,
    body: Rect,
    title: &str,
    noun: &str,
) {
    let (theme, context) = (app.look.theme, app.row_context());
    let area = border::frame(buffer, body, theme);
    let rows = list.seen(app.report()).map(|(row, _)| row);
    let end = Table::new(columns, &context, theme).draw(buffer, area, body.y, rows, list.bar());
    border::title(buffer, body, body.y, title, end, theme);
    if list.is_empty() {
        message(buffer, area, &why_empty(app, noun), theme);
    }
}

/// General interface statistics: IPTraf's columns, and what went in and out.
pub(super) fn interfaces(app: &App, buffer: &mut Buffer, body: Rect) {
    let Some((list, _)) = app.list() else { return };
    let columns = if app.second { direction_columns() } else { packet_columns() };
    table(app, list, &columns, buffer, body, "Iface", "interface");
    let Some(report) = app.report() else { return };
    let sum = report.rows.iter().map(|row| row.rate).sum::<traf_model::Traffic>().total();
    let words = format!(
        "Total: {} / {} pps · {}{}",
        rate(sum.octets, app.look.units),
        count(sum.packets),
        plural(report.matched, "interface", "interfaces"),
        if list.continuous { "" } else { ", kept" }
    );
    footer(app, buffer, body, &words);
}

/// IP traffic monitor, grouped: a row for everything that flows have in common.
pub(super) fn groups(app: &App, buffer: &mut Buffer, body: Rect) {
    let list = &app.traffic.groups;
    let matched = app.report().map_or(0, |report| report.matched);
    let words = format!("By {} · {}", app.traffic.group.name(), listed(list.len() as u64, matched));
    let columns = group_columns(&app.row_context(), body.width.saturating_sub(4));
    table(app, list, &columns, buffer, body, &words, "traffic");
    let Some(report) = app.report() else { return };
    let units = app.look.units;
    let row = list.selected(Some(report)).map(|(row, _)| row.rate.total().octets);
    let row = row.map(|octets| format!(" ── row {}", rate(octets, units))).unwrap_or_default();
    footer(app, buffer, body, &format!("{} · {}{row}", order_words(list), rate(report.rate.total().octets, units)));
}

/// IPTraf's columns, in its order; wide terminals add directions, peaks and drops.
fn packet_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(|row, context| interface(row, context.several)),
        Column::right("Total", 10, 0, packets),
        Column::right("IPv4", 10, 0, |row, _| class_packets(row, ClassGroup::Ipv4)),
        Column::right("IPv6", 9, 0, |row, _| class_packets(row, ClassGroup::Ipv6)),
        Column::right("NonIP", 8, 0, |row, _| class_packets(row, ClassGroup::NonIp)),
        Column::right("BadIP", 6, 0, |row, _| of_interface(row, |stats| bad(stats.ledger.bad_checksum))),
        Column::right("Activity", 13, 0, rate_total),
        Column::right("In", 13, 110, rate_in),
        Column::right("Out", 13, 110, rate_out),
        Column::right("Peak", 13, 124, |row, context| {
            of_interface(row, |stats| Cell::number(context.rate(stats.peak.total())))
        }),
        Column::right("Drops", 7, 110, drops),
    ]
}

/// Each direction for itself.
fn direction_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::name(|row, context| interface(row, context.several)),
        Column::right("In packets", 10, 0, packets_in),
        Column::right("In octets", 10, 0, octets_in),
        Column::right("Out packets", 11, 0, packets_out),
        Column::right("Out octets", 10, 0, octets_out),
        Column::right("Activity", 13, 0, rate_total),
        Column::right("In", 13, 110, rate_in),
        Column::right("Out", 13, 110, rate_out),
        Column::right("Drops", 7, 110, drops),
    ]
}

fn drops(row: &&Row, _: &RowContext<'_>) -> Cell {
    of_interface(row, |stats| bad(stats.ledger.dropped))
}

fn group_columns<'a>(context: &RowContext<'a>, width: u16) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(group_key),
        Column::right("Flows", 7, 0, |row, _| match &row.item {
            Item::Group(.., flows) | Item::Other(.., flows) => Cell::number(count(*flows)),
            _ => Cell::default(),
        }),
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

fn group_key(row: &&Row, context: &RowContext<'_>) -> Cell {
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

/// The share of the octets of everything that matched. Shares add up: every flow is in one group.
fn share_of_octets(row: &&Row, context: &RowContext<'_>) -> Cell {
    let all = context.report.map_or(0, |report| report.total.total().octets);
    share(row.item.traffic().total().octets, all)
}
