//! Evidence of TCP: sequence numbers.

use super::packets::{Sent, Way, way};
use super::*;
use proptest::prelude::*;

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN_ACK: u8 = 17;

/// Evidence of a connection, forward and reverse.
fn ends(forward: u32, reverse: u32) -> Evidence {
    Evidence::new([forward, reverse])
}

/// Evidence of these packets, a millisecond after each other.
fn of(packets: &[Sent]) -> Evidence {
    let frames = packets.iter().zip(1..).map(|(sent, at)| (at * 1_000_000, sent.seen(&Way::default(), 0)));
    evidence(&frames.collect::<Vec<_>>())
}

/// A piece of a connection's payload: from which end, octets.
type Piece = (bool, usize);

/// A connection's packets: neighbours from one end make one frame wherever `joined` says so.
fn connection(numbers: (u32, u32), pieces: &[Piece], joined: &[bool]) -> (Vec<Sent>, Evidence) {
    let (mut forward, mut reverse) = (numbers.0.wrapping_add(1), numbers.1.wrapping_add(1));
    let mut packets = vec![Sent::tcp(true, numbers.0, SYN, 0), Sent::tcp(false, numbers.1, SYN | ACK, 0)];
    let mut pieces = pieces.iter().zip(joined).peekable();
    while let Some((&(way, mut octets), _)) = pieces.next() {
        while let Some((next, _)) = pieces.next_if(|(next, joined)| **joined && next.0 == way) {
            octets += next.1;
        }
        let next = if way { &mut forward } else { &mut reverse };
        packets.push(Sent::tcp(way, *next, ACK, octets));
        *next = next.wrapping_add(octets as u32);
    }
    packets.push(Sent::tcp(true, forward, FIN_ACK, 0));
    let some = |end: u32| if end == 0 { u32::MAX } else { end };
    (packets, ends(some(forward.wrapping_add(1)), some(reverse)))
}

proptest! {
    #[test]
    fn the_evidence_of_a_connection_is_the_same_however_its_octets_come(
        numbers: (u32, u32),
        near_the_wrap in any::<bool>(),
        pieces in prop::collection::vec((any::<bool>(), 0usize..1400), 1..40),
        joined in prop::collection::vec((any::<bool>(), any::<bool>()), 40),
        six: bool,
        ways in (way(), way()),
    ) {
        let numbers = if near_the_wrap { (numbers.0 | 0xffff_e000, numbers.1 | 0xffff_0000) } else { numbers };
        let seen = |joined: Vec<bool>, way: &Way| {
            let (packets, expected) = connection(numbers, &pieces, &joined);
            let frames = packets.into_iter().zip(1..);
            let frames: Vec<_> = frames.map(|(sent, at)| (at, sent.over_six(six).seen(way, 0))).collect();
            (evidence(&frames), expected)
        };
        let (one, expected) = seen(joined.iter().map(|joined| joined.0).collect(), &ways.0);
        let (other, same) = seen(joined.iter().map(|joined| joined.1).collect(), &ways.1);
        prop_assert_eq!((one, other, same), (expected, expected, expected));
    }

    #[test]
    fn an_rst_of_any_number_changes_nothing(number: u32, payload in 0usize..100, forward: bool, with_ack: bool) {
        let talk = [Sent::tcp(true, 1000, ACK, 100), Sent::tcp(false, 5000, ACK, 200)];
        let rst = Sent::tcp(forward, number, if with_ack { 20 } else { 4 }, payload);
        let [first, second] = talk;
        prop_assert_eq!(of(&[first, second, rst.clone()]), ends(1100, 5200));
        prop_assert_eq!(of(&[rst]), Evidence::NONE);
    }
}

#[test]
fn repeated_and_late_segments_change_nothing() {
    let (a, b) = (Sent::tcp(true, 1000, ACK, 100), Sent::tcp(true, 1100, ACK, 100));
    assert_eq!(of(&[a.clone(), b.clone()]), of(&[b, a.clone(), a]));
}

#[test]
fn keep_alives_and_acknowledgements_alone_say_where_a_connection_stands() {
    // A keep-alive carries the number before the next, with an octet or without (RFC 9293, 3.8.4).
    for octets in [0, 1] {
        let packets = [Sent::tcp(true, 999, ACK, octets), Sent::tcp(false, 5000, ACK, 0)];
        assert_eq!(of(&packets), ends(999 + octets as u32, 5000));
    }
}

#[test]
fn a_number_of_zero_is_no_absence_and_the_wrap_goes_on_from_it() {
    let up_to_zero = Sent::tcp(true, u32::MAX - 99, ACK, 100);
    assert_eq!(of(std::slice::from_ref(&up_to_zero)), ends(u32::MAX, 0));
    assert_eq!(of(&[up_to_zero, Sent::tcp(true, 0, ACK, 1)]), ends(1, 0));
}

