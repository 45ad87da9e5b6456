//! The one task that writes: it takes what streams hand it, commits it in groups, and tells each stream what is stored.
//!
//! The queue is bounded in octets, and for each sensor in deliveries, so a store that cannot write makes streams wait and sensors
//! spool; nothing is lost and nothing is acknowledged that is not committed. A full disk or a lock is tried again until it passes.

mod backlog;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::backlog::{Backlog, Job};
use crate::clock;
use crate::live::Live;
use crate::store::{Delivery, Mark, Outcome, Store, StoreError};

/// Time for which a group waits for further deliveries: an acknowledgement later by this, a commit for many sensors at once.
const COMPANY: Duration = Duration::from_millis(50);
/// Deliveries that wait, of all sensors.
const DELIVERIES: usize = 4_096;
/// Deliveries of one sensor that wait: its first ones are needed, so that of all sensors the oldest slice can be taken.
const OF_ONE: usize = 16;
/// Octets of memory of all deliveries that wait: some 30 slices of 500 flows.
const WAITING: usize = 8 << 20;
/// Between two tries while the store cannot write.
const PATIENCE: Duration = Duration::from_millis(500);

/// State of a stream's deliveries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Committed up to here.
    pub(crate) mark: Mark,
    /// Reason why this stream cannot go on; empty while it can.
    pub(crate) failed: String,
}

/// Hands deliveries to the task.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    /// Places of each sensor in the queue; of those that ever delivered, so they are no more than were admitted.
    places: Arc<Mutex<HashMap<i64, Arc<Semaphore>>>>,
    /// Commits and trouble, to look at or to wait for.
    pub(crate) state: watch::Receiver<State>,
}

/// Room in the queue: a place of its sensor, and octets.
pub(crate) struct Room {
    _place: OwnedSemaphorePermit,
    _octets: OwnedSemaphorePermit,
}

/// State of the task.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Grows with each commit.
    pub(crate) commits: u64,
    /// Reason why nothing can be written now; empty if it can.
    pub(crate) trouble: String,
}

impl Writer {
    /// Starts the task; it ends when all handles are gone and everything is written, or after `stop` when it cannot write.
    pub(crate) fn start(store: Store, live: Arc<Live>, stop: CancellationToken) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(DELIVERIES);
        let (state, watched) = watch::channel(State::default());
        let task = tokio::spawn(Task { store, live, stop, state }.run(queue));
        (Self { jobs, room: Arc::new(Semaphore::new(WAITING)), places: Arc::default(), state: watched }, task)
    }

    /// Waits for room for a delivery of a sensor that takes so many octets of memory, before any of it is taken; `None` when
    /// nothing is written any more.
    pub(crate) async fn room(&self, sensor: i64, octets: usize) -> Option<Room> {
        let octets = u32::try_from(octets.clamp(1, WAITING)).unwrap_or(u32::MAX);
        let place = self.places(sensor).acquire_owned().await.ok()?;
        let octets = self.room.clone().acquire_many_owned(octets).await.ok()?;
        Some(Room { _place: place, _octets: octets })
    }

    /// Queues a delivery; false when the task has ended.
    pub(crate) async fn write(&self, delivery: Delivery, room: Room, progress: &Arc<watch::Sender<Progress>>) -> bool {
        self.jobs.send(Job { delivery, progress: progress.clone(), _room: room }).await.is_ok()
    }

    fn places(&self, sensor: i64) -> Arc<Semaphore> {
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(sensor).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))).clone()
    }
}

struct Task {
    store: Store,
    live: Arc<Live>,
    stop: CancellationToken,
    state: watch::Sender<State>,
}

impl Task {
    async fn run(self, mut queue: mpsc::Receiver<Job>) {
        let mut backlog = Backlog::default();
        loop {
            if backlog.is_empty() {
                let Some(job) = queue.recv().await else { return };
                backlog.push(job);
            }
            let company = async {
                while !backlog.fills_a_group() {
                    let Some(job) = queue.recv().await else { break };
                    backlog.push(job);
                }
            };
            let _ = tokio::time::timeout(COMPANY, company).await;
            while let Ok(job) = queue.try_recv() {
                backlog.push(job);
            }
            let group = backlog.take(clock::now());
            if !self.commit(group).await {
                warn!("ended with deliveries that could not be written; the sensors will send them again");
                return;
            }
        }
    }

    /// False when it was told to stop and cannot write.
    async fn commit(&self, group: Vec<Job>) -> bool {
        let deliveries: Vec<Delivery> = group.iter().map(|job| job.delivery.clone()).collect();
        match self.apply(&deliveries).await {
            Some(Ok(outcomes)) => group.iter().zip(outcomes).for_each(|(job, outcome)| tell(job, outcome)),
            Some(Err(error)) if group.len() == 1 => {
                error!("a delivery cannot be stored: {error}");
                fail(&group[0], format!("the collector cannot store this record: {error}"));
            }
            Some(Err(error)) => {
                debug!("a group cannot be stored, trying each alone: {error}");
                for job in group {
                    if !Box::pin(self.commit(vec![job])).await {
                        return false;
                    }
                }
            }
            None => return false,
        }
        true
    }

    /// Until it succeeds, fails for good, or must stop.
    async fn apply(&self, deliveries: &[Delivery]) -> Option<Result<Vec<Outcome>, StoreError>> {
        loop {
            match self.store.commit(deliveries, clock::now()).await {
                Err(error) if error.may_pass() => {
                    let first = self.state.send_if_modified(|state| {
                        let first = state.trouble.is_empty();
                        state.trouble = format!("the collector cannot write: {error}");
                        first
                    });
                    if first {
                        warn!("the store cannot be written, sensors wait: {error}");
                    }
                    tokio::select! {
                        () = self.stop.cancelled() => return None,
                        () = tokio::time::sleep(PATIENCE) => {}
                    }
                }
                result => {
                    self.state.send_modify(|state| {
                        if !state.trouble.is_empty() {
                            info!("the store can be written again");
                            state.trouble.clear();
                        }
                        state.commits += u64::from(result.is_ok());
                    });
                    return Some(result.map(|(outcomes, committed)| {
                        self.live.commit(committed, clock::now());
                        outcomes
                    }));
                }
            }
        }
    }
}

fn tell(job: &Job, outcome: Outcome) {
    match outcome {
        Outcome::Stored(mark) => {
            job.progress.send_modify(|progress| progress.mark = progress.mark.max(mark));
        }
        Outcome::Gap(mark) => {
            fail(job, format!("sequence number {} comes next, not {}", mark.seq + 1, job.delivery.from_seq));
        }
    }
}

fn fail(job: &Job, words: String) {
    job.progress.send_modify(|progress| progress.failed = words);
}
