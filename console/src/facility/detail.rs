//! Lines of the details of a row.

use traf_model::{Counters, Row};

use super::cell::RowContext;
use crate::number::grouped;
use crate::widget::dialog::Lines;

/// A line.
pub fn pair(name: &str, words: impl Into<String>) -> (String, String) {
    (name.to_owned(), words.into())
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
