//! One sensor's present: a snapshot a second in, the wishes of the consoles out whenever they change.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{info, warn};
use traf_model::{Settings, Snapshot, Wish};
use traf_proto as wire;

use super::inbound::Inbound;
use super::{Ingest, Turn};
use crate::clock;
use crate::live::Connected;
use crate::secrets::Peer;
use crate::shared::State;

/// Interfaces of one snapshot.
const INTERFACES: usize = 1_024;
/// Between two snapshots that are read: a sensor sends one a second.
const PACE: Duration = Duration::from_millis(50);

/// The wishes to one stream.
pub(super) fn answers(
    ingest: Ingest,
    peer: Arc<Peer>,
    inbound: Inbound<wire::Snapshot>,
    over: CancellationToken,
) -> impl Stream<Item = Result<wire::Wishes, Status>> {
    let turn = ingest.streams.take("live", &peer.id, over);
    let connected = ingest.collector.live.connect(&peer.id, &peer.name, clock::now());
    let mut changed = ingest.collector.live.wished.subscribe();
    // What is wished now goes out at once.
    changed.mark_changed();
    info!(sensor = peer.name, "live: connected");
    let shared = ingest.collector.shared.state.subscribe();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let session = LiveSession { ingest, peer, inbound, pace, due: false, turn, connected, changed, shared, sent: None };
    stream::try_unfold(Box::new(session), |mut session| async {
        let next = session.next().await;
        let next = next.inspect_err(|status| info!(sensor = session.peer.name, "live: ended: {}", status.message()))?;
        Ok(next.map(|wishes| (wishes, session)))
    })
}

struct LiveSession {
    ingest: Ingest,
    peer: Arc<Peer>,
    inbound: Inbound<wire::Snapshot>,
    pace: Interval,
    /// The next snapshot may be read.
    due: bool,
    turn: Turn,
    connected: Connected,
    changed: watch::Receiver<()>,
    shared: watch::Receiver<State>,
    sent: Option<(Vec<Wish>, Settings)>,
}

impl LiveSession {
    async fn next(&mut self) -> Result<Option<wire::Wishes>, Status> {
        loop {
            tokio::select! {
                biased;
                status = self.turn.ended(&self.ingest.collector, &self.peer) => return Err(status),
                Ok(()) = self.changed.changed() => {}
                Ok(()) = self.shared.changed() => {}
                _ = self.pace.tick(), if !self.due => {
                    self.due = true;
                    continue;
                }
                message = self.inbound.message(), if self.due => match message.inspect_err(|status| self.ingest.collector.turned_away.note_unread(status))? {
                    Some(snapshot) => {
                        self.due = false;
                        self.snapshot(snapshot)?;
                        continue;
                    }
                    None => return Ok(None),
                },
            }
            if let Some(message) = self.wishes() {
                return Ok(Some(message));
            }
        }
    }

    /// Wishes and settings that the sensor does not know yet; `None` if it knows all.
    fn wishes(&mut self) -> Option<wire::Wishes> {
        let now = (
            self.ingest.collector.live.wishes_for(&self.peer.name),
            self.ingest.collector.shared.settings(&self.peer.id),
        );
        if self.sent.as_ref() == Some(&now) {
            return None;
        }
        let (wishes, settings) = self.sent.insert(now);
        // Settings that were never changed are none: the sensor's own file holds.
        let settings = (settings.revision > 0).then(|| (&*settings).into());
        Some(wire::Wishes { wishes: wishes.iter().map(Into::into).collect(), settings })
    }

    fn snapshot(&mut self, snapshot: wire::Snapshot) -> Result<(), Status> {
        if snapshot.interfaces.len() > INTERFACES {
            return Err(Status::invalid_argument(format!("{} interfaces are too many", snapshot.interfaces.len())));
        }
        let snapshot = Snapshot::try_from(snapshot).map_err(|error| {
            warn!(sensor = self.peer.name, "a snapshot cannot be used: {error}");
            self.ingest.collector.turned_away.note_message();
            Status::invalid_argument(format!("the snapshot cannot be used: {error}"))
        })?;
        self.ingest.sites.note(&self.peer.id, &snapshot.site).map_err(Status::resource_exhausted)?;
        self.connected.update(snapshot, clock::now());
        Ok(())
    }
}
