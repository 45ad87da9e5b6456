//! Tables for people: aligned columns, numbers as on the screens.

use traf_model::names::protocol_name;
use traf_model::{ClassGroup, Counters, Facility, Fleet, Flow, InterfaceStats, Item, Report, Row, Traffic};

use crate::app::Look;
use crate::moment;
use crate::number::{Units, count, grouped, rate, size, span};
use crate::text::{clean, width};

/// A report; of flows in groups when `grouped`.
pub(super) fn report(report: &Report, look: &Look, grouped: bool) -> String {
    let units = look.units;
    let titles: &[&str] = match report.facility {
        Facility::Traffic if grouped => {
            &["Group", ">Flows", ">Packets", ">Octets", ">Packets back", ">Octets back", ">Rate", "Seen by"]
        }
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
        Facility::Sizes => &["Size", ">Packets in", ">Octets in", ">Packets out", ">Octets out", "Seen by"],
        Facility::Services => {
            &["Service", ">Packets to", ">Octets to", ">Packets from", ">Octets from", ">Rate", "Seen by"]
        }
        Facility::Stations => &[
            "Station",
            "Addresses",
            ">Packets in",
            ">IP in",
            ">Octets in",
            ">Packets out",
            ">IP out",
            ">Octets out",
            ">Rate",
            "Seen by",
        ],
        Facility::Hosts => &[
            "Host",
            ">Packets in",
            ">Octets in",
            ">Packets out",
            ">Octets out",
            ">Peers",
            ">Flows",
            ">Rate",
            "Seen by",
        ],
        Facility::Lines => &["Time", "Packet"],
    };
    let rows = report.rows.iter().map(|row| match &row.item {
        Item::Line(line) => {
            let seen = seen(row);
            vec![moment::show(line.at, report.at, &look.zone), line.words(&seen, true, |end| end.to_string())]
        }
        Item::Other(_, traffic, keys) => other_cells(row, *traffic, *keys, titles, units),
        _ => cells(row, units),
    });
    table(titles, rows)
}

/// Interfaces, each with all its classes and its rates.
pub(super) fn detailed(report: &Report, look: &Look) -> String {
    let units = look.units;
    let mut out = String::new();
    for row in &report.rows {
        let Item::Interface(stats) = &row.item else { continue };
        let titles = [
            "Class",
            ">Packets",
            ">Octets",
            ">In packets",
            ">In octets",
            ">Out packets",
            ">Out octets",
            ">Rate",
            ">In",
            ">Out",
        ];
        let classes = ClassGroup::ALL.map(|group| {
            let (traffic, speed) = (stats.classes.group(group), stats.rates.group(group));
            let counts = [traffic.total(), traffic.inbound, traffic.outbound];
            let counts = counts.into_iter().flat_map(|counters| [packets(counters), count(counters.octets)]);
            let speeds = [speed.total(), speed.inbound, speed.outbound].map(|counters| rate(counters.octets, units));
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
            let ways = ways.into_iter().flat_map(|way| [rate(way.octets, units), packets(way)]);
            std::iter::once(name.to_owned()).chain(ways).collect()
        });
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", clean(&seen(row))));
        out.push_str(&table(&titles, classes.into_iter()));
        let titles = ["Rate", ">Total", ">pps", ">In", ">pps", ">Out", ">pps"];
        out.push_str(&table(&titles, speeds.into_iter()));
        let (errors, dropped) = (count(stats.ledger.bad_checksum), count(stats.ledger.dropped));
        out.push_str(&format!("IP checksum errors: {errors}   drops: {dropped}\n"));
    }
    out
}

fn seen(row: &Row) -> String {
    row.observed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Who reports.
pub(super) fn fleet(fleet: &Fleet) -> String {
    let titles = ["Sensor", "Presence", ">Since", ">Lag", ">Drops", ">Spool", ">Lost", ">Clock", "Version", "Trouble"];
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

fn cells(row: &Row, units: Units) -> Vec<String> {
    let speed = rate(row.rate.total().octets, units);
    let seen = seen(row);
    let ways = |traffic: Traffic| {
        let (inbound, outbound) = (traffic.inbound, traffic.outbound);
        vec![packets(inbound), count(inbound.octets), packets(outbound), count(outbound.octets)]
    };
    let named =
        |name: String, traffic: Traffic| [vec![name], ways(traffic), vec![speed.clone(), seen.clone()]].concat();
    match &row.item {
        Item::Flow(flow) => flow_cells(flow, &speed, &seen),
        Item::Interface(stats) => interface_cells(stats, &speed, &seen),
        Item::Size(bracket, traffic) => {
            let to = bracket.to.map_or_else(|| "and more".to_owned(), |to| format!("to {to}"));
            [vec![format!("{} {to}", bracket.from)], ways(*traffic), vec![seen]].concat()
        }
        Item::Service(service, traffic) => named(service.to_string(), *traffic),
        Item::Host(address, host) => {
            let known = vec![count(host.peers), count(host.flows), speed.clone(), seen.clone()];
            [vec![address.to_string()], ways(host.traffic), known].concat()
        }
        Item::Group(key, traffic, flows) => {
            let ends = vec![speed.clone(), seen.clone()];
            [vec![key.to_string(), count(*flows)], ways(traffic.reversed()), ends].concat()
        }
        Item::Station(mac, station) => {
            let addresses: Vec<String> = station.addresses.iter().map(|learnt| learnt.address.to_string()).collect();
            let (all, ip) = (station.traffic, station.ip);
            vec![
                mac.to_string(),
                addresses.join(" "),
                packets(all.inbound),
                packets(ip.inbound),
                count(all.inbound.octets),
                packets(all.outbound),
                packets(ip.outbound),
                count(all.outbound.octets),
                speed,
                seen,
            ]
        }
        Item::Line(_) | Item::Other(..) => Vec::new(),
    }
}

/// What a table had no place for, under the titles that say something of it.
fn other_cells(row: &Row, traffic: Traffic, keys: u64, titles: &[&str], units: Units) -> Vec<String> {
    let (inbound, outbound) = (traffic.inbound, traffic.outbound);
    let mut name = Some(format!("other: {} folded", grouped(keys)));
    let cell = |title: &&str| match *title {
        _ if name.is_some() => name.take().unwrap_or_default(),
        ">Packets in" | ">Packets to" | ">Packets back" => packets(inbound),
        ">Octets in" | ">Octets to" | ">Octets back" => count(inbound.octets),
        ">Packets out" | ">Packets from" | ">Packets" => packets(outbound),
        ">Octets out" | ">Octets from" | ">Octets" => count(outbound.octets),
        ">Rate" => rate(row.rate.total().octets, units),
        "Seen by" => seen(row),
        _ => String::new(),
    };
    titles.iter().map(cell).collect()
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
