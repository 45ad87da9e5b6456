//! Live capture: one thread for each interface owns its handle, its meter and its slice. Nothing is copied.
//!
//! Never libpcap's immediate mode (it wakes for every packet), and never a blocking read: on an idle link one never returns.
//! So: non-blocking, `poll`, then bounded rounds of `dispatch`. Where there is much to do it naps instead of polling: whoever
//! sleeps in `poll` is woken by the kernel while that holds the socket's lock, and both then wait for each other. The thread
//! encodes nothing, resolves nothing and waits for nobody: finished slices go into a channel, and where that is full they
//! wait here, bounded and counted.

mod answering;
mod answers;
pub(crate) mod attachments;
mod kernel_counters;
mod slice_queue;
pub(crate) mod snapshots;
mod socket;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Precision};
use tokio::sync::{mpsc, watch};
use traf_model::{
    Answer, Endpoint, Interface, InterfaceSnapshot, InterfaceSummary, Interval, PortRange, Timestamp, Wish,
};

use crate::capture::answering::AnsweringTime;
use crate::capture::answers::Answers;
use crate::capture::attachments::INTERFACES;
use crate::capture::snapshots::PostedSnapshot;
use crate::config::Config;
use crate::digest_key::DigestKey;
use crate::meter::{Meter, MeterConfig};
use crate::parse::link_type::LinkType;
use crate::slice::{InterfaceSlice, Slicer};
use crate::system::clock::{self, Steps};
use crate::text_log::{self, Dump, LogHandle};
use kernel_counters::KernelCounters;
use slice_queue::SliceQueue;
pub(crate) use socket::{CaptureSocket, FilterProgram};

/// Frames of one round: between rounds the clock is read.
const ROUND: usize = 4_096;
/// Longest sleep, in milliseconds.
const SLEEP: u64 = 100;
/// Frames between two sleeps that are much.
const BUSY: usize = 512;
/// Longest nap of a busy thread, in milliseconds: one for each MiB of the ring, which so has room for the smallest frames at
/// seven million a second.
const NAP: u64 = 10;
const SECOND: i64 = 1_000_000_000;

/// Reason why an interface cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Needs a capability.
    #[error(
        "no permission to capture on {0}: run as root, or allow the program once with `setcap cap_net_raw+ep {1}` ({2})"
    )]
    Permission(String, String, String),
    /// Administratively down.
    #[error("{0} is down")]
    Down(String),
    /// Not there (any more).
    #[error("{0} is not there")]
    Gone(String),
    /// The capture filter, in libpcap's words.
    #[error("the capture filter on {0}: {1}")]
    Filter(String, String),
    /// Whoever wants such an interface captured names it.
    #[error("{0} is left out: link type {1} is not understood")]
    LinkType(String, String),
    /// Others are captured.
    #[error("{0} is not captured: {INTERFACES} interfaces are, and more are not")]
    TooMany(String),
    /// The system's words.
    #[error("no thread for the capture on {0}: {1}")]
    Thread(String, String),
    /// libpcap's words.
    #[error("capturing on {0}: {1}")]
    Other(String, String),
}

impl CaptureError {
    /// From libpcap, whose errors are sentences.
    fn of(name: &str, error: &pcap::Error) -> Self {
        let (words, name) = (error.to_string(), name.to_owned());
        let holds = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if holds(&["ermission", "not permitted", "CAP_NET_RAW"]) {
            let program =
                std::env::current_exe().map_or_else(|_| "traf-sensor".to_owned(), |path| path.display().to_string());
            Self::Permission(name, program, words)
        } else if holds(&["is not up", "went down", "Network is down"]) {
            Self::Down(name)
        } else if holds(&["o such device", "disappeared", "does not exist", "No such device"]) {
            Self::Gone(name)
        } else {
            Self::Other(name, words)
        }
    }
}

