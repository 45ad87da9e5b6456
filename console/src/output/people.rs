//! Tables for people: aligned columns, numbers as on the screens.

use traf_model::names::protocol_name;
use traf_model::record::writer::{left, right, table};
use traf_model::{ClassGroup, Facility, Fleet, Flow, Group, Item, Report, Row, Traffic};

use super::Subject;
use crate::facility::cell::{
    Col, RowContext, class_packets, key_text, octets_in, octets_out, of_interface, packets, packets_in, packets_out,
    points, rate_total,
};
use crate::facility::view;
use crate::look::Look;
use crate::moment;
use crate::names::Names;
use crate::number::{count, grouped, size, span};
use crate::text::clean;
use crate::widget::table::{Align, Cell, Column};

/// A report.
pub(super) fn report(report: &Report, subject: Subject, look: &Look) -> String {
    let names = Names::default();
    let context = RowContext { look, names: &names, report: Some(report), several: true, width: 0 };
    let columns = match report.facility {
        Facility::Traffic if subject.group == Group::Flow => flow_columns(),
        Facility::Traffic => group_columns(),
        Facility::Interfaces if subject.detailed => return detailed(report, &context),
        Facility::Interfaces => interface_columns(),
        Facility::Packets => line_columns(),
        facility => view(facility).map_or_else(Vec::new, |view| (view.text)(&context)),
    };
    let title = |column: &Col<'_>| if column.align == Align::Right { right(column.title) } else { left(column.title) };
    let titles: Vec<_> = columns.iter().map(title).collect();
    let cells = |row| columns.iter().map(|column| (column.cell)(&row, &context).text).collect();
    table(&titles, report.rows.iter().map(cells))
}

fn group_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::left("Group", 0, 0, key_text),
        Column::right("Flows", 0, 0, |row, _| match &row.item {
            Item::Group(.., flows) => Cell::number(count(*flows)),
            _ => Cell::default(),
        }),
        Column::right("Packets", 0, 0, packets_out),
        Column::right("Octets", 0, 0, octets_out),
        Column::right("Packets back", 0, 0, packets_in),
        Column::right("Octets back", 0, 0, octets_in),
        Column::right("Rate", 0, 0, rate_total),
        Column::left("Seen by", 0, 0, points),
    ]
}

fn flow_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::left("Protocol", 0, 0, |row, context| match &row.item {
            Item::Flow(flow) => Cell::text(protocol_name(flow.key.protocol)),
            _ => key_text(row, context),
        }),
        Column::left("Source", 0, 0, |row, _| of_flow(row, |flow| flow.key.source.to_string())),
        Column::left("Destination", 0, 0, |row, _| of_flow(row, |flow| flow.key.destination.to_string())),
        Column::right("Packets", 0, 0, packets_out),
        Column::right("Octets", 0, 0, octets_out),
        Column::right("Packets back", 0, 0, packets_in),
        Column::right("Octets back", 0, 0, octets_in),
        Column::right("Rate", 0, 0, rate_total),
        Column::left("State", 0, 0, |row, _| {
            of_flow(row, |flow| match flow.key.protocol {
                6 => format!("{} {}", flow.forward.label(), flow.reverse.label()),
                _ => flow.state.name().to_owned(),
            })
        }),
        Column::left("Seen by", 0, 0, points),
    ]
}

fn of_flow(row: &Row, text: impl Fn(&Flow) -> String) -> Cell {
    if let Item::Flow(flow) = &row.item { Cell::text(text(flow)) } else { Cell::default() }
}

fn interface_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::left("Iface", 0, 0, points),
        Column::right("Total", 0, 0, packets),
        Column::right("IPv4", 0, 0, |row, _| class_packets(row, ClassGroup::Ipv4)),
        Column::right("IPv6", 0, 0, |row, _| class_packets(row, ClassGroup::Ipv6)),
        Column::right("NonIP", 0, 0, |row, _| class_packets(row, ClassGroup::NonIp)),
        Column::right("BadIP", 0, 0, |row, _| {
            of_interface(row, |stats| Cell::number(count(stats.ledger.bad_checksum)))
        }),
        Column::right("In packets", 0, 0, packets_in),
        Column::right("In octets", 0, 0, octets_in),
        Column::right("Out packets", 0, 0, packets_out),
        Column::right("Out octets", 0, 0, octets_out),
        Column::right("Activity", 0, 0, rate_total),
        Column::right("Drops", 0, 0, |row, _| of_interface(row, |stats| Cell::number(count(stats.ledger.dropped)))),
    ]
}

