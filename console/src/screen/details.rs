//! All that is known of one row.

use traf_model::names::protocol_name;
use traf_model::{
    Class, ClassGroup, Flow, GroupKey, Half, Host, InterfaceStats, Item, Line, Mac, Row, Service, Station, Timestamp,
    Traffic,
};

use super::dialog::Lines;
use super::history::sql;
use super::name;
use crate::app::{App, Look};
use crate::moment;
use crate::number::{count, grouped, plural, rate, span};

fn pair(name: &str, words: impl Into<String>) -> (String, String) {
    (name.to_owned(), words.into())
}

/// A name and words for each thing that is known.
pub(super) fn details(row: &Row, app: &App) -> Lines {
    let look = &app.look;
    let mut lines = match &row.item {
        Item::Flow(flow) => flow_details(flow, row, look),
        Item::Interface(stats) => interface_details(stats, row, look),
        Item::Station(mac, station) => station_details(*mac, station, row, app),
        Item::Host(address, host) => host_details(*address, host, row, app),
        Item::Service(service, traffic) => service_details(*service, *traffic, row, app),
        Item::Group(key, traffic, flows) => group_details(key, *traffic, *flows, row, look),
        Item::Line(line) => line_details(line, row, app),
        Item::Other(class, traffic, keys) => other_details(*class, *traffic, *keys, row, look),
        Item::Size(..) => Vec::new(),
    };
    if !row.site.is_empty() {
        lines.push(pair("site", row.site.clone()));
    }
    let seen: Vec<String> = row.observed_by.iter().map(ToString::to_string).collect();
    lines.push(pair("seen by", seen.join(", ")));
    lines.extend(sql(row).map(|sql| pair("history", sql)));
    lines
}

/// Traffic towards and from a key.
fn both_ways(names: [&str; 2], traffic: Traffic, speed: Traffic, look: &Look) -> Lines {
    let way = |name: &str, counters: traf_model::Counters, octets: u64| {
        pair(
            name,
            format!(
                "{} packets, {} octets, {}",
                grouped(counters.packets),
                grouped(counters.octets),
                rate(octets, look.units)
            ),
        )
    };
    vec![way(names[0], traffic.inbound, speed.inbound.octets), way(names[1], traffic.outbound, speed.outbound.octets)]
}

fn station_details(mac: Mac, station: &Station, row: &Row, app: &App) -> Lines {
    let full = |at: Timestamp| moment::show_full(at, &app.look.zone);
    let mut lines = vec![pair("address", mac.to_string())];
    let known = name::station(app, mac);
    if !known.is_empty() {
        lines.push(pair("is", known));
    }
    lines.extend(both_ways(["in", "out"], station.traffic, row.rate, &app.look));
    let (inbound, outbound) = (station.ip.inbound.packets, station.ip.outbound.packets);
    lines.push(pair("of these IP", format!("{} packets in, {} out", grouped(inbound), grouped(outbound))));
    if station.addresses.is_empty() {
        lines.push(pair("IP addresses", "none seen behind it yet"));
    }
    let mut learnt = station.addresses.clone();
    learnt.sort_by_key(|learnt| std::cmp::Reverse(learnt.last));
    for learnt in learnt {
        let words = format!("first {}, last {}", full(learnt.first), full(learnt.last));
        lines.push(pair(&name::host(app, learnt.address), words));
    }
    if station.addresses.len() == Station::ADDRESSES {
        lines.push(pair("", "the addresses seen last; there may have been more before"));
    }
    lines
}

fn host_details(address: std::net::IpAddr, host: &Host, row: &Row, app: &App) -> Lines {
    let mut lines = vec![pair("address", address.to_string())];
    let known = name::host(app, address);
    if known != address.to_string() {
        lines.push(pair("name", known));
    }
    lines.extend(both_ways(["in", "out"], host.traffic, row.rate, &app.look));
    lines.push(pair("peers", format!("{} in {}", grouped(host.peers), plural(host.flows, "flow", "flows"))));
    lines
}

fn service_details(service: Service, traffic: Traffic, row: &Row, app: &App) -> Lines {
    let mut lines = vec![pair("service", service.to_string())];
    let known = name::service(app, service);
    if !known.eq_ignore_ascii_case(&service.to_string()) {
        lines.push(pair("name", known));
    }
    lines.extend(both_ways(["to it", "from it"], traffic, row.rate, &app.look));
    lines
}

