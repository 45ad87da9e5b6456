//! A facility that needs no columns, orders or details of its own.

use traf_model::filter::Expression;
use traf_model::{Counted, Item, Key, OrderBy, Row};

use super::cell::{
    Col, RowContext, key_text, octets, octets_in, octets_out, of_counted, packets, packets_in, packets_out, points,
    rate_total, seen, seen_column, share,
};
use super::detail::{both_ways, pair};
use super::view::{Layout, MenuEntry, TableLayout, View};
use crate::key::KeyContext;
use crate::theme::Role;
use crate::widget::table::{Cell, Column};

/// A table with the columns that every counted facility has. `noun` names one row; `condition` is the filter of a key and
/// `history` its condition in SQL.
pub(super) const fn view(
    facility: Counted,
    [title, noun]: [&'static str; 2],
    menu: MenuEntry,
    condition: fn(&Key) -> Option<Expression>,
    history: fn(&Key) -> Option<String>,
) -> View {
    View {
        facility,
        title,
        noun,
        help: title,
        menu,
        start: None,
        keys: KeyContext::TABLE,
        one_interface: false,
        order: OrderBy::Octets,
        orders: &[
            ('p', OrderBy::Packets, "packet count"),
            ('b', OrderBy::Octets, "byte count"),
            ('i', OrderBy::OctetsIn, "bytes in"),
            ('o', OrderBy::OctetsOut, "bytes out"),
            ('r', OrderBy::Rate, "rate"),
            ('k', OrderBy::Key, "key"),
        ],
        layout: Layout::Table(TableLayout {
            columns,
            headline: None,
            summary: None,
            title: |shown| {
                let view = shown.context.report.and_then(|report| super::view(report.facility));
                format!("{} · {}", view.map_or("", |view| view.title), shown.entries)
            },
            footer: |shown| shown.order.clone(),
        }),
        hideable: |_| false,
        text: |_| {
            vec![
                Column::left("Key", 0, 0, key_text),
                Column::right("Packets in", 0, 0, packets_in),
                Column::right("Octets in", 0, 0, octets_in),
                Column::right("Packets out", 0, 0, packets_out),
                Column::right("Octets out", 0, 0, octets_out),
                Column::right("Rate", 0, 0, rate_total),
                Column::left("Seen by", 0, 0, points),
            ]
        },
        details: |row, counted, context| {
            [vec![pair("key", counted.text())], both_ways(["in", "out"], row, context)].concat()
        },
        condition,
        history,
    }
}

fn columns<'a>(context: &RowContext<'a>, width: u16, _: bool) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(name),
        Column::right("Pkts", 10, 0, packets),
        Column::right("Octets", 10, 0, octets),
        Column::right("Octets in", 10, 100, octets_in),
        Column::right("Octets out", 10, 100, octets_out),
        Column::right("Rate", 12, 0, rate_total),
        Column::left("Share", 10, 0, share_of_rate),
    ];
    if width >= 120 {
        columns.push(seen_column(context.several, width, seen));
    }
    columns
}

fn name(row: &&Row, _: &RowContext<'_>) -> Cell {
    match &row.item {
        Item::Other(..) => Cell::new("other", Role::Warn),
        _ => of_counted(row, |counted| Cell::text(counted.text())),
    }
}

/// The share of the rate of all rows.
fn share_of_rate(row: &&Row, context: &RowContext<'_>) -> Cell {
    let rows = context.report.map(|report| report.rows.iter().map(|row| row.rate.total().octets).sum());
    match row.rate.total().octets {
        0 => Cell::default(),
        octets => share(octets, rows.unwrap_or(0)),
    }
}