fn line_columns<'a>() -> Vec<Col<'a>> {
    vec![
        Column::left("Time", 0, 0, |row, context| match (&row.item, context.report) {
            (Item::Packet(line), Some(report)) => Cell::text(moment::show(line.at, report.at, &context.look.zone)),
            _ => Cell::default(),
        }),
        Column::left("Packet", 0, 0, |row, context| match &row.item {
            Item::Packet(line) => Cell::text(line.words(&points(row, context).text, true, |end| end.to_string())),
            _ => Cell::default(),
        }),
    ]
}

/// Interfaces, each with all its classes and its rates.
fn detailed(report: &Report, context: &RowContext<'_>) -> String {
    let mut out = String::new();
    for row in &report.rows {
        let Item::Interface(stats) = &row.item else { continue };
        let numbers =
            ["Packets", "Octets", "In packets", "In octets", "Out packets", "Out octets", "Rate", "In", "Out"];
        let titles = [&[left("Class")], &numbers.map(right)[..]].concat();
        let classes = ClassGroup::ALL.map(|group| {
            let (traffic, speed) = (stats.classes.group(group), stats.rates.group(group));
            let counts = [traffic.total(), traffic.inbound, traffic.outbound];
            let counts = counts.into_iter().flat_map(|counters| [count(counters.packets), count(counters.octets)]);
            let speeds = [speed.total(), speed.inbound, speed.outbound].map(|counters| context.rate(counters));
            std::iter::once(group.name().to_owned()).chain(counts).chain(speeds).collect()
        });
        let average = stats.classes.group(ClassGroup::Total).per_second(report.interval.nanos());
        let ways = |traffic: Traffic| [traffic.total(), traffic.inbound, traffic.outbound];
        let speeds = [
            ("now", ways(row.rate)),
            ("peak", [stats.peak_total, stats.peak.inbound, stats.peak.outbound]),
            ("average", ways(average)),
            ("broadcast", ways(stats.rates.group(ClassGroup::Broadcast))),
        ];
        let speeds = speeds.map(|(name, ways)| {
            let ways = ways.into_iter().flat_map(|way| [context.rate(way), count(way.packets)]);
            std::iter::once(name.to_owned()).chain(ways).collect()
        });
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", clean(&points(&row, context).text)));
        out.push_str(&table(&titles, classes));
        let titles = [&[left("Rate")], &["Total", "pps", "In", "pps", "Out", "pps"].map(right)[..]].concat();
        out.push_str(&table(&titles, speeds));
        let (errors, dropped) = (count(stats.ledger.bad_checksum), count(stats.ledger.dropped));
        out.push_str(&format!("IP checksum errors: {errors}   drops: {dropped}\n"));
    }
    out
}

/// The sensors, and which of them report.
pub(super) fn fleet(fleet: &Fleet) -> String {
    let numbers = ["Since", "Lag", "Drops", "Spool", "Lost", "Clock"].map(right);
    let titles = [&["Sensor", "Presence"].map(left)[..], &numbers, &["Version", "Trouble"].map(left)].concat();
    let ago =
        |at: Option<traf_model::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| span(fleet.at.since(at).max(0)));
    table(
        &titles,
        fleet.sensors.iter().map(|sensor| {
            let dropped: u64 = sensor.interfaces.iter().map(|state| state.ledger.dropped).sum();
            let sign = if sensor.clock_offset < 0 { "-" } else { "+" };
            vec![
                sensor.name.clone(),
                sensor.presence.name().to_owned(),
                ago(sensor.connected.or(sensor.last_seen)),
                ago(sensor.stored),
                count(dropped),
                format!("{} in {}", size(sensor.spool.octets), grouped(sensor.spool.records)),
                grouped(sensor.spool.lost),
                format!("{sign}{}", span(sensor.clock_offset)),
                sensor.version.clone(),
                sensor.trouble.clone(),
            ]
        }),
    )
}
