//! The live plane: the present state once a second, latest wins, never queued; the answers are what consoles wish to see.

mod turns;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use traf_model::settings::LIVE_RATE;
use traf_model::{SettingsState, Snapshot, Timestamp, Wish};
use traf_peer::explain;
use traf_proto as wire;
use traf_proto::WireError;

use crate::capture::snapshots::LatestSnapshots;
use crate::export::last_error::LastError;
use crate::export::{SensorInfo, client};
use crate::spool::thread::SpoolStatus;
use crate::system::clock;
use turns::Turns;

/// Between two looks at the snapshots while an interface owes its state of this second, or an answer to new wishes.
const LOOK: Duration = Duration::from_millis(10);
/// Longest wait for one that owes it; what it posted last goes out then.
const PATIENCE: Duration = Duration::from_millis(400);
const SECOND: i64 = 1_000_000_000;

/// State that snapshots are made from.
pub(crate) struct LiveStream {
    /// Identity and names of this sensor.
    pub introduction: SensorInfo,
    /// Start of the program.
    pub started: Timestamp,
    /// The interfaces' present state.
    pub latest: watch::Receiver<LatestSnapshots>,
    /// The spool's.
    pub spool: watch::Receiver<SpoolStatus>,
    /// Wishes of the consoles, for the capture threads.
    pub wishes: watch::Sender<Arc<Vec<Wish>>>,
    /// Settings that the collector wants.
    pub wanted: watch::Sender<Option<wire::Settings>>,
    /// Settings in force.
    pub settings: watch::Receiver<SettingsState>,
}

impl LiveStream {
    /// Sends until `stop`.
    pub(crate) async fn run(self, channel: Channel, stop: CancellationToken) {
        let (mut last_error, mut left_out) = (LastError::about("live view at the collector"), LeftOut::default());
        while let Some(ended) = stop.run_until_cancelled(self.session(&channel, &mut last_error, &mut left_out)).await {
            // Nobody looks: the capture threads need not answer.
            self.wishes.send_replace(Arc::default());
            let words = ended.map_or_else(|status| explain(&status), |()| "the connection ended".to_owned());
            last_error.wait(words, &stop).await;
        }
    }

    async fn session(
        &self,
        channel: &Channel,
        last_error: &mut LastError,
        left_out: &mut LeftOut,
    ) -> Result<(), Status> {
        // One at a time: when the connection does not take it, the next one is newer.
        let (outgoing, snapshots) = mpsc::channel(1);
        let mut turns = Turns::default();
        let first = self.snapshot(&mut turns, clock::now());
        let _ = outgoing.try_send(first);
        let mut wishes = client(channel).live(ReceiverStream::new(snapshots)).await?.into_inner();
        last_error.well("connected");
        let mut due = Due::next(clock::now());
        let mut look = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            look.as_mut().reset(due.look);
            tokio::select! {
                answer = wishes.message() => match answer? {
                    Some(mut answer) => {
                        if let Some(settings) = answer.settings.take() {
                            self.wanted.send_replace(Some(settings));
                        }
                        let wishes = left_out.read(answer);
                        let same = **self.wishes.borrow() == wishes;
                        if !same {
                            self.wishes.send_replace(Arc::new(wishes));
                            due = due.sooner();
                        }
                    }
                    None => return Ok(()),
                },
                () = &mut look => {
                    let now = Instant::now();
                    if now < due.latest && !self.latest.borrow().is_current(due.since, &self.wishes.borrow()) {
                        due.look = now + LOOK;
                        continue;
                    }
                    let at = clock::now();
                    due = Due::next(at);
                    match outgoing.try_send(self.snapshot(&mut turns, at)) {
                        Ok(()) => last_error.forget(),
                        Err(mpsc::error::TrySendError::Full(_)) => {}
                        Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
                    }
                }
            }
        }
    }

    fn snapshot(&self, turns: &mut Turns, at: Timestamp) -> wire::Snapshot {
        let SensorInfo { version, name, site, .. } = self.introduction.clone();
        let SpoolStatus { spool, epoch, .. } = self.spool.borrow().clone();
        let (interfaces, settings) = (self.latest.borrow().snapshots(), self.settings.borrow().clone());
        let (started, rate) = (self.started, settings.settings.octets(&LIVE_RATE));
        let snapshot = Snapshot { at, started, epoch, version, name, interfaces, spool, site, settings };
        let mut snapshot = wire::Snapshot::from(&snapshot);
        turns.fit(&mut snapshot, rate as usize, at);
        snapshot
    }
}

/// Time of the next snapshot.
struct Due {
    /// Of every interface its state since then.
    since: Timestamp,
    look: Instant,
    latest: Instant,
}

impl Due {
    /// At the next full second.
    fn next(now: Timestamp) -> Self {
        let since = Timestamp(now.floor(SECOND).0.saturating_add(SECOND));
        let look = Instant::now() + Duration::from_nanos(since.since(now).unsigned_abs());
        Self { since, look, latest: look + PATIENCE }
    }

    /// As soon as new wishes are answered; however often they change, not later than it was due.
    fn sooner(self) -> Self {
        let look = Instant::now();
        Self { since: Timestamp::default(), look, latest: self.latest.min(look + PATIENCE) }
    }
}

/// Reasons for which wishes were left out: each is logged once, however often the collector repeats the wish.
#[derive(Default)]
struct LeftOut(BTreeSet<String>);

impl LeftOut {
    /// Reads the wishes of a message without those that this program does not understand.
    fn read(&mut self, answer: wire::Wishes) -> Vec<Wish> {
        let read = |wish: wire::Wish| Wish::try_from(wish).inspect_err(|error| _ = self.note(error)).ok();
        answer.wishes.into_iter().take(Wish::MOST).filter_map(read).collect()
    }

    /// Logs a reason; returns whether it is a new one.
    fn note(&mut self, error: &WireError) -> bool {
        let reason = match error {
            WireError::Range("facility", number) => {
                format!("it asks for facility {number}, which this sensor does not know; a newer version may")
            }
            error => error.to_string(),
        };
        // All that can stand in one message.
        if self.0.len() >= Wish::MOST {
            self.0.clear();
        }
        let news = self.0.insert(reason.clone());
        if news {
            tracing::warn!("a wish of the collector is left out: {reason}");
        }
        news
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::Facility;
    use traf_model::facility::HOSTS;

    use super::*;

    #[test]
    fn a_wish_for_a_facility_that_this_sensor_does_not_know_is_left_out_and_logged_once() {
        let wish = |facility, filter: &str| wire::Wish { facility, filter: filter.to_owned(), ..wire::Wish::default() };
        let wishes = || wire::Wishes { wishes: vec![wish(1, ""), wish(250, ""), wish(6, "udp")], settings: None };
        let mut left_out = LeftOut::default();
        for _ in 0..3 {
            let facilities: Vec<Facility> = left_out.read(wishes()).iter().map(|wish| wish.facility).collect();
            assert_eq!(facilities, [Facility::Traffic, HOSTS.into()]);
            assert_eq!(left_out.0.len(), 1);
        }
        assert!(!left_out.note(&WireError::Range("facility", 250)));
        assert!(left_out.note(&WireError::Range("facility", 251)));
        (300..1_000).for_each(|number| _ = left_out.note(&WireError::Range("facility", number)));
        assert!(left_out.0.len() <= Wish::MOST);
    }
}
