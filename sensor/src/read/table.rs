//! A document for people: totals, and the busiest rows of each table.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

use traf_model::{Endpoint, Timestamp};

use super::document::{Count, DisplayText, Document, FlowRow, TrafficCount};

/// Rows of one table.
const ROWS: usize = 20;

/// Prints the document.
pub(super) fn print(mut out: impl Write, document: &Document) -> io::Result<()> {
    let time = |at: Option<DisplayText<Timestamp>>| at.map_or_else(|| "-".to_owned(), |at| at.0.to_string());
    let accounting = document.accounting;
    writeln!(out, "{} frames, {} octets", document.frames, document.octets)?;
    writeln!(out, "from {} to {}", time(document.first), time(document.last))?;
    writeln!(
        out,
        "{} parsed, {} malformed, {} unsupported, {} with a bad IPv4 checksum",
        accounting.parsed, accounting.malformed, accounting.unsupported, accounting.bad_checksum
    )?;

    writeln!(out, "\n{:<14} {:>12} {:>16}", "class", "packets", "octets")?;
    for row in &document.classes {
        line(&mut out, 14, row.class, row.traffic)?;
    }

    title(&mut out, "flow", document.flows.len())?;
    for flow in document.flows.iter().take(ROWS) {
        let name = flow_name(flow);
        let Count { packets, octets, .. } = flow.forward;
        let (back, back_octets) = (flow.reverse.packets, flow.reverse.octets);
        let state = flow.state.unwrap_or("other");
        writeln!(out, "{name:<58} {packets:>9} {octets:>12} {back:>9} {back_octets:>12} {state}")?;
    }

    title(&mut out, "service", document.services.len())?;
    for service in document.services.iter().take(ROWS) {
        let name = match (&service.protocol, service.port) {
            (Some(protocol), Some(port)) => format!("{protocol}/{port}"),
            _ => "other".to_owned(),
        };
        line(&mut out, 40, &name, service.traffic)?;
    }

    title(&mut out, "host", document.hosts.len())?;
    for host in document.hosts.iter().take(ROWS) {
        each_way(&mut out, &name(host.address), host.inbound, host.outbound)?;
    }

    title(&mut out, "station", document.stations.len())?;
    for station in document.stations.iter().take(ROWS) {
        each_way(&mut out, &name(station.address), station.inbound, station.outbound)?;
    }

    title(&mut out, "size", document.sizes.len())?;
    for size in &document.sizes {
        let name = match size.to {
            Some(to) => format!("{} to {to}", size.from),
            None => format!("{} and more", size.from),
        };
        line(&mut out, 40, &name, size.traffic)?;
    }
    out.flush()
}

fn title(out: &mut impl Write, name: &str, rows: usize) -> io::Result<()> {
    let shown = if rows > ROWS { format!(", the {ROWS} busiest") } else { String::new() };
    match name {
        "flow" => writeln!(
            out,
            "\n{:<58} {:>9} {:>12} {:>9} {:>12} state",
            format!("flows: {rows}{shown}"),
            "packets",
            "octets",
            "back",
            "octets"
        ),
        "host" | "station" => writeln!(
            out,
            "\n{:<40} {:>9} {:>14} {:>9} {:>14}",
            format!("{name}s: {rows}{shown}"),
            "in",
            "octets",
            "out",
            "octets"
        ),
        _ => writeln!(out, "\n{:<40} {:>12} {:>16}", format!("{name}s: {rows}{shown}"), "packets", "octets"),
    }
}

fn line(out: &mut impl Write, width: usize, name: &str, traffic: TrafficCount) -> io::Result<()> {
    let Count { packets, octets, .. } = traffic.total;
    writeln!(out, "{name:<width$} {packets:>12} {octets:>16}")
}

fn each_way(out: &mut impl Write, name: &str, inbound: Count, outbound: Count) -> io::Result<()> {
    let (packets, octets) = (inbound.packets, inbound.octets);
    writeln!(out, "{name:<40} {packets:>9} {octets:>14} {:>9} {:>14}", outbound.packets, outbound.octets)
}

fn name<T: Display>(address: Option<DisplayText<T>>) -> String {
    address.map_or_else(|| "other".to_owned(), |address| address.0.to_string())
}

fn flow_name(flow: &FlowRow) -> String {
    let end = |address: Option<DisplayText<IpAddr>>, port: Option<u16>| match address {
        None => "*".to_owned(),
        Some(DisplayText(address)) => Endpoint::new(address, port.unwrap_or_default()).to_string(),
    };
    let (source, destination) = (end(flow.source, flow.source_port), end(flow.destination, flow.destination_port));
    let vlan = flow.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    format!("{} {source} -> {destination}{vlan}", flow.protocol)
}
