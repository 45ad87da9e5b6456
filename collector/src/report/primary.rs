//! Each byte once: of the observers that see a flow, one at a time is its *primary*, and only its rows count in a LAN.
//!
//! First come, first elected; in the first slice a fuller observer still takes the mark. Whoever has it keeps it until it has
//! been silent for three slices: a maximum per slice would count twice whatever two observers put into different slices. What
//! its successor saw in the meantime counts then, wherever the elected one's sensor was away. Everything is bounded and forgotten
//! after a minute of silence. Pure: slices come as arguments, marks that must change afterwards go out as [`Change`]s.

use std::collections::{HashMap, VecDeque};

use traf_model::time::SECOND;
use traf_model::{FlowKey, Interface, Interval, Timestamp};

/// Nanoseconds of silence after which a flow is forgotten.
pub(crate) const MEMORY: i64 = 60 * SECOND;
/// Slices of silence after which the elected observer loses the mark.
const SILENT: i64 = 3;
/// Flows remembered: at most some 100 MB.
const CAPACITY: usize = 400_000;
/// Rows of a successor that are remembered.
const ROWS: usize = 8;
/// Slices of a sensor that are remembered.
const SLICES: usize = 64;

/// Scope in which addresses mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum AddressScope {
    /// A site, by its number.
    Site(i64),
    /// One sensor: what never leaves its host.
    Sensor(i64),
}

/// A flow as all observers of its scope know it: the smaller end first, whatever VLAN they see it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SharedFlow {
    scope: AddressScope,
    pub(crate) flow: FlowKey,
}

impl SharedFlow {
    /// Of a flow seen at an interface of a sensor that stands at a site.
    pub(crate) fn new(site: i64, sensor: i64, interface: &Interface, flow: FlowKey) -> Self {
        let ends = [flow.source, flow.destination];
        // What never leaves its host: such flows of two machines have nothing in common.
        let local = interface.loopback || ends.iter().any(|end| end.address.to_canonical().is_loopback());
        let scope = if local { AddressScope::Sensor(sensor) } else { AddressScope::Site(site) };
        Self { scope, flow: FlowKey { vlan: None, ..flow.canonical() } }
    }
}

/// An observer: a router's two interfaces, and the two VLANs of a trunk, see the same flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Observer {
    /// The store's number.
    pub(crate) sensor: i64,
    /// The store's number, of that sensor.
    pub(crate) interface: i64,
    /// In which VLAN.
    pub(crate) vlan: Option<u16>,
}

/// The key of a flow row in the store.
pub(crate) type RowKey = i64;

/// One observer's record of a flow in one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// The flow.
    pub(crate) key: SharedFlow,
    /// Its observers.
    pub(crate) observer: Observer,
    /// The slice.
    pub(crate) slice: Interval,
    /// Octets of both directions.
    pub(crate) octets: u64,
    /// Key of its row.
    pub(crate) row: RowKey,
}

/// Whether a row counts, and whose rows count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// It counts in its LAN.
    pub(crate) counts: bool,
    /// The observer whose rows of this flow count: its own where it counts.
    pub(crate) elected: Observer,
}

/// A mark that was written and must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Key of the row.
    pub(crate) row: RowKey,
    /// Its mark from now on.
    pub(crate) primary: bool,
}

/// The elected observer of each flow.
#[derive(Debug)]
pub(crate) struct Primaries {
    flows: HashMap<SharedFlow, Election>,
    /// Slices that each sensor has delivered lately.
    covered: HashMap<i64, VecDeque<Interval>>,
    newest: Timestamp,
    /// Room for so many flows, at least one.
    capacity: usize,
    /// Flows that were forgotten early because there were too many.
    pub(crate) forgotten: u64,
}

#[derive(Debug)]
struct Election {
    elected: Observer,
    /// Start of the first slice that anybody was elected for.
    begun: Timestamp,
    /// First slice of this election, and the last one of the elected observer.
    since: Interval,
    last: Interval,
    octets: u64,
    /// Its row of that slice; `None` when there are several.
    row: Option<RowKey>,
    /// Start of the last slice of anybody.
    any: Timestamp,
    successor: Option<Successor>,
    /// The observer whose rows from before the election count.
    before: Option<Observer>,
}

/// The first other observer, and its rows since the elected one's last slice.
#[derive(Debug)]
struct Successor {
    observer: Observer,
    rows: VecDeque<(Interval, RowKey, u64)>,
}

impl Default for Primaries {
    fn default() -> Self {
        let (flows, covered, newest) = (HashMap::new(), HashMap::new(), Timestamp(i64::MIN));
        Self { flows, covered, newest, capacity: CAPACITY, forgotten: 0 }
    }
}

