//! Keeps one capture on every interface that is wanted, while interfaces come and go.
//!
//! ```text
//!  interfaces ─(once a second)─► wanted and up, not attached: open, start a thread
//!                                thread ended (down, gone):   a gap, attached again when it is back
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use traf_model::settings::{CAPTURE, IDLE, PROMISCUOUS};
use traf_model::{Interface, InterfaceSnapshot, Interval, Loss, LossReason, Settings, Timestamp};

use crate::capture::snapshots::{LatestSnapshots, PostedSnapshot};
use crate::capture::{
    CaptureContext, CaptureControls, CaptureError, CaptureHandle, CaptureSocket, FilterProgram, InterfaceCapture,
};
use crate::config::Config;
use crate::meter::MeterConfig;
use crate::parse::link_type::LinkType;
use crate::slice::{self, InterfaceSlice};
use crate::spool::persistent_state::NicCounters;
use crate::system::interfaces::{self, Device};

/// Interfaces under capture at once.
pub(crate) const INTERFACES: usize = 64;
/// Vanished interfaces that the live view still shows.
const GONE: usize = 32;

struct RunningCapture {
    interface: Interface,
    thread: JoinHandle<Result<(), CaptureError>>,
    socket: CaptureSocket,
    facts: watch::Sender<Interface>,
    live: watch::Receiver<PostedSnapshot>,
    stop: CancellationToken,
}

/// An interface under capture that went away, with its last state.
struct VanishedInterface {
    since: Timestamp,
    last: InterfaceSnapshot,
}

/// Filter programs for a change of settings, compiled before anything is changed.
pub(crate) struct FilterPlan(Option<BTreeMap<String, FilterProgram>>);

/// All captures of the sensor.
pub struct Attachments {
    context: CaptureContext,
    settings: Settings,
    attached: BTreeMap<String, RunningCapture>,
    gone: BTreeMap<String, VanishedInterface>,
    latest: watch::Sender<LatestSnapshots>,
    count: Arc<AtomicUsize>,
    refused: BTreeMap<String, String>,
    unfit: BTreeSet<(String, u32)>,
    changed: bool,
}

impl Attachments {
    /// Nothing is attached yet; what is will follow `settings`. `count` follows how many are.
    pub(crate) fn new(
        context: CaptureContext,
        settings: Settings,
        count: Arc<AtomicUsize>,
    ) -> (Self, watch::Receiver<LatestSnapshots>) {
        let (latest, watching) = watch::channel(LatestSnapshots::default());
        let attachments = Self {
            context,
            settings,
            attached: BTreeMap::new(),
            gone: BTreeMap::new(),
            latest,
            count,
            refused: BTreeMap::new(),
            unfit: BTreeSet::new(),
            changed: false,
        };
        (attachments, watching)
    }

    /// Looks at the interfaces as they are `now`.
    ///
    /// Fails only if there is no permission to capture at all.
    pub(crate) fn turn(&mut self, devices: &BTreeMap<String, Device>, now: Timestamp) -> Result<(), CaptureError> {
        self.detach(devices, now);
        for (name, device) in devices {
            if !self.context.config.wants(name) || !device.up {
                continue;
            }
            let mut facts = device.interface.clone();
            match self.attached.get_mut(name) {
                Some(attached) => {
                    fill(&self.context.config, &mut facts);
                    facts.link.clone_from(&attached.interface.link);
                    if facts != attached.interface {
                        attached.interface = facts.clone();
                        attached.facts.send_replace(facts);
                    }
                }
                None => self.attach(facts, now)?,
            }
        }
        self.unfit.retain(|(name, index)| devices.get(name).is_some_and(|device| device.interface.index == *index));
        if std::mem::take(&mut self.changed) {
            let capturing = self.attached.values().map(|attached| attached.live.clone()).collect();
            let mut gone: Vec<&VanishedInterface> = self.gone.values().collect();
            gone.sort_by_key(|gone| std::cmp::Reverse(gone.since));
            let gone = gone.into_iter().take(GONE).map(|gone| gone.last.clone()).collect();
            self.latest.send_replace(LatestSnapshots { capturing, gone });
        }
        Ok(())
    }

