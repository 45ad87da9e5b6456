//! The elections of all flows that go on, and how they are forgotten: by the collector's own clock, so that no sensor's moves
//! another's.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use traf_model::time::SECOND;
use traf_model::{Interval, Timestamp};

use super::election::{Election, alone};
use super::group::{Covered, Group};
use super::{Change, Decision, FlowId, Found, Observation};

/// Nanoseconds after which a flow is forgotten of which no row came.
pub(crate) const MEMORY: i64 = 60 * SECOND;
/// Nanoseconds between two looks for those that are silent.
const SWEEP: i64 = 10 * SECOND;
/// Flows remembered: at most some 80 MB. What is forgotten is decided by the tables.
const CAPACITY: usize = 400_000;
/// Parts of the table: one that grows has all of its flows twice for a moment.
const PARTS: usize = 64;
/// Slices of a sensor that are remembered.
const SLICES: usize = 64;

/// The election of each flow, in parts.
#[derive(Debug)]
struct Elections(Vec<HashMap<FlowId, Election, RandomState>>);

/// The elected observer of each flow.
#[derive(Debug)]
pub(crate) struct Primaries {
    flows: Elections,
    /// Slices that each sensor has delivered lately.
    covered: Covered,
    now: Timestamp,
    swept: Timestamp,
    /// Room for so many flows, at least one.
    pub(super) capacity: usize,
    /// Flows that were forgotten early because there were too many.
    pub(crate) forgotten: u64,
}

impl Default for Primaries {
    fn default() -> Self {
        let (flows, covered, never) = (Elections::default(), HashMap::new(), Timestamp(i64::MIN));
        Self { flows, covered, now: never, swept: never, capacity: CAPACITY, forgotten: 0 }
    }
}

impl Default for Elections {
    fn default() -> Self {
        Self((0..PARTS).map(|_| HashMap::default()).collect())
    }
}

impl Elections {
    fn part(&mut self, flow: FlowId) -> &mut HashMap<FlowId, Election, RandomState> {
        &mut self.0[flow.fingerprint as usize % PARTS]
    }

    fn len(&self) -> usize {
        self.0.iter().map(HashMap::len).sum()
    }

    fn retain(&mut self, mut stays: impl FnMut(&mut Election) -> bool) {
        self.0.iter_mut().for_each(|part| part.retain(|_, election| stays(election)));
    }
}

impl Primaries {
    /// Number of flows that are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// A sensor has delivered a slice, whatever is in it; `now` by the collector's clock. To be told before what it saw.
    pub(crate) fn delivered(&mut self, sensor: i64, slice: Interval, now: Timestamp, changes: &mut Vec<Change>) {
        self.now = now;
        let slices = self.covered.entry(sensor).or_default();
        if slices.back() != Some(&slice) {
            slices.push_back(slice);
        }
        if slices.len() > SLICES {
            slices.pop_front();
        }
        if now.since(self.swept) >= SWEEP || now < self.swept {
            self.swept = now;
            self.sweep(changes);
        }
    }

    /// True if a slice is too long to be compared with others: then the tables alone decide.
    pub(crate) fn is_long(slice: Interval) -> bool {
        slice.nanos() > MEMORY
    }

    /// Whether an observation counts. `find` says what other observers have of the flow in its slice, and in those around it if it
    /// is asked so.
    pub(crate) fn see(
        &mut self,
        observation: &Observation,
        mut find: impl FnMut(bool) -> Vec<Found>,
        changes: &mut Vec<Change>,
    ) -> Decision {
        let touched = self.touched();
        let known = self.flows.part(observation.flow).get_mut(&observation.flow);
        if let Some(election) = known {
            election.touched = touched;
            if let Some(decision) = election.see_elected(observation, &self.covered, changes) {
                return decision;
            }
            if election.is_overdue(observation) {
                // Another may have counted in this very slice while the elected one had not delivered it.
                return alone(observation, &find(false));
            }
            return election.see(observation, &find(true), &self.covered, changes);
        }
        let found = find(true);
        let decision = alone(observation, &found);
        self.make_room(changes);
        let mut group = match found.iter().find(|found| found.counts) {
            Some(known) => Group::known(known.observer, known.slice),
            None => Group::new(observation),
        };
        if !decision.counts {
            group.see(observation, &self.covered, changes);
        }
        self.flows.part(observation.flow).insert(observation.flow, Election::new(group, touched));
        decision
    }

    /// Whether an observation in a slice of any length counts, by the tables alone.
    pub(crate) fn see_alone(observation: &Observation, found: &[Found]) -> Decision {
        alone(observation, found)
    }

    /// Learns again what was decided before a restart; in the order in which it was.
    pub(crate) fn recall(&mut self, observation: &Observation, primary: bool, find: impl FnOnce() -> Vec<Found>) {
        let touched = self.touched();
        if let Some(election) = self.flows.part(observation.flow).get_mut(&observation.flow) {
            election.touched = touched;
            election.recall(observation, primary, &find());
        } else if primary {
            self.make_room(&mut Vec::new());
            let mut group = Group::new(observation);
            group.recall(observation, primary);
            self.flows.part(observation.flow).insert(observation.flow, Election::new(group, touched));
        }
    }

    fn touched(&self) -> u32 {
        u32::try_from(self.now.seconds().max(0)).unwrap_or(u32::MAX)
    }

    /// Heirs follow those who are silent; flows of which no row came for a minute are forgotten.
    fn sweep(&mut self, changes: &mut Vec<Change>) {
        let (touched, covered) = (self.touched(), &self.covered);
        let memory = (MEMORY / SECOND) as u32;
        self.flows.retain(|election| {
            let forgotten = touched.abs_diff(election.touched) > memory;
            election.promote_successors(forgotten, covered, changes);
            !forgotten
        });
    }

    /// Makes room when the table is full: the flows of which no row came for longest leave.
    fn make_room(&mut self, changes: &mut Vec<Change>) {
        if self.flows.len() < self.capacity {
            return;
        }
        let before = self.flows.len();
        let mut touched: Vec<u32> =
            self.flows.0.iter().flat_map(HashMap::values).map(|election| election.touched).collect();
        let limit = *touched.select_nth_unstable(before / 4).1;
        let covered = &self.covered;
        let mut spare = before / 4 + 1;
        self.flows.retain(|election| {
            let leaves = spare > 0 && election.touched <= limit;
            if leaves {
                spare -= 1;
                election.promote_successors(true, covered, changes);
            }
            !leaves
        });
        self.forgotten += (before - self.flows.len()) as u64;
    }
}
