//! The SQL that fetches the history of a row from the collector's views (docs/sql.md).

use traf_model::names::protocol_name;
use traf_model::{FlowKey, Item, Row};

use crate::facility::of_item;

/// Protocols that the views name; others are numbers there.
const NAMED: [u8; 10] = [1, 2, 6, 17, 47, 50, 51, 58, 89, 132];

/// One statement; `None` for rows that the history does not keep under a key.
pub(super) fn sql(row: &Row) -> Option<String> {
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
