//! Each byte once: of the observers that see a flow, one at a time is its *primary*, and only its rows count in a LAN.
//!
//! First come, first elected; in the first slice a fuller observer still takes the mark. Whoever has it keeps it until it has
//! been silent for three slices: a maximum per slice would count twice whatever two observers put into different slices. What
//! its heir saw in the meantime counts then, wherever the elected one's sensor was away. Everything is bounded and forgotten
//! after a minute of silence. Pure: slices come as arguments, marks that must change afterwards go out as [`Change`]s.

use std::collections::{HashMap, VecDeque};

use traf_model::time::SECOND;
use traf_model::{FlowKey, Interface, Interval, Timestamp};

/// Nanoseconds of silence after which a flow is forgotten.
pub const MEMORY: i64 = 60 * SECOND;
/// Slices of silence after which the elected observer loses the mark.
const SILENT: i64 = 3;
/// Flows remembered: at most some 100 MB.
const CAPACITY: usize = 400_000;
/// Rows of an heir that are remembered.
const ROWS: usize = 8;
/// Slices of a sensor that are remembered.
const SLICES: usize = 64;

/// Where addresses mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Realm {
    /// A site, by the store's number.
    Site(i64),
    /// One sensor: what never leaves its host.
    Sensor(i64),
}

/// A flow as all observers of its realm know it: the smaller end first, whatever VLAN they see it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    realm: Realm,
    flow: FlowKey,
}

impl Key {
    /// Of a flow seen at an interface of a sensor that stands at a site.
    #[must_use]
    pub fn new(site: i64, sensor: i64, interface: &Interface, flow: FlowKey) -> Self {
        let realm = if stays_home(interface, &flow) { Realm::Sensor(sensor) } else { Realm::Site(site) };
        Self { realm, flow: joined(flow) }
    }
}

/// Whether a flow never leaves its host: such flows of two hosts have nothing in common.
#[must_use]
pub fn stays_home(interface: &Interface, flow: &FlowKey) -> bool {
    interface.loopback || [flow.source, flow.destination].iter().any(|end| end.address.to_canonical().is_loopback())
}

/// What of a flow's key is the same for all who see it.
#[must_use]
pub fn joined(flow: FlowKey) -> FlowKey {
    FlowKey { vlan: None, ..flow.canonical() }
}

/// Who sees: a router's two interfaces, and the two VLANs of a trunk, see the same flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observer {
    /// The store's number.
    pub sensor: i64,
    /// The store's number, of that sensor.
    pub interface: i64,
    /// In which VLAN.
    pub vlan: Option<u16>,
}

/// A row of the store: start of its slice in seconds, sensor, sequence number, place.
pub type RowKey = [i64; 4];

/// What one observer saw of a flow in one slice.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Which flow.
    pub key: Key,
    /// Who saw it.
    pub observer: Observer,
    /// When.
    pub slice: Interval,
    /// How much, both ways.
    pub octets: u64,
    /// Where that stands.
    pub row: RowKey,
}

/// A mark that was written and must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub row: RowKey,
    /// Its mark from now on.
    pub primary: bool,
}

/// Who has the mark of each flow.
#[derive(Debug)]
pub struct Primaries {
    flows: HashMap<Key, Entry>,
    /// What each sensor has delivered lately.
    covered: HashMap<i64, VecDeque<Interval>>,
    newest: Timestamp,
    capacity: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
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
    heir: Option<Heir>,
    /// Whose rows from before the election count.
    before: Option<Observer>,
}

/// The first other observer, and its rows since the elected one's last slice.
#[derive(Debug)]
struct Heir {
    observer: Observer,
    rows: VecDeque<(Interval, RowKey, u64)>,
}

impl Default for Primaries {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Primaries {
    /// Room for so many flows.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let newest = Timestamp(i64::MIN);
        Self { flows: HashMap::new(), covered: HashMap::new(), newest, capacity: capacity.max(1), forgotten: 0 }
    }

    /// A sensor has delivered a slice, whatever is in it. To be told before what it saw.
    pub fn delivered(&mut self, sensor: i64, slice: Interval, changes: &mut Vec<Change>) {
        let slices = self.covered.entry(sensor).or_default();
        if slices.back() != Some(&slice) {
            slices.push_back(slice);
        }
        if slices.len() > SLICES {
            slices.pop_front();
        }
        if slice.from > self.newest && slice.nanos() <= MEMORY {
            self.newest = slice.from;
            self.sweep(MEMORY, changes);
        }
    }