impl Primaries {
    /// A sensor has delivered a slice, whatever is in it. To be told before what it saw.
    pub(crate) fn delivered(&mut self, sensor: i64, slice: Interval, changes: &mut Vec<Change>) {
        self.cover(sensor, slice);
        if slice.from > self.newest && slice.nanos() <= MEMORY {
            self.newest = slice.from;
            self.sweep(MEMORY, changes);
        }
    }

    fn cover(&mut self, sensor: i64, slice: Interval) {
        let slices = self.covered.entry(sensor).or_default();
        if slices.back() != Some(&slice) {
            slices.push_back(slice);
        }
        if slices.len() > SLICES {
            slices.pop_front();
        }
    }

    /// True if a slice lies too far back, or is too long, to be decided from memory.
    pub(crate) fn is_late(&self, slice: Interval) -> bool {
        slice.nanos() > MEMORY || self.newest.since(slice.from) > MEMORY
    }

    /// Whether an observation counts; `None` if it lies too far back to know: then [`Late`] decides.
    pub(crate) fn see(&mut self, observation: &Observation, changes: &mut Vec<Change>) -> Option<Decision> {
        if self.is_late(observation.slice) {
            return None;
        }
        if let Some(election) = self.flows.get_mut(&observation.key) {
            let counts = election.see(observation, &self.covered, changes);
            return Some(Decision { counts, elected: if counts { observation.observer } else { election.elected } });
        }
        self.make_room(changes);
        self.flows.insert(observation.key, Election::new(observation));
        Some(Decision { counts: true, elected: observation.observer })
    }

    /// Learns again what was decided before a restart; in the order in which it was.
    pub(crate) fn recall(&mut self, observation: &Observation, primary: bool) {
        self.newest = self.newest.max(observation.slice.from);
        self.cover(observation.observer.sensor, observation.slice);
        match self.flows.get_mut(&observation.key) {
            Some(election) if primary && election.elected == observation.observer => election.again(observation),
            Some(election)
                if !primary
                    && election.elected != observation.observer
                    && observation.slice.from >= election.last.from =>
            {
                election.any = election.any.max(observation.slice.from);
                election.note_successor(observation);
            }
            _ if !primary => {}
            Some(election) => *election = Election { begun: election.begun, ..Election::new(observation) },
            None => drop(self.flows.insert(observation.key, Election::new(observation))),
        }
    }

    /// Heirs follow those who are silent; flows that nobody saw for `memory` are forgotten.
    fn sweep(&mut self, memory: i64, changes: &mut Vec<Change>) {
        let (newest, covered) = (self.newest, &self.covered);
        self.flows.retain(|_, election| {
            // One slice more than a newcomer must wait: a delivery may still be under way.
            let silent = newest.since(election.last.from) > SILENT * election.last.nanos();
            if silent && election.successor.is_some() {
                election.promote_successor(covered, changes);
            }
            newest.since(election.any) <= memory
        });
    }

    /// Makes room when the table is full: the flows that were silent for longest leave.
    fn make_room(&mut self, changes: &mut Vec<Change>) {
        if self.flows.len() < self.capacity {
            return;
        }
        let before = self.flows.len();
        let mut seen: Vec<Timestamp> = self.flows.values().map(|election| election.any).collect();
        let limit = *seen.select_nth_unstable(before / 4).1;
        let covered = &self.covered;
        let mut spare = before / 4 + 1;
        self.flows.retain(|_, election| {
            let leaves = spare > 0 && election.any <= limit;
            if leaves {
                spare -= 1;
                election.promote_successor(covered, changes);
            }
            !leaves
        });
        self.forgotten += (before - self.flows.len()) as u64;
    }
}

impl Election {
    fn new(observation: &Observation) -> Self {
        Self {
            elected: observation.observer,
            begun: observation.slice.from,
            since: observation.slice,
            last: observation.slice,
            octets: observation.octets,
            row: Some(observation.row),
            any: observation.slice.from,
            successor: None,
            before: None,
        }
    }

    fn see(&mut self, observation: &Observation, covered: &Covered, changes: &mut Vec<Change>) -> bool {
        let slice = observation.slice;
        self.any = self.any.max(slice.from);
        if observation.observer == self.elected {
            self.again(observation);
            return true;
        }
        // Sensors may have slices of different lengths: the longer one says what a silence is.
        let step = slice.nanos().max(self.last.nanos());
        if slice.from.since(self.last.from) >= SILENT * step {
            self.hand_over(slice.from, covered, changes);
            self.elect(observation, None);
            return true;
        }
        // Only by more than two per cent, and only in the first slice: a later change would count twice what the two put
        // into different slices.
        let fuller = observation.octets > self.octets.saturating_add(self.octets / 50);
        if slice == self.since
            && slice == self.last
            && fuller
            && let Some(row) = self.row
        {
            changes.push(Change { row, primary: false });
            let successor = Successor { observer: self.elected, rows: VecDeque::from([(slice, row, self.octets)]) };
            self.elect(observation, Some(successor));
            return true;
        }
        // From before the election, and more than one slice away: nobody else has counted it.
        if self.begun.since(slice.from) >= 2 * step {
            return *self.before.get_or_insert(observation.observer) == observation.observer;
        }
        if slice.from >= self.last.from {
            self.note_successor(observation);
        }
        false
    }

