//! Hosts, with how many others each talks with, and in how many flows.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use traf_model::{FlowKey, Host, Item, OrderBy, Row, Traffic, Wish};

use super::sums::{Parts, Sum, Sums};
use super::top::Top;
use super::{CountedTables, LiveView};

/// Pairs of a host and a peer that are told apart in one pass: 2 MB.
const PAIRS: u64 = 131_072;

impl LiveView<'_> {
    /// All hosts that were counted; their flows are those in the table.
    pub(super) fn hosts(&self, wish: &Wish, counted: &CountedTables<'_>, top: &mut Top) {
        let parts = Parts::of(2 * self.flows.table.len());
        for part in parts.iter() {
            let mut sums: Sums<IpAddr> = Sums::default();
            for (host, traffic) in counted.facilities.hosts.totals() {
                let address = host.address();
                if part.address(address) {
                    sums.add(address, traffic, Traffic::default(), 0);
                }
            }
            self.each_flow(
                wish,
                |key| part.address(key.source.address) || part.address(key.destination.address),
                |slot, flow, rate| {
                    let (source, destination) = (flow.key.source.address, flow.key.destination.address);
                    // Who talks with itself has one flow.
                    let flows = u64::from(source != destination);
                    if !wish.filter.is_all() {
                        sums.add_to_known(source, rate, 1);
                        sums.add_to_known(destination, rate.reversed(), flows);
                        return;
                    }
                    let traffic = self.flows.slice(slot);
                    if part.address(source) {
                        sums.add(source, traffic, rate, 1);
                    }
                    if part.address(destination) {
                        sums.add(destination, traffic.reversed(), rate.reversed(), flows);
                    }
                },
            );
            let push = |top: &mut Top, address, sum: Sum, peers| {
                let host = Host { traffic: sum.traffic, peers, flows: sum.flows };
                top.push(sum.rate, Item::Host(address, host));
            };
            if wish.order.by != OrderBy::Peers {
                sums.rows(|address, sum| push(top, address, sum, 0));
                continue;
            }
            let (mut rows, mut flows) = (Vec::new(), 0);
            sums.rows(|address, sum| {
                flows += sum.flows;
                rows.push((address, sum));
            });
            let peers = self.peers(wish, rows.iter().map(|(address, _)| *address), flows);
            for ((address, sum), peers) in rows.into_iter().zip(peers) {
                push(top, address, sum, peers);
            }
        }
        top.add_total(counted.facilities.hosts.other());
    }

    /// Fills in the peers of the hosts that are shown.
    pub(super) fn add_peers(&self, wish: &Wish, rows: &mut [Row]) {
        let mut hosts = Vec::with_capacity(rows.len());
        for row in rows {
            if let Item::Host(address, host) = &mut row.item {
                hosts.push((*address, host));
            }
        }
        let flows = hosts.iter().map(|(_, host)| host.flows).sum();
        let peers = self.peers(wish, hosts.iter().map(|(address, _)| *address), flows);
        for ((_, host), peers) in hosts.into_iter().zip(peers) {
            host.peers = peers;
        }
    }

    /// Number of peers of each of these hosts, which have so many flows in all, in the flows that a filter selects.
    fn peers(&self, wish: &Wish, hosts: impl Iterator<Item = IpAddr>, flows: u64) -> Vec<u64> {
        let places: HashMap<IpAddr, u32> = hosts.zip(0..).collect();
        let wanted =
            |key: &FlowKey| places.contains_key(&key.source.address) || places.contains_key(&key.destination.address);
        let mut peers = vec![0; places.len()];
        let hasher = RandomState::new();
        let parts = flows.div_ceil(PAIRS).max(1);
        for part in 0..parts {
            let mut pairs: Vec<(u32, u64)> = Vec::new();
            self.each_flow(wish, wanted, |_, flow, _| {
                let (source, destination) = (flow.key.source.address, flow.key.destination.address);
                for (host, peer) in [(source, destination), (destination, source)] {
                    // Of a peer only its hash is kept: two of a million share one with a probability of 10^-7.
                    let Some(place) = places.get(&host) else { continue };
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
        peers
    }
}
