//! Invariants I1 and I2: every frame is in exactly one place, in every facility.

use std::collections::HashSet;

use traf_model::facility::{COUNTED, Octets, Source};
use traf_model::{Class, ClassGroup, Counters, Counts, Family, FlowKey, InterfaceSummary, Merge, Traffic, Transport};

/// Panics unless the summary adds up.
pub(crate) fn hold(summary: &InterfaceSummary, what: &str) {
    let ledger = &summary.ledger;
    assert_eq!(ledger.residue(), 0, "{what}: I1 {ledger:?}");
    let classes = summary.classes();
    let group = |group| classes.group(group);
    assert_eq!(group(ClassGroup::Total).total().packets, ledger.parsed, "{what}: classes");

    let flows: Traffic = summary.flows.iter().map(|flow| flow.traffic).sum();
    let other: Traffic = summary.other_flows.iter().map(|(_, traffic, _)| *traffic).sum();
    let ip = group(ClassGroup::Ipv4) + group(ClassGroup::Ipv6);
    assert_eq!((flows + other).total().packets, ip.total().packets, "{what}: flows");
    for (class, protocol) in [(ClassGroup::Tcp, 6), (ClassGroup::Udp, 17)] {
        let rows: u64 =
            summary.flows.iter().filter(|f| f.key.protocol == protocol).map(|f| f.traffic.total().packets).sum();
        let others: u64 =
            summary.other_flows.iter().filter(|(c, ..)| class.holds(*c)).map(|(_, t, _)| t.total().packets).sum();
        assert_eq!(rows + others, group(class).total().packets, "{what}: {class:?}");
    }
    let counted: Counters = group(ClassGroup::Total).total();
    assert!(counted.octets >= (flows + other).total().octets, "{what}: IP octets exceed frame octets");

    let aggregated: Traffic = summary.aggregated_flows.iter().map(|flow| flow.traffic).sum();
    assert!(aggregated.total().packets <= other.total().packets, "{what}: aggregated flows");
    let keys: HashSet<FlowKey> = summary.aggregated_flows.iter().map(|flow| flow.key).collect();
    assert_eq!(keys.len(), summary.aggregated_flows.len(), "{what}: keys of aggregated flows");
    facilities(summary, what);
}

/// The rows and `other` of each counted facility add up to the classes that it covers: in octets of frames if it counts
/// frames, in octets of flows if it counts these.
fn facilities(summary: &InterfaceSummary, what: &str) {
    assert!(summary.counted.keys().all(|facility| COUNTED.contains(facility)), "{what}");
    for facility in COUNTED {
        let mut sum = Counts::default();
        if let Some(tally) = summary.counted.get(&facility) {
            sum = tally.other().clone();
            tally.rows().for_each(|(_, counts)| sum.merge(counts.clone()));
        }
        let frames: Traffic =
            summary.classes().rows().filter(|(class, _)| (facility.covers)(*class)).map(|(_, traffic)| traffic).sum();
        let mut counted = sum.traffic.total();
        if facility.both_ends {
            assert_eq!(sum.traffic.inbound, sum.traffic.outbound, "{what}: {facility:?} once in and once out");
            assert_eq!(sum.ip.inbound, sum.ip.outbound, "{what}: IP of {facility:?} once in and once out");
            counted = sum.traffic.inbound;
        }
        match facility.source {
            Source::Packets if facility.octets == Octets::Frame => {
                assert_eq!(sum.traffic, frames, "{what}: {facility:?}");
            }
            Source::Packets => {
                let ip =
                    summary.flows.iter().map(|flow| flow.traffic).chain(summary.other_flows.iter().map(|row| row.1));
                assert_eq!(counted, ip.sum::<Traffic>().total(), "{what}: {facility:?}");
            }
            // Not every link has stations.
            Source::FrameEnds => assert!(counted.packets <= frames.total().packets, "{what}: {facility:?}"),
            Source::Flows(_) => {
                let flows = summary.flows.iter().map(|flow| (class(&flow.key), flow.traffic));
                let others = summary.other_flows.iter().map(|(class, traffic, _)| (*class, *traffic));
                let flows = flows.chain(others).filter(|(class, _)| (facility.covers)(*class));
                assert_eq!(counted, flows.map(|(_, traffic)| traffic).sum::<Traffic>().total(), "{what}: {facility:?}");
                assert_eq!(counted.packets, frames.total().packets, "{what}: {facility:?}");
            }
        }
    }
}

/// The class of a flow; how its frames were addressed is not known.
fn class(flow: &FlowKey) -> Class {
    let family = if flow.source.address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    Class { family, transport: Transport::of(flow.protocol), cast: traf_model::Cast::Unicast }
}
