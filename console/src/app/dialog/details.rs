//! All that is known of one row, and the SQL that fetches its history from the collector's views (docs/sql.md).

use traf_model::names::protocol_name;
use traf_model::{
    ClassGroup, Counters, Flow, FlowKey, Half, InterfaceStats, Item, Ledger, Row, SinglePacket, Timestamp,
};

use super::super::App;
use crate::facility::detail::{both_ways, pair};
use crate::facility::of_item;
use crate::look::Look;
use crate::moment;
use crate::number::{count, grouped, rate, span};
use crate::widget::dialog::Lines;

/// A name and words for each thing that is known.
pub(super) fn details(row: &Row, app: &App) -> Lines {
    let (look, context) = (&app.look, app.row_context());
    let mut lines = match &row.item {
        Item::Flow(flow) => flow_details(flow, row, look),
        Item::Interface(stats) => interface_details(stats, row, look),
        Item::Group(key, _, flows) => {
            let lines = vec![pair("group", key.to_string()), pair("flows", grouped(*flows))];
            [lines, both_ways(["back", "to"], row, &context)].concat()
        }
        Item::Packet(line) => line_details(line, row, app),
        Item::Other(class, _, keys) => {
            let (family, transport) = (class.family, class.transport);
            let words = format!("{family:?} {transport:?}, {} that found no place in a table", count(*keys));
            [vec![pair("other", words)], both_ways(["in", "out"], row, &context)].concat()
        }
        item => of_item(item).map_or_else(Vec::new, |(view, counted)| (view.details)(row, &counted, &context)),
    };
    if !row.site.is_empty() {
        lines.push(pair("site", row.site.clone()));
    }
    let seen: Vec<String> = row.observed_by.iter().map(ToString::to_string).collect();
    lines.push(pair("seen by", seen.join(", ")));
    lines.extend(sql(row).map(|sql| pair("history", sql)));
    lines
}

fn line_details(line: &SinglePacket, row: &Row, app: &App) -> Lines {
    let mac = line.mac.map_or_else(|| "none".to_owned(), |mac| mac.to_string());
    let words = if line.detail.is_empty() { line.label.clone() } else { format!("{} {}", line.label, line.detail) };
    let point = row.observed_by.first().map(ToString::to_string).unwrap_or_default();
    vec![
        pair("packet", words),
        pair("seen", moment::show_full(line.at, &app.look.zone)),
        pair("from", app.names.line_end_label(line.source)),
        pair("to", app.names.line_end_label(line.destination)),
        pair("source MAC", mac),
        pair("octets", grouped(u64::from(line.octets))),
        pair("number", format!("{} of {point}", grouped(line.number))),
    ]
}

fn flow_details(flow: &Flow, row: &Row, look: &Look) -> Lines {
    let full = |at: Timestamp| moment::show_full(at, &look.zone);
    let key = flow.key;
    let way = |Counters { packets, octets, coalesced }: Counters, speed: Counters| {
        let wire = format!(" (about {} on the wire)", grouped(packets + coalesced));
        let wire = if coalesced == 0 { "" } else { &wire };
        format!("{} packets{wire}, {} octets, {}", grouped(packets), grouped(octets), rate(speed.octets, look.units))
    };
    let beginning = if flow.complete { "" } else { ", its beginning was not seen" };
    let mut lines = vec![
        pair("protocol", protocol_name(key.protocol)),
        pair("from", key.source.to_string()),
        pair("to", key.destination.to_string()),
        pair("state", format!("{}{beginning}", flow.state.name().replace('_', " "))),
        pair("first packet", full(flow.first)),
        pair("last packet", format!("{}, after {}", full(flow.last), span(flow.last.since(flow.first).max(0)))),
        pair("forward", way(flow.traffic.outbound, row.rate.outbound)),
        pair("reverse", way(flow.traffic.inbound, row.rate.inbound)),
        pair("forward end", half(&flow.forward)),
        pair("reverse end", half(&flow.reverse)),
    ];
    if let Some(vlan) = key.vlan {
        lines.insert(3, pair("vlan", vlan.to_string()));
    }
    if flow.own {
        lines.push(pair("note", "our own stream to the collector, left out of rates".to_owned()));
    }
    lines
}

fn half(half: &Half) -> String {
    const FLAGS: [(u8, &str); 8] =
        [(2, "SYN"), (16, "ACK"), (8, "PSH"), (1, "FIN"), (4, "RST"), (32, "URG"), (64, "ECE"), (128, "CWR")];
    let flags: Vec<&str> = FLAGS.iter().filter(|(bit, _)| half.flags & bit != 0).map(|(_, name)| *name).collect();
    let mac = half.mac.map_or_else(|| "no MAC".to_owned(), |mac| mac.to_string());
    let seen = format!(", flags seen {}, window {}", flags.join(" "), half.window);
    format!("{mac}, last packet {} octets{}", half.size, if flags.is_empty() { "" } else { &seen })
}

