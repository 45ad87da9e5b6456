//! A document for people: totals, and the busiest rows of each table.

use std::io::{self, Write};
use std::net::IpAddr;

use traf_model::facility::COUNTED;
use traf_model::record::{Both, Count, FlowRecord, Text};
use traf_model::{Endpoint, Timestamp};

use super::document::Document;

/// Rows of one table.
const ROWS: usize = 20;

/// Prints the document.
pub(super) fn print(mut out: impl Write, document: &Document) -> io::Result<()> {
    let (totals, ledger) = (document.totals, document.summary.ledger);
    let time = |at: Timestamp| if totals.frames > 0 { at.to_string() } else { "-".to_owned() };
    writeln!(out, "{} frames, {} octets", totals.frames, totals.octets)?;
    writeln!(out, "from {} to {}", time(totals.first), time(totals.last))?;
    writeln!(
        out,
        "{} parsed, {} malformed, {} unsupported, {} with a bad IPv4 checksum",
        ledger.parsed, ledger.malformed, ledger.unsupported, ledger.bad_checksum
    )?;

    writeln!(out, "\n{:<14} {:>12} {:>16}", "class", "packets", "octets")?;
    for row in &document.classes() {
        line(&mut out, 14, row.class, row.traffic)?;
    }

    let flows: Vec<FlowRecord> = document.flows().collect();
    let title = title("flows", flows.len());
    writeln!(out, "\n{title:<58} {:>9} {:>12} {:>9} {:>12} state", "packets", "octets", "back", "octets")?;
    for flow in flows.iter().take(ROWS) {
        let name = flow_name(flow);
        let Count { packets, octets, .. } = flow.forward;
        let (back, back_octets) = (flow.reverse.packets, flow.reverse.octets);
        let state = flow.state.unwrap_or("other");
        writeln!(out, "{name:<58} {packets:>9} {octets:>12} {back:>9} {back_octets:>12} {state}")?;
    }

    for facility in COUNTED {
        let rows = document.rows(facility);
        let title = self::title(facility.name, rows.len());
        // A packet that counts at both of its ends has no sum.
        if facility.both_ends {
            writeln!(out, "\n{title:<40} {:>9} {:>14} {:>9} {:>14}", "in", "octets", "out", "octets")?;
        } else {
            writeln!(out, "\n{title:<40} {:>12} {:>16}", "packets", "octets")?;
        }
        let rows = rows.iter().take(if facility.per_point() { usize::MAX } else { ROWS });
        for row in rows {
            let name = row.key.map_or_else(|| "other".to_owned(), |key| facility.text(key));
            let traffic = Both::from(row.counts.traffic);
            if facility.both_ends {
                let (Count { packets, octets, .. }, sent) = (traffic.ways.inbound, traffic.ways.outbound);
                writeln!(out, "{name:<40} {packets:>9} {octets:>14} {:>9} {:>14}", sent.packets, sent.octets)?;
            } else {
                line(&mut out, 40, &name, traffic)?;
            }
        }
    }
    out.flush()
}

fn title(name: &str, rows: usize) -> String {
    let shown = if rows > ROWS { format!(", the {ROWS} busiest") } else { String::new() };
    format!("{name}: {rows}{shown}")
}

fn line(out: &mut impl Write, width: usize, name: &str, traffic: Both) -> io::Result<()> {
    let Count { packets, octets, .. } = traffic.total;
    writeln!(out, "{name:<width$} {packets:>12} {octets:>16}")
}

fn flow_name(flow: &FlowRecord) -> String {
    let end = |address: Option<Text<IpAddr>>, port: Option<u16>| match address {
        None => "*".to_owned(),
        Some(Text(address)) => Endpoint::new(address, port.unwrap_or_default()).to_string(),
    };
    let (source, destination) = (end(flow.source, flow.source_port), end(flow.destination, flow.destination_port));
    let vlan = flow.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    format!("{} {source} -> {destination}{vlan}", flow.protocol.0)
}
