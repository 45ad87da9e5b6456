//! Memory that a message of a peer takes, bounded before any of it is taken.
//!
//! A part of a message that is empty is two octets on the wire and some hundred in memory; compressed it is next to nothing. So
//! the octets are walked once, by the schema, and what decoding them would allocate is added up. The walk itself allocates
//! nothing. It goes no deeper than the schema: no message holds itself, because then its shape would not compile.

use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};
use traf_model::Classes;

use super::WireError;

/// Octets of memory for the parts of a message. The largest summary that a sensor makes has 100,000 rows, which take 40 MB if all
/// are flows; one that stands for four hours has no flows, but the minutes of up to 64 interfaces: 30 MB.
const ROOM: usize = 64 << 20;

/// The same of a snapshot, of which one of each sensor is always in memory: twice what a sensor sends at most in a second, if all of
/// it is rows of counted facilities, which are the smallest.
const SNAPSHOT: usize = 32 << 20;

/// A message of the schema.
pub(crate) trait Bounded {
    /// Its shape.
    const SHAPE: &'static Shape;
    /// Octets of memory that its parts may take.
    const ROOM: usize = ROOM;
}

/// A message as it takes memory.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Octets of one in a list.
    size: usize,
    /// Octets that the model takes for one beyond that.
    model: usize,
    /// The fields that take memory of their own.
    fields: &'static [Field],
}

