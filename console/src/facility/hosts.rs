//! Hosts: traffic of each IP address.

use traf_model::facility::HOSTS;
use traf_model::filter::{End, Expression, Test};
use traf_model::{Item, Key, OrderBy, Row};

use super::cell::{
    Col, IN_AND_OUT, RowContext, octets_in, octets_out, of_counted, packets_in, packets_out, rate_total, seen,
    seen_column, share_of_rate, text_columns,
};
use super::detail::{both_ways, key, pair};
use super::plain;
use super::row::CountedRow;
use super::view::{Layout, MenuEntry, TableLayout, View};
use crate::number::{count, grouped, plural};
use crate::theme::Role;
use crate::widget::table::{Cell, Column};

pub(super) static VIEW: View = View {
    order: OrderBy::Rate,
    orders: &[
        ('p', OrderBy::Packets, "packet count"),
        ('b', OrderBy::Octets, "byte count"),
        ('i', OrderBy::OctetsIn, "bytes in"),
        ('o', OrderBy::OctetsOut, "bytes out"),
        ('r', OrderBy::Rate, "rate"),
        ('e', OrderBy::Peers, "number of peers"),
        ('f', OrderBy::Flows, "number of flows"),
        ('k', OrderBy::Key, "address"),
    ],
    layout: Layout::Table(TableLayout {
        columns,
        footer: |shown| {
            let line = shown.context.report.map(|report| report.rate.total()).unwrap_or_default();
            format!("{} · share of {}", shown.order, shown.context.rate(line))
        },
        ..plain::TABLE
    }),
    text: |_| {
        let more = [Column::right("Peers", 0, 0, peers), Column::right("Flows", 0, 0, flows)];
        text_columns("Host", IN_AND_OUT, more)
    },
    details: |row, host, context| {
        let peers = format!("{} in {}", grouped(host.counts.peers), plural(host.counts.flows, "flow", "flows"));
        let ways = both_ways(["in", "out"], row, context);
        [key("address", host, name(host, context)), ways, vec![pair("peers", peers)]].concat()
    },
    condition: |key| match key {
        Key::Address(address) => Some(Expression::Test(Test::Host(End::Either, *address))),
        _ => None,
    },
    history: |key| Some(format!("address = '{key}'")),
    ..plain::view(
        HOSTS,
        ["Hosts", "host"],
        MenuEntry {
            apart: true,
            ..MenuEntry::main("Hosts", 'o', "Traffic of every IP address: who uses the line, with how many peers")
        },
    )
};

fn columns<'a>(context: &RowContext<'a>, width: u16, _: bool) -> Vec<Col<'a>> {
    vec![
        Column::name(address),
        Column::right("Pkts in", 10, 100, packets_in),
        Column::right("Octets in", 10, 0, octets_in),
        Column::right("Pkts out", 10, 100, packets_out),
        Column::right("Octets out", 10, 0, octets_out),
        Column::right("Rate", 12, 0, rate_total),
        Column::right("Peers", 5, 0, peers),
        Column::right("Flows", 6, 0, flows),
        Column::left("Share", 10, 0, share_of_line),
        Column { least: 120, ..seen_column(context.several, width, seen) },
    ]
}

fn address(row: &&Row, context: &RowContext<'_>) -> Cell {
    match &row.item {
        Item::Other(_, _, keys) => Cell::new(format!("other: {}", plural(*keys, "host", "hosts")), Role::Warn),
        _ => of_counted(row, |host| Cell::text(name(host, context))),
    }
}

fn name(host: &CountedRow<'_>, context: &RowContext<'_>) -> String {
    match host.key {
        Key::Address(address) => context.names.host_label(address),
        _ => String::new(),
    }
}

fn peers(row: &&Row, _: &RowContext<'_>) -> Cell {
    of_counted(row, |host| Cell::number(count(host.counts.peers)))
}

fn flows(row: &&Row, _: &RowContext<'_>) -> Cell {
    of_counted(row, |host| Cell::number(count(host.counts.flows)))
}

/// The share of the line's rate. Each packet is of two hosts, so shares add up to more than a whole.
fn share_of_line(row: &&Row, context: &RowContext<'_>) -> Cell {
    share_of_rate(row, context.report.map_or(0, |report| report.rate.total().octets))
}
