//! Sensors of a simulated fleet: the real spool and the real export over mutual TLS, without a capture.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use traf_model::{Summary, Timestamp};
use traf_peer::token::Token;
use traf_peer::{CollectorUrl, Credentials, channel, join};
use traf_sensor::InterfaceSlice;
use traf_sensor::export::{self, SensorInfo};
use traf_sensor::spool::{self, Spool, SpoolHandle, SpoolLimits};

use super::clock::{Clock, now};
use super::plan::Order;
use super::random::Random;
use super::slice::move_times;
use crate::wait::Stopwatch;

/// Version that simulated sensors say.
const VERSION: &str = "fleet";
/// Sensors that join at once.
const JOINING: usize = 16;
/// Room of a spool: nothing is ever folded.
const LIMITS: SpoolLimits = SpoolLimits { octets: 16 << 30, files: 1 << 20 };

/// A sensor that has joined and does not report yet; its slices gather in its spool.
#[derive(Debug)]
pub(super) struct WaitingSensor {
    pub(super) name: String,
    pub(super) clock: Clock,
    credentials: Credentials,
    spool: Spool,
    /// Slices that go into the spool later: those of a wrong clock, and all if they are to go out one by one.
    kept: VecDeque<Summary>,
    /// True if the slices go out one by one.
    one_by_one: bool,
    /// Folder of encoded slices that go into the spool later, in another order; and how many there are.
    set_aside: Option<(PathBuf, usize)>,
}

/// A sensor that reports.
#[derive(Debug)]
pub(super) struct Sensor {
    clock: Clock,
    spool: SpoolHandle,
    /// Nanoseconds by which its clock is wrong.
    shift: i64,
    /// Slices that go out one by one.
    kept: VecDeque<Summary>,
    /// Closed when nothing more is to be sealed.
    parts: mpsc::Sender<InterfaceSlice>,
    /// Holds the spool back until it is dropped.
    gate: Option<SyncSender<()>>,
    export: JoinHandle<()>,
}

/// Joins sensors of these names with one token.
pub(super) async fn join_all(url: &CollectorUrl, token: &Token, names: Vec<String>) -> Result<Vec<Credentials>> {
    let (mut all, mut joining) = (Vec::new(), JoinSet::new());
    let mut waiting = names.into_iter().enumerate();
    loop {
        while joining.len() < JOINING {
            let Some((place, name)) = waiting.next() else { break };
            let (url, token) = (url.clone(), Token { ..*token });
            joining.spawn(async move { (place, join(&url, &token, &name, VERSION).await) });
        }
        let Some(joined) = joining.join_next().await else { break };
        let (place, joined) = joined.context("joining")?;
        all.push((place, joined.context("joining")?.0));
    }
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, credentials)| credentials).collect())
}

impl WaitingSensor {
    /// A sensor with its spool in a folder of its own, whose slices go out in this order.
    pub(super) fn new(
        folder: &Path,
        name: String,
        clock: Clock,
        credentials: Credentials,
        order: Order,
    ) -> Result<Self> {
        let (spool, _) = Spool::open(&folder.join(&name), LIMITS, String::new())?;
        let set_aside = folder.join(format!("{name}-aside"));
        if order == Order::Shuffled {
            fs::create_dir_all(&set_aside).with_context(|| format!("making {}", set_aside.display()))?;
        }
        let set_aside = (order == Order::Shuffled).then_some((set_aside, 0));
        let (kept, one_by_one) = (VecDeque::new(), order == Order::In);
        Ok(Self { name, clock, credentials, spool, kept, one_by_one, set_aside })
    }

    /// Takes a slice.
    pub(super) fn seal(&mut self, summary: Summary) -> Result<()> {
        match &mut self.set_aside {
            _ if self.one_by_one || self.clock.fault.is_some() => self.kept.push_back(summary),
            Some((folder, count)) => {
                let path = folder.join(count.to_string());
                fs::write(&path, traf_proto::encode(&summary))
                    .with_context(|| format!("writing {}", path.display()))?;
                *count += 1;
            }
            None => self.spool.seal(&summary),
        }
        Ok(())
    }