/// An open handle. Opening is what needs privileges; it happens only here.
pub(crate) struct CaptureHandle {
    capture: Capture<Active>,
    /// Link type of the frames.
    pub link: LinkType,
    /// Octets of its ring.
    ring: u64,
}

impl CaptureHandle {
    /// Opens an interface that is up, without making it promiscuous: [`CaptureSocket`] does.
    pub(crate) fn open(name: &str, snaplen: u32, buffer: u64) -> Result<Self, CaptureError> {
        let open = || {
            Capture::from_device(name)?
                .promisc(false)
                .snaplen(i32::try_from(snaplen).unwrap_or(i32::MAX))
                .buffer_size(i32::try_from(buffer).unwrap_or(i32::MAX))
                .timeout(SLEEP as i32)
                .precision(Precision::Nano)
                .open()?
                .setnonblock()
        };
        let capture = open().map_err(|error| CaptureError::of(name, &error))?;
        let link = LinkType::from_dlt(capture.get_datalink().0);
        Ok(Self { capture, link, ring: buffer })
    }
}

/// Configuration and channels that all capture threads share.
#[derive(Clone)]
pub(crate) struct CaptureContext {
    /// Settings.
    pub config: Arc<Config>,
    /// Queue of finished slices.
    pub parts: mpsc::Sender<InterfaceSlice>,
    /// Wishes of the consoles.
    pub wishes: watch::Receiver<Arc<Vec<Wish>>>,
    /// Our own connections to the collector.
    pub own: watch::Receiver<Arc<Vec<(Endpoint, Endpoint)>>>,
    /// Settings that may change while it runs.
    pub settings: watch::Receiver<Arc<CaptureSettings>>,
}

/// Settings of the capture threads.
#[derive(Clone, Default)]
pub struct CaptureSettings {
    /// Served ports beside those below 1024.
    pub ports: Vec<PortRange>,
    /// Silence after which a flow is over.
    pub idle: Duration,
    /// Key of the digests; `None` until a collector has given one.
    pub digest_key: Option<DigestKey>,
    /// Handle of the text log; `None` while there is none.
    pub log: Option<LogHandle>,
}

/// The thread's own side of what it is told and tells.
pub(crate) struct CaptureControls {
    /// Facts of the interface, when they change. The thread ends when nobody can send them any more.
    pub facts: watch::Receiver<Interface>,
    /// The present state, once a second.
    pub live: watch::Sender<PostedSnapshot>,
}

/// One interface under capture.
pub(crate) struct InterfaceCapture {
    handle: Capture<Active>,
    meter: Meter,
    slicer: Slicer,
    kernel: KernelCounters,
    steps: Steps,
    queue: SliceQueue,
    second: Timestamp,
    nap: Duration,
    name: String,
    log: Option<LogHandle>,
    answers: Answers,
    answering: AnsweringTime,
    context: CaptureContext,
    controls: CaptureControls,
}

impl InterfaceCapture {
    /// Ready to run; `interface` carries what the system knows of it.
    pub(crate) fn new(
        handle: CaptureHandle,
        interface: Interface,
        meter: MeterConfig,
        context: CaptureContext,
        controls: CaptureControls,
    ) -> Self {
        let now = clock::now();
        let mut capture = Self {
            handle: handle.capture,
            slicer: Slicer::new(context.config.slice, now),
            kernel: KernelCounters::default(),
            steps: Steps::start(),
            queue: SliceQueue::new(context.parts.clone()),
            second: next_second(now),
            nap: Duration::from_millis((handle.ring >> 20).min(NAP)),
            name: interface.name.clone(),
            meter: Meter::new(meter, interface, handle.link, now),
            log: None,
            answers: Answers::default(),
            answering: AnsweringTime::default(),
            context,
            controls,
        };
        capture.apply_settings();
        capture
    }

