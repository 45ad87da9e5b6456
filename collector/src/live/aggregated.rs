//! Aggregated flows of several points as one: groups of flows that have no row, each byte once. Pure.
//!
//! Flows of the same ends take the same way, so whoever reports such a key sees all of it, and the greatest count is the LAN's. Where
//! a flood fills a sensor's places, its keys stand for any source, and which keys of one source found a place differs from point to
//! point: there the greatest count of the responder's port is no less than that of its parts.

use std::collections::HashMap;

use traf_model::{FlowKey, Group};

use super::coverage::Amount;
use super::points::{PointIndex, Points};
use super::seen::SeenFlows;
use super::tally::{Kind, SiteKey, TableKey};
use super::unrowed::PointSlice;

/// What points count under a key in one slice.
#[derive(Default)]
struct Counts {
    /// Of each point, in rising order.
    points: Vec<(PointIndex, Amount)>,
    /// What rows have, each byte once.
    rows: Amount,
}

/// Counts by the number of the site and the ends of the flows.
type Ends = HashMap<(u32, FlowKey), Counts>;

impl Counts {
    fn count(&mut self, point: PointIndex, amount: Amount) {
        match self.points.last_mut() {
            Some((last, sum)) if *last == point => *sum += amount,
            _ => self.points.push((point, amount)),
        }
    }

    /// What has no row, once.
    fn unrowed(&self) -> Amount {
        let most = self.points.iter().map(|(_, amount)| *amount).max_by_key(|amount| amount.octets());
        most.unwrap_or_default().beyond(self.rows)
    }
}