    /// Puts what was set aside into the spool, in an order of its own.
    pub(super) fn seal_rest(&mut self, mut random: Random) -> Result<()> {
        let Some((folder, count)) = self.set_aside.take() else { return Ok(()) };
        let mut order: Vec<usize> = (0..count).collect();
        random.shuffle(&mut order);
        for number in order {
            let path = folder.join(number.to_string());
            let octets = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            self.spool.seal(&traf_proto::decode(&octets)?);
        }
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))
    }

    /// Connects to the collector; what waits in the spool is held back until [`Sensor::open`]. The slices of the fleet begin at
    /// `begin`.
    pub(super) async fn start(mut self, begin: Timestamp) -> Result<Sensor> {
        let shift = self.clock.fault.map_or(0, |fault| fault.shift(begin, now()));
        if !self.one_by_one {
            for mut summary in self.kept.drain(..) {
                move_times(&mut summary, shift);
                self.spool.seal(&summary);
            }
        }
        let (parts, inbox) = mpsc::channel(spool::PARTS);
        let (spool, _) = spool::start(self.spool, inbox, || 1).context("starting a spool's thread")?;
        let (gate, opened) = sync_channel::<()>(0);
        // An error says that the gate is open.
        spool.send(move |_| _ = opened.recv()).await?;
        let introduction = SensorInfo {
            identity: self.credentials.identity.to_string(),
            version: VERSION.to_owned(),
            name: self.name.clone(),
            site: String::new(),
        };
        let channel = channel(&self.credentials.url, &self.credentials)?;
        // Its digests are made up: the key that the collector gives is not used.
        let (key, stop) = (watch::Sender::new(None), CancellationToken::new());
        let export = tokio::spawn(export::run(channel, introduction, spool.clone(), key, stop));
        Ok(Sensor { clock: self.clock, spool, shift, kept: self.kept, parts, gate: Some(gate), export })
    }
}

impl Sensor {
    /// Its clock.
    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    /// True if what waits in the spool is held back.
    pub(super) const fn is_held(&self) -> bool {
        self.gate.is_some()
    }

    /// Lets go what was held back.
    pub(super) fn open(&mut self) {
        self.gate = None;
    }

    /// Seals a slice; it goes out at once. Returns when it is durable.
    pub(super) async fn seal(&self, mut summary: Summary) -> Result<()> {
        move_times(&mut summary, self.shift);
        self.spool.send(move |spool| spool.seal(&summary)).await?;
        // The status knows of the record as soon as the spool's thread has taken another request.
        let (reply, answer) = oneshot::channel();
        self.spool.send(move |_| _ = reply.send(())).await?;
        answer.await.context("the spool's thread ended")
    }

    /// Seals the next of the slices that go out one by one.
    pub(super) async fn seal_next(&mut self) -> Result<()> {
        match self.kept.pop_front() {
            Some(summary) => self.seal(summary).await,
            None => Ok(()),
        }
    }

    /// Seals a slice, and waits until all is acknowledged; returns how long that took, from when it was handed over.
    pub(super) async fn deliver(&self, summary: Summary) -> Result<Duration> {
        let watch = Stopwatch::start();
        self.seal(summary).await?;
        self.spool.status().wait_for(|status| status.spool.records == 0).await.context("the spool's thread ended")?;
        Ok(watch.elapsed())
    }

    /// Records that are not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.spool.status().borrow().spool.records as usize
    }

    /// Ends it when all is acknowledged.
    pub(super) async fn end(self) -> Result<()> {
        let Self { parts, gate, export, spool, .. } = self;
        drop((parts, gate, spool));
        export.await.context("ending a sensor")
    }
}
