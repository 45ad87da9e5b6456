//! The present: the last snapshot of every sensor, a few minutes of seconds, and what consoles wish to see.
//!
//! Latest wins; nothing is queued. All of it is in memory and bounded: what is forgotten at a restart comes again within a
//! second.

mod aggregated;
pub(crate) mod answers;
mod carried;
pub(crate) mod committed;
pub(crate) mod coverage;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod lan;
mod named;
pub(crate) mod points;
mod proofs;
mod ring;
pub(crate) mod seen;
mod sight;
pub(crate) mod sums;
pub(crate) mod tail;
pub(crate) mod tally;
mod together;
pub(crate) mod unrowed;
mod wishes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use traf_model::time::SECOND;
use traf_model::{ClassGroup, Interval, Presence, Query, Scope, Snapshot, Timestamp, Wish};

use self::carried::Carried;
use self::committed::Committed;
use self::lan::Lan;
use self::ring::{Ring, STEPS};
use self::wishes::{Granted, Wishes};

/// Silence after which a connected sensor is late.
const LATE: i64 = 3 * SECOND;
/// Rows of answers of one sensor, in its snapshot and once more of slices that are not committed: more than `live_rate` lets it
/// send in three seconds. They take some 30 MB.
const ROWS: usize = 100_000;

/// The present state of all sensors.
pub(crate) struct Live {
    state: Mutex<State>,
    lan: Mutex<Lan>,
    /// Wakes when a sensor has said something.
    pub(crate) changed: watch::Sender<()>,
    /// Wakes when the wishes have changed.
    pub(crate) wished: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    sensors: HashMap<String, Present>,
    wishes: Wishes,
    connections: u64,
    /// Number of tables of a sensor's newest summary that this program does not know.
    unknown: HashMap<String, u32>,
}

#[derive(Default)]
struct Present {
    connection: u64,
    /// False before its first snapshot.
    heard: bool,
    seen: LiveSensor,
    carried: Carried,
    rings: HashMap<String, Ring>,
}

