//! Flows of the last committed slices, each with the points of a scene that saw it, and the coverage of keys that follows.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use traf_model::FlowKey;

use super::coverage::Coverage;
use super::history::RecentRow;
use super::points::{FlowId, PointIndex};

/// A flow that one or several points saw.
#[derive(Clone, Debug)]
pub(crate) struct SeenFlow {
    id: FlowId,
    pub(crate) key: FlowKey,
    /// The point whose rows count.
    pub(crate) leader: PointIndex,
    /// All points that saw it, in rising order.
    pub(crate) points: Arc<[PointIndex]>,
    octets: u64,
}

/// Flows by their numbers. Those of equal ends that are not the same stand apart.
#[derive(Debug, Default)]
pub(crate) struct SeenFlows(Vec<SeenFlow>);

impl SeenFlows {
    pub(crate) fn new(rows: impl Iterator<Item = RecentRow>) -> Self {
        let mut rows: Vec<(FlowId, PointIndex, PointIndex, u64, FlowKey)> =
            rows.map(|row| (row.flow, row.leader(), row.point, row.octets(), row.key)).collect();
        rows.sort_unstable_by_key(|(id, leader, point, ..)| (*id, *leader, *point));
        let mut sets: HashSet<Arc<[PointIndex]>> = HashSet::new();
        let same = |a: &(FlowId, PointIndex, _, _, _), b: &(FlowId, PointIndex, _, _, _)| (a.0, a.1) == (b.0, b.1);
        let flow = |rows: &[(FlowId, PointIndex, PointIndex, u64, FlowKey)]| {
            let of_point = rows.chunk_by(|a, b| a.2 == b.2);
            let octets = of_point.map(|rows| rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.3)));
            let octets = octets.max().unwrap_or_default();
            let points: Arc<[PointIndex]> = rows.chunk_by(|a, b| a.2 == b.2).map(|rows| rows[0].2).collect();
            let points = match sets.get(&points) {
                Some(known) => known.clone(),
                None => {
                    sets.insert(points.clone());
                    points
                }
            };
            SeenFlow { id: rows[0].0, key: rows[0].4, leader: rows[0].1, points, octets }
        };
        Self(rows.chunk_by(same).map(flow).collect())
    }

    /// Flows of the same ends; of one that is known there is one.
    pub(crate) fn of(&self, id: FlowId) -> &[SeenFlow] {
        let first = self.0.partition_point(|flow| flow.id < id);
        let length = self.0[first..].partition_point(|flow| flow.id == id);
        &self.0[first..first + length]
    }

    /// True if a row stands for its flow: no other row does, of the same slice.
    pub(crate) fn stands_for(&self, row: &RecentRow) -> bool {
        let leader = row.leader();
        if leader == row.point {
            return true;
        }
        let flow = self.of(row.flow).iter().find(|flow| flow.leader == leader);
        flow.is_some_and(|flow| !flow.points.contains(&leader) && flow.points.first() == Some(&row.point))
    }

    /// Leaders of flows.
    pub(crate) fn leaders(&self) -> HashSet<PointIndex> {
        self.0.iter().map(|flow| flow.leader).collect()
    }

    /// The coverage of each key.
    pub(crate) fn coverage<K: Eq + Hash, L: IntoIterator<Item = K>>(
        &self,
        keys: impl Fn(&SeenFlow) -> L,
    ) -> HashMap<K, Coverage> {
        let mut all: HashMap<K, Coverage> = HashMap::new();
        for flow in &self.0 {
            for key in keys(flow) {
                all.entry(key).or_default().add(&flow.points, flow.leader, flow.octets);
            }
        }
        all
    }
}
