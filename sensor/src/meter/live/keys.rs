//! Rows of counted facilities; of those that flows tell, with their flows and the keys at their other ends.

use traf_model::{Counted, Counts, FlowKey, Item, Key, OrderBy, Row, Traffic, Wish};

use super::LiveView;
use super::peers::Peers;
use super::sums::Sums;
use super::top::Top;
use crate::meter::tables::Tables;

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
        let (mut sums, mut more, left) = (Sums::<Key>::new(), true, self.left(&wish.filter));
        while more {
            let totals =
                tables.facilities.totals(facility, |key, counts| sums.add(key, counts.traffic, Traffic::default(), 0));
            other = totals.traffic;
            self.each_flow(wish, |slot, flow, growth| {
                // What was folded already is in the totals.
                let (shares, slice) = (shares(&flow.key), self.meter.flows.slice(slot));
                let mut before = None;
                for share in shares.into_iter().flatten() {
                    let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
                    // A flow from a key to itself is one flow.
                    let flows = u64::from(before != Some(share.key));
                    if wish.filter.is_all() {
                        sums.add(share.key, towards(slice), towards(growth), flows);
                    } else if let Some(sum) = sums.get_mut(&share.key) {
                        // Under a filter there are no keys but those that were counted.
                        sum.add(Traffic::default(), towards(growth), flows);
                    }
                    before = Some(share.key);
                }
            });
            for (key, growth) in &left {
                for share in shares(key).into_iter().flatten() {
                    let growth = if share.reversed { growth.reversed() } else { *growth };
                    sums.add(share.key, Traffic::default(), growth, 0);
                }
            }
            let found;
            (found, more) = sums.end();
            let counted = || found.iter().filter(|(_, sum)| !sum.traffic.is_empty());
            let by_peers = facility.peers && wish.orders().any(|order| order.by == OrderBy::Peers);
            let peers = self.peers(facility, wish, counted().filter(|_| by_peers).map(|(key, _)| *key));
            for (key, sum) in counted() {
                let flows = if facility.peers { sum.flows } else { 0 };
                let counts = Counts { flows, peers: peers.of(key).unwrap_or_default(), ..sum.traffic.into() };
                top.push(self.rate(sum.growth), Item::Counted(facility, *key, counts));
            }
        }
        top.add_total(other);
    }

    /// Fills in the peers of the rows that are shown.
    pub(super) fn add_peers(&self, facility: Counted, wish: &Wish, rows: &mut [Row]) {
        let asked = rows.iter().filter(|_| facility.peers).filter_map(|row| match &row.item {
            Item::Counted(_, key, _) => Some(*key),
            _ => None,
        });
        let peers = self.peers(facility, wish, asked);
        for row in rows {
            if let Item::Counted(_, key, counts) = &mut row.item {
                counts.peers = peers.of(key).unwrap_or_default();
            }
        }
    }

    /// The number of keys at the other ends of the flows that a filter selects, for each of these keys.
    fn peers(&self, facility: Counted, wish: &Wish, keys: impl Iterator<Item = Key>) -> Peers {
        let mut peers = Peers::new(keys);
        let ports = &self.meter.flows.tables.facilities.ports;
        let ends = |key: &FlowKey| match facility.shares().map(|shares| shares(key, ports)) {
            Some([Some(one), Some(other)]) => Some((one.key, other.key)),
            _ => None,
        };
        let mut more = !peers.is_empty();
        while more {
            self.each_flow(wish, |_, flow, _| {
                if let Some((one, other)) = ends(&flow.key) {
                    peers.add(one, other);
                }
            });
            more = peers.end();
        }
        peers
    }
}
