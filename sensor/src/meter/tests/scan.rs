//! Conversations under attack, and totals whatever comes.

use std::collections::HashMap;

use proptest::prelude::*;
use traf_model::Merge;

use super::sums;
use super::*;

/// A TCP frame from one end to another, made without a builder: a million of them are needed.
fn segment(from: [u8; 4], to: [u8; 4], ports: (u16, u16), flags: u8) -> [u8; 60] {
    let mut bytes = [0; 60];
    bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    bytes[14..18].copy_from_slice(&[0x45, 0, 0, 40]);
    (bytes[22], bytes[23]) = (64, 6);
    bytes[26..30].copy_from_slice(&from);
    bytes[30..34].copy_from_slice(&to);
    bytes[34..36].copy_from_slice(&ports.0.to_be_bytes());
    bytes[36..38].copy_from_slice(&ports.1.to_be_bytes());
    (bytes[46], bytes[47]) = (0x50, flags);
    bytes
}

/// Result of ten conversations: packets in their rows, packets in all.
fn conversations(answered: bool) -> (u64, u64) {
    const NEW_FLOWS: u32 = 1_000_000;
    let mut meter = meter(MeterConfig { flows: 65_536, ..MeterConfig::default() });
    let mut given = 0;
    let mut rows = 0;
    let mut all = 0;
    let mut sum = |summary: InterfaceSummary| {
        sums::hold(&summary, "scan");
        let ours = summary.flows.iter().filter(|flow| flow.key.destination.address == std::net::IpAddr::from(A));
        rows += ours.map(|flow| flow.traffic.total().packets).sum::<u64>();
        all += summary.ledger.parsed;
    };
    for number in 0..NEW_FLOWS {
        let at = i64::from(number) * 5_000;
        let [a, b, c, d] = number.to_be_bytes();
        let (target, ports) = ([172, 16, c, d], (number as u16 | 1024, 1 + (number >> 8) as u16));
        give(&mut meter, at, &segment([a, 200, b, c ^ d], target, ports, 2));
        if answered {
            give(&mut meter, at, &segment(target, [a, 200, b, c ^ d], (ports.1, ports.0), 0x14));
        }
        if number % 1000 == 0 {
            for host in 0..10 {
                let forward = number / 1000 % 2 == 0;
                let (from, to, ports) =
                    if forward { ([10, 9, 9, host], A, (50_000, 443)) } else { (A, [10, 9, 9, host], (443, 50_000)) };
                give(&mut meter, at, &segment(from, to, ports, 0x10));
                given += 1;
            }
        }
        if number == NEW_FLOWS / 2 {
            sum(meter.close(slice(0, 2)));
        }
    }
    sum(meter.close(slice(2, 5)));
    assert_eq!(all, u64::from(NEW_FLOWS) * (1 + u64::from(answered)) + given);
    assert_eq!(meter.snapshot(Timestamp(5 * SECOND), &[]).capacity, 65_536);
    (rows, given)
}

#[test]
fn ten_conversations_stay_during_a_scan_of_a_million_flows() {
    for answered in [false, true] {
        let (rows, given) = conversations(answered);
        assert!(given - rows < given / 1000, "{rows} of {given} packets are in the rows");
    }
}

/// A made-up packet among few ends, so that keys repeat.
#[derive(Clone, Copy, Debug)]
struct Given {
    ends: (u8, u8),
    ports: (u8, u8),
    flags: u8,
    step: u32,
}

prop_compose! {
    fn given()(ends: (u8, u8), ports in (0u8..3, 0u8..3), flags: u8, step in 0u32..5_000_000) -> Given {
        Given { ends, ports, flags, step }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn totals_are_exact_under_any_traffic_and_with_the_smallest_tables(
        packets in prop::collection::vec(given(), 1..1500),
        flows in 1usize..40,
        keys in 1usize..20,
        history in 0usize..20,
        parted in 0usize..10,
        every in 100usize..1000,
    ) {
        let config = MeterConfig { flows, keys: Some(keys), history_flows: history, parted, ..MeterConfig::default() };
        let mut meter = meter(config);
        let mut at = 0;
        let mut expected: HashMap<[u8; 4], Traffic> = HashMap::new();
        let mut sums = (Traffic::default(), 0, HashMap::<[u8; 4], Traffic>::new());
        let mut take = |summary: InterfaceSummary| {
            sums::hold(&summary, "random traffic");
            prop_assert!(summary.flows.len() <= history);
            sums.0.merge(summary.classes().group(ClassGroup::Total));
            sums.1 += summary.ledger.parsed;
            for flow in &summary.flows {
                if let std::net::IpAddr::V4(address) = flow.key.source.address {
                    *sums.2.entry(address.octets()).or_default() += flow.traffic;
                }
            }
            Ok(())
        };
        for (number, packet) in packets.iter().enumerate() {
            at += i64::from(packet.step) * 1000;
            let end = |number| [10, 0, 0, number];
            let ports = (u16::from(packet.ports.0), u16::from(packet.ports.1));
            let bytes = segment(end(packet.ends.0), end(packet.ends.1), ports, packet.flags);
            give(&mut meter, at, &bytes);
            *expected.entry(end(packet.ends.0)).or_default() += Traffic::outbound(Counters::new(1, 40));
            if number % every == every - 1 {
                take(meter.close(slice(0, at / SECOND + 1)))?;
            }
        }
        take(meter.close(slice(0, at / SECOND + 1)))?;
        let count = packets.len() as u64;
        prop_assert_eq!((sums.0.total(), sums.1), (Counters::new(count, count * 60), count));
        // No row says more than was sent.
        let sent: u64 = expected.values().map(|traffic| traffic.outbound.packets).sum();
        let rows: u64 = sums.2.values().map(|traffic| traffic.total().packets).sum();
        prop_assert!(rows <= sent);
        let snapshot = meter.snapshot(Timestamp(at), &[wish(Facility::Traffic, "", 1000), wish(HOSTS.into(), "", 1000), wish(SERVICES.into(), "", 1000)]);
        let live = |place: usize| snapshot.answers[place].total.total().packets;
        prop_assert_eq!((live(0), live(1), live(2)), (count, 2 * count, count));
    }
}
