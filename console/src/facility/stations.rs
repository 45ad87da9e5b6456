//! LAN stations: two lines for each as in IPTraf, one where the terminal is wide.

use traf_model::facility::STATIONS;
use traf_model::filter::{End, Expression, Test};
use traf_model::{Counters, Counts, Item, Key, OrderBy, Row, Timestamp, Traffic};

use super::cell::{
    Col, RowContext, key_text, octets_in, octets_out, of_counted, packets_in, packets_out, points, rate_total, seen_by,
};
use super::detail::{both_ways, pair};
use super::plain;
use super::row::{CountedRow, counted};
use super::view::{Layout, MenuEntry, StartOption, TableLayout, View};
use crate::key::KeyContext;
use crate::moment;
use crate::number::{count, grouped, plain, rate_unit};
use crate::theme::Role;
use crate::widget::dialog::Lines;
use crate::widget::table::{Cell, Column};

pub(super) static VIEW: View = View {
    help: "LAN stations",
    start: Some(StartOption { letter: 'l', all: true, help: "LAN station monitor of an interface, or of all" }),
    keys: KeyContext::TABLE.and(KeyContext::MACS),
    // IPTraf's six, the rate and the address.
    orders: &[
        ('p', OrderBy::PacketsIn, "total packets in"),
        ('i', OrderBy::IpIn, "IP packets in"),
        ('b', OrderBy::OctetsIn, "total bytes in"),
        ('k', OrderBy::PacketsOut, "total packets out"),
        ('o', OrderBy::IpOut, "IP packets out"),
        ('y', OrderBy::OctetsOut, "total bytes out"),
        ('a', OrderBy::Rate, "rate (activity)"),
        ('h', OrderBy::Key, "hardware address"),
    ],
    layout: Layout::Table(TableLayout {
        columns,
        headline: Some(headline),
        title: |shown| if shown.headlines { "" } else { "Station" }.to_owned(),
        footer: |shown| {
            let hidden = shown.hidden.map(|hidden| format!(", {hidden} groups hidden")).unwrap_or_default();
            let rates = rate_unit(shown.context.look.units);
            format!("{} entries{hidden} · {} · rates in {rates}", shown.entries, shown.order)
        },
        ..plain::TABLE
    }),
    hideable: |key| matches!(key, Key::Mac(mac) if mac.is_group()),
    text: |_| {
        vec![
            Column::left("Station", 0, 0, key_text),
            Column::left("Addresses", 0, 0, |row, _| {
                of_counted(row, |station| {
                    let addresses = station.counts.addresses.iter().map(|learnt| learnt.address.to_string());
                    Cell::text(addresses.collect::<Vec<_>>().join(" "))
                })
            }),
            Column::right("Packets in", 0, 0, packets_in),
            Column::right("IP in", 0, 0, |row, _| ip_packets(row, |ip| ip.inbound, count)),
            Column::right("Octets in", 0, 0, octets_in),
            Column::right("Packets out", 0, 0, packets_out),
            Column::right("IP out", 0, 0, |row, _| ip_packets(row, |ip| ip.outbound, count)),
            Column::right("Octets out", 0, 0, octets_out),
            Column::right("Rate", 0, 0, rate_total),
            Column::left("Seen by", 0, 0, points),
        ]
    },
    details,
    condition: |key| match key {
        Key::Mac(mac) => Some(Expression::Test(Test::Ether(End::Either, *mac))),
        _ => None,
    },
    history: |key| Some(format!("mac = '{key}'")),
    ..plain::view(
        STATIONS,
        ["LAN station monitor", "LAN station"],
        MenuEntry::main("LAN station monitor", 'l', "Traffic of every MAC address, and the IP addresses behind it"),
    )
};

