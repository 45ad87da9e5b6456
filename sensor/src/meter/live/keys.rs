//! Rows of counted facilities; of those that flows tell, with their flows and the keys at their other ends.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use traf_model::{Counted, Counts, FlowKey, Item, Key, OrderBy, Row, Traffic, Wish};

use super::LiveView;
use super::sums::{Part, Sum};
use super::top::Top;
use crate::meter::tables::Tables;

/// Pairs of a key and a peer that are told apart in one pass: 2 MB.
const PAIRS: u64 = 131_072;

impl LiveView<'_> {
    /// All keys that were counted; their flows are those in the table.
    pub(super) fn keys(&self, facility: Counted, wish: &Wish, tables: &Tables, top: &mut Top) {
        let Some(shares) = facility.shares() else {
            let other = tables.facilities.totals(facility, |key, counts| {
                if !counts.traffic.is_empty() {
                    top.push(tables.facilities.rate(facility, key), Item::Counted(facility, key, counts));
                }
            });
            return top.add_total(other.traffic);
        };
        let ports = &self.meter.flows.tables.facilities.ports;
        let shares = |key: &FlowKey| shares(key, ports);
        let mut other = Traffic::default();
        // Under a filter there are no keys but those that were counted, which are few.
        let keys = if wish.filter.is_all() { 2 * self.meter.flows.table.occupied } else { 0 };
        for part in Part::all(keys) {
            let mut sums = HashMap::<Key, Sum>::new();
            let totals = tables.facilities.totals(facility, |key, counts| {
                if part.key(key) {
                    sums.entry(key).or_default().add(counts.traffic, Traffic::default(), 0);
                }
            });
            other = totals.traffic;
            self.each_flow(
                wish,
                |key| shares(key).into_iter().flatten().any(|share| part.key(share.key)),
                |slot, flow, rate| {
                    // What was folded already is in the totals.
                    let (shares, slice) = (shares(&flow.key), self.meter.flows.slice(slot));
                    let mut before = None;
                    for share in shares.into_iter().flatten() {
                        let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
                        // A flow from a key to itself is one flow.
                        let flows = u64::from(before != Some(share.key));
                        if !wish.filter.is_all() {
                            let known = sums.get_mut(&share.key);
                            known.into_iter().for_each(|sum| sum.add(Traffic::default(), towards(rate), flows));
                        } else if part.key(share.key) {
                            sums.entry(share.key).or_default().add(towards(slice), towards(rate), flows);
                        }
                        before = Some(share.key);
                    }
                },
            );
            sums.retain(|_, sum| !sum.traffic.is_empty());
            let by_peers = facility.peers && wish.orders().any(|order| order.by == OrderBy::Peers);
            let asked = sums.iter().filter(|_| by_peers).map(|(key, sum)| (*key, sum.flows));
            let peers = self.peers(facility, wish, asked);
            for (key, sum) in &sums {
                let flows = if facility.peers { sum.flows } else { 0 };
                let peers = peers.get(key).copied().unwrap_or_default();
                let counts = Counts { flows, peers, ..sum.traffic.into() };
                top.push(sum.rate, Item::Counted(facility, *key, counts));
            }
        }
        top.add_total(other);
    }

    /// Fills in the peers of the rows that are shown.
    pub(super) fn add_peers(&self, facility: Counted, wish: &Wish, rows: &mut [Row]) {
        let asked = rows.iter().filter(|_| facility.peers).filter_map(|row| match &row.item {
            Item::Counted(_, key, counts) => Some((*key, counts.flows)),
            _ => None,
        });
        let peers = self.peers(facility, wish, asked);
        for row in rows {
            if let Item::Counted(_, key, counts) = &mut row.item {
                counts.peers = peers.get(key).copied().unwrap_or_default();
            }
        }
    }

    /// The number of keys at the other ends of the flows that a filter selects, for each of these keys, of which the number of
    /// flows is known.
    fn peers(&self, facility: Counted, wish: &Wish, keys: impl Iterator<Item = (Key, u64)>) -> HashMap<Key, u64> {
        let mut all = 0;
        let keys = keys.inspect(|(_, flows)| all += flows).map(|(key, _)| key);
        let places: HashMap<Key, u32> = keys.zip(0..).collect();
        let ports = &self.meter.flows.tables.facilities.ports;
        let ends = |key: &FlowKey| match facility.shares().map(|shares| shares(key, ports)) {
            Some([Some(one), Some(other)]) => Some((one.key, other.key)),
            _ => None,
        };
        let wanted = |key: &FlowKey| {
            ends(key).is_some_and(|(one, other)| places.contains_key(&one) || places.contains_key(&other))
        };
        let mut peers = vec![0; places.len()];
        let hasher = RandomState::new();
        let parts = if places.is_empty() { 0 } else { all.div_ceil(PAIRS).max(1) };
        for part in 0..parts {
            let mut pairs: Vec<(u32, u64)> = Vec::new();
            self.each_flow(wish, wanted, |_, flow, _| {
                let Some((one, other)) = ends(&flow.key) else { return };
                for (key, peer) in [(one, other), (other, one)] {
                    // Of a peer only its hash is kept: two of a million share one with a probability of 10^-7.
                    let Some(place) = places.get(&key) else { continue };
                    let hash = hasher.hash_one(peer);
                    if hash % parts == part {
                        pairs.push((*place, hash));
                    }
                }
            });
            pairs.sort_unstable();
            pairs.dedup();
            for (place, _) in pairs {
                if let Some(peers) = peers.get_mut(place as usize) {
                    *peers += 1;
                }
            }
        }
        places.into_iter().map(|(key, place)| (key, peers[place as usize])).collect()
    }
}
