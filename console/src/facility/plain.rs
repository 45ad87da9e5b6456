//! A facility that needs no columns, orders or details of its own; what others begin with.

use traf_model::{Counted, Item, OrderBy, Report, Row};

use super::cell::{
    Col, IN_AND_OUT, RowContext, octets, octets_in, octets_out, of_counted, packets, rate_total, seen, seen_column,
    share_of_rate, text_columns,
};
use super::detail::{both_ways, pair};
use super::view::{Layout, MenuEntry, TableLayout, View};
use crate::key::KeyContext;
use crate::theme::Role;
use crate::widget::table::{Cell, Column};

/// A table with the columns that every counted facility has. `noun` names one row. Keys have no filter and no condition in
/// SQL.
pub(super) const fn view(facility: Counted, [title, noun]: [&'static str; 2], menu: MenuEntry) -> View {
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
        layout: Layout::Table(TABLE),
        hideable: |_| false,
        text: |_| text_columns("Key", IN_AND_OUT, []),
        details: |row, counted, context| {
            [vec![pair("key", counted.text())], both_ways(["in", "out"], row, context)].concat()
        },
        condition: |_| None,
        history: |_| None,
    }
}

/// The layout of such a table.
pub(super) const TABLE: TableLayout = TableLayout {
    columns,
    headline: None,
    summary: None,
    title: |shown| {
        let view = shown.context.report.and_then(|report| super::view(report.facility));
        format!("{} · {}", view.map_or("", |view| view.title), shown.entries)
    },
    footer: |shown| shown.order.clone(),
};

fn columns<'a>(context: &RowContext<'a>, width: u16, _: bool) -> Vec<Col<'a>> {
    vec![
        Column::name(name),
        Column::right("Pkts", 10, 0, packets),
        Column::right("Octets", 10, 0, octets),
        Column::right("Octets in", 10, 100, octets_in),
        Column::right("Octets out", 10, 100, octets_out),
        Column::right("Rate", 12, 0, rate_total),
        Column::left("Share", 10, 0, share_of_rows),
        Column { least: 120, ..seen_column(context.several, width, seen) },
    ]
}

fn name(row: &&Row, _: &RowContext<'_>) -> Cell {
    match &row.item {
        Item::Other(..) => Cell::new("other", Role::Warn),
        _ => of_counted(row, |counted| Cell::text(counted.text())),
    }
}

/// The share of the rate of all rows.
fn share_of_rows(row: &&Row, context: &RowContext<'_>) -> Cell {
    let rows = |report: &Report| report.rows.iter().map(|row| row.rate.total().octets).sum();
    share_of_rate(row, context.report.map_or(0, rows))
}