    /// Elects another observer.
    fn elect(&mut self, observation: &Observation, successor: Option<Successor>) {
        let Self { any, begun, before, .. } = *self;
        *self = Self { any, begun, before, successor, ..Self::new(observation) };
    }

    /// The elected observer once more.
    fn again(&mut self, observation: &Observation) {
        let slice = observation.slice;
        self.any = self.any.max(slice.from);
        if slice.from == self.last.from {
            // A second row in the slice: it can no longer lose its mark by changing one row.
            (self.octets, self.row) = (self.octets.saturating_add(observation.octets), None);
        } else if slice.from > self.last.from {
            (self.last, self.octets, self.row) = (slice, observation.octets, Some(observation.row));
            if let Some(successor) = &mut self.successor {
                successor.rows.retain(|(seen, ..)| seen.from >= slice.from);
            }
        }
    }

    fn note_successor(&mut self, observation: &Observation) {
        let row = (observation.slice, observation.row, observation.octets);
        match &mut self.successor {
            Some(successor) if successor.observer == observation.observer => {
                successor.rows.push_back(row);
                if successor.rows.len() > ROWS {
                    successor.rows.pop_front();
                }
            }
            Some(successor) if !successor.rows.is_empty() => {}
            successor => *successor = Some(Successor { observer: observation.observer, rows: VecDeque::from([row]) }),
        }
    }

    /// Marks the successor's rows before `until`, wherever the elected observer's sensor was away.
    fn hand_over(&mut self, until: Timestamp, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(successor) = self.successor.take() else { return };
        let last = self.last;
        let away = |slice: Interval| {
            let slices = covered.get(&self.elected.sensor);
            !slices.is_some_and(|all| all.iter().any(|one| one.from < slice.to && one.to > slice.from))
        };
        let next = Interval::new(last.to, Timestamp(last.to.0.saturating_add(last.nanos())));
        let together = successor.rows.iter().filter(|(slice, ..)| *slice == last).count() == 1;
        for (slice, row, octets) in successor.rows {
            if slice.from > last.from && slice.from < until {
                let apart = slice.from.since(last.from) > slice.nanos().max(last.nanos());
                if apart || away(slice) {
                    changes.push(Change { row, primary: true });
                }
            } else if slice == last
                && together
                && octets > self.octets
                && away(next)
                && let Some(cut) = self.row
            {
                // The elected one's sensor ended within this slice: the successor saw all of it.
                changes.push(Change { row: cut, primary: false });
                changes.push(Change { row, primary: true });
            }
        }
    }

    /// The successor has the mark from now on.
    fn promote_successor(&mut self, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(successor) = &self.successor else { return };
        let observer = successor.observer;
        let Some(&(slice, row, octets)) = successor.rows.back() else { return };
        self.hand_over(Timestamp(i64::MAX), covered, changes);
        if slice.from > self.last.from {
            (self.elected, self.since, self.last, self.octets, self.row) = (observer, slice, slice, octets, Some(row));
        }
    }
}

type Covered = HashMap<i64, VecDeque<Interval>>;

/// Decides for slices that lie too far back: a row counts where no other observer's primary lies within one slice.
#[derive(Debug, Default)]
pub(crate) struct Late(HashMap<SharedFlow, Vec<(Observer, Interval)>>);

impl Late {
    /// The window whose primaries must be known before a slice is decided.
    pub(crate) fn around(slice: Interval) -> Interval {
        let step = slice.nanos();
        Interval::new(Timestamp(slice.from.0.saturating_sub(step)), Timestamp(slice.to.0.saturating_add(step)))
    }

    /// A row that counts already.
    pub(crate) fn known(&mut self, key: SharedFlow, observer: Observer, slice: Interval) {
        self.0.entry(key).or_default().push((observer, slice));
    }

    /// Whether a late observation counts.
    pub(crate) fn see(&mut self, observation: &Observation) -> Decision {
        let around = Self::around(observation.slice);
        let known = self.0.entry(observation.key).or_default();
        let taken = known.iter().find(|(observer, slice)| {
            *observer != observation.observer && slice.from < around.to && slice.to > around.from
        });
        match taken {
            Some((elected, _)) => Decision { counts: false, elected: *elected },
            None => {
                known.push((observation.observer, observation.slice));
                Decision { counts: true, elected: observation.observer }
            }
        }
    }
}

#[cfg(test)]
mod tests;