/// IPTraf's eight columns; where a station takes one line, its name before them.
fn columns<'a>(_: &RowContext<'a>, _: u16, headlines: bool) -> Vec<Col<'a>> {
    let mut columns: Vec<Col<'a>> = match headlines {
        true => vec![Column::left("", 1, 0, |_, _| Cell::new("└", Role::Mark))],
        false => vec![
            Column::left("", 17, 0, |row, _| Cell::text(address(row))),
            Column::left("", 0, 0, |row, context| {
                of_counted(row, |station| {
                    let known = [name(station, context).map(str::to_owned), newest_address(station, context)];
                    Cell::text(known.into_iter().flatten().collect::<Vec<_>>().join("  "))
                })
            }),
        ],
    };
    let counts: [Col<'a>; 8] = [
        Column::right("PktsIn", 8, 0, |row, _| Cell::number(plain(row.item.traffic().inbound.packets))),
        Column::right("IP In", 8, 0, |row, _| ip_packets(row, |ip| ip.inbound, plain)),
        Column::right("OctsIn", 8, 0, |row, _| Cell::number(plain(row.item.traffic().inbound.octets))),
        Column::right("InRate", 8, 0, |row, context| Cell::number(context.short_rate(row.rate.inbound))),
        Column::right("PktsOut", 8, 0, |row, _| Cell::number(plain(row.item.traffic().outbound.packets))),
        Column::right("IP Out", 8, 0, |row, _| ip_packets(row, |ip| ip.outbound, plain)),
        Column::right("OctsOut", 8, 0, |row, _| Cell::number(plain(row.item.traffic().outbound.octets))),
        Column::right("OutRate", 8, 0, |row, context| Cell::number(context.short_rate(row.rate.outbound))),
    ];
    columns.extend(counts);
    if !headlines {
        columns.push(Column::left("Seen by", 12, 0, |row, context| {
            Cell::text(seen_by(&row.observed_by, context.several))
        }));
    }
    columns
}

fn ip_packets(row: &Row, way: fn(Traffic) -> Counters, print: fn(u64) -> String) -> Cell {
    of_counted(row, |station| Cell::number(print(way(station.counts.ip).packets)))
}

fn headline(row: &&Row, context: &RowContext<'_>) -> Cell {
    let Some(station) = counted(&row.item) else { return Cell::new(address(row), Role::Warn) };
    let name = name(&station, context).map(|name| format!(" ({name})")).unwrap_or_default();
    let addresses = newest_address(&station, context).map(|newest| format!("  {newest}")).unwrap_or_default();
    let seen = seen_by(&row.observed_by, context.several);
    Cell::text(format!("Ethernet HW addr: {}{name} on {seen}{addresses}", station.text()))
}

fn address(row: &Row) -> String {
    match &row.item {
        Item::Other(_, _, keys) => format!("other: {keys} more"),
        item => counted(item).map(|station| station.text()).unwrap_or_default(),
    }
}

fn name<'a>(station: &CountedRow<'_>, context: &RowContext<'a>) -> Option<&'a str> {
    if let Key::Mac(mac) = station.key { context.names.station_label(mac) } else { None }
}

/// The address that was seen last, and how many more there are.
fn newest_address(station: &CountedRow<'_>, context: &RowContext<'_>) -> Option<String> {
    let newest = station.counts.addresses.iter().max_by_key(|learnt| learnt.last)?;
    let more = match station.counts.addresses.len() {
        1 => String::new(),
        several => format!(" +{}", several - 1),
    };
    Some(format!("{}{more}", context.names.host_label(newest.address)))
}

fn details(row: &Row, station: &CountedRow<'_>, context: &RowContext<'_>) -> Lines {
    let full = |at: Timestamp| moment::show_full(at, &context.look.zone);
    let mut lines = vec![pair("address", station.text())];
    lines.extend(name(station, context).map(|known| pair("is", known)));
    lines.extend(both_ways(["in", "out"], row, context));
    let (inbound, outbound) = (station.counts.ip.inbound.packets, station.counts.ip.outbound.packets);
    lines.push(pair("of these IP", format!("{} packets in, {} out", grouped(inbound), grouped(outbound))));
    if station.counts.addresses.is_empty() {
        lines.push(pair("IP addresses", "none seen behind it yet"));
    }
    let mut learnt = station.counts.addresses.to_vec();
    learnt.sort_by_key(|learnt| std::cmp::Reverse(learnt.last));
    for learnt in learnt {
        let words = format!("first {}, last {}", full(learnt.first), full(learnt.last));
        lines.push(pair(&context.names.host_label(learnt.address), words));
    }
    if station.counts.addresses.len() == Counts::ADDRESSES {
        lines.push(pair("", "the addresses seen last; there may have been more before"));
    }
    lines
}
