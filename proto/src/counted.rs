//! Rows and tables of counted facilities.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::WireError;
use super::field::{Field, fields};
use crate as wire;
use traf_model::facility::KeyKind;
use traf_model::{Counted, Counts, Key, Learnt, Mac, Tally};
use wire::counted_row::Key as WireKey;

/// The row of a key, or of traffic without one.
pub(super) fn to_row(key: Option<&Key>, counts: &Counts) -> wire::CountedRow {
    let key = key.map(|key| match key {
        Key::Address(host) => WireKey::Address(host.to_wire()),
        Key::Mac(mac) => WireKey::Address(mac.to_wire()),
        Key::Number(number) => WireKey::Number(*number),
    });
    let (traffic, ip, learnt) = (counts.traffic.to_wire(), counts.ip.to_wire(), counts.addresses.to_wire());
    wire::CountedRow { key, traffic, ip, flows: counts.flows, peers: counts.peers, learnt }
}

/// Reads the counts of a row, and its key, which must be of the facility's kind.
pub(super) fn of_row(facility: Counted, wire: wire::CountedRow) -> Result<(Option<Key>, Counts), WireError> {
    let key = match (facility.key, wire.key) {
        (_, None) => None,
        (KeyKind::Address, Some(WireKey::Address(octets))) => Some(Key::Address(IpAddr::of_wire(octets, "address")?)),
        (KeyKind::Mac, Some(WireKey::Address(octets))) => Some(Key::Mac(Mac::of_wire(octets, "address")?)),
        (KeyKind::Number, Some(WireKey::Number(number))) => Some(Key::Number(number)),
        _ => return Err(WireError::Key(facility.name)),
    };
    let (traffic, ip) = (Field::of_wire(wire.traffic, "traffic")?, Field::of_wire(wire.ip, "ip")?);
    let mut counts = Counts { traffic, ip, flows: wire.flows, peers: wire.peers, addresses: Vec::new() };
    for learnt in wire.learnt {
        counts.seen(Learnt::try_from(learnt)?);
    }
    Ok((key, counts))
}

fields! {
    // A facility that this program does not know is left out.
    BTreeMap<Counted, Tally<Key, Counts>> as Vec<wire::CountedTable>: |tables| {
        let table = |(facility, tally): (&Counted, &Tally<Key, Counts>)| wire::CountedTable {
            facility: facility.to_wire(),
            rows: tally.rows().map(|(key, counts)| to_row(Some(key), counts)).collect(),
            other: (*tally.other() != Counts::default()).then(|| to_row(None, tally.other())),
        };
        tables.iter().map(table).collect()
    }, |tables, _| {
        let mut all = Self::new();
        for wire in tables {
            let Some(facility) = Counted::of_number(wire.facility) else { continue };
            let (mut tally, count) = (Tally::default(), wire.rows.len());
            for wire in wire.rows {
                let (key, counts) = of_row(facility, wire)?;
                tally.add(key.ok_or(WireError::Missing("key"))?, counts);
            }
            if let Some(other) = wire.other {
                tally.add_other(of_row(facility, other)?.1);
            }
            if tally.len() != count || all.insert(facility, tally).is_some() {
                return Err(WireError::Twice(facility.name));
            }
        }
        Ok(all)
    };
}