#[derive(Debug)]
struct Field {
    number: u32,
    repeated: bool,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Message(&'static Shape),
    /// Text or octets.
    Octets,
    /// A list of numbers.
    Numbers,
}

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// Octets of memory that the parts of a message take, if there is room for them.
pub(crate) fn measure<T: Bounded>(octets: &[u8]) -> Result<usize, WireError> {
    let mut room = T::ROOM;
    walk(T::SHAPE, octets, &mut room).map_err(|error| match error {
        WireError::Room(_) => WireError::Room(T::ROOM >> 20),
        error => error,
    })?;
    Ok(T::ROOM - room)
}

/// Octets that the allocator adds to each piece, and the smallest piece.
const PIECE: usize = 16;
/// Places of the smallest list.
const PLACES: usize = 4;

fn walk(shape: &Shape, mut octets: &[u8], room: &mut usize) -> Result<(), WireError> {
    take(room, shape.model)?;
    let mut list = 0;
    while !octets.is_empty() {
        let (number, kind) = decode_key(&mut octets).map_err(broken)?;
        let length = match kind {
            WireType::Varint => {
                decode_varint(&mut octets).map_err(broken)?;
                continue;
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => decode_varint(&mut octets).map_err(broken)?,
            // The schema has none.
            WireType::StartGroup | WireType::EndGroup => return Err(WireError::Decode("a group".to_owned())),
        };
        let part = usize::try_from(length).ok().and_then(|length| octets.split_at_checked(length));
        let (part, rest) = part.ok_or_else(|| WireError::Decode("it is cut off".to_owned()))?;
        octets = rest;
        let known = shape.fields.iter().find(|field| field.number == number && kind == WireType::LengthDelimited);
        let Some(field) = known else { continue };
        let places = match field.repeated {
            false => 0,
            true if list == number => 1,
            true => PLACES,
        };
        if field.repeated {
            list = number;
        }
        match field.part {
            Part::Message(shape) => {
                take(room, places * shape.size)?;
                walk(shape, part, room)?;
            }
            Part::Octets => {
                let text = if part.is_empty() { 0 } else { part.len().max(PIECE) + PIECE };
                take(room, places * size_of::<Vec<u8>>() + text)?;
            }
            Part::Numbers => take(room, part.len().saturating_mul(8))?,
        }
    }
    Ok(())
}

fn take(room: &mut usize, octets: usize) -> Result<(), WireError> {
    *room = room.checked_sub(octets).ok_or(WireError::Room(ROOM >> 20))?;
    Ok(())
}

fn broken(error: DecodeError) -> WireError {
    WireError::Decode(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate as wire;

    /// A summary of so many flows, as large as a sensor makes them.
    fn flows(count: usize) -> Vec<u8> {
        let end = |n: usize| Some(wire::Endpoint { address: (n as u128).to_be_bytes().to_vec(), port: 443 });
        let counters = Some(wire::Counters { packets: 1 << 20, octets: 1 << 30, coalesced: 1 });
        let half =
            || Some(wire::Half { mac: vec![2; 6], flags: 255, window: 1 << 15, size: 1_500, ..Default::default() });
        let flow = |n| wire::Flow {
            key: Some(wire::FlowKey { protocol: 6, vlan: Some(1), source: end(n), destination: end(n + 1) }),
            traffic: Some(wire::Traffic { inbound: counters, outbound: counters }),
            first: 1 << 60,
            last: 1 << 60,
            forward: half(),
            reverse: half(),
            state: 2,
            complete: true,
            own: false,
            evidence: u64::MAX,
        };
        let interface = wire::InterfaceSummary { flows: (0..count).map(flow).collect(), ..Default::default() };
        wire::Summary { interfaces: vec![interface], ..wire::Summary::default() }.encode_to_vec()
    }

    #[test]
    fn the_largest_summary_of_a_sensor_has_room_and_what_is_empty_millions_of_times_has_not() {
        let needed = measure::<wire::Summary>(&flows(100_000)).unwrap();
        assert!((30_000_000..45_000_000).contains(&needed), "{needed}");
        for empty in [[0x22, 0], [0x2a, 0]] {
            let octets = empty.repeat(15_000_000);
            assert_eq!(measure::<wire::Summary>(&octets), Err(WireError::Room(64)));
            assert_eq!(crate::decode(&octets), Err(WireError::Room(64)));
        }
        // Of each second the model has a place for every class.
        let seconds = vec![wire::Second::default(); 100_000];
        let interfaces = vec![wire::InterfaceSummary { seconds, ..wire::InterfaceSummary::default() }];
        let octets = wire::Summary { interfaces, ..wire::Summary::default() }.encode_to_vec();
        assert_eq!(crate::decode(&octets), Err(WireError::Room(64)));
    }

    #[test]
    fn the_largest_snapshot_of_a_sensor_has_room_and_a_larger_one_has_not() {
        let counted = Some(wire::row::Item::Counted(wire::CountedRow {
            key: Some(wire::counted_row::Key::Number(1)),
            ..Default::default()
        }));
        let row = wire::Row { item: counted, facility: 6, ..wire::Row::default() };
        let snapshot = |octets: usize| {
            let rows = vec![row.clone(); octets / (row.encoded_len() + 2)];
            let answers = vec![wire::Answer { rows, ..wire::Answer::default() }];
            let interfaces = vec![wire::InterfaceSnapshot { answers, ..wire::InterfaceSnapshot::default() }];
            measure::<wire::Snapshot>(&wire::Snapshot { interfaces, ..wire::Snapshot::default() }.encode_to_vec())
        };
        println!("{} octets a row, {:?}", row.encoded_len(), snapshot(256_000));
        assert!(snapshot(256_000).is_ok());
        assert_eq!(snapshot(8_000_000), Err(WireError::Room(SNAPSHOT >> 20)));
    }

    #[test]
    fn octets_that_are_not_a_message_are_refused() {
        for octets in [&[0x22][..], &[0x22, 5, 0], &[0x23], &[0x00], &[0x09, 1, 2], &[0xff; 11]] {
            assert!(matches!(measure::<wire::Summary>(octets), Err(WireError::Decode(_))), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_decodes_is_walked(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            if let (Ok(_), Err(error)) = (wire::Summary::decode(&octets[..]), measure::<wire::Summary>(&octets)) {
                prop_assert!(error.to_string().contains("a group"), "{}", error);
            }
        }
    }

    #[test]
    fn the_walk_costs_little_beside_decoding() {
        let octets = flows(10_000);
        #[allow(clippy::disallowed_methods)] // a measurement
        let time = |work: &dyn Fn()| {
            let start = std::time::Instant::now();
            (0..3).for_each(|_| work());
            start.elapsed()
        };
        let walk = time(&|| assert!(measure::<wire::Summary>(&octets).is_ok()));
        let decode = time(&|| drop(wire::Summary::decode(&octets[..]).unwrap()));
        println!("{} octets: walk {:?}, decode {:?}", octets.len(), walk / 3, decode / 3);
        assert!(walk < decode);
    }
}