    /// Compiles the capture filter of these settings for all captures. Nothing is changed yet.
    pub(crate) fn plan(&self, settings: &Settings) -> Result<FilterPlan, CaptureError> {
        if settings.text(&CAPTURE) == self.settings.text(&CAPTURE) {
            return Ok(FilterPlan(None));
        }
        let snaplen = self.context.config.snaplen;
        let mut programs = BTreeMap::new();
        for name in self.attached.keys() {
            match FilterProgram::compile(name, settings.text(&CAPTURE), snaplen) {
                Ok(program) => drop(programs.insert(name.clone(), program)),
                // It is going away just now, and when it comes back it is attached by the new settings.
                Err(CaptureError::Down(_) | CaptureError::Gone(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if programs.is_empty() {
            FilterProgram::check(settings.text(&CAPTURE))?;
        }
        Ok(FilterPlan(Some(programs)))
    }

    /// Makes all captures, and those to come, follow the settings that were planned.
    pub(crate) fn follow(&mut self, FilterPlan(programs): FilterPlan, settings: &Settings) {
        for (name, attached) in &mut self.attached {
            let filter = programs.as_ref().and_then(|programs| programs.get(name));
            if let Some(Err(error)) = filter.map(|program| attached.socket.set_filter(program)) {
                tracing::error!("the capture filter on {name} stays as it was: {error}");
            }
            set_promiscuous(name, &mut attached.socket, settings.on(&PROMISCUOUS));
        }
        self.settings = settings.clone();
        // What was refused may be possible now.
        self.refused.clear();
        self.unfit.clear();
    }

    /// True if nothing is captured.
    pub(crate) fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// Ends every capture; their last slices are sealed.
    pub(crate) fn stop(mut self) {
        self.attached.values().for_each(|attached| attached.stop.cancel());
        for (name, attached) in std::mem::take(&mut self.attached) {
            if attached.thread.join().is_err() {
                tracing::error!("the capture on {name} ended by a fault in this program");
            }
        }
    }

    /// Notices the captures that ended, and ends those whose device is another one now.
    fn detach(&mut self, devices: &BTreeMap<String, Device>, now: Timestamp) {
        for (name, attached) in &self.attached {
            let same = devices.get(name).is_some_and(|device| device.interface.index == attached.interface.index);
            if !same {
                attached.stop.cancel();
            }
        }
        let over = |attached: &RunningCapture| attached.thread.is_finished() || attached.stop.is_cancelled();
        let ended: Vec<String> =
            self.attached.iter().filter(|(_, attached)| over(attached)).map(|(name, _)| name.clone()).collect();
        for name in ended {
            let Some(attached) = self.attached.remove(&name) else { continue };
            self.changed = true;
            match attached.thread.join() {
                Ok(Ok(())) => tracing::warn!("{name} is gone"),
                Ok(Err(error)) => tracing::warn!("{error}"),
                Err(_) => tracing::error!("the capture on {name} ended by a fault in this program; it is opened again"),
            }
            let mut last = attached.live.borrow().snapshot.clone();
            last.gone = true;
            self.gone.insert(name.clone(), VanishedInterface { since: now, last });
            if self.gone.len() > INTERFACES {
                let oldest = self.gone.iter().min_by_key(|(_, gone)| gone.since).map(|(name, _)| name.clone());
                oldest.map(|name| self.gone.remove(&name));
            }
            self.declare(&name, Interval::new(now, now), None);
        }
        self.count.store(self.attached.len(), Ordering::Relaxed);
    }

    fn attach(&mut self, mut interface: Interface, now: Timestamp) -> Result<(), CaptureError> {
        let name = interface.name.clone();
        if self.unfit.contains(&(name.clone(), interface.index)) {
            return Ok(());
        }
        if self.attached.len() >= INTERFACES {
            self.refuse(&name, format!("{name} is not captured: {INTERFACES} interfaces are, and more are not"));
            return Ok(());
        }
        let (buffer, flows) = share(self.context.config.buffer, self.context.config.meter.flows, self.attached.len());
        let snaplen = self.context.config.snaplen;
        let opened = CaptureHandle::open(&name, snaplen, buffer).and_then(|handle| {
            let other = |error: std::io::Error| CaptureError::Other(name.clone(), error.to_string());
            let mut socket = CaptureSocket::of(&handle, interface.index).map_err(other)?;
            let program = FilterProgram::compile(&name, self.settings.text(&CAPTURE), snaplen)?;
            socket.set_filter(&program).map_err(other)?;
            set_promiscuous(&name, &mut socket, self.settings.on(&PROMISCUOUS));
            Ok((handle, socket))
        });
        let (handle, socket) = match opened {
            Ok(opened) => opened,
            Err(error @ CaptureError::Permission(..)) if self.attached.is_empty() => return Err(error),
            // Between the listing and here it went away: the next turn tells.
            Err(CaptureError::Down(_) | CaptureError::Gone(_)) => return Ok(()),
            Err(error) => {
                if let CaptureError::Filter(..) = error {
                    // Until there is another filter, or another device.
                    self.unfit.insert((name.clone(), interface.index));
                }
                self.refuse(&name, error.to_string());
                return Ok(());
            }
        };
        let chosen = !self.context.config.interfaces.is_empty();
        if let LinkType::Unsupported(_) = handle.link
            && !chosen
        {
            tracing::info!("{name} is left out: link type {} is not understood", handle.link.name());
            self.unfit.insert((name, interface.index));
            return Ok(());
        }
        fill(&self.context.config, &mut interface);
        interface.link = handle.link.name();
        let (facts, news) = watch::channel(interface.clone());
        let (state, live) = watch::channel(PostedSnapshot::fresh(interface.clone(), now));
        let stop = CancellationToken::new();
        let controls = CaptureControls { facts: news, live: state, stop: stop.clone() };
        let meter = MeterConfig { flows, idle: self.settings.time(&IDLE), ..self.context.config.meter.clone() };
        let capture = InterfaceCapture::new(handle, interface.clone(), meter, self.context.clone(), controls);
        let spawned = std::thread::Builder::new().name(format!("capture-{name}")).spawn(move || capture.run());
        let thread = match spawned {
            Ok(thread) => thread,
            Err(error) => {
                self.refuse(&name, format!("no thread for the capture on {name}: {error}"));
                return Ok(());
            }
        };
        tracing::info!("capturing on {name} ({})", interface.link);
        self.refused.remove(&name);
        if let Some(VanishedInterface { since, last }) = self.gone.remove(&name) {
            let Interface { index, loopback, .. } = last.interface;
            let before = last.ledger.nic.map(|nic| NicCounters { nic, loopback });
            // Another device of the same name has counted from zero.
            let before = if index == interface.index { before } else { Some(NicCounters::default()) };
            let counted = interfaces::counters_of(&name).zip(before).and_then(|(now, before)| before.until(now));
            self.declare(&name, Interval::new(since, now), counted);
        }
        self.attached.insert(name, RunningCapture { interface, thread, socket, facts, live, stop });
        self.count.store(self.attached.len(), Ordering::Relaxed);
        self.changed = true;
        Ok(())
    }

    /// Says a refusal once.
    fn refuse(&mut self, name: &str, words: String) {
        if self.refused.get(name) != Some(&words) {
            tracing::warn!("{words}");
            self.refused.insert(name.to_owned(), words);
        }
    }

    fn declare(&self, name: &str, interval: Interval, counted: Option<(u64, u64)>) {
        let slice = slice::around(self.context.config.slice, interval.to);
        let loss =
            Loss { reason: LossReason::Vanished, interval, records: 0, counted, interface: Some(name.to_owned()) };
        if let Err(mpsc::error::TrySendError::Full(part)) =
            self.context.parts.try_send(InterfaceSlice { slice, summary: None, losses: vec![loss] })
        {
            tracing::warn!("a gap of {name} could not be recorded: {:?}", part.losses);
        }
    }
}

/// Without it there is still what is addressed to us.
fn set_promiscuous(name: &str, socket: &mut CaptureSocket, on: bool) {
    if let Err(error) = socket.set_promiscuous(on) {
        tracing::warn!("{name} cannot be asked for frames to others: {error}");
    }
}

fn fill(config: &Config, interface: &mut Interface) {
    interfaces::facts(interface);
    interface.mirror = config.mirrors.contains(&interface.name);
}

/// Memory for one more interface when `open` have theirs: the first four get all that was asked for, the next less, so that
/// a host with fifty containers does not give a gigabyte to its kernel's buffers.
fn share(buffer: u64, flows: usize, open: usize) -> (u64, usize) {
    let part = match open {
        0..4 => 1,
        4..16 => 4,
        _ => 16,
    };
    ((buffer / part).max(256 << 10), (flows / part as usize).max(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_small_however_many_interfaces_there_are() {
        let all: u64 = (0..INTERFACES).map(|open| share(16 << 20, 262_144, open).0).sum();
        assert!(all <= 160 << 20, "{all}");
        assert_eq!(share(16 << 20, 262_144, 0), (16 << 20, 262_144));
        assert_eq!(share(16 << 20, 262_144, 63), (1 << 20, 16_384));
    }
}
