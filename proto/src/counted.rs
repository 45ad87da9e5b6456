//! Rows and tables of counted facilities.

use traf_model::facility::KeyKind;
use traf_model::{Counted, Counts, Key, Mac, Tally};

use super::model::traffic;
use super::{WireError, address, address_octets, from_each, need};
use crate as wire;

impl From<(Option<&Key>, &Counts)> for wire::CountedRow {
    fn from((key, counts): (Option<&Key>, &Counts)) -> Self {
        use wire::counted_row::Key as Wire;
        Self {
            key: key.map(|key| match key {
                Key::Address(host) => Wire::Address(address_octets(*host)),
                Key::Mac(mac) => Wire::Address(mac.0.to_vec()),
                Key::Number(number) => Wire::Number(*number),
            }),
            traffic: Some((&counts.traffic).into()),
            ip: (!counts.ip.is_empty()).then(|| (&counts.ip).into()),
            flows: counts.flows,
            peers: counts.peers,
            learnt: from_each(&counts.addresses),
        }
    }
}

/// Reads the counts of a row, and its key, which must be of the facility's kind.
pub(super) fn row(facility: Counted, wire: wire::CountedRow) -> Result<(Option<Key>, Counts), WireError> {
    use wire::counted_row::Key as Wire;
    let key = match (facility.key, wire.key) {
        (_, None) => None,
        (KeyKind::Address, Some(Wire::Address(octets))) => Some(Key::Address(address(&octets)?)),
        (KeyKind::Mac, Some(Wire::Address(octets))) => {
            let mac = octets.as_slice().try_into().map_err(|_| WireError::Mac(octets.len()))?;
            Some(Key::Mac(Mac(mac)))
        }
        (KeyKind::Number, Some(Wire::Number(number))) => Some(Key::Number(number)),
        _ => return Err(WireError::Key(facility.name)),
    };
    let mut counts = Counts {
        traffic: traffic(wire.traffic),
        ip: traffic(wire.ip),
        flows: wire.flows,
        peers: wire.peers,
        addresses: Vec::new(),
    };
    for learnt in wire.learnt {
        counts.seen(learnt.try_into()?);
    }
    Ok((key, counts))
}

impl From<(&Counted, &Tally<Key, Counts>)> for wire::CountedTable {
    fn from((facility, tally): (&Counted, &Tally<Key, Counts>)) -> Self {
        let other = tally.other();
        Self {
            facility: u32::from(facility.number),
            rows: tally.rows().map(|(key, counts)| (Some(key), counts).into()).collect(),
            other: (*other != Counts::default()).then(|| (None, other).into()),
        }
    }
}

/// Reads the table of a facility; `None` for a facility that this program does not know.
pub(super) fn table(wire: wire::CountedTable) -> Result<Option<(Counted, Tally<Key, Counts>)>, WireError> {
    let Some(facility) = Counted::of_number(wire.facility) else { return Ok(None) };
    let (mut tally, count) = (Tally::default(), wire.rows.len());
    for wire in wire.rows {
        let (key, counts) = row(facility, wire)?;
        tally.add(need(key, "key")?, counts);
    }
    if tally.len() != count {
        return Err(WireError::Twice(facility.name));
    }
    if let Some(other) = wire.other {
        tally.add_other(row(facility, other)?.1);
    }
    Ok(Some((facility, tally)))
}
