//! What is remembered of the flows of a live list, from one report to the next: who was proved to see the same, and who counted.
//!
//! It lasts as long as both report the flow. Evidence is of the running slice; it says nothing of a conversation that pauses.

use std::collections::HashMap;

use traf_model::{Point, Timestamp};

use super::sighting::Sighting;
use crate::report::point::ObservationPoint;
use crate::report::primary::SharedFlow;

/// The observers of each flow that were joined in the last report.
#[derive(Debug, Default)]
pub(crate) struct Elected {
    /// The points of that report; a member's point is a place in this list.
    points: Vec<Point>,
    flows: HashMap<SharedFlow, Vec<Group>>,
}

/// Observers that saw the same.
#[derive(Debug)]
struct Group {
    members: Vec<Member>,
    /// Point of the one that counted.
    counted: usize,
}

/// An observer of a flow, and when the flow began for it: a port that is used again is another flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    point: usize,
    vlan: Option<u16>,
    began: Timestamp,
}

impl Member {
    pub(super) fn of(seen: &Sighting) -> Self {
        Self { point: seen.point, vlan: seen.flow.key.vlan, began: seen.began }
    }
}

impl Elected {
    /// Nothing of these points.
    pub(super) fn of(points: &[ObservationPoint]) -> Self {
        Self { points: points.iter().map(|point| point.id.clone()).collect(), flows: HashMap::new() }
    }

    /// Follows the points of the next report; what was known of one that is away is forgotten.
    pub(crate) fn follow(&mut self, points: &[ObservationPoint]) {
        if self.points.iter().eq(points.iter().map(|point| &point.id)) {
            return;
        }
        let before = std::mem::replace(self, Self::of(points));
        let places: HashMap<&Point, usize> = points.iter().zip(0..).map(|(point, place)| (&point.id, place)).collect();
        let places: Vec<Option<usize>> = before.points.iter().map(|point| places.get(point).copied()).collect();
        for (ends, groups) in before.flows {
            let follow = |group: Group| {
                let member = |member: &Member| Some(Member { point: places[member.point]?, ..*member });
                let members: Vec<Member> = group.members.iter().filter_map(member).collect();
                let counted = places[group.counted].or_else(|| members.first().map(|member| member.point))?;
                Some(Group { members, counted })
            };
            self.flows.insert(ends, groups.into_iter().filter_map(follow).collect());
        }
    }

    /// Notes observers that saw the same, and the point of the one that counted.
    pub(super) fn note(&mut self, ends: SharedFlow, members: Vec<Member>, counted: usize) {
        self.flows.entry(ends).or_default().push(Group { members, counted });
    }

    /// Number of the group of an observer of a flow.
    pub(super) fn group(&self, ends: &SharedFlow, member: &Member) -> Option<usize> {
        self.flows.get(ends)?.iter().position(|group| group.members.contains(member))
    }

    /// The point that counted of these observers of a flow.
    pub(super) fn counted(&self, ends: &SharedFlow, members: &[Member]) -> Option<usize> {
        let groups = self.flows.get(ends)?;
        groups
            .iter()
            .find(|group| members.iter().any(|member| group.members.contains(member)))
            .map(|group| group.counted)
    }
}
