//! Live answers through a filter are those of a capture from which libpcap took the same packets.

use std::collections::BTreeSet;

use pcap::{Capture, Linktype};
use traf_model::{Answer, Counts};

use super::*;

/// Everything but flows and single packets.
fn facilities() -> impl Iterator<Item = Facility> {
    Facility::all().filter(|facility| !matches!(facility, Facility::Traffic | Facility::Packets))
}

const FILTERS: [&str; 14] = [
    "ip6 net fd00:1::/64",
    "net 10.0.1.0/24",
    "portrange 50-100",
    "udp portrange 1000-5999",
    "not port 80",
    "not (tcp or net fd00::/16)",
    "vlan 7",
    "not vlan",
    "ether host 02:00:00:00:00:03",
    "not ether host 02:00:00:00:00:03 and not arp",
    "host 10.0.1.3 and tcp",
    "src host fd00:1::2 or icmp",
    "arp or ip6 and udp",
    "broadcast or icmp6",
];

/// A frame and its time.
type Captured = (i64, Vec<u8>);

/// Frames of many kinds between a few hosts, some of them with a VLAN tag, within three seconds.
fn capture() -> Vec<Captured> {
    let mut frames = Vec::new();
    for number in 0..1200u32 {
        let pick = |salt: u32, count: u32| (number.wrapping_mul(2_654_435_761).rotate_left(salt) >> 7) % count;
        let (a, b) = (pick(1, 5) as u8 + 1, pick(5, 5) as u8 + 1);
        let client = 40_000 + pick(11, 7) as u16;
        let served = [80, 53, 443, 5000, 7][pick(13, 5) as usize];
        // Conversations have two sides: whoever has the smaller number asks.
        let asks = a < b;
        let ports = if asks { (client, served) } else { (served, client) };
        let payload = vec![0; pick(17, 1400) as usize];
        let mut bytes = Vec::new();
        let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, a], [2, 0, 0, 0, 0, b]);
        let (four_a, four_b) = ([10, 0, a % 2, a], [10, 0, b % 2, b]);
        let six = |number: u8| [0xfd, 0, 0, number % 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number];
        match pick(3, 7) {
            0 | 1 => link.ipv4(four_a, four_b, 64).tcp(ports.0, ports.1, 1, 1).write(&mut bytes, &payload),
            2 => link.ipv4(four_a, four_b, 64).udp(ports.0, ports.1).write(&mut bytes, &payload),
            3 => link.ipv6(six(a), six(b), 64).udp(ports.0, ports.1).write(&mut bytes, &payload),
            4 => link.ipv6(six(a), six(b), 64).tcp(ports.0, ports.1, 1, 1).write(&mut bytes, &payload),
            5 => link.ipv4(four_a, four_b, 64).icmpv4_echo_request(1, 2).write(&mut bytes, &payload),
            _ => link.ipv6(six(a), six(b), 64).icmpv6_echo_request(1, 2).write(&mut bytes, &payload),
        }
        .unwrap();
        match pick(23, 9) {
            0 => {
                bytes[..6].fill(0xff);
                bytes[12..14].copy_from_slice(&[8, 6]);
            }
            1 => bytes[12..14].copy_from_slice(&[0x88, 0xcc]),
            // A later fragment: nobody knows its ports.
            2 if bytes[12] == 8 => bytes[20..22].copy_from_slice(&[0, 9]),
            _ => {}
        }
        // Whole conversations have a tag: of flows a filter selects all packets or none by their VLAN.
        match (a ^ b) % 4 {
            0 => drop(bytes.splice(12..12, [0x81, 0, 0, 7])),
            1 => drop(bytes.splice(12..12, [0x81, 0, 0x20, 9])),
            _ => {}
        }
        frames.push((i64::from(number) * SECOND / 400, bytes));
    }
    frames
}

/// Result of libpcap. It looks behind a tag only if the words say `vlan`; here tags are no obstacle.
fn selected(frames: &[Captured], words: &str) -> Vec<Captured> {
    let compile = |words: &str| Capture::dead(Linktype::ETHERNET).unwrap().compile(words, true).unwrap();
    let plain = compile(words);
    let behind_tag = if words.contains("vlan") { compile(words) } else { compile(&format!("vlan and ({words})")) };
    let tagged = |frame: &[u8]| frame[12..14] == [0x81, 0];
    let selects = |(_, frame): &&Captured| if tagged(frame) { behind_tag.filter(frame) } else { plain.filter(frame) };
    frames.iter().filter(selects).cloned().collect()
}

