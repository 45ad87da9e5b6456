//! The history plane.

use std::collections::BTreeMap;

use prost::{Message, encoding};

use super::counted::table;
use super::model::{class_rows, classes, traffic};
use super::{WireError, each, from_each, need, time};
use crate as wire;
use traf_model::{Counted, InterfaceSummary, Interval, Second, Summary};

/// The octets of a spooled record or a batch.
///
/// Flows, of which there are many, become messages one at a time, twice: to be measured, and to be written. A field that
/// repeats may be appended.
pub fn encode(summary: &Summary) -> Vec<u8> {
    let mut octets = wire::Summary::of(summary).encode_to_vec();
    for interface in &summary.interfaces {
        let start = wire::InterfaceSummary::of(interface);
        let measured = |flow| encoding::message::encoded_len(FLOWS, &wire::Flow::from(flow));
        let length = start.encoded_len() + interface.flows.iter().map(measured).sum::<usize>();
        octets.reserve(length + 2 * encoding::encoded_len_varint(length as u64));
        encoding::encode_key(INTERFACES, encoding::WireType::LengthDelimited, &mut octets);
        encoding::encode_varint(length as u64, &mut octets);
        // A vector takes whatever fits into memory.
        let _ = start.encode(&mut octets);
        for flow in &interface.flows {
            encoding::message::encode(FLOWS, &wire::Flow::from(flow), &mut octets);
        }
    }
    octets
}

/// Reads them.
///
pub fn decode(octets: &[u8]) -> Result<Summary, WireError> {
    wire::Summary::decode(octets).map_err(|error| WireError::Decode(error.to_string()))?.try_into()
}

/// `Summary.interfaces` and `InterfaceSummary.flows` in the schema.
const INTERFACES: u32 = 4;
const FLOWS: u32 = 4;

impl wire::Summary {
    /// Without its interfaces.
    fn of(summary: &Summary) -> Self {
        Self {
            from: summary.slice.from.0,
            to: summary.slice.to.0,
            sealed: summary.sealed.0,
            interfaces: Vec::new(),
            losses: from_each(&summary.losses),
        }
    }
}

impl TryFrom<wire::Summary> for Summary {
    type Error = WireError;

    fn try_from(wire: wire::Summary) -> Result<Self, WireError> {
        let tables = wire.interfaces.iter().flat_map(|interface| &interface.counted);
        let unknown = tables.filter(|table| Counted::of_number(table.facility).is_none()).count();
        Ok(Self {
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            slice: Interval::new(time(wire.from), time(wire.to)),
            sealed: time(wire.sealed),
            interfaces: each(wire.interfaces)?,
            losses: each(wire.losses)?,
        })
    }
}

impl From<&Second> for wire::Second {
    fn from(second: &Second) -> Self {
        Self { at: second.at.0, classes: class_rows(&second.classes) }
    }
}

impl TryFrom<wire::Second> for Second {
    type Error = WireError;

    fn try_from(wire: wire::Second) -> Result<Self, WireError> {
        Ok(Self { at: time(wire.at), classes: classes(wire.classes)? })
    }
}

impl wire::InterfaceSummary {
    /// Without its flows.
    fn of(summary: &InterfaceSummary) -> Self {
        Self {
            interface: Some((&summary.interface).into()),
            ledger: Some((&summary.ledger).into()),
            seconds: from_each(&summary.seconds),
            flows: Vec::new(),
            other_flows: from_each(&summary.other_flows),
            counted: summary.counted.iter().map(Into::into).collect(),
            own: Some((&summary.own).into()),
            largest_inbound: summary.largest_inbound,
            largest_outbound: summary.largest_outbound,
        }
    }
}

impl TryFrom<wire::InterfaceSummary> for InterfaceSummary {
    type Error = WireError;

    fn try_from(wire: wire::InterfaceSummary) -> Result<Self, WireError> {
        let mut counted = BTreeMap::new();
        for wire in wire.counted {
            if let Some((facility, tally)) = table(wire)?
                && counted.insert(facility, tally).is_some()
            {
                return Err(WireError::Twice(facility.name));
            }
        }
        Ok(Self {
            interface: need(wire.interface, "interface")?.try_into()?,
            ledger: need(wire.ledger, "ledger")?.into(),
            seconds: each(wire.seconds)?,
            flows: each(wire.flows)?,
            other_flows: each(wire.other_flows)?,
            counted,
            own: traffic(wire.own),
            largest_inbound: wire.largest_inbound,
            largest_outbound: wire.largest_outbound,
        })
    }
}
