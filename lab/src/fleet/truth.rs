//! What really passed in a simulated network: each byte once. Pure.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use traf_model::Counters;

use super::conversation::Conversation;
use super::network::Network;

/// Sums over slices of true time. IP octets.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    /// Each byte that a sensor with a right clock saw, once.
    pub(super) lan: Counters,
    /// The same by host, both directions: a conversation counts at both of its ends.
    pub(super) hosts: HashMap<IpAddr, Counters>,
    /// What each sensor saw.
    pub(super) sensors: BTreeMap<usize, Counters>,
}

impl Truth {
    /// Adds the present slice of a network. Conversations that no sensor with a right clock saw are in no sum of the LAN.
    pub(super) fn add(&mut self, network: &Network, is_right: impl Fn(usize) -> bool) {
        for conversation in network.conversations() {
            let total = conversation.traffic().total();
            let Conversation { key, observers, .. } = conversation;
            for observer in observers {
                *self.sensors.entry(*observer).or_default() += total;
            }
            if observers.iter().any(|observer| is_right(*observer)) {
                self.lan += total;
                for end in [key.source.address, key.destination.address] {
                    *self.hosts.entry(end).or_default() += total;
                }
            }
        }
    }

    /// Adds all of another network, which has no sensor in common.
    pub(super) fn merge(&mut self, other: &Self) {
        self.lan += other.lan;
        other.hosts.iter().for_each(|(host, sum)| *self.hosts.entry(*host).or_default() += *sum);
        other.sensors.iter().for_each(|(sensor, sum)| *self.sensors.entry(*sensor).or_default() += *sum);
    }

    /// The hosts with the most octets.
    pub(super) fn busiest(&self, count: usize) -> Vec<(IpAddr, Counters)> {
        let mut hosts: Vec<(IpAddr, Counters)> = self.hosts.iter().map(|(host, sum)| (*host, *sum)).collect();
        hosts.sort_unstable_by(|a, b| b.1.octets.cmp(&a.1.octets).then_with(|| a.0.cmp(&b.0)));
        hosts.truncate(count);
        hosts
    }
}

/// By how much a number differs from the true one, in per cent of the true one.
pub(super) fn difference(number: u64, truth: u64) -> f64 {
    if truth == 0 { 0.0 } else { (number as f64 - truth as f64) * 100.0 / truth as f64 }
}

#[cfg(test)]
mod tests {
    use traf_model::{Interval, Timestamp};

    use super::super::clock::{Clock, SLICE};
    use super::super::network::NetworkConfig;
    use super::super::random::Random;
    use super::super::slice::summary;
    use super::*;

    #[test]
    fn what_the_sensors_report_in_all_slices_is_the_truth_to_the_octet() {
        let config = NetworkConfig { first: 3, sensors: 5, flows: 800, shared: 80, lookalikes: 5, seed: 9 };
        let (mut network, mut random) = (Network::new(config, vec![]), Random::new(5));
        let clocks: Vec<Clock> = (0..5).map(|_| Clock::new(&mut random, None)).collect();
        let (mut truth, mut reported) = (Truth::default(), BTreeMap::<usize, Counters>::new());
        const SLICES: i64 = 5;
        for number in 0..SLICES {
            let slice = Interval::new(Timestamp(number * SLICE), Timestamp(number * SLICE + SLICE));
            network.advance(slice, if number + 1 == SLICES { SLICE / 10 } else { 0 });
            truth.add(&network, |sensor| sensor != 4);
            for (place, places) in network.by_sensor().iter().enumerate() {
                let summary = summary(&network, places, 3 + place, clocks[place], slice);
                let flows = summary.interfaces[0].flows.iter().map(|flow| flow.traffic.total());
                flows.for_each(|total| *reported.entry(3 + place).or_default() += total);
            }
        }
        assert_eq!(reported, truth.sensors);
        let all: Counters = truth.sensors.values().fold(Counters::default(), |sum, one| sum + *one);
        assert!(truth.lan.octets * 10 > all.octets * 3 && truth.lan.octets * 10 < all.octets * 8);
        let ends: u64 = truth.hosts.values().map(|host| host.octets).sum();
        assert_eq!(ends, 2 * truth.lan.octets);
        assert_eq!(truth.busiest(20).len(), 20);
    }
}
