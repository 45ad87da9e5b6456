//! TCP and UDP services: IPTraf's table, and below it the rates of the highlighted service.

use traf_model::facility::SERVICES;
use traf_model::{GroupKey, Item, OrderBy, Row, Service};

use super::cell::{
    Col, RowContext, key_text, octets, octets_in, octets_out, of_counted, packets, packets_in, packets_out, points,
    rate_in, rate_out, rate_total, seen, seen_column,
};
use super::detail::{both_ways, pair};
use super::row::CountedRow;
use super::view::{Layout, MenuEntry, StartOption, TableLayout, View};
use crate::condition::of_group;
use crate::key::KeyContext;
use crate::theme::Role;
use crate::widget::dialog::Lines;
use crate::widget::table::{Cell, Column};

pub(super) static VIEW: View = View {
    facility: SERVICES,
    title: "TCP and UDP services",
    noun: "TCP or UDP service",
    help: "TCP and UDP services",
    menu: MenuEntry {
        title: "By TCP/UDP port",
        letter: 'p',
        help: "Traffic of every TCP and UDP service, to and from it",
        breakdown: true,
        apart: false,
    },
    start: Some(StartOption { letter: 's', all: false, help: "TCP and UDP services of an interface" }),
    keys: KeyContext::TABLE,
    one_interface: false,
    order: OrderBy::Octets,
    // IPTraf's seven, and the rate.
    orders: &[
        ('r', OrderBy::Key, "port number"),
        ('p', OrderBy::Packets, "total packets"),
        ('b', OrderBy::Octets, "total bytes"),
        ('t', OrderBy::PacketsIn, "packets to"),
        ('o', OrderBy::OctetsIn, "bytes to"),
        ('f', OrderBy::PacketsOut, "packets from"),
        ('m', OrderBy::OctetsOut, "bytes from"),
        ('a', OrderBy::Rate, "rate (activity)"),
    ],
    layout: Layout::Table(TableLayout {
        columns,
        headline: None,
        summary: Some(|speed, context| {
            let value = |counters, words| {
                [(context.rate(counters), Role::SummaryValue), (format!(" {words}  "), Role::Summary)]
            };
            let rates = [value(speed.total(), "total"), value(speed.inbound, "in"), value(speed.outbound, "out")];
            [vec![("Protocol data rates: ".to_owned(), Role::Summary)], rates.concat()].concat()
        }),
        title: |_| "Proto/Port".to_owned(),
        footer: |shown| format!("{} entries · {}", shown.entries, shown.order),
    }),
    hideable: |_| false,
    text: |_| {
        vec![
            Column::left("Service", 0, 0, key_text),
            Column::right("Packets to", 0, 0, packets_in),
            Column::right("Octets to", 0, 0, octets_in),
            Column::right("Packets from", 0, 0, packets_out),
            Column::right("Octets from", 0, 0, octets_out),
            Column::right("Rate", 0, 0, rate_total),
            Column::left("Seen by", 0, 0, points),
        ]
    },
    details: |row, service, context| {
        let mut lines: Lines = vec![pair("service", service.text())];
        let known = name(service, context);
        if !known.eq_ignore_ascii_case(&service.text()) {
            lines.push(pair("name", known));
        }
        lines.extend(both_ways(["to it", "from it"], row, context));
        lines
    },
    condition: |key| {
        let service = Service::of_key(*key)?;
        Some(of_group(&GroupKey::Port(service.protocol, service.port)))
    },
    history: |key| {
        let service = Service::of_key(*key)?;
        let protocol = if service.protocol == 6 { "tcp" } else { "udp" };
        Some(format!("protocol = '{protocol}' and port = {}", service.port))
    },
};

fn columns<'a>(context: &RowContext<'a>, width: u16, _: bool) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = vec![
        Column::name(service),
        Column::right("Pkts", 10, 0, packets),
        Column::right("Octets", 10, 0, octets),
        Column::right("PktsTo", 10, 0, packets_in),
        Column::right("OctetsTo", 10, 0, octets_in),
        Column::right("PktsFrom", 10, 0, packets_out),
        Column::right("OctsFrom", 10, 0, octets_out),
        Column::right("Rate", 13, 100, rate_total),
        Column::right("To", 13, 150, rate_in),
        Column::right("From", 13, 150, rate_out),
    ];
    if width >= 120 {
        columns.push(seen_column(context.several, width, seen));
    }
    columns
}

/// TCP and UDP have colours of their own.
fn service(row: &&Row, context: &RowContext<'_>) -> Cell {
    match &row.item {
        Item::Other(..) => Cell::new("other", Role::Warn),
        _ => of_counted(row, |service| {
            let tcp = Service::of_key(service.key).is_some_and(|service| service.protocol == 6);
            Cell::new(name(service, context), if tcp { Role::Text } else { Role::Mark })
        }),
    }
}

fn name(service: &CountedRow<'_>, context: &RowContext<'_>) -> String {
    Service::of_key(service.key).map(|service| context.names.service_label(service)).unwrap_or_default()
}