/// The groups of flows without a row in slices of one time, of points in rising order.
pub(super) fn groups(slices: &[PointSlice<'_>], all: &SeenFlows, points: &Points) -> Vec<(Kind, SiteKey, Amount)> {
    let (mut pairs, mut responders) = (Ends::new(), Ends::new());
    for slice in slices {
        let site = points.site(slice.point);
        for flow in &slice.summary.aggregated_flows {
            pairs.entry((site, flow.key)).or_default();
            responders.entry((site, flow.key.from_any())).or_default();
        }
    }
    for slice in slices {
        let site = points.site(slice.point);
        let mut each = |key: FlowKey, amount: Amount, stands: bool| {
            for (ends, key) in [(&mut pairs, key.aggregated()), (&mut responders, key.from_any())] {
                if let Some(counts) = ends.get_mut(&(site, key)) {
                    counts.count(slice.point, amount);
                    counts.rows += if stands { amount } else { Amount::default() };
                }
            }
        };
        for flow in &slice.summary.aggregated_flows {
            each(flow.key, Amount { traffic: flow.traffic, flows: flow.flows }, false);
        }
        for row in slice.rows {
            each(row.key, Amount { traffic: row.traffic(), flows: 1 }, all.stands_for(row));
        }
    }
    sums(&pairs, &responders)
}

/// What has no row under each group.
fn sums(pairs: &Ends, responders: &Ends) -> Vec<(Kind, SiteKey, Amount)> {
    let mut groups: HashMap<(Group, SiteKey), Amount> = HashMap::new();
    let mut parts: HashMap<(u32, FlowKey), Amount> = HashMap::new();
    let mut add = |group: Group, site: u32, key: &FlowKey, amount: Amount| {
        if let Some(key) = group.of(key, "").and_then(|key| TableKey::of_group(&key, 0)) {
            *groups.entry((group, (site, key))).or_default() += amount;
        }
    };
    for ((site, key), counts) in pairs.iter().filter(|((_, key), _)| !key.source.address.is_unspecified()) {
        let amount = counts.unrowed();
        *parts.entry((*site, key.from_any())).or_default() += amount;
        add(Group::Pair, *site, key, amount);
    }
    for ((site, key), counts) in responders {
        let (all, parts) = (counts.unrowed(), parts.get(&(*site, *key)).copied().unwrap_or_default());
        let amount = if all.octets() > parts.octets() { all } else { parts };
        add(Group::Address, *site, key, amount);
        add(Group::Port, *site, key, amount);
    }
    groups.into_iter().map(|((group, key), amount)| (Kind::Group(group), key, amount)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::net::IpAddr;

    use traf_model::{
        AggregatedFlow, Counters, Endpoint, Flow, GroupKey, Interface, InterfaceSummary, Timestamp, Traffic,
    };

    use super::*;
    use crate::live::history::RecentRow;

    fn key(source: u8, port: u16, destination: u8) -> FlowKey {
        let end = |last, port| Endpoint::new([10, 0, 0, last].into(), port);
        FlowKey { protocol: 6, vlan: None, source: end(source, port), destination: end(destination, 443) }
    }

    fn traffic(packets: u64) -> Traffic {
        Traffic::outbound(Counters::new(packets, packets * 100))
    }

    fn aggregated(key: FlowKey, flows: u64) -> AggregatedFlow {
        AggregatedFlow { key, traffic: traffic(flows), flows }
    }

    /// What is found of points that have rows of flows, of which the first observer's count, and aggregated flows.
    fn found(of: &[(&[FlowKey], &[AggregatedFlow])]) -> HashMap<GroupKey, (u64, u64)> {
        let mut points = Points::default();
        let mut parts = Vec::new();
        let mut leaders: HashMap<FlowKey, PointIndex> = HashMap::new();
        for (number, (rows, flows)) in of.iter().enumerate() {
            let interface = Interface { name: "eth0".to_owned(), ..Interface::default() };
            let point = points.learn((&format!("s{number}"), ""), &interface, None);
            let row = |key: &FlowKey| {
                let flow = Flow::new(*key, traffic(1), Timestamp(0));
                let leader = *leaders.entry(*key).or_insert(point);
                RecentRow::new(&flow, points.flow(point, &flow), point, (leader, None), leader == point)
            };
            let rows: Vec<RecentRow> = rows.iter().map(row).collect();
            let summary = InterfaceSummary { aggregated_flows: flows.to_vec(), ..InterfaceSummary::default() };
            parts.push((point, rows, summary));
        }
        let all = SeenFlows::new(parts.iter().flat_map(|(_, rows, _)| rows).copied());
        let slices: Vec<PointSlice<'_>> =
            parts.iter().map(|(point, rows, summary)| PointSlice { point: *point, rows, summary }).collect();
        let groups = groups(&slices, &all, &points).into_iter();
        groups.map(|(_, (_, key), sum)| (key.group().unwrap(), (sum.traffic.total().packets, sum.flows))).collect()
    }

    #[test]
    fn what_one_point_has_rows_of_and_another_has_not_counts_once() {
        // A mirror and both ends of ten flows: each has rows of others.
        let flows: Vec<FlowKey> = (0..10).map(|port| key(1, 1_000 + port, 2)).collect();
        let rest = |rows: u64| [aggregated(key(1, 0, 2), 10 - rows)];
        let found = found(&[(&flows[..2], &rest(2)), (&flows[1..4], &rest(3)), (&[], &rest(0))]);
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let six = (6, 6);
        let wanted = [
            (GroupKey::Address(address(2)), six),
            (GroupKey::Port(6, 443), six),
            (GroupKey::Pair(address(1), address(2)), six),
        ];
        assert_eq!(found, wanted.into());
    }

    #[test]
    fn keys_that_only_one_point_sees_add_up() {
        let found = found(&[(&[], &[aggregated(key(1, 0, 9), 5)]), (&[], &[aggregated(key(2, 0, 9), 7)])]);
        assert_eq!(found[&GroupKey::Address([10, 0, 0, 9].into())], (12, 12));
    }

    #[test]
    fn a_flood_of_which_each_point_has_other_keys_counts_once() {
        // Of a thousand sources each point has places for three.
        let of = |first: u8| -> Vec<AggregatedFlow> {
            let own = (first..first + 3).map(|source| aggregated(key(source, 0, 9), 1));
            own.chain([aggregated(key(0, 0, 9).from_any(), 997)]).collect()
        };
        let found = found(&[(&[], &of(10)), (&[], &of(20))]);
        assert_eq!(found[&GroupKey::Address([10, 0, 0, 9].into())], (1_000, 1_000));
        assert_eq!(found[&GroupKey::Port(6, 443)], (1_000, 1_000));
        assert_eq!(found.keys().filter(|key| matches!(key, GroupKey::Pair(..))).count(), 6);
    }
}