fn group_details(key: &GroupKey, traffic: Traffic, flows: u64, row: &Row, look: &Look) -> Lines {
    let mut lines = vec![pair("group", key.to_string()), pair("flows", grouped(flows))];
    lines.extend(both_ways(["back", "to"], traffic, row.rate, look));
    lines
}

fn line_details(line: &Line, row: &Row, app: &App) -> Lines {
    let mac = line.mac.map_or_else(|| "none".to_owned(), |mac| mac.to_string());
    let words = if line.detail.is_empty() { line.label.clone() } else { format!("{} {}", line.label, line.detail) };
    let point = row.observed_by.first().map(ToString::to_string).unwrap_or_default();
    vec![
        pair("packet", words),
        pair("seen", moment::show_full(line.at, &app.look.zone)),
        pair("from", name::line_end(app, line.source)),
        pair("to", name::line_end(app, line.destination)),
        pair("source MAC", mac),
        pair("octets", grouped(u64::from(line.octets))),
        pair("number", format!("{} of {point}", grouped(line.number))),
    ]
}

fn other_details(class: Class, traffic: Traffic, keys: u64, row: &Row, look: &Look) -> Lines {
    let what = format!("{:?} {:?}, {} that found no place in a table", class.family, class.transport, count(keys));
    let mut lines = vec![pair("other", what)];
    lines.extend(both_ways(["in", "out"], traffic, row.rate, look));
    lines
}

fn flow_details(flow: &Flow, row: &Row, look: &Look) -> Lines {
    let full = |at: Timestamp| moment::show_full(at, &look.zone);
    let key = flow.key;
    let way = |octets: u64, packets: u64, hidden: u64, speed: u64| {
        let hidden =
            if hidden == 0 { String::new() } else { format!(" (about {} on the wire)", grouped(packets + hidden)) };
        format!("{} packets{hidden}, {} octets, {}", grouped(packets), grouped(octets), rate(speed, look.units))
    };
    let (out, back) = (flow.traffic.outbound, flow.traffic.inbound);
    let mut lines = vec![
        pair("protocol", protocol_name(key.protocol)),
        pair("from", key.source.to_string()),
        pair("to", key.destination.to_string()),
        pair(
            "state",
            format!(
                "{}{}",
                flow.state.name().replace('_', " "),
                if flow.complete { "" } else { ", its beginning was not seen" }
            ),
        ),
        pair("first packet", full(flow.first)),
        pair("last packet", format!("{}, after {}", full(flow.last), span(flow.last.since(flow.first).max(0)))),
        pair("forward", way(out.octets, out.packets, out.coalesced, row.rate.outbound.octets)),
        pair("reverse", way(back.octets, back.packets, back.coalesced, row.rate.inbound.octets)),
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
    let flags = if flags.is_empty() {
        String::new()
    } else {
        format!(", flags seen {}, window {}", flags.join(" "), half.window)
    };
    format!("{mac}, last packet {} octets{flags}", half.size)
}

fn interface_details(stats: &InterfaceStats, row: &Row, look: &Look) -> Lines {
    let interface = &stats.interface;
    let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
    let mac = interface.mac.map_or_else(|| "none".to_owned(), |mac| mac.to_string());
    let mut lines = vec![
        pair("interface", format!("{} ({}), MAC {mac}", interface.name, interface.link)),
        pair("addresses", addresses.join(" ")),
        pair(
            "rates",
            format!(
                "{} in, {} out, peak {}",
                rate(row.rate.inbound.octets, look.units),
                rate(row.rate.outbound.octets, look.units),
                rate(stats.peak.total().octets, look.units)
            ),
        ),
    ];
    for group in ClassGroup::ALL {
        let traffic = stats.classes.group(group);
        let (inbound, outbound) = (traffic.inbound, traffic.outbound);
        let way = |packets: u64, octets: u64| format!("{} packets {} octets", grouped(packets), grouped(octets));
        lines.push(pair(
            group.name(),
            format!("in {}, out {}", way(inbound.packets, inbound.octets), way(outbound.packets, outbound.octets)),
        ));
    }
    let ledger = &stats.ledger;
    lines.push(pair(
        "ledger",
        format!(
            "{} received = {} parsed + {} malformed + {} unsupported + {} dropped",
            grouped(ledger.received),
            grouped(ledger.parsed),
            grouped(ledger.malformed),
            grouped(ledger.unsupported),
            grouped(ledger.dropped)
        ),
    ));
    lines
}
