//! Flows without a row of their own, by their ends: so that groups of flows stay whole where there are more flows than rows.
//!
//! Who is seen first gets a place. A key of many flows is among the first ones, whatever the order; a key that finds no place, such
//! as one of a flood, counts for any source, and where that finds none either, in its class only.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use traf_model::{AggregatedFlow, FlowKey, Traffic};

/// Keys with a source of their own, and keys of any source: some 700 KB when all are taken.
const KEYS: usize = 4_096;
const KEYS_OF_ANY: usize = 1_024;

/// Traffic and the number of flows, by their keys.
#[derive(Default)]
pub(super) struct AggregatedFlows {
    of_one: Places<KEYS>,
    of_any: Places<KEYS_OF_ANY>,
}

/// At most `N` keys.
struct Places<const N: usize>(HashMap<FlowKey, (Traffic, u64), RandomState>);

impl<const N: usize> Default for Places<N> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<const N: usize> Places<N> {
    /// Adds to a key; false if there is no place for it.
    fn add(&mut self, key: FlowKey, traffic: Traffic, flows: u64) -> bool {
        let sum = match self.0.len() < N {
            true => self.0.entry(key).or_default(),
            false => match self.0.get_mut(&key) {
                Some(sum) => sum,
                None => return false,
            },
        };
        sum.0 += traffic;
        sum.1 += flows;
        true
    }

    fn rows(&self) -> impl Iterator<Item = AggregatedFlow> {
        self.0.iter().map(|(key, (traffic, flows))| AggregatedFlow { key: *key, traffic: *traffic, flows: *flows })
    }
}

impl AggregatedFlows {
    /// Adds the traffic of `flows` flows.
    pub(super) fn add(&mut self, key: FlowKey, traffic: Traffic, flows: u64) {
        let _ = self.of_one.add(key.aggregated(), traffic, flows) || self.of_any.add(key.from_any(), traffic, flows);
    }

    /// Rows of all keys; one without a source may be of that source, or of any.
    pub(super) fn rows(&self) -> impl Iterator<Item = AggregatedFlow> {
        self.of_one.rows().chain(self.of_any.rows())
    }

    /// What has a key; each key once, though a source may be unspecified itself.
    pub(super) fn into_rows(self) -> Vec<AggregatedFlow> {
        let Self { of_one, mut of_any } = self;
        let mut rows: Vec<AggregatedFlow> = of_one.rows().collect();
        for row in &mut rows {
            if let Some((traffic, flows)) = of_any.0.remove(&row.key) {
                row.traffic += traffic;
                row.flows += flows;
            }
        }
        rows.extend(of_any.rows());
        rows
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Counters, Endpoint};

    use super::*;

    const ONE: Traffic = Traffic {
        outbound: Counters { packets: 1, octets: 40, coalesced: 0 },
        inbound: Counters { packets: 0, octets: 0, coalesced: 0 },
    };

    fn key(source: u32, port: u16) -> FlowKey {
        let end = |address: u32, port| Endpoint::new(std::net::Ipv4Addr::from(address).into(), port);
        FlowKey { protocol: 6, vlan: Some(7), source: end(source, port), destination: end(9, 443) }
    }

    #[test]
    fn flows_of_the_same_ends_are_one_and_those_of_a_flood_are_of_any_source() {
        let mut flows = AggregatedFlows::default();
        (0..1_000).for_each(|port| flows.add(key(1, port), ONE, 1));
        (2..100_002).for_each(|source| flows.add(key(source, 80), ONE, 1));
        flows.add(key(0, 68), ONE, 1);
        let rows = flows.into_rows();
        let of = |source: u32| {
            let mut rows = rows.iter().filter(|row| row.key == key(source, 0).aggregated());
            (rows.next().map(|row| (row.flows, row.traffic.outbound.packets)), rows.count())
        };
        assert_eq!(of(1), (Some((1_000, 1_000)), 0));
        let in_places = KEYS as u64 - 1;
        assert_eq!(of(0), (Some((100_001 - in_places, 100_001 - in_places)), 0));
        assert_eq!(rows.len(), KEYS + 1);
        assert_eq!(rows.iter().map(|row| row.flows).sum::<u64>(), 101_001);
    }

    #[test]
    fn keys_are_bounded() {
        let mut flows = AggregatedFlows::default();
        for number in 0..20_000 {
            let key = key(number, 1);
            flows.add(FlowKey { source: key.destination, destination: key.source, ..key }, ONE, 1);
        }
        assert_eq!(flows.into_rows().len(), KEYS + KEYS_OF_ANY);
    }
}
