//! The groups of observers of one flow key: one, unless equal ends are seen where nothing proves the packets to be the same.

use super::group::{Covered, Group};
use super::{Change, Decision, Found, Observation};

/// Groups of one key that are remembered. What more observers see counts, and is not proved later.
const GROUPS: usize = 8;

/// The groups, the eldest first.
#[derive(Debug)]
pub(super) struct Election {
    groups: Groups,
    /// Seconds since 1970, by the collector's clock, at which a row came last.
    pub(super) touched: u32,
}

#[derive(Debug)]
enum Groups {
    One(Group),
    Several(Vec<Group>),
}

impl Election {
    pub(super) fn new(group: Group, touched: u32) -> Self {
        Self { groups: Groups::One(group), touched }
    }

    /// Decides a row of the only observer that there is, or of the elected one of the only group; `None` for all others.
    pub(super) fn see_elected(
        &mut self,
        observation: &Observation,
        covered: &Covered,
        changes: &mut Vec<Change>,
    ) -> Option<Decision> {
        let Groups::One(group) = &mut self.groups else { return None };
        if !group.is_elected(observation.observer) || group.is_behind(observation.slice) {
            return None;
        }
        group.again(observation, covered, changes);
        Some(Decision { counts: true, elected: observation.observer, doubtful: false })
    }

    /// True for a row of the elected one of the only group, in a slice before its last one that memory still holds.
    pub(super) fn is_overdue(&self, observation: &Observation) -> bool {
        let Groups::One(group) = &self.groups else { return false };
        let slice = observation.slice;
        group.is_elected(observation.observer) && group.is_behind(slice) && !group.is_past(slice)
    }

    /// Decides a row, by what others have of the flow in the slices around it.
    pub(super) fn see(
        &mut self,
        observation: &Observation,
        found: &[Found],
        covered: &Covered,
        changes: &mut Vec<Change>,
    ) -> Decision {
        let (observer, slice) = (observation.observer, observation.slice);
        if self.groups().iter().all(|group| group.is_past(slice)) {
            return alone(observation, found);
        }
        let Some(own) = self.group_of(observation, found, changes) else {
            // Proved by whoever no group remembers.
            if let Some(known) = found.iter().find(|found| found.counts) {
                return Decision { counts: false, elected: known.observer, doubtful: false };
            }
            let silent = self.groups().iter().position(|group| group.is_silent(slice));
            return match silent {
                Some(own) => self.decide(own, observation, covered, changes),
                None => self.found(observation),
            };
        };
        if self.groups()[own].is_past(slice) {
            return alone(observation, found);
        }
        let group = &mut self.groups_mut()[own];
        group.learn(found, slice);
        group.take_in(observer, slice);
        self.decide(own, observation, covered, changes)
    }

    /// A row that was decided before a restart.
    pub(super) fn recall(&mut self, observation: &Observation, primary: bool, found: &[Found]) {
        match self.group_of(observation, found, &mut Vec::new()) {
            Some(own) => self.groups_mut()[own].recall(observation, primary),
            None if primary => {
                let silent = self.groups().iter().position(|group| group.is_silent(observation.slice));
                match silent {
                    Some(own) => self.groups_mut()[own] = Group::known(observation.observer, observation.slice),
                    None => drop(self.found(observation)),
                }
            }
            None => {}
        }
    }

    /// Heirs follow those who are silent; all do if the flow is about to be forgotten.
    pub(super) fn promote_successors(&mut self, always: bool, covered: &Covered, changes: &mut Vec<Change>) {
        self.groups_mut().iter_mut().for_each(|group| group.promote_successor(always, covered, changes));
    }

    /// The group that an observer belongs to, or is proved to belong to. Groups that its row proves to be one are joined.
    fn group_of(&mut self, observation: &Observation, found: &[Found], changes: &mut Vec<Change>) -> Option<usize> {
        let (observer, slice) = (observation.observer, observation.slice);
        let proven = |group: &Group| found.iter().any(|found| found.proven && group.holds(found.observer, found.slice));
        let mine: Vec<usize> = (0..)
            .zip(self.groups())
            .filter(|(_, group)| group.holds(observer, slice) || proven(group))
            .map(|(place, _)| place)
            .collect();
        let (own, others) = mine.split_first()?;
        if let Groups::Several(groups) = &mut self.groups {
            for place in others.iter().rev() {
                let younger = groups.remove(*place);
                groups[*own].join(younger, changes);
            }
        }
        self.shrink();
        Some(*own)
    }

    fn decide(
        &mut self,
        own: usize,
        observation: &Observation,
        covered: &Covered,
        changes: &mut Vec<Change>,
    ) -> Decision {
        let group = &mut self.groups_mut()[own];
        let counts = group.see(observation, covered, changes);
        let elected = if counts { observation.observer } else { group.elected() };
        let beside = self.groups()[..own].iter().any(|elder| !elder.is_silent(observation.slice));
        if counts && beside {
            self.groups_mut()[own].doubt(observation);
        }
        let decision = Decision { counts, elected, doubtful: counts && beside };
        self.leave_silent(own, observation);
        decision
    }

    /// An observer without proof founds a group of its own.
    fn found(&mut self, observation: &Observation) -> Decision {
        let mut group = Group::new(observation);
        group.doubt(observation);
        let mut groups = match std::mem::replace(&mut self.groups, Groups::Several(Vec::new())) {
            Groups::One(first) => vec![first],
            Groups::Several(groups) => groups,
        };
        if groups.len() < GROUPS {
            groups.push(group);
        }
        self.groups = Groups::Several(groups);
        Decision { counts: true, elected: observation.observer, doubtful: true }
    }

    /// Groups that are silent are forgotten, but for the one that has spoken.
    fn leave_silent(&mut self, own: usize, observation: &Observation) {
        if let Groups::Several(groups) = &mut self.groups {
            let mut place = 0;
            groups.retain(|group| {
                place += 1;
                place - 1 == own || !group.is_silent(observation.slice)
            });
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        if let Groups::Several(groups) = &mut self.groups
            && groups.len() == 1
            && let Some(one) = groups.pop()
        {
            self.groups = Groups::One(one);
        }
    }

    fn groups(&self) -> &[Group] {
        match &self.groups {
            Groups::One(group) => std::slice::from_ref(group),
            Groups::Several(groups) => groups,
        }
    }

    fn groups_mut(&mut self) -> &mut [Group] {
        match &mut self.groups {
            Groups::One(group) => std::slice::from_mut(group),
            Groups::Several(groups) => groups,
        }
    }
}

/// Decides a row by the tables alone: it does not count where another observer's row that counts proves it to be of the same packets.
pub(super) fn alone(observation: &Observation, found: &[Found]) -> Decision {
    match found.iter().find(|found| found.counts) {
        Some(known) => Decision { counts: false, elected: known.observer, doubtful: false },
        None => {
            let doubtful = found.iter().any(|found| found.marked);
            Decision { counts: true, elected: observation.observer, doubtful }
        }
    }
}
