//! Flow rows by their ends: those of one conversation one after the other, so that a reader needs no room for the others. SQLite
//! sorts them, in a temporary file where they are many.
//!
//! Rows come as JSON, all that there are of the same ends in an hour: a row of a statement for each would take thrice the time.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::quality::RandomState;
use serde::Deserialize;
use traf_model::{Counters, Endpoint, FlowKey, Mac};

use super::columns::{Field, Station, columns};
use super::facts::FlowRow;
use super::read::Statement;
use super::table::{SliceTable, of_window, select};
use super::{Store, pack};
use crate::report::primary::FLOW_BITS;
use crate::store::{EndsStep, PointKey, Selection, StoreError};

/// Declares a row as the list of its columns, and of those that may be absent: the same list makes the text of a statement, and
/// reads the JSON.
macro_rules! json_row {
    ($(#[$meta:meta])* $row:ident {
        $first:ident: $type:ty = $read:literal, $($field:ident: $types:ty = $reads:literal,)+
    } and $more:ident: $(#[$more_meta:meta])* $more_row:ident {
        $more_first:ident: $more_type:ty = $more_read:literal, $($more_field:ident: $more_types:ty = $more_reads:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        struct $row { $first: $type, $($field: $types,)+ #[serde(default)] $more: Option<$more_row> }

        $(#[$more_meta])*
        #[derive(Deserialize)]
        struct $more_row { $more_first: $more_type, $($more_field: $more_types),+ }

        impl $row {
            /// Reads it without the columns that may be absent.
            const READ: &str = concat!("json_array(", $read, $(", ", $reads,)+ ")");
            /// Reads all of it.
            const READ_ALL: &str = concat!(
                "json_array(", $read, $(", ", $reads,)+ ", json_array(", $more_read, $(", ", $more_reads,)+ "))"
            );
        }
    };
}

json_row! {
    /// A flow row without what its group says. Each column less saves a thirtieth of the time.
    FlowPart {
        id: i64 = "f.id",
        interface: i64 = "f.interface",
        vlan: Option<u16> = "f.vlan",
        source: i64 = "f.source",
        source_port: u16 = "f.source_port",
        forward_packets: u64 = "f.forward_packets",
        forward_octets: u64 = "f.forward_octets",
        forward_coalesced: u64 = "f.forward_coalesced",
        reverse_packets: u64 = "f.reverse_packets",
        reverse_octets: u64 = "f.reverse_octets",
        reverse_coalesced: u64 = "f.reverse_coalesced",
        first_us: i64 = "f.first_us",
        last_us: i64 = "f.last_us",
        status_prim: i64 = "f.status << 1 | f.prim",
        macs: i64 = "f.forward_mac << 32 | f.reverse_mac",
    } and detail:
    /// Columns that a table under keys does without.
    FlowDetail {
        forward_mac: Option<String> = "(select m.mac from mac m where m.id = f.forward_mac)",
        reverse_mac: Option<String> = "(select m.mac from mac m where m.id = f.reverse_mac)",
        windows: i64 = "f.windows",
        forward_size: u32 = "f.forward_size",
        reverse_size: u32 = "f.reverse_size",
    }
}

/// Numbers of both addresses, the smaller first. They have 31 bits: a dictionary with more would be larger than most disks.
const ADDRESSES: &str = "min(f.source, f.destination) << 32 | max(f.source, f.destination)";
/// The sum of the ports, 8 bits for the protocol, and 24 for the hour: rows of a long window come in parts.
const PORTS: &str = "((f.source_port + f.destination_port) << 8 | f.protocol) << 24 | (s.ts / 3600 & 16777215)";

columns! {
    /// A row as it is sorted: fewer values cost less.
    SortedPart { addresses: i64 = ADDRESSES, ports: i64 = PORTS, row: String = FlowPart::READ }
}

columns! {
    /// The same with all columns of the rows.
    SortedRow { addresses: i64 = ADDRESSES, ports: i64 = PORTS, row: String = FlowPart::READ_ALL }
}

columns! {
    /// The rows of one hour between two addresses, of one protocol, with one sum of ports.
    EndsRow {
        addresses: i64 = "g.addresses",
        ports: i64 = "g.ports",
        low: IpAddr = "(select a.ip from address a where a.id = g.addresses >> 32)",
        high: IpAddr = "(select a.ip from address a where a.id = g.addresses & 4294967295)",
        rows: String = "group_concat(g.row, '')",
    }
}

columns! {
    SliceNumber { id: i64 [in s], ts: i64 [in s], sensor: i64 [in s] }
}

/// The flow rows of a window by their ends, and parts of them.
pub(super) static BY_ENDS: Statement = Statement::new(by_ends::<SortedRow>);
pub(super) static PARTS_BY_ENDS: Statement = Statement::new(by_ends::<SortedPart>);

fn by_ends<Sorted: Field>() -> String {
    // Without a limit SQLite would sort the columns of the rows, and make JSON of them afterwards.
    let sorted = of_window::<Sorted>(&format!("slice s cross join flow f on {}", FlowRow::ON), "limit -1");
    let groups = select::<EndsRow>("g", "group by g.addresses, g.ports order by g.addresses, g.ports");
    format!("with g (addresses, ports, row) as ({sorted}) {groups}")
}

/// The slices of a window in the order of time.
pub(super) static IN_ORDER: Statement =
    Statement::new(|| of_window::<SliceNumber>("slice s", "order by s.ts, s.sensor, s.seq"));

/// By its number, the place of each slice in the order of time, its start in seconds, and its sensor.
type Slices = HashMap<i64, (usize, i64, i64), RandomState>;

impl Store {
    /// The flow rows of a selection: those of the same ends one after the other, in the order of their slices. Without details they
    /// lack windows and the sizes of last packets, and their MAC addresses are not the true ones, but equal where these are.
    pub(crate) async fn flows_by_ends(
        &self,
        selection: &Selection,
        details: bool,
        take: &mut (dyn FnMut(EndsStep) + Send),
    ) -> Result<(), StoreError> {
        let mut slices = Slices::default();
        let mut slice = |SliceNumber { id, ts, sensor }| {
            slices.insert(id, (slices.len(), ts, sensor));
        };
        self.each(&IN_ORDER, selection, &mut slice).await?;
        let (mut last, mut damage) = (None, None);
        let mut group = |row: EndsRow| {
            let ends = Some((row.addresses, row.ports >> 24));
            if last.is_some() && last != ends {
                take(EndsStep::Next);
            }
            last = ends;
            match row.flows(&slices) {
                Ok(rows) => rows.into_iter().for_each(|(place, row)| {
                    let marked = row.prim;
                    take(EndsStep::Flow(place, row.into(), marked));
                }),
                Err(error) => damage = Some(error),
            }
        };
        self.each(if details { &BY_ENDS } else { &PARTS_BY_ENDS }, selection, &mut group).await?;
        damage.map_or(Ok(()), Err)
    }
}

impl EndsRow {
    /// The rows in the order of their slices. A slice that was stored meanwhile is left out.
    fn flows(&self, slices: &Slices) -> Result<Vec<(PointKey, FlowRow)>, StoreError> {
        let damaged = |error: serde_json::Error| StoreError::Damaged(format!("rows of a flow: {error}"));
        let mut rows = Vec::new();
        for row in serde_json::Deserializer::from_str(&self.rows).into_iter() {
            let row: FlowPart = row.map_err(damaged)?;
            rows.extend(slices.get(&(row.id >> FLOW_BITS)).map(|slice| (*slice, row)));
        }
        rows.sort_unstable_by_key(|((place, ..), row)| (*place, row.id));
        rows.into_iter().map(|((_, start, sensor), row)| self.flow((start, sensor), row)).collect()
    }

    fn flow(&self, (start, sensor): (i64, i64), row: FlowPart) -> Result<(PointKey, FlowRow), StoreError> {
        let (source, destination) =
            if row.source == self.addresses >> 32 { (self.low, self.high) } else { (self.high, self.low) };
        let ports = (self.ports >> 32) - i64::from(row.source_port);
        let by_number = [row.macs >> 32, row.macs & 0xffff_ffff].map(station);
        let (stations, windows, sizes) = match row.detail {
            None => (by_number, 0, [0; 2]),
            Some(FlowDetail { forward_mac, reverse_mac, windows, forward_size, reverse_size }) => {
                let mac = |text: Option<String>| text.as_deref().map(pack::parse).transpose().map(Station);
                ([mac(forward_mac)?, mac(reverse_mac)?], windows, [forward_size, reverse_size])
            }
        };
        let [forward_mac, reverse_mac] = stations;
        let counters = |packets, octets, coalesced| Counters { packets, octets, coalesced };
        let flow = FlowRow {
            start,
            key: FlowKey {
                protocol: (self.ports >> 24) as u8,
                vlan: row.vlan,
                source: Endpoint::new(source, row.source_port),
                destination: Endpoint::new(destination, ports as u16),
            },
            forward: counters(row.forward_packets, row.forward_octets, row.forward_coalesced),
            reverse: counters(row.reverse_packets, row.reverse_octets, row.reverse_coalesced),
            first_us: row.first_us,
            last_us: row.last_us,
            status: row.status_prim >> 1,
            windows,
            forward_size: sizes[0],
            reverse_size: sizes[1],
            forward_mac,
            reverse_mac,
            prim: row.status_prim & 1 != 0,
        };
        Ok((PointKey { sensor, interface: row.interface }, flow))
    }
}

/// The number of a MAC address in the place of the address: two say as well whether they are equal.
fn station(number: i64) -> Station {
    let [_, _, octets @ ..] = number.to_be_bytes();
    Station((number != 0).then_some(Mac(octets)))
}

#[cfg(test)]
mod tests;
