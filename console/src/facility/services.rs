//! TCP and UDP services: IPTraf's table, and below it the rates of the highlighted service.

use traf_model::facility::SERVICES;
use traf_model::{GroupKey, Item, OrderBy, Row, Service};

use super::cell::{
    Col, RowContext, octets, octets_in, octets_out, of_counted, packets, packets_in, packets_out, rate_in, rate_out,
    rate_total, seen, seen_column, text_columns,
};
use super::detail::{both_ways, key};
use super::plain;
use super::row::CountedRow;
use super::view::{Layout, MenuEntry, StartOption, TableLayout, View};
use crate::condition::of_group;
use crate::theme::Role;
use crate::widget::table::{Cell, Column};

pub(super) static VIEW: View = View {
    start: Some(StartOption { letter: 's', all: false, help: "TCP and UDP services of an interface" }),
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
        summary: Some(|speed, context| {
            let value = |counters, words| {
                [(context.rate(counters), Role::SummaryValue), (format!(" {words}  "), Role::Summary)]
            };
            let rates = [value(speed.total(), "total"), value(speed.inbound, "in"), value(speed.outbound, "out")];
            [vec![("Protocol data rates: ".to_owned(), Role::Summary)], rates.concat()].concat()
        }),
        title: |_| "Proto/Port".to_owned(),
        footer: |shown| format!("{} entries · {}", shown.entries, shown.order),
        ..plain::TABLE
    }),
    text: |_| text_columns("Service", ["Packets to", "Octets to", "Packets from", "Octets from"], []),
    details: |row, service, context| {
        let ways = both_ways(["to it", "from it"], row, context);
        [key("service", service, name(service, context)), ways].concat()
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
    ..plain::view(
        SERVICES,
        ["TCP and UDP services", "TCP or UDP service"],
        MenuEntry::breakdown("By TCP/UDP port", 'p', "Traffic of every TCP and UDP service, to and from it"),
    )
};

fn columns<'a>(context: &RowContext<'a>, width: u16, _: bool) -> Vec<Col<'a>> {
    vec![
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
        Column { least: 120, ..seen_column(context.several, width, seen) },
    ]
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