    /// Captures until it is told to stop or the interface goes; then seals what is there.
    pub(crate) fn run(mut self) -> Result<(), CaptureError> {
        let ended = self.work();
        self.meter.flush();
        let slice = self.slicer.open();
        self.close(slice);
        let gone = ended.is_err();
        let now = clock::now();
        let snapshot = InterfaceSnapshot { gone, ..self.state(now, &[]) };
        self.controls.live.send_replace(PostedSnapshot::new(now, snapshot));
        self.write_events();
        if let Some(log) = self.log.take() {
            log.end(self.figures(now));
        }
        self.queue.last();
        ended
    }

    fn work(&mut self) -> Result<(), CaptureError> {
        let (mut frames, mut more) = (0, false);
        while self.controls.facts.has_changed().is_ok() {
            if !more {
                self.sleep(frames >= BUSY);
                frames = 0;
            }
            let round = self.round()?;
            (frames, more) = (frames + round, round == ROUND);
            self.meter.flush();
            self.listen();
            let now = clock::now();
            self.write(now);
            // Where frames wait that arrived before the end of the slice, they count in it, however late they are read.
            if round == 0
                && let Some(slice) = self.slicer.tick(now)
            {
                self.close(slice);
            }
            self.queue.send();
            // A clock that was put back must not stop the live view; whoever has just begun to look is not kept waiting.
            let asked = self.context.wishes.has_changed().unwrap_or(false);
            if asked || now >= self.second || now.0 < self.second.0 - 2 * SECOND {
                let wishes = Arc::clone(&self.context.wishes.borrow_and_update());
                // What nobody wishes has no rates: from now on the log does.
                let rated = self.log.as_ref().is_some_and(LogHandle::wants_rates);
                let more = if rated { text_log::wishes() } else { Vec::new() };
                let mut snapshot = self.state(now, &[&wishes[..], &more].concat());
                snapshot.answers = self.answers(now, &wishes);
                snapshot.answers.extend(self.meter.sealed_answers(now));
                self.controls.live.send_replace(PostedSnapshot { at: now, wishes, snapshot });
                self.second = next_second(now);
            }
        }
        Ok(())
    }

    /// Until there are frames or the next second begins; not for long while it is `busy`.
    fn sleep(&self, busy: bool) {
        if busy {
            return std::thread::sleep(self.nap);
        }
        let left = self.second.since(clock::now()).clamp(0, SECOND) as u64 / 1_000_000 + 1;
        let timeout = PollTimeout::try_from(left.min(SLEEP)).unwrap_or(PollTimeout::ZERO);
        // An error of poll is an interrupted sleep, or shows again when reading.
        let _ = poll(&mut [PollFd::new(self.handle.as_fd(), PollFlags::POLLIN)], timeout);
    }

    /// Counts what waits, at most [`ROUND`] frames. A slice that ends within the round is sealed at its place.
    fn round(&mut self) -> Result<usize, CaptureError> {
        let Self { handle, meter, slicer, kernel, answering, .. } = self;
        let mut closed: Vec<(Interval, u32, InterfaceSummary, u64)> = Vec::new();
        let frames = handle.dispatch(Some(ROUND), |packet| {
            let header = packet.header;
            let at = Timestamp(header.ts.tv_sec.saturating_mul(SECOND).saturating_add(header.ts.tv_usec));
            if let Some(slice) = slicer.packet(at) {
                let generation = meter.generation();
                let summary = answering.spend(clock::now(), |time| meter.close_within(slice, time));
                closed.push((slice, generation, summary, kernel.take()));
            }
            kernel.frame();
            meter.frame(at, header.len, packet.data);
        });
        for (slice, generation, summary, frames) in closed {
            self.hand_over(slice, generation, summary, frames);
        }
        frames.map_err(|error| CaptureError::of(&self.name, &error))
    }