    /// Whether a slice lies too far back, or is too long, to be decided from memory.
    #[must_use]
    pub fn is_late(&self, slice: Interval) -> bool {
        slice.nanos() > MEMORY || self.newest.since(slice.from) > MEMORY
    }

    /// Whether a sight counts; `None` when it lies too far back to know: then [`Late`] decides.
    pub fn see(&mut self, sight: &Sight, changes: &mut Vec<Change>) -> Option<bool> {
        if self.is_late(sight.slice) {
            return None;
        }
        if !self.flows.contains_key(&sight.key) {
            self.make_room(changes);
            self.flows.insert(sight.key, Entry::new(sight));
            return Some(true);
        }
        let covered = &self.covered;
        Some(self.flows.get_mut(&sight.key).is_some_and(|entry| entry.see(sight, covered, changes)))
    }

    /// Learns again what was decided before a restart; in the order in which it was.
    pub fn recall(&mut self, sight: &Sight, primary: bool) {
        self.newest = self.newest.max(sight.slice.from);
        let slices = self.covered.entry(sight.observer.sensor).or_default();
        if slices.back() != Some(&sight.slice) {
            slices.push_back(sight.slice);
        }
        match self.flows.get_mut(&sight.key) {
            Some(entry) if primary && entry.elected == sight.observer => entry.again(sight),
            Some(entry) if !primary && entry.elected != sight.observer && sight.slice.from >= entry.last.from => {
                entry.any = entry.any.max(sight.slice.from);
                entry.inherit(sight);
            }
            _ if !primary => {}
            Some(entry) => *entry = Entry { begun: entry.begun, ..Entry::new(sight) },
            None => drop(self.flows.insert(sight.key, Entry::new(sight))),
        }
    }

    /// Flows that were forgotten early because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Flows remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Heirs follow those who are silent; flows that nobody saw for `memory` are forgotten.
    fn sweep(&mut self, memory: i64, changes: &mut Vec<Change>) {
        let (newest, covered) = (self.newest, &self.covered);
        self.flows.retain(|_, entry| {
            // One slice more than a newcomer must wait: a delivery may still be under way.
            let silent = newest.since(entry.last.from) > SILENT * entry.last.nanos();
            if silent && entry.heir.is_some() {
                entry.succeed(covered, changes);
            }
            newest.since(entry.any) <= memory
        });
    }

    /// When it is full, those leave that were silent for longest.
    fn make_room(&mut self, changes: &mut Vec<Change>) {
        if self.flows.len() < self.capacity {
            return;
        }
        let before = self.flows.len();
        let mut seen: Vec<Timestamp> = self.flows.values().map(|entry| entry.any).collect();
        let (_, limit, _) = seen.select_nth_unstable(before / 4);
        let limit = *limit;
        let covered = &self.covered;
        let mut spare = before / 4 + 1;
        self.flows.retain(|_, entry| {
            let leaves = spare > 0 && entry.any <= limit;
            if leaves {
                spare -= 1;
                entry.succeed(covered, changes);
            }
            !leaves
        });
        self.forgotten += (before - self.flows.len()) as u64;
    }
}

impl Entry {
    fn new(sight: &Sight) -> Self {
        Self {
            elected: sight.observer,
            begun: sight.slice.from,
            since: sight.slice,
            last: sight.slice,
            octets: sight.octets,
            row: Some(sight.row),
            any: sight.slice.from,
            heir: None,
            before: None,
        }
    }

