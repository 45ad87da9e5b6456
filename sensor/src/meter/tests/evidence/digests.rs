//! Evidence of everything but TCP: keyed digests.

use super::packets::{Sent, Way, way};
use super::*;
use proptest::prelude::*;

/// The half that a frame adds, of which so much was captured.
fn half_of(frame: &[u8], captured: usize) -> u32 {
    let captured = &frame[..captured.min(frame.len())];
    let packet = Parser { tunnels: false }.packet(LinkType::Ethernet, frame.len() as u32, captured).unwrap();
    half(&packet, captured, &key())
}

fn whole(sent: &Sent) -> u32 {
    half_of(&sent.seen(&Way::default(), 0), usize::MAX)
}

/// What another program makes of the rule: the octets in vectors, the words one by one.
fn expected(sent: &Sent) -> u32 {
    let segment = &sent.segment;
    let (head, body) = match sent.protocol {
        17 => (&[][..], &segment[8..]),
        1 | 58 => (&segment[..2], &segment[4..]),
        132 => (&segment[4..8], &segment[12..]),
        _ => (&[][..], &segment[..]),
    };
    let body = &body[..body.len().min(32)];
    let (first, last) = if body.len() < 16 {
        let all = [&vec![0; 16 - body.len()], body].concat();
        (all.clone(), all)
    } else {
        (body[..16].to_vec(), body[body.len() - 16..].to_vec())
    };
    let word = |octets: &[u8]| u64::from_le_bytes(octets.try_into().unwrap());
    let words: Vec<u64> = [first, last].concat().chunks(8).map(word).collect();
    let secret = key().octets();
    let secret: Vec<u64> = secret.chunks(8).map(word).collect();
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product & u128::from(u64::MAX)) as u64 ^ (product >> 64) as u64
    };
    let label = if sent.six { sent.label & 0xf_ffff } else { sent.label & 0xffff };
    let head = head.iter().fold(0, |head, octet| head << 8 | u64::from(*octet));
    let first = fold(words[0] ^ secret[0], words[1] ^ secret[1]);
    let second = fold(words[2] ^ secret[2], words[3] ^ secret[3]);
    let rest = u64::from(label) | head << 20 | (body.len() as u64) << 56;
    let all = fold(first ^ second ^ secret[4], rest ^ secret[5]);
    !((all >> 32) as u32)
}

#[test]
fn digests_are_those_that_every_version_makes() {
    let counting: Vec<u8> = (0..100).collect();
    let echo = [&[8, 0, 0xaa, 0xbb, 0x12, 0x34, 0, 1], &counting[..56]].concat();
    let echo_six = [&[128, 0], &echo[2..]].concat();
    let chunks = [&[0, 7, 0, 9, 1, 2, 3, 4, 0xcc, 0xcc, 0xcc, 0xcc], &counting[..40]].concat();
    let other =
        |protocol, label, segment: &[u8]| Sent { protocol, label, segment: segment.to_vec(), ..Sent::udp(0, &[]) };
    // The digests come from a program in another language.
    for (sent, digest) in [
        (Sent::udp(0x1234, &counting), 0xbdca_3cac_u32),
        (Sent::udp(0x1234, &counting[..20]), 0x9bf4_2752),
        (Sent::udp(0x1234, &counting[..5]), 0x1009_98a9),
        (Sent::udp(0, &[]), 0x0db9_53e2),
        (Sent::udp(0xabcde, &counting).over_six(true), 0xeb90_bdd7),
        (other(1, 7, &echo), 0x79dd_ea04),
        (other(1, 7, &[8, 0, 0xaa, 0xbb, 0x12, 0x34]), 0x5934_ba5f),
        (other(58, 1, &echo_six).over_six(true), 0x526c_93cd),
        (other(132, 0xffff, &chunks), 0x651d_b2dd),
        (other(47, 0x8000, &counting), 0xf6a8_d3a7),
        (other(2, 0, &[0x16, 0, 9, 4, 224, 0, 0, 251]), 0xe779_a6af),
    ] {
        assert_eq!(whole(&sent), !digest, "{sent:?}");
    }
}

