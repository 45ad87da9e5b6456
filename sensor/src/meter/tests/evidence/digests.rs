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

/// What another program makes of the rule: the octets in a vector, the words one by one.
fn expected(sent: &Sent) -> u32 {
    let segment = &sent.segment;
    let body: Vec<u8> = match sent.protocol {
        17 => segment[8..].to_vec(),
        1 | 58 => [&segment[..2], &segment[4..]].concat(),
        132 => [&segment[..8], &segment[12..]].concat(),
        _ => segment.clone(),
    };
    let length = body.len().min(32);
    let mut octets = [0; 32];
    octets[..length].copy_from_slice(&body[..length]);
    let word = |octets: &[u8]| u64::from_le_bytes(octets.try_into().unwrap());
    let words: Vec<u64> = octets.chunks(8).map(word).collect();
    let secret = key().octets();
    let secret: Vec<u64> = secret.chunks(8).map(word).collect();
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product & u128::from(u64::MAX)) as u64 ^ (product >> 64) as u64
    };
    let label = if sent.six { sent.label & 0xf_ffff } else { sent.label & 0xffff };
    let first = fold(words[0] ^ secret[0], words[1] ^ secret[1]);
    let second = fold(words[2] ^ secret[2], words[3] ^ secret[3]);
    let all = fold(first ^ second ^ secret[4], u64::from(label) ^ secret[5] ^ (length as u64) << 56);
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
        (Sent::udp(0x1234, &counting[..5]), 0xaeee_9c45),
        (Sent::udp(0, &[]), 0x0db9_53e2),
        (Sent::udp(0xabcde, &counting).over_six(true), 0xeb90_bdd7),
        (other(1, 7, &echo), 0x6443_c0a5),
        (other(1, 7, &[8, 0, 0xaa, 0xbb, 0x12, 0x34]), 0x0a82_9f98),
        (other(58, 1, &echo_six).over_six(true), 0x354d_d8c2),
        (other(132, 0xffff, &chunks), 0x84e6_39f9),
        (other(47, 0x8000, &counting), 0xf6a8_d3a7),
        (other(2, 0, &[0x16, 0, 9, 4, 224, 0, 0, 251]), 0x330c_52b8),
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
        let skipped = match sent.protocol { 17 => 8, 1 | 58 => 2, 132 => 4, _ => 0 };
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

#[test]
fn a_packet_that_begins_a_burst_comes_before_all_that_follow_in_it() {
    let numbered = |label| Sent::udp(label, &[7; 64]).seen(&Way::default(), 0);
    let halves: Vec<u32> = (0..200).map(|label| whole(&Sent::udp(label, &[7; 64]))).collect();
    let preferred = |label: usize| !(!halves[label] >> 5);
    let frames = |gap: i64| (0u32..200).map(|label| (i64::from(label) * gap, numbered(label))).collect::<Vec<_>>();
    let greatest = |mut halves: Vec<u32>| {
        halves.sort_unstable_by(|a, b| b.cmp(a));
        [halves[0], halves[1]]
    };
    let first: Vec<u32> = halves[1..].iter().copied().chain([preferred(0)]).collect();
    assert_eq!(evidence(&frames(50_000)).halves(), greatest(first));
    // An interval more than that, and each of them begins one.
    assert_eq!(evidence(&frames(50_001)).halves(), greatest((0..200).map(preferred).collect()));
}

/// A slice of a flow of offloaded datagrams: as large frames, and as single ones behind a switch.
fn offloaded(random: &mut Random) -> (Evidence, Evidence) {
    let (mut large, mut single) = (Vec::new(), Vec::new());
    for burst in 0..2 + random.below(8) as i64 {
        let (at, count) = (burst * SECOND, 16 + random.below(25));
        let label = random.next() as u32;
        let segments: Vec<Vec<u8>> = (0..count).map(|_| (0..64).map(|_| random.next() as u8).collect()).collect();
        large.push((at, Sent::udp(label, &segments.concat()).seen(&Way::default(), 0)));
        for (place, segment) in segments.iter().enumerate() {
            let sent = Sent::udp(label.wrapping_add(place as u32), segment);
            single.push((at + 2_000_000 + place as i64 * 1_200, sent.seen(&Way { ttl: 9, ..Way::default() }, 0)));
        }
    }
    (bare(&large), bare(&single))
}

#[test]
fn nearly_all_flows_of_offloaded_datagrams_are_known_again_within_three_slices() {
    const FLOWS: usize = 1000;
    let mut random = Random(0xfeed);
    let known = |_: &usize| {
        let slices = [(); 3].map(|()| offloaded(&mut random));
        slices.iter().any(|(large, single)| share(*large, *single))
    };
    let known = (0..FLOWS).filter(known).count();
    assert!(known * 100 >= FLOWS * 95, "{known} of {FLOWS}");
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
                evidence = [evidence[0].max(half), evidence[1].max(evidence[0].min(half))];
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
    let mut both = [&question, &answer].map(|sent| !(!whole(sent) >> 5));
    both.sort_unstable_by(|a, b| b.cmp(a));
    let frames = [(0, question.seen(&Way::default(), 0)), (1_000_000, answer.seen(&Way::default(), 0))];
    assert_eq!(evidence(&frames), Evidence::new(both));
}
