//! Checks of a summary: a sensor can only be wrong about itself, but it must not break sums or keys of the store.

use std::collections::HashSet;

use traf_model::time::SECOND;
use traf_model::{
    ClassGroup, Counters, Counts, InterfaceSummary, Interval, Key, Ledger, Summary, Tally, Timestamp, Traffic,
};

/// Interfaces of one sensor.
const INTERFACES: usize = 1_024;
/// Losses of one summary.
const LOSSES: usize = 10_000;
/// Flows of one summary: the store numbers them with 20 bits.
const FLOWS: usize = 1 << 20;
/// Aggregated flows of one interface.
const AGGREGATED: usize = 10_000;
/// Nanoseconds of the longest slice: a day, and an hour for a clock that was turned back.
const LONGEST: i64 = 25 * 3600 * SECOND;
/// Nanoseconds since 1970 after which no slice lies: the year 2200.
const LATEST: i64 = 7_258_118_400 * SECOND;
/// Octets a second of 100 Tbit/s: the traffic of an interface, each way, is never more.
const FASTEST: u64 = 12_500_000_000_000;
/// Octets of the smallest packet: an IPv4 header.
const SMALLEST: u64 = 20;
/// Seconds of the shortest slice: late packets and a clock that is put back count in the open one.
const SHORTEST: i64 = 60;

/// Checks a summary; the error says in words what is wrong.
pub(super) fn check(summary: &Summary) -> Result<(), String> {
    let slice = summary.slice;
    if slice.from.0 < 0 || slice.to.0 > LATEST || slice.from >= slice.to || slice.nanos() > LONGEST {
        return Err(format!("a slice from {} to {} cannot be", slice.from, slice.to));
    }
    if summary.interfaces.len() > INTERFACES || summary.losses.len() > LOSSES {
        return Err(format!(
            "{} interfaces and {} losses are too many",
            summary.interfaces.len(),
            summary.losses.len()
        ));
    }
    let flows: usize = summary.interfaces.iter().map(|interface| interface.flows.len()).sum();
    if flows > FLOWS {
        return Err(format!("{flows} flows are too many"));
    }
    let mut names = HashSet::new();
    for interface in &summary.interfaces {
        let name = &interface.interface.name;
        if name.is_empty() || name.len() > 255 || !names.insert(name) {
            return Err(format!("interface `{}` is there twice, or has no name", name.escape_debug()));
        }
        check_interface(interface, slice).map_err(|what| format!("interface `{}`: {what}", name.escape_debug()))?;
    }
    Ok(())
}

fn check_interface(summary: &InterfaceSummary, slice: Interval) -> Result<(), String> {
    once(summary.other_flows.iter().map(|(class, ..)| *class)).ok_or("a class of folded flows is there twice")?;
    check_aggregated(summary)?;
    let keys = summary.counted.values().flat_map(|tally| tally.rows().map(|(key, _)| *key));
    if keys.filter_map(Key::number).any(|number| i64::try_from(number).is_err()) {
        return Err("a number of a key is out of range".to_owned());
    }
    once(summary.seconds.iter().map(|second| second.at.seconds())).ok_or("a second is there twice")?;
    let outside = |at: Timestamp| at.0 < 0 || at.0 > LATEST;
    if summary.seconds.iter().any(|second| outside(second.at)) {
        return Err("a second lies outside time".to_owned());
    }
    if summary.flows.iter().any(|flow| outside(flow.first) || outside(flow.last)) {
        return Err("a flow lies outside time".to_owned());
    }
    let seconds = (slice.nanos() / SECOND).max(SHORTEST).unsigned_abs();
    let (octets, packets) = (FASTEST * seconds, FASTEST / SMALLEST * seconds);
    // What is added up in sums of the store; a part of a sum is not more than the sum.
    let Ledger { received, parsed, malformed, unsupported, dropped, bad_checksum, unparsed_octets, .. } =
        summary.ledger;
    let frames = [received, parsed, malformed, unsupported, dropped, bad_checksum];
    let frames = frames.map(|packets| Traffic::inbound(Counters::new(packets, unparsed_octets)));
    let flows = summary.flows.iter().map(|flow| flow.traffic);
    let flows: Traffic = flows.chain(summary.other_flows.iter().map(|(_, traffic, _)| *traffic)).sum();
    let keyed = |tally: &Tally<Key, Counts>, of: fn(&Counts) -> Traffic| {
        tally.rows().map(|(_, counts)| of(counts)).sum::<Traffic>() + of(tally.other())
    };
    let counted = summary.counted.values();
    let counted = counted.flat_map(|tally| [keyed(tally, |counts| counts.traffic), keyed(tally, |counts| counts.ip)]);
    let all = summary.classes().group(ClassGroup::Total);
    for traffic in frames.into_iter().chain([flows, all, summary.own]).chain(counted) {
        for sum in [traffic.inbound, traffic.outbound] {
            if sum.octets > octets || sum.packets.max(sum.coalesced) > packets {
                return Err(format!(
                    "{} packets and {} octets in {seconds} s cannot be: that is more than 100 Tbit/s",
                    sum.wire_packets(),
                    sum.octets
                ));
            }
        }
    }
    Ok(())
}

