//! State of all sensors, once a second: from the record of peers, the store and the last snapshots.

use std::collections::HashMap;
use std::sync::Arc;

use tonic::Status;
use tracing::warn;
use traf_model::time::SECOND;
use traf_model::{Fleet, InterfaceSnapshot, InterfaceState, Loss, Presence, SensorState, Timestamp};
use traf_proto as wire;

use super::repeat::Repeated;
use crate::clock;
use crate::collector::Collector;
use crate::live::LiveSensor;
use crate::secrets::Peer;
use crate::store::{StoreError, StoredSensor};

/// Losses of one sensor shown.
const LOSSES: u32 = 100;
/// Nanoseconds for which a revoked sensor stays on the screen.
const REMEMBERED: i64 = 24 * 3600 * SECOND;
/// A clock that is apart by this is in trouble.
const APART: i64 = 2 * SECOND;

/// The state of all sensors. What the store knows of them is read again after each commit.
#[derive(Default)]
pub(super) struct FleetStates {
    commits: Option<u64>,
    sensors: HashMap<String, (StoredSensor, Vec<Loss>)>,
}

impl Repeated for FleetStates {
    type Answer = wire::FleetState;

    async fn answer(&mut self, view: &Collector) -> Result<wire::FleetState, Status> {
        let commits = view.written.borrow().commits;
        if self.commits != Some(commits) {
            match read(view).await {
                Ok(sensors) => (self.commits, self.sensors) = (Some(commits), sensors),
                Err(error) => warn!("the store cannot say what it has of the sensors: {error}"),
            }
        }
        Ok(wire::FleetState::from(&view.fleet_now(&self.sensors, clock::now())))
    }
}

async fn read(view: &Collector) -> Result<HashMap<String, (StoredSensor, Vec<Loss>)>, StoreError> {
    let mut sensors = HashMap::new();
    for sensor in view.store.sensors().await? {
        let losses = view.store.losses(sensor.id, LOSSES).await?;
        sensors.insert(sensor.uuid.clone(), (sensor, losses));
    }
    Ok(sensors)
}

impl Collector {
    fn fleet_now(&self, stored: &HashMap<String, (StoredSensor, Vec<Loss>)>, now: Timestamp) -> Fleet {
        let seen: HashMap<String, LiveSensor> =
            self.live.seen(now).into_iter().map(|seen| (seen.id.clone(), seen)).collect();
        let shown = |peer: &Arc<Peer>| peer.revoked.is_none_or(|revoked| now.since(revoked) < REMEMBERED);
        let peers = self.peers.sensors();
        let sensors = peers
            .iter()
            .filter(|peer| shown(peer))
            .map(|peer| {
                let (stored, losses) = stored.get(&peer.id).cloned().unzip();
                let mut state = state(peer, seen.get(&peer.id), stored.as_ref(), losses.unwrap_or_default());
                let ahead = stored.as_ref().map_or(0, |stored| stored.clock_ahead);
                state.trouble = self.trouble(peer, &state, ahead);
                state.wanted = self.shared.settings(&peer.id);
                state
            })
            .collect();
        Fleet { at: now, sensors, notes: self.turned_away.words().into_iter().collect() }
    }

    /// What is wrong with a sensor, whose last slice ended `ahead` nanoseconds after the collector's time if its clock is suspect.
    fn trouble(&self, peer: &Peer, state: &SensorState, ahead: i64) -> String {
        let offset = state.clock_offset;
        let (seconds, way) = (offset.abs() / SECOND, if offset > 0 { "ahead" } else { "behind" });
        let apart = state.presence == Presence::Reporting && offset.abs() > APART && ahead == 0;
        let ahead = ahead / SECOND;
        let open = || state.interfaces.iter().filter(|interface| !interface.gone);
        let blind = state.presence != Presence::Away && open().next().is_none();
        let dropped = open().map(|interface| interface.ledger.dropped).fold(0, u64::saturating_add);
        let (writer, spool) = (self.written.borrow().trouble.clone(), &state.spool);
        let never = state.started.is_none() && state.stored.is_none();
        let never_heard = "has joined, but was never heard of since: is `traf-sensor run` running there?";
        let words = [
            if peer.revoked.is_some() { Some("revoked".to_owned()) } else { self.peers.refusal(&peer.key) },
            never.then(|| never_heard.to_owned()),
            (!writer.is_empty()).then_some(writer),
            apart.then(|| format!("its clock is {seconds} s {way}")),
            (ahead > 0).then(|| format!("its clock is {ahead} s ahead: its slices count for itself only")),
            (spool.limit > 0 && spool.octets > spool.limit / 10 * 9).then(|| "its spool is nearly full".to_owned()),
            blind.then(|| "it captures on no interface".to_owned()),
            (dropped > 0).then(|| format!("its kernel has dropped {dropped} frames since it started")),
            self.live.unknown(&peer.id).map(|tables| {
                format!("it sends {tables} tables that this collector does not know: install a newer collector")
            }),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn state(peer: &Peer, seen: Option<&LiveSensor>, stored: Option<&StoredSensor>, losses: Vec<Loss>) -> SensorState {
    let mut state = SensorState { id: peer.id.clone(), name: peer.name.clone(), losses, ..SensorState::default() };
    if let Some(StoredSensor { site, version, epoch, stored, .. }) = stored.cloned() {
        state = SensorState { site, version, epoch, stored, last_seen: stored, ..state };
    }
    let Some(LiveSensor { presence, connected, received, offset, snapshot, .. }) = seen else { return state };
    let interface = |snapshot: &InterfaceSnapshot| InterfaceState {
        interface: snapshot.interface.clone(),
        ledger: snapshot.ledger,
        rate: snapshot.rate,
        gone: snapshot.gone,
        flows: snapshot.flows,
        capacity: snapshot.capacity,
    };
    SensorState {
        presence: *presence,
        connected: *connected,
        started: Some(snapshot.started),
        last_seen: Some(*received),
        version: snapshot.version.clone(),
        epoch: snapshot.epoch,
        clock_offset: *offset,
        spool: snapshot.spool,
        site: snapshot.site.clone(),
        settings: snapshot.settings.clone(),
        interfaces: snapshot.interfaces.iter().map(interface).collect(),
        ..state
    }
}
