//! Keeps one capture on every interface that is wanted, while interfaces come and go.
//!
//! ```text
//!  interfaces ─(once a second)─► wanted and up, not attached: open, start a thread
//!                                thread ended (down, gone):   a gap, attached again when it is back
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
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
    thread: JoinHandle<Result<(), CaptureError>>,
    socket: CaptureSocket,
    /// What the thread knows of the interface. It ends when this is gone.
    facts: watch::Sender<Interface>,
    live: watch::Receiver<PostedSnapshot>,
}

/// Filter programs for a change of settings, by interface, compiled before anything is changed; none if the filter stays.
pub(crate) struct FilterPlan(BTreeMap<String, FilterProgram>);

/// All captures of the sensor.
pub struct Attachments {
    context: CaptureContext,
    settings: Settings,
    attached: BTreeMap<String, RunningCapture>,
    /// Interfaces that went away, with their last state and since when.
    gone: BTreeMap<String, PostedSnapshot>,
    latest: watch::Sender<LatestSnapshots>,
    refused: BTreeMap<String, String>,
    unfit: BTreeSet<(String, u32)>,
    changed: bool,
}

impl Attachments {
    /// Nothing is attached yet; what is will follow `settings`.
    pub(crate) fn new(context: CaptureContext, settings: Settings, latest: watch::Sender<LatestSnapshots>) -> Self {
        Self {
            context,
            settings,
            attached: BTreeMap::new(),
            gone: BTreeMap::new(),
            latest,
            refused: BTreeMap::new(),
            unfit: BTreeSet::new(),
            changed: false,
        }
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
            match self.attached.get(name) {
                Some(attached) => {
                    fill(&self.context.config, &mut facts);
                    facts.link.clone_from(&attached.facts.borrow().link);
                    attached.facts.send_if_modified(|known| std::mem::replace(known, facts.clone()) != facts);
                }
                None => self.attach(facts, now)?,
            }
        }
        self.unfit.retain(|(name, index)| devices.get(name).is_some_and(|device| device.interface.index == *index));
        if std::mem::take(&mut self.changed) {
            let capturing = self.attached.values().map(|attached| attached.live.clone()).collect();
            let mut gone: Vec<&PostedSnapshot> = self.gone.values().collect();
            gone.sort_by_key(|gone| std::cmp::Reverse(gone.at));
            let gone = gone.into_iter().take(GONE).map(|gone| gone.snapshot.clone()).collect();
            self.latest.send_replace(LatestSnapshots { capturing, gone });
        }
        Ok(())
    }

    /// Compiles the capture filter of these settings for all captures. Nothing is changed yet.
    pub(crate) fn plan(&self, settings: &Settings) -> Result<FilterPlan, CaptureError> {
        if settings.text(&CAPTURE) == self.settings.text(&CAPTURE) {
            return Ok(FilterPlan(BTreeMap::new()));
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
        Ok(FilterPlan(programs))
    }

    /// Makes all captures, and those to come, follow the settings that were planned.
    pub(crate) fn follow(&mut self, FilterPlan(programs): FilterPlan, settings: &Settings) {
        for (name, attached) in &mut self.attached {
            if let Some(Err(error)) = programs.get(name).map(|program| attached.socket.set_filter(program)) {
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
    pub(crate) fn stop(self) {
        let threads: Vec<_> = self.attached.into_iter().map(|(name, attached)| (name, attached.thread)).collect();
        for (name, thread) in threads {
            if thread.join().is_err() {
                tracing::error!("the capture on {name} ended by a fault in this program");
            }
        }
    }

    /// Notices the captures that ended, and ends those whose device is another one now.
    fn detach(&mut self, devices: &BTreeMap<String, Device>, now: Timestamp) {
        let over = |name: &String, attached: &mut RunningCapture| {
            let same = devices.get(name).is_some_and(|device| device.interface.index == attached.facts.borrow().index);
            !same || attached.thread.is_finished()
        };
        // All of them are told to end before the first is waited for.
        let ended = self.attached.extract_if(.., over).map(|(name, ended)| (name, ended.thread, ended.live));
        for (name, thread, live) in ended.collect::<Vec<_>>() {
            self.changed = true;
            match thread.join() {
                Ok(Ok(())) => tracing::warn!("{name} is gone"),
                Ok(Err(error)) => tracing::warn!("{error}"),
                Err(_) => tracing::error!("the capture on {name} ended by a fault in this program; it is opened again"),
            }
            let last = InterfaceSnapshot { gone: true, ..live.borrow().snapshot.clone() };
            self.gone.insert(name.clone(), PostedSnapshot::new(now, last));
            if self.gone.len() > INTERFACES {
                let oldest = self.gone.iter().min_by_key(|(_, gone)| gone.at).map(|(name, _)| name.clone());
                oldest.map(|name| self.gone.remove(&name));
            }
            self.declare(&name, Interval::new(now, now), None);
        }
    }

    /// Captures on an interface too, if that is possible; a refusal is logged once.
    fn attach(&mut self, interface: Interface, now: Timestamp) -> Result<(), CaptureError> {
        let (name, index) = (interface.name.clone(), interface.index);
        if self.unfit.contains(&(name.clone(), index)) {
            return Ok(());
        }
        let capture = match self.start(interface, now) {
            Ok(capture) => capture,
            Err(error @ CaptureError::Permission(..)) if self.attached.is_empty() => return Err(error),
            // Between the listing and here it went away: the next turn tells.
            Err(CaptureError::Down(_) | CaptureError::Gone(_)) => return Ok(()),
            Err(error @ CaptureError::LinkType(..)) => {
                tracing::info!("{error}");
                self.unfit.insert((name, index));
                return Ok(());
            }
            Err(error) => {
                if let CaptureError::Filter(..) = error {
                    // Until there is another filter, or another device.
                    self.unfit.insert((name.clone(), index));
                }
                let words = error.to_string();
                if self.refused.get(&name) != Some(&words) {
                    tracing::warn!("{words}");
                    self.refused.insert(name, words);
                }
                return Ok(());
            }
        };
        tracing::info!("capturing on {name} ({})", capture.facts.borrow().link);
        self.refused.remove(&name);
        if let Some(PostedSnapshot { at: since, snapshot: last, .. }) = self.gone.remove(&name) {
            let before = last.ledger.nic.map(|nic| NicCounters { nic, loopback: last.interface.loopback });
            // Another device of the same name has counted from zero.
            let before = if index == last.interface.index { before } else { Some(NicCounters::default()) };
            let counted = interfaces::counters_of(&name).zip(before).and_then(|(now, before)| before.until(now));
            self.declare(&name, Interval::new(since, now), counted);
        }
        self.attached.insert(name, capture);
        self.changed = true;
        Ok(())
    }

    /// Opens an interface and starts its thread.
    fn start(&self, mut interface: Interface, now: Timestamp) -> Result<RunningCapture, CaptureError> {
        let (name, config) = (interface.name.clone(), &self.context.config);
        if self.attached.len() >= INTERFACES {
            return Err(CaptureError::TooMany(name));
        }
        let (buffer, flows) = share(config.buffer, config.meter.flows, self.attached.len());
        let other = |error: std::io::Error| CaptureError::Other(name.clone(), error.to_string());
        let handle = CaptureHandle::open(&name, config.snaplen, buffer)?;
        let mut socket = CaptureSocket::of(&handle, interface.index).map_err(other)?;
        let program = FilterProgram::compile(&name, self.settings.text(&CAPTURE), config.snaplen)?;
        socket.set_filter(&program).map_err(other)?;
        set_promiscuous(&name, &mut socket, self.settings.on(&PROMISCUOUS));
        interface.link = handle.link.name();
        if let LinkType::Unsupported(_) = handle.link
            && config.interfaces.is_empty()
        {
            return Err(CaptureError::LinkType(name, interface.link));
        }
        fill(config, &mut interface);
        let (facts, news) = watch::channel(interface.clone());
        let fresh = InterfaceSnapshot { interface: interface.clone(), started: now, ..InterfaceSnapshot::default() };
        let (state, live) = watch::channel(PostedSnapshot::new(now, fresh));
        let controls = CaptureControls { facts: news, live: state };
        let meter = MeterConfig { flows, idle: self.settings.time(&IDLE), ..config.meter.clone() };
        let capture = InterfaceCapture::new(handle, interface, meter, self.context.clone(), controls);
        let spawned = std::thread::Builder::new().name(format!("capture-{name}")).spawn(move || capture.run());
        let thread = spawned.map_err(|error| CaptureError::Thread(name, error.to_string()))?;
        Ok(RunningCapture { thread, socket, facts, live })
    }

    fn declare(&self, name: &str, interval: Interval, counted: Option<(u64, u64)>) {
        let slice = slice::around(self.context.config.slice, interval.to);
        let loss =
            Loss { reason: LossReason::Vanished, interval, records: 0, counted, interface: Some(name.to_owned()) };
        let part = InterfaceSlice { slice, generation: 0, summary: None, losses: vec![loss] };
        if let Err(mpsc::error::TrySendError::Full(part)) = self.context.parts.try_send(part) {
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
