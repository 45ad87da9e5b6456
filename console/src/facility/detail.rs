//! Lines of the details of a row.

use traf_model::{Counters, Row};

use super::cell::RowContext;
use super::row::CountedRow;
use crate::number::grouped;
use crate::widget::dialog::Lines;

/// A line.
pub fn pair(name: &str, words: impl Into<String>) -> (String, String) {
    (name.to_owned(), words.into())
}

/// The key of a row, and its name where that says more.
pub fn key(title: &str, counted: &CountedRow<'_>, name: String) -> Lines {
    let text = counted.text();
    let named = !name.eq_ignore_ascii_case(&text);
    [pair(title, text)].into_iter().chain(named.then(|| pair("name", name))).collect()
}

/// Traffic towards and from a key.
pub fn both_ways(names: [&str; 2], row: &Row, context: &RowContext<'_>) -> Lines {
    let traffic = row.item.traffic();
    let way = |name: &str, counters: Counters, speed: Counters| {
        let (packets, octets) = (grouped(counters.packets), grouped(counters.octets));
        pair(name, format!("{packets} packets, {octets} octets, {}", context.rate(speed)))
    };
    vec![way(names[0], traffic.inbound, row.rate.inbound), way(names[1], traffic.outbound, row.rate.outbound)]
}