/// A sensor as it was heard last.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveSensor {
    /// The certificate's identifier.
    pub(crate) id: String,
    /// The name given at joining.
    pub(crate) name: String,
    /// Presence of the sensor.
    pub(crate) presence: Presence,
    /// Begin of the present connection.
    pub(crate) connected: Option<Timestamp>,
    /// Time of its last snapshot.
    pub(crate) received: Timestamp,
    /// Nanoseconds its clock is ahead of ours.
    pub(crate) offset: i64,
    /// The last snapshot.
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Live {
    /// For slices that end after `now`.
    pub(crate) fn new(now: Timestamp) -> Arc<Self> {
        let (changed, wished) = (watch::Sender::new(()), watch::Sender::new(()));
        Arc::new(Self { state: Mutex::default(), lan: Mutex::new(Lan::new(now)), changed, wished })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The LANs, held while something is asked.
    pub(crate) fn lan(&self) -> MutexGuard<'_, Lan> {
        self.lan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was committed.
    pub(crate) fn commit(&self, committed: Committed, now: Timestamp) {
        self.lan().commit(committed, now);
    }

    /// A sensor has opened its stream; it is connected until the guard is dropped, or a newer one is made.
    pub(crate) fn connect(self: &Arc<Self>, id: &str, name: &str, now: Timestamp) -> Connected {
        let mut state = self.state();
        state.connections += 1;
        let connection = state.connections;
        let present = state.sensors.entry(id.to_owned()).or_default();
        present.connection = connection;
        (present.seen.id, present.seen.name, present.seen.connected) = (id.to_owned(), name.to_owned(), Some(now));
        drop(state);
        Connected { live: self.clone(), id: id.to_owned(), connection }
    }

    /// All that were heard at least once, by name.
    pub(crate) fn seen(&self, now: Timestamp) -> Vec<LiveSensor> {
        let state = self.state();
        let heard = state.sensors.values().filter(|present| present.heard).map(|present| &present.seen);
        let mut seen: Vec<LiveSensor> = heard
            .map(|seen| {
                let presence = match seen.connected {
                    None => Presence::Away,
                    Some(_) if now.since(seen.received) > LATE => Presence::Late,
                    Some(_) => Presence::Reporting,
                };
                LiveSensor { presence, ..seen.clone() }
            })
            .collect();
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        seen
    }

    /// Octets of the last minutes by the second, over a scope: of each interface of a sensor at a second the part that
    /// `part` gives. Nothing where nobody reported.
    pub(crate) fn strip(
        &self,
        scope: &Scope,
        now: Timestamp,
        part: impl Fn(&str, &str, i64, u64) -> u64,
    ) -> (Timestamp, Vec<Option<u64>>) {
        let to = now.seconds();
        let from = to - STEPS as i64;
        let mut sums: Vec<Option<u64>> = vec![None; STEPS];
        for present in self.state().sensors.values() {
            for (interface, ring) in &present.rings {
                if scope.holds(&present.seen.name, interface) {
                    for (sum, second) in sums.iter_mut().zip(from..to) {
                        if let Some(octets) = ring.octets(second) {
                            let part = part(&present.seen.name, interface, second, octets);
                            *sum = Some(sum.unwrap_or(0).saturating_add(part));
                        }
                    }
                }
            }
        }
        (Timestamp::from_seconds(from), sums)
    }

    /// Wishes what a query looks at from all sensors of its scope, or of it only what the running slice has counted, until the
    /// guard is dropped; `None` if it is not granted.
    pub(crate) fn wish(self: &Arc<Self>, query: &Query, slice: bool) -> Option<WishGuard> {
        let granted = self.state().wishes.add(query, slice)?;
        self.wished.send_replace(());
        Some(WishGuard { live: self.clone(), granted })
    }

    /// Wishes to a sensor.
    pub(crate) fn wishes_for(&self, sensor: &str) -> Vec<Wish> {
        self.state().wishes.of(sensor)
    }

    /// Forgets a sensor that was shut out.
    pub(crate) fn forget(&self, id: &str) {
        let mut state = self.state();
        state.sensors.remove(id);
        state.unknown.remove(id);
    }

    /// Notes how many tables of a sensor's newest summary this program does not know.
    pub(crate) fn note_unknown(&self, id: &str, tables: u32) {
        self.state().unknown.insert(id.to_owned(), tables);
    }

    /// The number noted last, where there are any.
    pub(crate) fn unknown(&self, id: &str) -> Option<u32> {
        self.state().unknown.get(id).copied().filter(|tables| *tables > 0)
    }
}

/// A sensor's stream is open.
pub(crate) struct Connected {
    live: Arc<Live>,
    id: String,
    connection: u64,
}

impl Connected {
    /// Takes what the sensor says; an older connection than the newest is not heard.
    pub(crate) fn update(&self, mut snapshot: Snapshot, now: Timestamp) {
        let mut state = self.live.state();
        let State { sensors, wishes, .. } = &mut *state;
        let Some(present) = sensors.get_mut(&self.id).filter(|present| present.connection == self.connection) else {
            return;
        };
        let seen = &mut present.seen;
        seen.offset = snapshot.at.since(now);
        snapshot.interfaces.iter_mut().for_each(|interface| wishes.sift(&mut interface.answers));
        let (name, settings) = ((&*seen.name, &*snapshot.site), &snapshot.settings.settings);
        self.live.lan().hear(name, settings, &mut snapshot.interfaces, now);
        present.rings.retain(|name, _| snapshot.interfaces.iter().any(|interface| interface.interface.name == *name));
        let before = Some(&seen.snapshot).filter(|before| present.heard && before.epoch == snapshot.epoch);
        let covered = Interval::new(seen.received, now);
        for interface in &snapshot.interfaces {
            let name = &interface.interface.name;
            let earlier =
                before.and_then(|before| before.interfaces.iter().find(|other| other.interface.name == *name));
            let earlier = earlier.filter(|earlier| earlier.started == interface.started);
            let total = |of: &traf_model::InterfaceSnapshot| of.classes.group(ClassGroup::Total).total().octets;
            let ring = present.rings.entry(name.clone()).or_default();
            if let Some(earlier) = earlier {
                ring.add(covered, total(interface).saturating_sub(total(earlier)));
            }
        }
        present.carried.complete(&mut snapshot, before.map(|before| &**before), now);
        (seen.snapshot, seen.received, present.heard) = (Arc::new(snapshot), now, true);
        drop(state);
        self.live.changed.send_replace(());
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut state = self.live.state();
        if let Some(present) = state.sensors.get_mut(&self.id)
            && present.connection == self.connection
        {
            present.seen.connected = None;
            tracing::info!(sensor = present.seen.name, "live: disconnected");
        }
        drop(state);
        self.live.changed.send_replace(());
    }
}

/// A console's wish; it is withdrawn when this is dropped.
pub(crate) struct WishGuard {
    live: Arc<Live>,
    granted: Granted,
}

impl WishGuard {
    /// The wish's, as the sensors' answers have it.
    pub(crate) fn id(&self) -> u64 {
        self.granted.id
    }
}

impl Drop for WishGuard {
    fn drop(&mut self) {
        self.live.state().wishes.remove(&self.granted);
        self.live.wished.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Class, Counters, InterfaceSnapshot, Traffic};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000 * SECOND);

    fn snapshot(octets: u64) -> Snapshot {
        let mut interface = InterfaceSnapshot::default();
        interface.interface.name = "eth0".to_owned();
        if let Some(class) = Class::at(0) {
            interface.classes.add(class, Traffic::inbound(Counters::new(1, octets)));
        }
        Snapshot { interfaces: vec![interface], ..Snapshot::default() }
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds * SECOND)
    }

    #[test]
    fn a_sensor_is_reporting_then_late_then_away() {
        let live = Live::new(NOW);
        let connected = live.connect("7f", "web1", NOW);
        connected.update(snapshot(1), NOW);
        let presence = |now| live.seen(now).first().map(|seen| seen.presence);
        assert_eq!(presence(after(3)), Some(Presence::Reporting));
        assert_eq!(presence(after(4)), Some(Presence::Late));
        drop(connected);
        assert_eq!(presence(after(4)), Some(Presence::Away));
    }

    #[test]
    fn an_older_connection_neither_speaks_nor_ends_the_newer() {
        let live = Live::new(NOW);
        let older = live.connect("7f", "web1", NOW);
        let newer = live.connect("7f", "web1", NOW);
        newer.update(snapshot(2), NOW);
        older.update(snapshot(1), NOW);
        drop(older);
        let seen = live.seen(NOW);
        assert_eq!(
            seen.iter().map(|seen| (seen.presence, &*seen.snapshot)).collect::<Vec<_>>(),
            [(Presence::Reporting, &snapshot(2))]
        );
    }

    #[test]
    fn the_strip_shows_what_came_and_where_nobody_reported() {
        let live = Live::new(NOW);
        let connected = live.connect("7f", "web1", NOW);
        connected.update(snapshot(100), NOW);
        connected.update(snapshot(400), after(1));
        connected.update(snapshot(1000), after(3));
        let (_, octets) = live.strip(&Scope::default(), after(4), |_, _, _, octets| octets);
        assert_eq!(octets[STEPS - 5..], [None, Some(300), Some(300), Some(300), None]);
        assert_eq!(octets.iter().flatten().sum::<u64>(), 900);
        let (_, halved) = live.strip(&Scope::default(), after(4), |_, _, _, octets| octets / 2);
        assert_eq!(halved.iter().flatten().sum::<u64>(), 450);
    }
}
