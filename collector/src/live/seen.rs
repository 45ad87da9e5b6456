//! Flows of the last committed slices, each with the points of a scene that saw it, and the coverage of keys that follows.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use traf_model::FlowKey;

use super::coverage::Coverage;
use super::history::{FlowGroup, RecentRow};
use super::points::{FlowId, PointIndex, Points};
use super::tail::ClassCoverage;

/// A flow that one or several points saw.
#[derive(Clone, Debug)]
pub(crate) struct SeenFlow {
    pub(super) id: FlowId,
    pub(crate) key: FlowKey,
    /// The point whose rows count.
    pub(crate) leader: PointIndex,
    /// All points that saw it, in rising order.
    pub(crate) points: Arc<[PointIndex]>,
    pub(super) octets: u64,
    /// Octets that points saw once more, in another VLAN: on both sides of a router.
    pub(super) again: Vec<(PointIndex, u64)>,
}

/// Flows by their numbers; those of equal ends that are not the same stand apart. And what is known of others by their ends.
#[derive(Debug, Default)]
pub(crate) struct SeenFlows {
    flows: Vec<SeenFlow>,
    aggregated: Vec<SeenFlow>,
    /// Points that see any flow together, the lesser first.
    together: HashSet<(PointIndex, PointIndex)>,
}

/// What of a row is needed: where it belongs, and its octets.
struct SeenRow {
    group: FlowGroup,
    point: PointIndex,
    octets: u64,
    key: FlowKey,
}

impl SeenFlows {
    pub(crate) fn new(rows: impl Iterator<Item = RecentRow>) -> Self {
        let row = |row: RecentRow| SeenRow { group: row.group(), point: row.point, octets: row.octets(), key: row.key };
        let mut rows: Vec<SeenRow> = rows.map(row).collect();
        rows.sort_unstable_by_key(|row| (row.group, row.point, row.key.vlan));
        let mut sets: HashSet<Arc<[PointIndex]>> = HashSet::new();
        let flow = |rows: &[SeenRow]| {
            let (mut points, mut octets, mut again) = (Vec::new(), 0, Vec::new());
            for of_point in rows.chunk_by(|a, b| a.point == b.point) {
                let in_vlan = of_point.chunk_by(|a, b| a.key.vlan == b.key.vlan);
                let sum = |rows: &[SeenRow]| rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.octets));
                let (most, all) = in_vlan
                    .map(sum)
                    .fold((0, 0_u64), |(most, all), octets| (octets.max(most), all.saturating_add(octets)));
                points.push(of_point[0].point);
                octets = most.max(octets);
                again.extend((all > most).then(|| (of_point[0].point, all - most)));
            }
            let points: Arc<[PointIndex]> = points.into();
            let points = match sets.get(&points) {
                Some(known) => known.clone(),
                None => {
                    sets.insert(points.clone());
                    points
                }
            };
            let (id, leader, _) = rows[0].group;
            SeenFlow { id, key: rows[0].key, leader, points, octets, again }
        };
        let flows = rows.chunk_by(|a, b| a.group == b.group).map(flow).collect();
        let mut together = HashSet::new();
        for set in &sets {
            for (place, one) in set.iter().enumerate() {
                together.extend(set[place + 1..].iter().map(|other| (*one, *other)));
            }
        }
        Self { flows, aggregated: Vec::new(), together }
    }

    /// Adds what is known of flows by their ends, for the coverage.
    pub(super) fn add_aggregated(&mut self, flows: Vec<SeenFlow>) {
        self.aggregated.extend(flows);
    }

    /// True if two points see any flow together.
    pub(super) fn see_together(&self, one: PointIndex, other: PointIndex) -> bool {
        self.together.contains(&(one.min(other), one.max(other)))
    }

    /// Flows of the same ends; of one that is known there is one.
    pub(crate) fn of(&self, id: FlowId) -> &[SeenFlow] {
        let first = self.flows.partition_point(|flow| flow.id < id);
        let length = self.flows[first..].partition_point(|flow| flow.id == id);
        &self.flows[first..first + length]
    }

    /// True if a row stands for its flow: no other row does, of the same slice.
    pub(crate) fn stands_for(&self, row: &RecentRow) -> bool {
        let (_, leader, vlan) = row.group();
        if leader == row.point {
            return vlan == row.key.vlan;
        }
        let flow = self.of(row.flow).iter().find(|flow| flow.leader == leader);
        flow.is_some_and(|flow| !flow.points.contains(&leader) && flow.points.first() == Some(&row.point))
    }

    /// Leaders of flows.
    pub(crate) fn leaders(&self) -> HashSet<PointIndex> {
        self.flows.iter().map(|flow| flow.leader).collect()
    }

    /// The coverage of each class, by site.
    pub(crate) fn class_coverage(&self, points: &Points) -> ClassCoverage {
        self.coverage(|flow| [(points.site(flow.points[0]), flow.key.class())])
    }

    /// The coverage of each key.
    pub(crate) fn coverage<K: Eq + Hash, L: IntoIterator<Item = K>>(
        &self,
        keys: impl Fn(&SeenFlow) -> L,
    ) -> HashMap<K, Coverage> {
        let mut all: HashMap<K, Coverage> = HashMap::new();
        for flow in self.flows.iter().chain(&self.aggregated) {
            for key in keys(flow) {
                let coverage = all.entry(key).or_default();
                coverage.add(&flow.points, flow.leader, flow.octets);
                flow.again.iter().for_each(|(point, octets)| coverage.add_again(*point, *octets));
            }
        }
        all
    }
}