fn interface_details(stats: &InterfaceStats, row: &Row, look: &Look) -> Lines {
    let interface = &stats.interface;
    let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
    let mac = interface.mac.map_or_else(|| "none".to_owned(), |mac| mac.to_string());
    let [inbound, outbound, peak] =
        [row.rate.inbound, row.rate.outbound, stats.peak.total()].map(|speed| rate(speed.octets, look.units));
    let mut lines = vec![
        pair("interface", format!("{} ({}), MAC {mac}", interface.name, interface.link)),
        pair("addresses", addresses.join(" ")),
        pair("rates", format!("{inbound} in, {outbound} out, peak {peak}")),
    ];
    lines.extend(ClassGroup::ALL.map(|group| {
        let traffic = stats.classes.group(group);
        let way = |way: Counters| format!("{} packets {} octets", grouped(way.packets), grouped(way.octets));
        pair(group.name(), format!("in {}, out {}", way(traffic.inbound), way(traffic.outbound)))
    }));
    let Ledger { received, parsed, malformed, unsupported, dropped, .. } = stats.ledger;
    let parts = [(parsed, "parsed"), (malformed, "malformed"), (unsupported, "unsupported"), (dropped, "dropped")];
    let parts = parts.map(|(number, part)| format!("{} {part}", grouped(number))).join(" + ");
    lines.push(pair("ledger", format!("{} received = {parts}", grouped(received))));
    lines
}

/// IP protocol numbers for which the views have a name.
const NAMED: [u8; 10] = [1, 2, 6, 17, 47, 50, 51, 58, 89, 132];

/// One statement; `None` for rows that the history does not keep under a key.
fn sql(row: &Row) -> Option<String> {
    let (view, condition) = match &row.item {
        Item::Flow(flow) => ("flows", of_flow(&flow.key)),
        Item::Interface(_) => {
            let point = row.observed_by.first()?;
            let interface = quoted(point.interface.as_deref()?);
            ("traffic", format!("sensor = {} and interface = {interface}", quoted(&point.sensor)))
        }
        item => {
            let (view, counted) = of_item(item)?;
            (view.name(), (view.history)(&counted.key)?)
        }
    };
    Some(format!("select * from {view} where {condition} order by ts"))
}

fn of_flow(key: &FlowKey) -> String {
    let (from, to) = (key.source, key.destination);
    let protocol = if NAMED.contains(&key.protocol) { protocol_name(key.protocol) } else { key.protocol.to_string() };
    let ports = match key.protocol {
        6 | 17 => format!(" and source_port = {} and destination_port = {}", from.port, to.port),
        _ => String::new(),
    };
    let ends = format!("source = '{}' and destination = '{}'{ports}", from.address, to.address);
    format!("protocol = '{protocol}' and {ends}")
}

/// As a string of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use traf_model::facility::{HOSTS, SERVICES};
    use traf_model::{Counts, Endpoint, Key, Point, Service, Traffic};

    use super::*;

    fn of(item: Item) -> Option<String> {
        let observed_by = vec![Point::new("ann's", "eth0")];
        sql(&Row { observed_by, ..Row::new(Traffic::default(), item) })
    }

    #[test]
    fn each_key_of_the_history_is_asked_for_in_its_view() {
        let end = |last: u8, port| Endpoint { address: [10, 0, 0, last].into(), port };
        let key = FlowKey { protocol: 6, vlan: None, source: end(3, 49197), destination: end(9, 22) };
        let words = "protocol = 'tcp' and source = '10.0.0.3' and destination = '10.0.0.9' and source_port = 49197 and \
                     destination_port = 22";
        assert_eq!(of_flow(&key), words);
        let [ping, pim] = [1, 103].map(|protocol| of_flow(&FlowKey { protocol, ..key }));
        assert!(ping.contains("'icmp'") && !ping.contains("port") && pim.contains("'103'"), "{ping} {pim}");
        let host = of(Item::Counted(HOSTS, Key::Address([10, 0, 0, 3].into()), Counts::default()));
        assert_eq!(host.as_deref(), Some("select * from hosts where address = '10.0.0.3' order by ts"));
        let service = of(Item::Counted(SERVICES, Service { protocol: 17, port: 53 }.key(), Counts::default()));
        assert_eq!(service.as_deref(), Some("select * from services where protocol = 'udp' and port = 53 order by ts"));
        let interface = of(Item::Interface(Box::default()));
        let words = "select * from traffic where sensor = 'ann''s' and interface = 'eth0' order by ts";
        assert_eq!(interface.as_deref(), Some(words));
    }
}
