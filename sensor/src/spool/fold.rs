//! Summaries that have no room become their totals. Pure.
//!
//! What names somebody goes (flows, and keys of facilities with many keys: into their `other`); what adds up stays: the ledger, the
//! classes by the minute, the keys that are few. So a full spool costs detail, never a packet of the sum.

use std::collections::BTreeMap;

use traf_model::{Class, InterfaceSummary, Loss, LossReason, Second, Summary, Traffic};

const MINUTE: i64 = 60_000_000_000;
/// Totals over more than this keep their classes by the hour.
const LONG: i64 = 4 * 60 * MINUTE;
/// Losses of one record; more of the same kind and place become one.
const LOSSES: usize = 64;

/// The totals of `summaries`, which follow each other; `records` of them are whole and thereby lose their detail.
pub(crate) fn fold(summaries: Vec<Summary>, records: u64) -> Summary {
    let slice = summaries.iter().map(|summary| summary.slice).reduce(|a, b| a.hull(b)).unwrap_or_default();
    let sealed = summaries.iter().map(|summary| summary.sealed).max().unwrap_or_default();
    let step = if slice.nanos() > LONG { 60 * MINUTE } else { MINUTE };
    let mut interfaces: BTreeMap<String, InterfaceSummary> = BTreeMap::new();
    let mut losses = Vec::new();
    for summary in summaries {
        losses.extend(summary.losses);
        for part in summary.interfaces {
            let sum = interfaces.entry(part.interface.name.clone()).or_default();
            add(sum, part);
        }
    }
    if records > 0 {
        let full = Loss { reason: LossReason::SpoolFull, interval: slice, records, counted: None, interface: None };
        losses.push(full);
    }
    let mut interfaces: Vec<InterfaceSummary> = interfaces.into_values().collect();
    interfaces.iter_mut().for_each(|sum| coarsen(&mut sum.seconds, step));
    Summary { slice, sealed, interfaces, losses: gather(losses), unknown: 0, generation: 0 }
}

fn add(sum: &mut InterfaceSummary, part: InterfaceSummary) {
    sum.interface = part.interface;
    sum.ledger.merge(&part.ledger);
    sum.seconds.extend(part.seconds);
    let mut flows: BTreeMap<usize, (Class, Traffic, u64)> = BTreeMap::new();
    let known = sum.other_flows.drain(..).chain(part.other_flows);
    for (class, traffic, keys) in known.chain(part.flows.iter().map(|flow| (flow.key.class(), flow.traffic, 1))) {
        let row = flows.entry(class.index()).or_insert((class, Traffic::default(), 0));
        row.1 += traffic;
        row.2 = row.2.saturating_add(keys);
    }
    sum.other_flows = flows.into_values().collect();
    for (facility, tally) in part.counted {
        let known = sum.counted.entry(facility).or_default();
        known.merge(tally);
        // Size brackets and the like are few; they name nobody.
        if !facility.per_point() {
            known.trim(0, |counts| counts.traffic.total().octets);
        }
    }
    sum.own += part.own;
    sum.largest_inbound = sum.largest_inbound.max(part.largest_inbound);
    sum.largest_outbound = sum.largest_outbound.max(part.largest_outbound);
}

fn coarsen(seconds: &mut Vec<Second>, step: i64) {
    let mut steps: BTreeMap<_, Second> = BTreeMap::new();
    for second in seconds.drain(..) {
        let at = second.at.floor(step);
        steps.entry(at).or_insert_with(|| Second { at, classes: Default::default() }).classes.merge(&second.classes);
    }
    seconds.extend(steps.into_values());
}

/// One loss of the spool for all neighbours; of the others as many as there is room for, then by kind and place.
fn gather(losses: Vec<Loss>) -> Vec<Loss> {
    let crowded = losses.len() > LOSSES;
    let mut gathered: Vec<Loss> = Vec::new();
    for loss in losses {
        let same = |known: &&mut Loss| {
            (known.reason, &known.interface) == (loss.reason, &loss.interface)
                && (crowded || loss.reason == LossReason::SpoolFull)
        };
        match gathered.iter_mut().find(same) {
            Some(known) => {
                known.interval = known.interval.hull(loss.interval);
                known.records += loss.records;
                known.counted =
                    known.counted.zip(loss.counted).map(|(a, b)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1)));
            }
            None => gathered.push(loss),
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::facility::SERVICES;
    use traf_model::{
        Cast, Classes, Counters, Endpoint, Family, Flow, FlowKey, Interface, Interval, Ledger, Service, Timestamp,
        Transport,
    };

    use super::*;

    const TCP: Class = Class { family: Family::Ipv4, transport: Transport::Tcp, cast: Cast::Unicast };

    fn summary(number: i64) -> Summary {
        let traffic = Traffic::inbound(Counters::new(2, 200));
        let end = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        let key = FlowKey { protocol: 6, vlan: None, source: end(40_000), destination: end(22) };
        let flow = Flow::new(key, traffic, Timestamp(0));
        let from = Timestamp::from_seconds(number * 10);
        let second = |at| Second { at, classes: Classes::from_iter([(TCP, traffic)]) };
        let mut part = InterfaceSummary {
            interface: Interface { name: "eth0".to_owned(), ..Interface::default() },
            ledger: Ledger { received: 4, parsed: 4, ..Ledger::default() },
            seconds: vec![second(from), second(Timestamp(from.0 + 1))],
            flows: vec![flow; 2],
            ..InterfaceSummary::default()
        };
        part.counted.entry(SERVICES).or_default().add(Service::new(6, 22).unwrap().key(), traffic.into());
        let slice = Interval::new(from, Timestamp::from_seconds(number * 10 + 10));
        Summary { slice, sealed: slice.to, interfaces: vec![part], ..Summary::default() }
    }

    #[test]
    fn folding_keeps_every_total_and_says_what_was_lost() {
        let first = fold(vec![summary(0)], 1);
        let folded = fold(vec![first, summary(1), summary(2)], 2);

        assert_eq!(folded.slice, Interval::new(Timestamp(0), Timestamp::from_seconds(30)));
        assert_eq!(folded.losses.len(), 1);
        assert_eq!((folded.losses[0].records, folded.losses[0].reason), (3, LossReason::SpoolFull));
        let sum = &folded.interfaces[0];
        assert_eq!((sum.ledger.received, sum.ledger.residue()), (12, 0));
        assert_eq!(sum.classes().rows().collect::<Vec<_>>(), [(TCP, Traffic::inbound(Counters::new(12, 1200)))]);
        assert_eq!(sum.seconds.len(), 1);
        assert_eq!(sum.other_flows, [(TCP, Traffic::inbound(Counters::new(12, 1200)), 6)]);
        let services = &sum.counted[&SERVICES];
        assert_eq!(*services.other(), Traffic::inbound(Counters::new(6, 600)).into());
        assert!(sum.flows.is_empty() && services.is_empty());
    }

    #[test]
    fn many_losses_of_a_kind_become_one() {
        let loss = |at| Loss {
            reason: LossReason::Vanished,
            interval: Interval::new(Timestamp(at), Timestamp(at + 1)),
            records: 0,
            counted: Some((1, 60)),
            interface: Some("eth0".to_owned()),
        };
        let summary = Summary { losses: (0..100).map(loss).collect(), ..Summary::default() };
        let folded = fold(vec![summary], 0);
        assert_eq!(folded.losses.len(), 1);
        assert_eq!(folded.losses[0].counted, Some((100, 6_000)));
        assert_eq!(folded.losses[0].interval, Interval::new(Timestamp(0), Timestamp(100)));
    }
}