/// All answers, of which the first begin to count at once.
fn answers(frames: &[Captured], filter: &str) -> Vec<Answer> {
    let interface = Interface { mac: Some(Mac([2, 0, 0, 0, 0, 3])), mtu: Some(1500), ..Interface::default() };
    let config = MeterConfig { flows: 8192, ..MeterConfig::default() };
    let mut meter = Meter::new(config, interface, LinkType::Ethernet, Timestamp(0));
    let wishes: Vec<Wish> = facilities().map(|facility| wish(facility, filter, 1000)).collect();
    let first = meter.snapshot(Timestamp(0), &wishes);
    assert!(first.answers.iter().all(|answer| answer.total.is_empty()), "{filter}");
    let (before, after) = frames.split_at(frames.partition_point(|(at, _)| *at < SECOND));
    before.iter().for_each(|(at, frame)| give(&mut meter, *at, frame));
    meter.close(slice(0, 1));
    after.iter().for_each(|(at, frame)| give(&mut meter, *at, frame));
    meter.snapshot(Timestamp(3 * SECOND), &wishes).answers
}

/// Packets and octets of the flow table.
fn flows(frames: &[Captured], filter: &str) -> Counters {
    let mut meter = meter(MeterConfig { flows: 8192, ..MeterConfig::default() });
    frames.iter().for_each(|(at, frame)| give(&mut meter, *at, frame));
    let snapshot = meter.snapshot(Timestamp(3 * SECOND), &[wish(Facility::Traffic, filter, 1)]);
    snapshot.answers[0].total.total()
}

/// Answers, row by row.
fn said(answers: &[Answer]) -> BTreeSet<String> {
    assert_eq!(answers.len(), facilities().count());
    let mut said = BTreeSet::new();
    for (facility, answer) in facilities().zip(answers) {
        said.insert(format!("{facility:?}: {} {:?} {:?}", answer.matched, answer.total, answer.largest));
        for row in &answer.rows {
            match &row.item {
                Item::Interface(stats) => {
                    // The ledger is of all frames, whatever the filter.
                    said.extend(stats.classes.rows().map(|(class, traffic)| format!("{class:?}: {traffic:?}")));
                    said.extend(stats.rates.rows().map(|(class, rate)| format!("rate of {class:?}: {rate:?}")));
                    said.insert(format!("{:?} {:?}", stats.peak, stats.peak_total));
                }
                Item::Counted(facility, key, counts) => {
                    // Addresses behind a station are learnt at another time.
                    let counts = Counts { addresses: Vec::new(), ..counts.clone() };
                    said.insert(format!("{facility:?} {key}: {counts:?}"));
                }
                item => drop(said.insert(format!("{item:?}"))),
            }
        }
    }
    said
}

#[test]
fn through_a_filter_every_facility_says_what_libpcap_selects() {
    let frames = capture();
    for words in FILTERS {
        let chosen = selected(&frames, words);
        assert!(chosen.len() > 20 && chosen.len() < frames.len() - 20, "{words}: {}", chosen.len());
        let (filtered, alone) = (answers(&frames, words), answers(&chosen, ""));
        assert!(filtered.iter().all(|answer| answer.since == Some(Timestamp(0))), "{words}");
        assert!(alone.iter().all(|answer| answer.since.is_none()));
        assert_eq!(flows(&frames, words), flows(&chosen, ""), "{words}");
        let (filtered, alone) = (said(&filtered), said(&alone));
        let differences: Vec<_> = filtered.symmetric_difference(&alone).collect();
        assert!(differences.is_empty(), "{words}: {differences:#?}");
    }
}

#[test]
fn those_who_look_through_one_filter_share_it_and_it_ends_after_the_last_of_them() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let seen = |meter: &mut Meter, at: i64, facility: Facility| {
        let snapshot = meter.snapshot(Timestamp(at * SECOND), &[wish(facility, "udp", 9)]);
        (snapshot.answers[0].since, snapshot.answers[0].total.total().packets)
    };
    assert_eq!(seen(&mut meter, 1, HOSTS.into()), (Some(Timestamp(SECOND)), 0));
    give(&mut meter, SECOND, &udp(A, B, 5000, 53, 10));
    assert_eq!(seen(&mut meter, 2, SIZES.into()), (Some(Timestamp(SECOND)), 1));
    meter.snapshot(Timestamp(12 * SECOND), &[]);
    assert_eq!(seen(&mut meter, 12, HOSTS.into()), (Some(Timestamp(SECOND)), 2));
    meter.snapshot(Timestamp(23 * SECOND), &[]);
    assert_eq!(seen(&mut meter, 23, HOSTS.into()), (Some(Timestamp(23 * SECOND)), 0));
}