    /// Takes what it was told meanwhile.
    fn listen(&mut self) {
        if self.controls.facts.has_changed().unwrap_or(false) {
            let facts = self.controls.facts.borrow_and_update().clone();
            self.meter.update_interface(facts);
        }
        if self.context.own.has_changed().unwrap_or(false) {
            let own = Arc::clone(&self.context.own.borrow_and_update());
            self.meter.own(&own);
        }
        if self.context.settings.has_changed().unwrap_or(false) {
            self.apply_settings();
        }
    }

    fn apply_settings(&mut self) {
        let settings = Arc::clone(&self.context.settings.borrow_and_update());
        self.meter.set_ports(&settings.ports);
        self.meter.set_idle(settings.idle);
        settings.digest_key.into_iter().for_each(|key| self.meter.set_digest_key(key));
        let same = self.log.as_ref().zip(settings.log.as_ref()).is_some_and(|(mine, new)| mine.is(new));
        if !same && (self.log.is_some() || settings.log.is_some()) {
            self.log.clone_from(&settings.log);
            self.meter.log(self.log.as_ref().map(|log| log.mac), clock::now());
            self.log.iter_mut().for_each(|log| log.begin(&self.name));
        }
    }

    /// Hands to the text log what happened, and what it asks for.
    fn write(&mut self, now: Timestamp) {
        self.write_events();
        let Some(mut log) = self.log.take() else { return };
        let (dump, open) = log.asked();
        if open {
            log.records(&self.name, self.meter.open_connections(now, LogHandle::OPEN), true);
        }
        if dump {
            log.dump(self.figures(now));
        }
        self.log = Some(log);
    }

    /// Figures for a dump of the text log. The wishes of consoles are asked too, so that their filters are not forgotten.
    fn figures(&mut self, now: Timestamp) -> Dump {
        let wishes = Arc::clone(&self.context.wishes.borrow());
        let figures = text_log::wishes();
        let mut snapshot = self.state(now, &[&wishes[..], &figures].concat());
        snapshot.answers = self.meter.answers(now, &figures.iter().collect::<Vec<_>>());
        Dump { at: now, snapshot }
    }

    fn write_events(&mut self) {
        if let Some(log) = &self.log {
            log.records(&self.name, self.meter.take_log(), false);
        }
    }

    fn close(&mut self, slice: Interval) {
        let generation = self.meter.generation();
        let Self { answering, meter, .. } = self;
        let summary = answering.spend(clock::now(), |time| meter.close_within(slice, time));
        let frames = self.kernel.take();
        self.hand_over(slice, generation, summary, frames);
    }

    fn hand_over(&mut self, slice: Interval, generation: u32, mut summary: InterfaceSummary, frames: u64) {
        let dropped = self.kernel.ask(&mut self.handle);
        let ledger = &mut summary.ledger;
        (ledger.received, ledger.dropped) = (frames + dropped, dropped);
        ledger.kernel_received = Some(self.kernel.received);
        ledger.nic = crate::system::interfaces::counters_of(&self.name);
        ledger.clock_step = self.steps.take();
        self.queue.put(slice, generation, summary);
    }

    /// Answers to the wishes, as many anew as there is time for.
    fn answers(&mut self, now: Timestamp, wishes: &[Wish]) -> Vec<Answer> {
        let Self { answering, answers, meter, .. } = self;
        answering.spend(now, |time| answers.renew(wishes, |wishes| meter.answers(now, wishes), time))
    }

    fn state(&mut self, now: Timestamp, wishes: &[Wish]) -> InterfaceSnapshot {
        self.meter.begin_slice(self.slicer.open().from);
        let mut snapshot = self.meter.state(now, wishes);
        self.kernel.look(&mut self.handle);
        let ledger = &mut snapshot.ledger;
        (ledger.received, ledger.dropped) = self.kernel.totals();
        ledger.kernel_received = Some(self.kernel.received);
        ledger.nic = crate::system::interfaces::counters_of(&self.name);
        snapshot
    }
}

fn next_second(now: Timestamp) -> Timestamp {
    Timestamp(now.floor(SECOND).0.saturating_add(SECOND))
}
