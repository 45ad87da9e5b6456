//! A document for people: totals, and the busiest rows of each table.

use traf_model::facility::COUNTED;
use traf_model::record::writer::{left, right, table};
use traf_model::record::{ClassRecord, Directions, FlowRecord};
use traf_model::{Counted, Counters, Endpoint, Timestamp};

use super::document::Document;

/// Rows of one table.
const ROWS: usize = 20;

/// The document as text.
pub(super) fn text(document: &Document) -> String {
    let (totals, ledger) = (document.totals, document.summary.ledger);
    let time = |at: Timestamp| if totals.frames > 0 { at.to_string() } else { "-".to_owned() };
    let mut out = format!(
        "{} frames, {} octets\nfrom {} to {}\n{} parsed, {} malformed, {} unsupported, {} with a bad IPv4 checksum\n\n",
        totals.frames,
        totals.octets,
        time(totals.first),
        time(totals.last),
        ledger.parsed,
        ledger.malformed,
        ledger.unsupported,
        ledger.bad_checksum
    );
    let class = |row: ClassRecord| cells(row.class.to_owned(), &[row.traffic.total]);
    out += &table(&[left("class"), right("packets"), right("octets")], document.classes().map(class));

    let flows = document.flows();
    let (name, numbers) = (title("flows", flows.clone().count()), ["packets", "octets", "back", "octets"]);
    let titles = [&[left(&name)], &numbers.map(right)[..], &[left("state")]].concat();
    out += &format!("\n{}", table(&titles, flows.take(ROWS).map(|row| flow(&row))));
    COUNTED.into_iter().for_each(|facility| out += &format!("\n{}", counted(document, facility)));
    out
}

fn title(name: &str, rows: usize) -> String {
    let shown = if rows > ROWS { format!(", the {ROWS} busiest") } else { String::new() };
    format!("{name}: {rows}{shown}")
}

fn cells(name: String, counters: &[Counters]) -> Vec<String> {
    let numbers = counters.iter().flat_map(|counters| [counters.packets, counters.octets]);
    std::iter::once(name).chain(numbers.map(|number| number.to_string())).collect()
}

fn flow(row: &FlowRecord) -> Vec<String> {
    let end = |address: Option<_>, port: Option<u16>| match address {
        None => "*".to_owned(),
        Some(address) => Endpoint::new(address, port.unwrap_or_default()).to_string(),
    };
    let (source, destination) = (end(row.source, row.source_port), end(row.destination, row.destination_port));
    let vlan = row.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    let Directions { forward, reverse } = row.traffic;
    let mut cells = cells(format!("{} {source} -> {destination}{vlan}", row.protocol), &[forward, reverse]);
    cells.push(row.state.unwrap_or("other").to_owned());
    cells
}

fn counted(document: &Document, facility: Counted) -> String {
    let rows = document.counted(facility);
    let title = title(facility.name, rows.len());
    // A packet that counts at both of its ends has no sum.
    let numbers = if facility.both_ends { &["in", "octets", "out", "octets"][..] } else { &["packets", "octets"] };
    let titles: Vec<_> = std::iter::once(left(&title)).chain(numbers.iter().copied().map(right)).collect();
    let rows = rows.into_iter().take(if facility.per_point() { usize::MAX } else { ROWS }).map(|(key, counts)| {
        let name = key.map_or_else(|| "other".to_owned(), |key| facility.text(key));
        let traffic = counts.traffic;
        if facility.both_ends {
            cells(name, &[traffic.inbound, traffic.outbound])
        } else {
            cells(name, &[traffic.total()])
        }
    });
    table(&titles, rows)
}