prop_compose! {
    fn sent()(
        six: bool,
        protocol in prop::sample::select(vec![1u8, 2, 17, 17, 17, 47, 50, 58, 89, 132]),
        label: u32,
        payload in prop::collection::vec(any::<u8>(), 12..80),
    ) -> Sent {
        // After UDP's header, payloads of any length.
        let segment = if protocol == 17 { Sent::udp(0, &payload[12..]).segment } else { payload };
        Sent { forward: true, six, protocol, label, segment }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_digest_is_the_same_on_every_way_and_captures_that_are_too_short_have_none(
        sent in sent(), way in way(), captured in 0usize..160,
    ) {
        let frame = sent.seen(&way, 0);
        prop_assert_eq!(half_of(&frame, usize::MAX), expected(&sent));
        let end = frame.len() - way.padding.len();
        let start = end - sent.segment.len();
        let skipped = match sent.protocol { 17 => 8, 1 | 58 => 4, 132 => 12, _ => 0 };
        let needed = (start + skipped + 32).min(end);
        if captured >= start {
            let half = half_of(&frame, captured);
            prop_assert_eq!(half, if captured >= needed { expected(&sent) } else { 0 }, "{} of {}", captured, needed);
        }
    }

    #[test]
    fn no_frame_makes_the_digest_panic(bytes in prop::collection::vec(any::<u8>(), 14..120), length in 14u32..200) {
        for link in [LinkType::Ethernet, LinkType::RawIp, LinkType::LinuxSll] {
            for tunnels in [false, true] {
                if let Ok(packet) = (Parser { tunnels }).packet(link, length, &bytes) {
                    let _ = half(&packet, &bytes, &key());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn the_first_fragment_has_the_digest_of_the_whole_however_often_it_is_cut(
        label: u16, payload in prop::collection::vec(any::<u8>(), 200..400), cut in 5usize..20, way in way(),
    ) {
        let whole = Sent::udp(u32::from(label), &payload);
        let part = |from: usize, to: usize| Sent { segment: whole.segment[from..to].to_vec(), ..whole.clone() };
        let frames = [
            (0, part(0, cut * 8).seen(&way, 0x2000)),
            (1, part(cut * 8, whole.segment.len()).seen(&way, cut as u16)),
        ];
        prop_assert_eq!(evidence(&frames), evidence(&[(0, whole.seen(&Way::default(), 0))]));
    }
}

#[test]
fn an_offloaded_frame_has_the_digest_of_its_first_segment() {
    let payload: Vec<u8> = (0..60_000u32).map(|number| ((number * 7) >> 3) as u8).collect();
    for six in [false, true] {
        let large = Sent::udp(77, &payload).over_six(six);
        assert_eq!(whole(&large), whole(&Sent::udp(77, &payload[..1200]).over_six(six)));
    }
}

/// The first half of a row: a class of silence and a digest.
fn after_silence(class: u32, half: u32) -> u32 {
    class << 29 | half & Evidence::DIGEST
}

#[test]
fn the_first_half_is_of_a_packet_after_the_longest_silence_and_the_second_of_any() {
    let halves: Vec<u32> = (0..200).map(|label| whole(&Sent::udp(label, &[7; 64]))).collect();
    let any = *halves.iter().max().unwrap();
    let classes: [(i64, u32); 9] = [
        (0, 0),
        ((1 << 16) - 1, 0),
        (1 << 16, 1),
        ((1 << 18) - 1, 1),
        (1 << 18, 2),
        ((1 << 28) - 1, 6),
        (1 << 28, 7),
        (3_600 * SECOND, 7),
        // Out of order.
        (-5, 0),
    ];
    for (silence, class) in classes {
        let (mut evidence, mut packet) = ([0; 2], Packet::new(0));
        for half in &halves {
            packet.sequence = *half;
            (packet.at, packet.key) = (silence, PackedKey([1; 5]));
            add(&mut evidence, &packet, false, 0);
        }
        let among = halves.iter().map(|half| after_silence(class, *half)).max().unwrap();
        assert_eq!(evidence, [among, any], "{silence}");
        // One that was silent for longer, and the flow's first, come before all of them.
        packet.sequence = 5;
        add(&mut evidence, &packet, true, 0);
        let first = if class == 7 { among } else { after_silence(7, 5) };
        assert_eq!(evidence, [first, any], "{silence}");
    }
}

/// Rows of a flow of offloaded datagrams in slices of two seconds: of a point that sees it as large frames, and of one behind a
/// switch and with another clock that sees single ones.
fn offloaded(random: &mut Random, duration: i64, offset: i64) -> [Vec<Evidence>; 2] {
    const DATAGRAMS: i64 = 100_000_000 / 1_200;
    let (mut points, segments) = ([vec![], vec![]], 10 + random.below(36) as i64);
    let (frames, start) = (DATAGRAMS / segments, random.below(2_000_000_000) as i64);
    let mut lasts = [None; 2];
    let mut clear = 0;
    for frame in 0..frames {
        // The sender wakes up late, at times much too late. What is between the points is late, too.
        let late = random.below(100_000) + if random.below(300) == 0 { random.below(6_000_000) } else { 0 };
        let at = start + duration / frames * frame + late as i64;
        let mut arrival = clear.max(at + 40_000 + random.below(40_000) as i64);
        for segment in 0..segments {
            let half = random.next() as u32;
            if segment == 0 {
                count(&mut points[0], &mut lasts[0], half, at);
            }
            count(&mut points[1], &mut lasts[1], half, arrival + offset);
            arrival += 1_000 + random.below(500) as i64;
        }
        clear = arrival;
    }
    points.map(|rows| rows.into_iter().map(Evidence::new).collect())
}

/// Adds a packet to the rows of its flow.
fn count(rows: &mut Vec<[u32; 2]>, last: &mut Option<i64>, half: u32, at: i64) {
    let slice = (at / (2 * SECOND)) as usize;
    rows.resize(rows.len().max(slice + 1), [0; 2]);
    let packet = Packet { sequence: half, at, key: PackedKey([1; 5]), ..Packet::new(0) };
    add(&mut rows[slice], &packet, last.is_none(), last.unwrap_or_default());
    *last = Some(at);
}

#[test]
fn a_flow_of_offloaded_datagrams_is_known_again_by_the_slice_that_it_begins_in_and_by_most_others() {
    let mut random = Random(0xfeed);
    for duration in [SECOND / 2, SECOND, 5 * SECOND] {
        for offset in [0, SECOND / 2, 2 * SECOND] {
            let (mut first, mut later, mut slices) = (0, 0, 0);
            for _ in 0..20 {
                let [large, single] = offloaded(&mut random, duration, offset);
                // Whichever row comes later is compared with those of the other that are there.
                let known = |slice: usize, from: usize| {
                    let among = |rows: &[Evidence], others: &[Evidence]| {
                        let near = slice.saturating_sub(1).max(from)..others.len().min(slice + 2);
                        rows.get(slice).is_some_and(|row| others[near].iter().any(|other| share(*row, *other)))
                    };
                    among(&large, &single) || among(&single, &large)
                };
                let begins = large.iter().position(|row| !row.is_none()).unwrap();
                first += u32::from(known(begins, 0));
                // Without the flow's first packet.
                for slice in begins + 2..large.len() {
                    slices += 1;
                    later += u32::from(known(slice, begins + 1));
                }
            }
            assert_eq!(first, 20, "in {duration} with {offset}");
            assert!(later * 10 >= slices * 8, "in {duration} with {offset}: {later} of {slices}");
        }
    }
}

#[test]
fn a_hundred_thousand_pairs_of_flows_of_equal_payloads_share_nothing_but_an_identification() {
    let mut random = Random(0xbeef);
    let mut agreed = 0;
    for case in 0..100_000 {
        let six = case % 2 == 0;
        let mut row = || {
            let from = random.next() as u32;
            let labels: Vec<u32> = (0..1 + random.below(4) as u32).map(|place| from.wrapping_add(place)).collect();
            let halves =
                labels.iter().map(|label| whole(&Sent::udp(*label, b"a heartbeat that never changes").over_six(six)));
            let mut evidence = [0; 2];
            for half in halves {
                evidence = [evidence[0].max(half & Evidence::DIGEST), evidence[1].max(half)];
            }
            let mask = if six { 0xf_ffff } else { 0xffff };
            (Evidence::new(evidence), labels.iter().map(|label| label & mask).collect::<Vec<_>>())
        };
        let ((one, labels), (other, others)) = (row(), row());
        let met = labels.iter().any(|label| others.contains(label));
        assert!(met || !share(one, other), "{labels:?} {others:?}");
        agreed += usize::from(share(one, other));
    }
    // Sixteen bits of identification meet by chance.
    assert!(agreed < 20, "{agreed}");
}

#[test]
fn without_a_key_only_tcp_has_evidence_and_a_key_holds_from_the_next_slice_on() {
    let datagram = Sent::udp(5, &[1; 40]).seen(&Way::default(), 0);
    let segment = Sent::tcp(true, 1000, 16, 100).seen(&Way::default(), 0);
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let seal = |meter: &mut Meter, number: i64| {
        give(meter, number * 10 * SECOND, &segment);
        give(meter, number * 10 * SECOND + 1, &datagram);
        let generation = meter.generation();
        let mut rows = meter.close(slice(number * 10, number * 10 + 10)).flows;
        rows.sort_by_key(|row| row.key.protocol);
        assert_eq!(rows[0].evidence, Evidence::new([1100, 0]));
        (generation, rows[1].evidence)
    };
    assert_eq!(seal(&mut meter, 0), (0, Evidence::NONE));
    give(&mut meter, 10 * SECOND, &datagram);
    meter.set_digest_key(key());
    assert_eq!(seal(&mut meter, 1), (0, Evidence::NONE));
    let (generation, evidence) = seal(&mut meter, 2);
    assert_eq!((generation, evidence.is_none()), (3, false));
    meter.set_digest_key(DigestKey::new(&[9; 48], 4).unwrap());
    assert_eq!(seal(&mut meter, 3), (3, evidence));
    let (generation, other) = seal(&mut meter, 4);
    assert_eq!((generation, share(evidence, other)), (4, false));
}

#[test]
fn both_directions_of_a_flow_have_one_evidence() {
    let answer = Sent { forward: false, ..Sent::udp(9, &[2; 40]) };
    let mut segment = answer.segment;
    segment[..4].copy_from_slice(&[0, 53, 0x13, 0x88]);
    let (question, answer) = (Sent::udp(5, &[1; 40]), Sent { forward: false, ..Sent::udp(9, &[2; 40]) });
    let answer = Sent { segment, ..answer };
    let halves = [&question, &answer].map(whole);
    // The answer comes after a millisecond; the question, after nothing.
    let both = [after_silence(7, halves[0]), halves[0].max(halves[1])];
    let frames = [(0, question.seen(&Way::default(), 0)), (1_000_000, answer.seen(&Way::default(), 0))];
    assert_eq!(evidence(&frames), Evidence::new(both));
}