#[test]
fn a_row_has_its_initiator_first_whoever_has_the_smaller_address() {
    let talk =
        |initiator: bool| of(&[Sent::tcp(initiator, 100, SYN, 0), Sent::tcp(!initiator, 900, SYN | ACK, 0)]).halves();
    assert_eq!((talk(true), talk(false)), ([101, 901], [101, 901]));
}

#[test]
fn every_slice_and_every_flow_of_a_key_begins_with_none() {
    let mut meter = keyed(64);
    let mut give = |at: i64, sent: Sent| give(&mut meter, at * SECOND, &sent.seen(&Way::default(), 0));
    give(1, Sent::tcp(true, 3_000_000_000, SYN, 0));
    give(2, Sent::tcp(false, 500, 20, 0));
    give(3, Sent::tcp(true, 7000, SYN, 0));
    let mut rows = meter.close(slice(0, 10)).flows;
    rows.sort_by_key(|row| row.first);
    assert_eq!(rows.iter().map(|row| row.evidence).collect::<Vec<_>>(), [ends(3_000_000_001, 0), ends(7001, 0)]);
    super::give(&mut meter, 11 * SECOND, &Sent::tcp(false, 40, ACK, 2).seen(&Way::default(), 0));
    assert_eq!(meter.close(slice(10, 20)).flows[0].evidence, ends(0, 42));
}

#[test]
fn parts_of_a_flow_that_counts_too_much_make_one_row_with_the_evidence_of_all() {
    let mut meter = keyed(64);
    let mut give = |number: u32, forward: bool| {
        // A packet whose length does not fit into its header, as long as the frame on the wire.
        let mut bytes = Sent::tcp(forward, number * 1000, ACK, 0).seen(&Way::default(), 0);
        bytes[16..18].fill(0);
        meter.frame(Timestamp(i64::from(number)), u32::MAX, &bytes);
    };
    give(1, false);
    (2..140).for_each(|number| give(number, true));
    let rows = meter.close(slice(0, 10)).flows;
    assert_eq!((rows.len(), rows[0].traffic.total().packets), (1, 139));
    let end = |number: u32| (number * 1000).wrapping_add(u32::MAX - 14 - 40);
    assert_eq!(rows[0].evidence, ends(end(1), end(139)), "{:?}", rows[0].key);
}

#[test]
fn a_segment_whose_header_was_cut_says_nothing() {
    let whole = Sent::tcp(true, 1000, ACK, 100).seen(&Way::default(), 0);
    for captured in [34, 38, 49] {
        let mut meter = keyed(64);
        meter.frame(Timestamp(0), whole.len() as u32, &whole[..captured]);
        assert_eq!(meter.close(slice(0, 10)).flows[0].evidence, Evidence::NONE, "{captured}");
    }
}

#[test]
fn of_a_fragmented_segment_the_first_fragment_says_less_than_the_row_has_octets() {
    let whole = Sent::tcp(true, 1000, ACK, 1400);
    let part = |from: usize, to: usize| Sent { segment: whole.segment[from..to].to_vec(), ..whole.clone() };
    let frames = [(0, part(0, 1200).seen(&Way::default(), 0x2000)), (1, part(1200, 1420).seen(&Way::default(), 150))];
    let mut meter = keyed(64);
    frames.iter().for_each(|(at, bytes)| give(&mut meter, *at, bytes));
    let row = meter.close(slice(0, 10)).flows[0];
    assert_eq!((row.evidence, row.traffic.outbound.octets), (ends(2180, 0), 1460));
    assert_eq!(of(&[whole]), ends(2400, 0));
}

#[test]
fn a_hundred_thousand_pairs_of_connections_with_numbers_of_their_own_are_far_apart() {
    let mut random = Random(0x5eed);
    let mut row = || {
        let numbers = (random.next() as u32, random.next() as u32);
        let pieces: Vec<Piece> = (0..2).map(|_| (random.below(2) == 0, random.below(400) as usize)).collect();
        let (packets, _) = connection(numbers, &pieces, &[false; 2]);
        let octets = packets.iter().map(|sent| sent.segment.len() as u32 + 20).sum::<u32>();
        let frames: Vec<_> = packets.iter().zip(1..).map(|(sent, at)| (at, sent.seen(&Way::default(), 0))).collect();
        (bare(&frames).halves(), octets)
    };
    for _ in 0..100_000 {
        let ((one, octets), (other, more)) = (row(), row());
        let near = |way: usize| (one[way].wrapping_sub(other[way]) as i32).unsigned_abs() <= octets.min(more) + 2000;
        assert!(!(near(0) && near(1)), "{one:?} {other:?}");
    }
}
