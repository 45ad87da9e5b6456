//! Interfaces of one sensor in the history. A machine that makes an interface for each container has ever new names, and so may a
//! stolen sensor; each name stays as long as there are facts of it.
//!
//! When a sensor has as many as there is room for, new ones count together, as one interface more: they lose their names, and no
//! sum loses a packet. A name whose facts have all been retired makes room for another.

use std::collections::{BTreeMap, HashMap};

use traf_model::{Class, Classes, Interface, InterfaceSummary, Second, Summary, Timestamp, Traffic};

/// Interfaces of one sensor that have a name of their own: a query reads those of all sensors.
const MOST: usize = 4_096;
/// Name of the interface that stands for the others.
const OTHERS: &str = "other interfaces";

/// Names of the interfaces of a sensor, each with the end of its last slice.
#[derive(Debug, Default)]
pub(super) struct KnownInterfaces(HashMap<String, Timestamp>);

impl KnownInterfaces {
    /// Those that the store has.
    pub(super) fn new(stored: Vec<(String, Timestamp)>) -> Self {
        Self(stored.into_iter().collect())
    }

    /// True if no other name finds a place.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Forgets names that had no slice since then: the store has nothing of them any more.
    pub(super) fn retire(&mut self, before: Timestamp) {
        self.0.retain(|_, last| *last >= before);
    }

    /// Learns the interfaces of a summary; those that find no place become one. Returns how many those are.
    pub(super) fn fit(&mut self, summary: &mut Summary) -> usize {
        let (mut named, mut others) = (Vec::new(), Vec::new());
        for part in summary.interfaces.drain(..) {
            let name = &part.interface.name;
            let known = name != OTHERS && (self.0.contains_key(name) || !self.is_full());
            if known {
                let last = self.0.entry(name.clone()).or_default();
                *last = summary.slice.to.max(*last);
            }
            if known { named.push(part) } else { others.push(part) }
        }
        let count = others.len();
        named.extend(together(others));
        summary.interfaces = named;
        count
    }
}

/// The sum of several interfaces; none of none.
fn together(parts: Vec<InterfaceSummary>) -> Option<InterfaceSummary> {
    let interface = Interface { name: OTHERS.to_owned(), ..Interface::default() };
    let mut sum = (!parts.is_empty()).then(|| InterfaceSummary { interface, ..InterfaceSummary::default() })?;
    let mut seconds: BTreeMap<Timestamp, Classes> = BTreeMap::new();
    let mut folded: BTreeMap<usize, (Class, Traffic, u64)> = BTreeMap::new();
    for part in parts {
        sum.ledger.merge(&part.ledger);
        for Second { at, classes } in part.seconds {
            seconds.entry(at).or_default().merge(&classes);
        }
        sum.flows.extend(part.flows);
        for (class, traffic, keys) in part.other_flows {
            let row = folded.entry(class.index()).or_insert((class, Traffic::default(), 0));
            row.1 += traffic;
            row.2 = row.2.saturating_add(keys);
        }
        for (facility, tally) in part.counted {
            sum.counted.entry(facility).or_default().merge(tally);
        }
        sum.own += part.own;
        sum.largest_inbound = sum.largest_inbound.max(part.largest_inbound);
        sum.largest_outbound = sum.largest_outbound.max(part.largest_outbound);
    }
    // Counters of one interface mean nothing here.
    (sum.ledger.nic, sum.ledger.kernel_received) = (None, None);
    sum.seconds = seconds.into_iter().map(|(at, classes)| Second { at, classes }).collect();
    sum.other_flows = folded.into_values().collect();
    Some(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use traf_model::facility::SIZES;
    use traf_model::{Counters, Interval, Key};

    use super::*;

    fn part(name: &str, octets: u64) -> InterfaceSummary {
        let (class, traffic) = (Class::at(0).unwrap(), Traffic::inbound(Counters::new(1, octets)));
        let mut part = InterfaceSummary {
            interface: Interface { name: name.to_owned(), ..Interface::default() },
            seconds: vec![Second { at: Timestamp::from_seconds(1), classes: [(class, traffic)].into_iter().collect() }],
            other_flows: vec![(class, traffic, 1)],
            ..InterfaceSummary::default()
        };
        (part.ledger.received, part.ledger.parsed) = (1, 1);
        part.counted.entry(SIZES).or_default().add(Key::Number(1), traffic.into());
        part
    }

    #[test]
    fn interfaces_beyond_the_last_place_count_together() {
        let mut known = full(1..MOST);
        let mut summary = Summary {
            interfaces: [("eth0", 1), ("veth7", 2), ("new1", 30), ("new2", 400)].map(|(n, o)| part(n, o)).into(),
            ..Summary::default()
        };
        assert_eq!(known.fit(&mut summary), 2);
        let mut others = part(OTHERS, 430);
        let traffic = Traffic::inbound(Counters::new(2, 430));
        let class = Class::at(0).unwrap();
        others.seconds[0].classes = [(class, traffic)].into_iter().collect();
        others.other_flows = vec![(class, traffic, 2)];
        (others.ledger.received, others.ledger.parsed) = (2, 2);
        others.counted.insert(SIZES, [(Key::Number(1), traffic.into())].into_iter().collect());
        assert_eq!(summary.interfaces, [part("eth0", 1), part("veth7", 2), others]);
        assert_eq!(known.0.len(), MOST);
    }

    /// Interfaces of which each had its last slice at the second of its number.
    fn full(numbers: std::ops::Range<usize>) -> KnownInterfaces {
        let named = |number| (format!("veth{number}"), Timestamp::from_seconds(number as i64));
        KnownInterfaces::new(numbers.map(named).collect())
    }

    #[test]
    fn a_name_that_is_not_used_any_more_makes_room_while_the_stream_is_open() {
        let mut known = full(0..MOST);
        let slice = Interval::new(Timestamp::from_seconds(9_000), Timestamp::from_seconds(9_010));
        let summary = |name: &str| Summary { slice, interfaces: vec![part(name, 1)], ..Summary::default() };
        assert_eq!(known.fit(&mut summary("veth7")), 0);
        assert_eq!(known.fit(&mut summary("new")), 1);
        known.retire(Timestamp::from_seconds(10));
        assert_eq!(known.0.len(), MOST - 9, "ten are retired, but not the one that was used again");
        assert_eq!((known.fit(&mut summary("new")), known.fit(&mut summary("veth7"))), (0, 0));
    }

    #[test]
    fn as_long_as_there_is_room_every_interface_has_its_name() {
        let mut known = KnownInterfaces::default();
        let before = Summary { interfaces: vec![part("eth1", 1), part("eth0", 2)], ..Summary::default() };
        let mut after = before.clone();
        assert_eq!(known.fit(&mut after), 0);
        assert_eq!(after, before);
    }
}
