//! Tables for people: aligned columns, numbers as on the screens.

use traf_proto::names::protocol_name;
use traf_proto::{ClassGroup, Counters, Facility, Fleet, Flow, InterfaceStats, Item, Report, Row, Traffic};

use crate::app::Look;
use crate::number::{Units, count, grouped, rate, size, span};
use crate::text::{clean, width};

/// A report.
pub(super) fn report(report: &Report, look: &Look) -> String {
    let units = look.units;
    let titles: &[&str] = match report.facility {
        Facility::Traffic => &[
            "Protocol",
            "Source",
            "Destination",
            ">Packets",
            ">Octets",
            ">Packets back",
            ">Octets back",
            ">Rate",
            "State",
            "Seen by",
        ],
        Facility::Interfaces => &[
            "Iface",
            ">Total",
            ">IPv4",
            ">IPv6",
            ">NonIP",
            ">BadIP",
            ">In packets",
            ">In octets",
            ">Out packets",
            ">Out octets",
            ">Activity",
            ">Drops",
        ],
        Facility::Sizes => &["Size", ">Packets in", ">Octets in", ">Packets out", ">Octets out", ">Rate", "Seen by"],
        Facility::Services => {
            &["Service", ">Packets to", ">Octets to", ">Packets from", ">Octets from", ">Rate", "Seen by"]
        }
        Facility::Stations => {
            &["Station", "Addresses", ">Packets in", ">Octets in", ">Packets out", ">Octets out", ">Rate", "Seen by"]
        }
        Facility::Hosts => &["Host", ">Packets in", ">Octets in", ">Packets out", ">Octets out", ">Rate", "Seen by"],
        Facility::Lines => &["Packet"],
    };
    let rows = report.rows.iter().map(|row| cells(row, report.facility, units));
    table(titles, rows)
}

/// Who reports.
pub(super) fn fleet(fleet: &Fleet) -> String {
    let titles = ["Sensor", "Presence", ">Since", ">Lag", ">Drops", ">Spool", ">Lost", ">Clock", "Version", "Trouble"];
    let ago =
        |at: Option<traf_proto::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| span(fleet.at.since(at).max(0)));
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

/// `>` before a title sets its column to the right.
fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let clean_row = |row: Vec<String>| row.iter().map(|cell| clean(cell).into_owned()).collect::<Vec<_>>();
    let head = titles.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.map(clean_row)).collect();
    let widest = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..titles.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in &lines {
        let mut row = String::new();
        for ((cell, columns), title) in line.iter().zip(&widths).zip(titles) {
            let blank = " ".repeat(columns - width(cell));
            let (before, after) = if title.starts_with('>') { (blank.as_str(), "") } else { ("", blank.as_str()) };
            row.extend([before, cell, after, "  "]);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

fn cells(row: &Row, facility: Facility, units: Units) -> Vec<String> {
    let speed = rate(row.rate.total().octets, units);
    let seen: Vec<String> = row.observed_by.iter().map(ToString::to_string).collect();
    let seen = seen.join(" ");
    let ways = |traffic: Traffic| {
        let (inbound, outbound) = (traffic.inbound, traffic.outbound);
        [packets(inbound), count(inbound.octets), packets(outbound), count(outbound.octets)]
    };
    let named = |name: String, traffic: Traffic| {
        [vec![name], ways(traffic).to_vec(), vec![speed.clone(), seen.clone()]].concat()
    };
    match &row.item {
        Item::Flow(flow) => flow_cells(flow, &speed, &seen),
        Item::Interface(stats) => interface_cells(stats, &speed, &seen),
        Item::Size(bracket, traffic) => {
            let to = bracket.to.map_or_else(|| "and more".to_owned(), |to| format!("to {to}"));
            named(format!("{} {to}", bracket.from), *traffic)
        }
        Item::Service(service, traffic) => named(service.to_string(), *traffic),
        Item::Host(address, host) => named(address.to_string(), host.traffic),
        Item::Group(key, traffic, _) => named(key.to_string(), *traffic),
        Item::Line(line) => vec![line.words(&seen, true, |end| end.to_string())],
        Item::Station(mac, station) => {
            let addresses: Vec<String> = station.addresses.iter().map(|learnt| learnt.address.to_string()).collect();
            let ways = ways(station.traffic).to_vec();
            [vec![mac.to_string(), addresses.join(" ")], ways, vec![speed, seen]].concat()
        }
        Item::Other(_, traffic, keys) => {
            let name = format!("other: {} folded", grouped(*keys));
            match facility {
                Facility::Traffic => {
                    let (forward, reverse) = (traffic.outbound, traffic.inbound);
                    let ways = vec![packets(forward), count(forward.octets), packets(reverse), count(reverse.octets)];
                    [vec![name, String::new(), String::new()], ways, vec![speed, String::new(), seen]].concat()
                }
                Facility::Stations => [vec![name, String::new()], ways(*traffic).to_vec(), vec![speed, seen]].concat(),
                _ => named(name, *traffic),
            }
        }
    }
}

fn flow_cells(flow: &Flow, speed: &str, seen: &str) -> Vec<String> {
    let (forward, reverse) = (flow.traffic.outbound, flow.traffic.inbound);
    let state = if flow.key.protocol == 6 {
        format!("{} {}", flow.forward.label(), flow.reverse.label())
    } else {
        flow.state.name().to_owned()
    };
    vec![
        protocol_name(flow.key.protocol),
        flow.key.source.to_string(),
        flow.key.destination.to_string(),
        packets(forward),
        count(forward.octets),
        packets(reverse),
        count(reverse.octets),
        speed.to_owned(),
        state,
        seen.to_owned(),
    ]
}

fn interface_cells(stats: &InterfaceStats, speed: &str, seen: &str) -> Vec<String> {
    let group = |group| stats.classes.group(group);
    let both = |which| count(group(which).total().packets);
    let total = group(ClassGroup::Total);
    vec![
        seen.to_owned(),
        both(ClassGroup::Total),
        both(ClassGroup::Ipv4),
        both(ClassGroup::Ipv6),
        both(ClassGroup::NonIp),
        count(stats.ledger.bad_checksum),
        count(total.inbound.packets),
        count(total.inbound.octets),
        count(total.outbound.packets),
        count(total.outbound.octets),
        speed.to_owned(),
        count(stats.ledger.dropped),
    ]
}

fn packets(counters: Counters) -> String {
    count(counters.packets)
}