    fn see(&mut self, sight: &Sight, covered: &Covered, changes: &mut Vec<Change>) -> bool {
        let slice = sight.slice;
        self.any = self.any.max(slice.from);
        if sight.observer == self.elected {
            self.again(sight);
            return true;
        }
        let step = slice.nanos().max(self.last.nanos());
        if slice.from.since(self.last.from) >= SILENT * step {
            self.bequeath(slice.from, covered, changes);
            *self = Self { any: self.any, begun: self.begun, before: self.before, ..Self::new(sight) };
            return true;
        }
        let fuller = sight.octets > self.octets.saturating_add(self.octets / 50);
        if slice == self.since
            && slice == self.last
            && fuller
            && let Some(row) = self.row
        {
            changes.push(Change { row, primary: false });
            let heir = Heir { observer: self.elected, rows: VecDeque::from([(slice, row, self.octets)]) };
            *self =
                Self { any: self.any, begun: self.begun, before: self.before, heir: Some(heir), ..Self::new(sight) };
            return true;
        }
        // From before the election, and more than one slice away: nobody else has counted it.
        if self.begun.since(slice.from) >= 2 * step {
            return *self.before.get_or_insert(sight.observer) == sight.observer;
        }
        if slice.from >= self.last.from {
            self.inherit(sight);
        }
        false
    }

    /// The elected observer once more.
    fn again(&mut self, sight: &Sight) {
        let slice = sight.slice;
        self.any = self.any.max(slice.from);
        if slice.from == self.last.from {
            (self.octets, self.row) = (self.octets.saturating_add(sight.octets), None);
        } else if slice.from > self.last.from {
            (self.last, self.octets, self.row) = (slice, sight.octets, Some(sight.row));
            if let Some(heir) = &mut self.heir {
                heir.rows.retain(|(seen, ..)| seen.from >= slice.from);
            }
        }
    }

    fn inherit(&mut self, sight: &Sight) {
        let row = (sight.slice, sight.row, sight.octets);
        match &mut self.heir {
            Some(heir) if heir.observer == sight.observer => {
                heir.rows.push_back(row);
                if heir.rows.len() > ROWS {
                    heir.rows.pop_front();
                }
            }
            Some(heir) if !heir.rows.is_empty() => {}
            heir => *heir = Some(Heir { observer: sight.observer, rows: VecDeque::from([row]) }),
        }
    }

    /// What the heir saw before `until` counts, wherever the elected observer's sensor was away.
    fn bequeath(&mut self, until: Timestamp, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(heir) = self.heir.take() else { return };
        let last = self.last;
        let away = |slice: Interval| {
            let slices = covered.get(&self.elected.sensor);
            !slices.is_some_and(|all| all.iter().any(|one| one.from < slice.to && one.to > slice.from))
        };
        let next = Interval::new(last.to, Timestamp(last.to.0.saturating_add(last.nanos())));
        let together = heir.rows.iter().filter(|(slice, ..)| *slice == last).count() == 1;
        for (slice, row, octets) in heir.rows {
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
                // The elected one's sensor ended within this slice: the heir saw all of it.
                changes.push(Change { row: cut, primary: false });
                changes.push(Change { row, primary: true });
            }
        }
    }

    /// The heir has the mark from now on.
    fn succeed(&mut self, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(heir) = &self.heir else { return };
        let observer = heir.observer;
        let Some(&(slice, row, octets)) = heir.rows.back() else { return };
        self.bequeath(Timestamp(i64::MAX), covered, changes);
        if slice.from > self.last.from {
            (self.elected, self.since, self.last, self.octets, self.row) = (observer, slice, slice, octets, Some(row));
        }
    }
}

type Covered = HashMap<i64, VecDeque<Interval>>;

/// Decides for slices that lie too far back: a row counts where no other observer's primary lies within one slice.
#[derive(Debug, Default)]
pub struct Late(HashMap<Key, Vec<(Observer, Interval)>>);

impl Late {
    /// What must be known before a slice: primaries that overlap this.
    #[must_use]
    pub fn around(slice: Interval) -> Interval {
        let step = slice.nanos();
        Interval::new(Timestamp(slice.from.0.saturating_sub(step)), Timestamp(slice.to.0.saturating_add(step)))
    }

    /// A row that counts already.
    pub fn known(&mut self, key: Key, observer: Observer, slice: Interval) {
        self.0.entry(key).or_default().push((observer, slice));
    }

    /// Whether a late sight counts.
    pub fn see(&mut self, sight: &Sight) -> bool {
        let around = Self::around(sight.slice);
        let known = self.0.entry(sight.key).or_default();
        let taken = known
            .iter()
            .any(|(observer, slice)| *observer != sight.observer && slice.from < around.to && slice.to > around.from);
        if !taken {
            known.push((sight.observer, sight.slice));
        }
        !taken
    }
}

#[cfg(test)]
mod tests;
