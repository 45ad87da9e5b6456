//! Checks of a summary: a sensor can only be wrong about itself, but it must not break sums or keys of the store.

use std::collections::HashSet;

use traf_model::time::SECOND;
use traf_model::{Counters, InterfaceSummary, Key, Summary, Timestamp, Traffic};

/// Interfaces of one sensor.
const INTERFACES: usize = 1_024;
/// Losses of one summary.
const LOSSES: usize = 10_000;
/// Flows of one summary: the store numbers them with 20 bits.
const FLOWS: usize = 1 << 20;
/// Nanoseconds of the longest slice: a day, and an hour for a clock that was turned back.
const LONGEST: i64 = 25 * 3600 * SECOND;
/// Nanoseconds since 1970 after which no slice lies: the year 2200.
const LATEST: i64 = 7_258_118_400 * SECOND;
/// Octets or packets of any one count in a slice; sums of many thousands still fit into 63 bits.
const MOST: u64 = 1 << 48;

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
        check_interface(interface).map_err(|what| format!("interface `{}`: {what}", name.escape_debug()))?;
    }
    Ok(())
}

fn check_interface(summary: &InterfaceSummary) -> Result<(), String> {
    once(summary.other_flows.iter().map(|(class, ..)| *class)).ok_or("a class of folded flows is there twice")?;
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
    let ledger = &summary.ledger;
    let counts = [ledger.received, ledger.parsed, ledger.malformed, ledger.unsupported, ledger.dropped];
    let tallies = summary.counted.values();
    let keyed = tallies.flat_map(|tally| tally.rows().map(|(_, counts)| counts).chain([tally.other()]));
    let traffic = summary
        .flows
        .iter()
        .map(|flow| flow.traffic)
        .chain(summary.other_flows.iter().map(|(_, traffic, _)| *traffic))
        .chain(keyed.flat_map(|counts| [counts.traffic, counts.ip]))
        .chain(summary.seconds.iter().flat_map(|second| second.classes.rows().map(|(_, traffic)| traffic)))
        .chain([summary.own]);
    let counts = counts.into_iter().chain(traffic.flat_map(numbers));
    match counts.max() {
        Some(most) if most > MOST => Err(format!("a count of {most} cannot be")),
        _ => Ok(()),
    }
}

fn once<T: Eq + std::hash::Hash>(mut keys: impl Iterator<Item = T>) -> Option<()> {
    let mut seen = HashSet::new();
    keys.all(|key| seen.insert(key)).then_some(())
}

fn numbers(traffic: Traffic) -> impl Iterator<Item = u64> {
    let each = |counters: Counters| [counters.packets, counters.octets, counters.coalesced];
    each(traffic.inbound).into_iter().chain(each(traffic.outbound))
}

#[cfg(test)]
mod tests {
    use traf_model::facility::SIZES;
    use traf_model::{Interval, Ledger};

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
