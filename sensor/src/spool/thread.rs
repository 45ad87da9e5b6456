//! The thread that owns the spool: seals slices, hands records to the exporter, forgets what is committed.
//!
//! The disk may be slow; here nobody else waits for it. Parts and requests come through bounded channels.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use traf_model::SpoolState;

use crate::slice::{InterfaceSlice, SliceAssembler};
use crate::spool::Spool;
use crate::system::clock;

/// Parts on their way from the capture threads.
pub const PARTS: usize = 64;

/// Work that the exporter asks of the spool.
type SpoolRequest = Box<dyn FnOnce(&mut Spool) + Send>;

/// State of the spool, for the exporter and the live stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    /// State of the spool.
    pub spool: SpoolState,
    /// This start, in the collector's numbers.
    pub epoch: u64,
    /// Everything is sealed, nothing will follow.
    pub finished: bool,
}

/// The exporter's side.
#[derive(Clone, Debug)]
pub struct SpoolHandle {
    requests: mpsc::Sender<SpoolRequest>,
    status: watch::Receiver<SpoolStatus>,
}

/// The spool's thread has ended: the sensor is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool is closed")]
pub struct SpoolClosed;

impl SpoolHandle {
    /// Has the spool's thread do something, and does not wait until it is done.
    pub async fn send(&self, work: impl FnOnce(&mut Spool) + Send + 'static) -> Result<(), SpoolClosed> {
        self.requests.send(Box::new(work)).await.map_err(|_| SpoolClosed)
    }

    /// Asks the spool's thread.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, SpoolClosed> {
        let (reply, answer) = oneshot::channel();
        // The exporter may be gone; then nobody needs the answer.
        self.send(move |spool| drop(reply.send(question(spool)))).await?;
        answer.await.map_err(|_| SpoolClosed)
    }

    /// State of the spool, as it changes.
    pub fn status(&self) -> watch::Receiver<SpoolStatus> {
        self.status.clone()
    }
}

/// Owner of the spool.
pub(crate) struct SpoolThread {
    spool: Spool,
    sealer: SliceAssembler,
    status: watch::Sender<SpoolStatus>,
    finished: bool,
    trouble: Option<String>,
}

/// Starts the thread. `interfaces` tells how many are under capture now. The thread ends when all senders of slices and all handles
/// are gone.
pub fn start(
    spool: Spool,
    parts: mpsc::Receiver<InterfaceSlice>,
    interfaces: impl Fn() -> usize + Send + 'static,
) -> io::Result<(SpoolHandle, std::thread::JoinHandle<()>)> {
    let (requests, inbox) = mpsc::channel(8);
    let (status, watching) = watch::channel(SpoolStatus::default());
    let mut owner = SpoolThread { spool, sealer: SliceAssembler::default(), status, finished: false, trouble: None };
    owner.tell();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || runtime.block_on(owner.work(parts, inbox, interfaces)))?;
    Ok((SpoolHandle { requests, status: watching }, thread))
}

impl SpoolThread {
    async fn work(
        mut self,
        mut parts: mpsc::Receiver<InterfaceSlice>,
        mut requests: mpsc::Receiver<SpoolRequest>,
        interfaces: impl Fn() -> usize,
    ) {
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut asked = true;
        while asked || !self.finished {
            tokio::select! {
                part = parts.recv(), if !self.finished => match part {
                    Some(part) => {
                        self.sealer.add(part);
                        // All that came together belongs together.
                        while let Ok(part) = parts.try_recv() {
                            self.sealer.add(part);
                        }
                    }
                    None => {
                        self.sealer.rest(clock::now()).iter().for_each(|summary| self.spool.seal(summary));
                        self.spool.finish(clock::now());
                        self.finished = true;
                    }
                },
                request = requests.recv(), if asked => match request {
                    Some(request) => request(&mut self.spool),
                    None => asked = false,
                },
                _ = tick.tick() => self.spool.retry(),
            }
            let ready = self.sealer.ready(clock::now(), interfaces());
            ready.iter().for_each(|summary| self.spool.seal(summary));
            self.tell();
        }
    }

    fn tell(&mut self) {
        let status = SpoolStatus { spool: self.spool.state(), epoch: self.spool.wire_epoch(), finished: self.finished };
        self.status.send_if_modified(|known| std::mem::replace(known, status.clone()) != status);
        if self.trouble != self.spool.trouble {
            match &self.spool.trouble {
                Some(words) => tracing::error!("{words}; slices wait in memory, and the disk is tried every second"),
                None => tracing::info!("the spool's disk takes records again"),
            }
            self.trouble.clone_from(&self.spool.trouble);
        }
    }
}
