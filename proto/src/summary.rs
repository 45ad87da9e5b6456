//! The history plane.

use prost::{Message, encoding};

use super::WireError;
use super::field::{Field, messages};
use super::room;
use crate as wire;
use traf_model::{Counted, InterfaceSummary, Second, Summary};

/// The octets of a spooled record or a batch.
///
/// Flows, of which there are many, become messages one at a time, twice: to be measured, and to be written. A field that
/// repeats may be appended.
pub fn encode(summary: &Summary) -> Vec<u8> {
    let (from, to) = summary.slice.to_wire();
    let (sealed, losses) = (summary.sealed.to_wire(), summary.losses.to_wire());
    let mut octets = wire::Summary { from, to, sealed, interfaces: Vec::new(), losses, generation: summary.generation }
        .encode_to_vec();
    for interface in &summary.interfaces {
        let start = wire::InterfaceSummary::from(interface);
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
pub fn decode(octets: &[u8]) -> Result<Summary, WireError> {
    measure(octets)?;
    decode_after_measure(octets)
}

/// Octets of memory that reading them takes, if that is not too much.
pub fn measure(octets: &[u8]) -> Result<usize, WireError> {
    room::measure::<wire::Summary>(octets)
}

/// Reads what was measured before.
pub fn decode_after_measure(octets: &[u8]) -> Result<Summary, WireError> {
    wire::Summary::decode(octets).map_err(|error| WireError::Decode(error.to_string()))?.try_into()
}

/// `Summary.interfaces` and `InterfaceSummary.flows` in the schema.
const INTERFACES: u32 = 4;
const FLOWS: u32 = 4;

messages! {
    required Second = Second { at, classes };
    required InterfaceSummary = InterfaceSummary {
        interface, ledger, seconds, other_flows, aggregated_flows, counted, own, largest_inbound, largest_outbound
    } later { flows };
}

impl TryFrom<wire::Summary> for Summary {
    type Error = WireError;

    fn try_from(wire: wire::Summary) -> Result<Self, WireError> {
        let tables = wire.interfaces.iter().flat_map(|interface| &interface.counted);
        let unknown = tables.filter(|table| Counted::of_number(table.facility).is_none()).count();
        Ok(Self {
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            slice: Field::of_wire((wire.from, wire.to), "to")?,
            sealed: Field::of_wire(wire.sealed, "sealed")?,
            interfaces: wire.interfaces.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            losses: Field::of_wire(wire.losses, "losses")?,
            generation: wire.generation,
        })
    }
}