#[test]
fn only_so_many_filters_are_counted_and_a_new_one_takes_the_place_of_one_that_nobody_looks_through() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let wishes = |from: u16, to: u16| -> Vec<Wish> {
        let wish = |port| Wish { id: u64::from(port), ..wish(SERVICES.into(), &format!("port {port}"), 9) };
        (from..to).map(wish).collect()
    };
    let answered = |meter: &mut Meter, at: i64, wishes: &[Wish]| -> Vec<u64> {
        meter.snapshot(Timestamp(at), wishes).answers.iter().map(|answer| answer.id).collect()
    };
    assert_eq!(answered(&mut meter, 1, &wishes(0, 10)), (0..8).collect::<Vec<_>>());
    // Flows and single packets need no counting.
    let traffic = [wish(Facility::Traffic, "port 9", 9), wish(Facility::Packets, "port 9", 9)];
    assert_eq!(answered(&mut meter, 2, &[wishes(0, 8), traffic.to_vec()].concat()).len(), 10);
    assert_eq!(answered(&mut meter, 3, &wishes(2, 10)), (2..10).collect::<Vec<_>>());
}

#[test]
fn packets_that_offload_hid_are_counted_through_a_filter_too() {
    let mut meter = meter(MeterConfig { flows: 64, ..MeterConfig::default() });
    let wishes: Vec<Wish> = facilities().map(|facility| wish(facility, "tcp", 9)).collect();
    meter.snapshot(Timestamp(0), &wishes);
    give(&mut meter, 2, &tcp(true, (40000, 80), &|tcp| tcp.ack = true, 14_600));
    for answer in meter.snapshot(Timestamp(SECOND), &wishes).answers {
        let ends = if answer.matched == 2 { 2 } else { 1 };
        assert_eq!(answer.total.total().coalesced, ends * 9, "{:?}", answer.rows);
    }
}

/// In the folder of real captures that `TRAF_CAPTURES` names. libpcap does not look behind tags, labels, PPPoE,
/// authentication headers and IPv6's extension headers, and selects nothing by what was not captured; by ether type it
/// believes what is no IP header; everywhere else the two agree on every frame.
#[test]
#[ignore = "needs captures"]
fn on_real_captures_a_filter_selects_what_libpcap_selects() {
    let folder = std::env::var_os("TRAF_CAPTURES").expect("TRAF_CAPTURES names a folder of captures");
    const MORE: [&str; 12] = [
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "ip",
        "ip6",
        "multicast",
        "net 10.0.0.0/8",
        "sctp",
        "proto 47",
        "not ip",
        "src port 53",
    ];
    let compile = |words| Capture::dead(Linktype::ETHERNET).unwrap().compile(words, true).unwrap();
    let filters = FILTERS.iter().chain(&MORE).map(|words| (*words, words.parse::<Filter>().unwrap(), compile(words)));
    let filters: Vec<_> = filters.collect();
    let (mut folders, mut frames, mut differences) = (vec![std::path::PathBuf::from(folder)], 0, BTreeSet::new());
    while let Some(path) = folders.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            folders.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let Ok(mut file) = crate::file::CaptureFile::open(&path) else { continue };
        while let Ok(Some(frame)) = file.next_frame() {
            let whole = frame.link == LinkType::Ethernet && frame.captured.len() == frame.length as usize;
            let Ok(packet) = Parser::default().packet(frame.link, frame.length, frame.captured) else { continue };
            let simple = match frame.captured.get(12..14) {
                Some([0x08, 0x00]) => packet.key.version() == 4 && packet.transport != 0 && !packet.authenticated,
                Some([0x86, 0xdd]) => packet.key.version() == 6 && packet.transport == 54,
                Some([0x81 | 0x91, 0] | [0x88, 0xa8 | 0x47 | 0x48 | 0x64]) => false,
                _ => true,
            };
            if whole && simple {
                frames += 1;
                for (words, filter, program) in &filters {
                    let (ours, theirs) = (filter.matches(&packet.subject("")), program.filter(frame.captured));
                    if ours != theirs {
                        differences.insert(format!("{words}: {ours}, {theirs}: {}", path.display()));
                    }
                }
            }
        }
    }
    eprintln!("{frames} frames of real captures, {} filters", filters.len());
    assert!(differences.is_empty(), "ours, libpcap's: {differences:#?}");
    assert!(frames > 1000, "{frames}");
}