/// Aggregated flows are parts of the flows without a row.
fn check_aggregated(summary: &InterfaceSummary) -> Result<(), String> {
    let aggregated = &summary.aggregated_flows;
    if aggregated.len() > AGGREGATED {
        return Err(format!("{} aggregated flows are too many", aggregated.len()));
    }
    if aggregated.iter().any(|flow| flow.key != flow.key.aggregated()) {
        return Err("an aggregated flow has a VLAN or a source's port".to_owned());
    }
    once(aggregated.iter().map(|flow| flow.key)).ok_or("an aggregated flow is there twice")?;
    let sum: Traffic = aggregated.iter().map(|flow| flow.traffic).sum();
    let others: Traffic = summary.other_flows.iter().map(|(_, traffic, _)| *traffic).sum();
    let (sum, others) = (sum.total(), others.total());
    if sum.packets > others.packets || sum.octets > others.octets {
        return Err("aggregated flows are more than the flows without a row".to_owned());
    }
    Ok(())
}

fn once<T: Eq + std::hash::Hash>(mut keys: impl Iterator<Item = T>) -> Option<()> {
    let mut seen = HashSet::new();
    keys.all(|key| seen.insert(key)).then_some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use traf_model::facility::SIZES;
    use traf_model::{AggregatedFlow, Class, Endpoint, FlowKey};

    use super::*;

    fn summary(interfaces: &[(&str, u64)]) -> Summary {
        let interfaces = interfaces.iter().map(|(name, received)| {
            let mut summary = InterfaceSummary::default();
            summary.interface.name = (*name).to_owned();
            summary.ledger = Ledger { received: *received, ..Ledger::default() };
            summary
        });
        let slice = Interval::new(Timestamp::from_seconds(100), Timestamp::from_seconds(110));
        Summary { slice, interfaces: interfaces.collect(), ..Summary::default() }
    }

    /// Packets of the smallest size in a slice of 10 s, which counts as one of a minute.
    const MOST: u64 = FASTEST / SMALLEST * 60;

    #[test]
    fn what_no_link_carries_is_refused_even_in_parts() {
        for (flows, fine) in [(4, true), (5, true), (6, false)] {
            let mut all = summary(&[("eth0", 1)]);
            let part = Traffic::outbound(Counters::new(1, FASTEST * 60 / 5));
            all.interfaces[0].other_flows = (0..flows).filter_map(|n| Some((Class::at(n)?, part, 1))).collect();
            assert_eq!(check(&all).is_ok(), fine, "{flows} {:?}", check(&all));
            // An hour may carry more.
            all.slice.to = Timestamp::from_seconds(3_700);
            assert_eq!(check(&all), Ok(()));
        }
        let words = check(&summary(&[("eth0", MOST + 1)])).unwrap_err();
        let wanted =
            "interface `eth0`: 37500000000001 packets and 0 octets in 60 s cannot be: that is more than 100 Tbit/s";
        assert_eq!(words, wanted);
    }

    #[test]
    fn aggregated_flows_are_parts_of_what_has_no_row() {
        let end = |last| Endpoint::new([10, 0, 0, last].into(), 0);
        let key = FlowKey { protocol: 6, vlan: None, source: end(1), destination: Endpoint::new(end(2).address, 80) };
        let traffic = Traffic::outbound(Counters::new(1, 100));
        let of = |keys: &[FlowKey]| {
            let mut all = summary(&[("eth0", 2)]);
            let interface = &mut all.interfaces[0];
            interface.other_flows = vec![(Class::at(0).unwrap(), traffic + traffic, 2)];
            interface.aggregated_flows =
                keys.iter().map(|key| AggregatedFlow { key: *key, traffic, flows: 1 }).collect();
            check(&all)
        };
        let others = |last| FlowKey { destination: Endpoint::new(end(last).address, 80), ..key };
        assert_eq!(of(&[key, others(3)]), Ok(()));
        assert!(of(&[key, key]).unwrap_err().contains("there twice"));
        assert!(of(&[key, others(3), others(4)]).unwrap_err().contains("more than the flows without a row"));
        assert!(of(&[FlowKey { vlan: Some(1), ..key }]).unwrap_err().contains("VLAN"));
        let many: Vec<FlowKey> = (0..=AGGREGATED as u32)
            .map(|n| FlowKey { source: Endpoint::new(std::net::Ipv4Addr::from(n).into(), 0), ..key })
            .collect();
        assert!(of(&many).unwrap_err().contains("too many"));
    }

    #[test]
    fn what_would_break_keys_or_sums_is_refused() {
        assert_eq!(check(&summary(&[("eth0", 1), ("eth1", MOST)])), Ok(()));
        for wrong in [summary(&[("eth0", 1), ("eth0", 1)]), summary(&[("", 1)]), summary(&[("eth0", MOST + 1)])] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
        for (from, to) in [(5, 5), (6, 5), (-1, 5), (0, i64::MAX)] {
            let slice = Interval::new(Timestamp(from), Timestamp(to));
            assert!(check(&Summary { slice, ..summary(&[]) }).is_err(), "{from} {to}");
        }
        let mut wrong = summary(&[("eth0", 1)]);
        wrong.interfaces[0].counted.entry(SIZES).or_default().add(Key::Number(u64::MAX), Traffic::default().into());
        assert!(check(&wrong).is_err(), "a key that the store cannot hold");
    }
}
