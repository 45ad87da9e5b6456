//! The thread that writes: it alone makes words and waits for the disk, and it keeps the times of dumps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;
use traf_model::Timestamp;

use super::dump::{Dump, general};
use super::file_names::LogKind;
use super::folder::LogFolder;
use super::handle::{LogMessage, Requests, SharedState};
use super::{LogError, LogHandle, TextLogConfig, Wording};
use crate::system::clock;

/// Largest number of messages in the queue: rounds of the captures, not events, of which [`SharedState`] has its own bound.
const MESSAGES: usize = 256;
/// Interval between two looks at the clock when no message comes.
const LOOK: Duration = Duration::from_millis(100);
/// Time to wait for the captures' answers: they look up ten times a second.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time before a dump at which the captures begin to sample rates: averages are of five seconds.
const AHEAD: Duration = Duration::from_secs(6);
/// Interfaces that are gone, and still stand in the general statistics.
const GONE: usize = 64;

/// A question that captures have not all answered.
#[derive(Default)]
struct PendingReplies {
    until: Option<Timestamp>,
    missing: BTreeSet<String>,
}

impl PendingReplies {
    fn begin(&mut self, now: Timestamp, of: &BTreeSet<String>) {
        (self.until, self.missing) = (Some(now.after(PATIENCE)), of.clone());
    }

    /// All have answered, or have had their time. True once.
    fn over(&mut self, now: Timestamp) -> bool {
        let Self { until, missing } = self;
        // A clock that was put back must not keep it.
        until.take_if(|until| missing.is_empty() || now >= *until || now < until.before(2 * PATIENCE)).is_some()
    }
}

/// Writes the logs.
pub(super) struct LogWriter {
    folder: LogFolder,
    inbox: Receiver<LogMessage>,
    asks: watch::Sender<Requests>,
    interval: watch::Receiver<Duration>,
    reopen: watch::Receiver<u64>,
    shared: Arc<SharedState>,
    words: Wording,
    /// Interfaces under capture.
    live: BTreeSet<String>,
    gone: BTreeMap<String, Dump>,
    /// Answers to the present question.
    dumps: BTreeMap<String, Dump>,
    dumping: PendingReplies,
    listing: PendingReplies,
    /// Start of the interval.
    since: Timestamp,
    stopping: bool,
    lost: u64,
}

impl LogWriter {
    /// Opens the folder; gives the writer's other end too, for the capture threads.
    pub(super) fn open(
        config: &TextLogConfig,
        interval: watch::Receiver<Duration>,
        reopen: watch::Receiver<u64>,
    ) -> Result<(Self, LogHandle), LogError> {
        let folder = LogFolder::open(config)?;
        let (messages, inbox) = sync_channel(MESSAGES);
        let (asks, asked) = watch::channel(Requests::default());
        let handle = LogHandle::new(messages, asked, config.mac);
        let writer = Self {
            folder,
            inbox,
            asks,
            interval,
            reopen,
            shared: Arc::clone(&handle.shared),
            words: Wording::new(TimeZone::system()),
            live: BTreeSet::new(),
            gone: BTreeMap::new(),
            dumps: BTreeMap::new(),
            dumping: PendingReplies::default(),
            listing: PendingReplies::default(),
            since: clock::now(),
            stopping: false,
            lost: 0,
        };
        Ok((writer, handle))
    }

    /// Writes until the channel of the interval is closed: the log was stopped, or is gone.
    pub(super) fn run(mut self) {
        let now = clock::now();
        self.banner(LogKind::Traffic, "", "started", now);
        self.banner(LogKind::General, "", "started", now);
        loop {
            if let Ok(message) = self.inbox.recv_timeout(LOOK) {
                self.take(message);
                // What came together is worked off together.
                while let Ok(message) = self.inbox.try_recv() {
                    self.take(message);
                }
            }
            if self.turn(clock::now()) {
                break;
            }
            self.tell();
        }
        let now = clock::now();
        for (kind, interface) in self.folder.open_logs() {
            self.banner(kind, &interface, "stopped", now);
        }
        self.tell();
    }

    /// Does what is due; true when it is the end.
    fn turn(&mut self, now: Timestamp) -> bool {
        self.tell_lost(now);
        if self.reopen.has_changed().unwrap_or(false) {
            self.reopen.mark_unchanged();
            for (kind, interface) in self.folder.open_logs() {
                self.say(kind, &interface, "***** USR1 signal received, preparing to reopen log file *****", now);
            }
            self.asks.send_modify(|asked| asked.open += 1);
            self.listing.begin(now, &self.live);
        }
        if self.listing.over(now) {
            let open = self.folder.open_logs();
            self.folder.close_all();
            for (kind, interface) in open {
                self.say(kind, &interface, "***** Logfile reopened *****", now);
            }
        }
        if self.dumping.over(now) {
            self.write_dumps(now);
            if self.stopping {
                return true;
            }
        }
        let stop = self.stopping || self.interval.has_changed().is_err();
        if stop && !std::mem::replace(&mut self.stopping, true) {
            self.ask(now);
        } else if !stop {
            self.keep_time(now);
        }
        false
    }

    /// Asks for figures when they are due, and for rates a little before.
    fn keep_time(&mut self, now: Timestamp) {
        let interval = *self.interval.borrow_and_update();
        if now < self.since {
            self.since = now;
        }
        if now >= self.since.after(interval) {
            self.since = now;
            self.ask(now);
        } else if now >= self.since.after(interval.saturating_sub(AHEAD)) {
            self.asks.send_if_modified(|asked| !std::mem::replace(&mut asked.rates, true));
        }
    }

    fn ask(&mut self, now: Timestamp) {
        self.asks.send_modify(|asked| (asked.dump, asked.rates) = (asked.dump + 1, false));
        self.dumps.clear();
        self.dumping.begin(now, &self.live);
    }

    fn take(&mut self, message: LogMessage) {
        match message {
            LogMessage::Began(interface) => {
                let now = clock::now();
                for kind in LogKind::ALL.into_iter().filter(|kind| kind.by_interface()) {
                    self.banner(kind, &interface, "started", now);
                }
                self.gone.remove(&interface);
                self.live.insert(interface);
            }
            LogMessage::Records(interface, records, open) => {
                self.shared.waiting.fetch_sub(records.events.len() + records.packets.len(), Ordering::Relaxed);
                let text = self.words.round(&records, &interface, self.folder.config.mac);
                self.append(LogKind::Traffic, "", &text, clock::now());
                if open {
                    self.listing.missing.remove(&interface);
                }
            }
            LogMessage::Dump(dump) => {
                let name = dump.snapshot.interface.name.clone();
                self.dumping.missing.remove(&name);
                self.dumps.insert(name, *dump);
            }
            LogMessage::Ended(dump) => self.end(*dump),
        }
    }

    /// The last word on an interface.
    fn end(&mut self, dump: Dump) {
        let name = dump.snapshot.interface.name.clone();
        self.live.remove(&name);
        self.dumping.missing.remove(&name);
        self.listing.missing.remove(&name);
        self.write_dump(&dump);
        let now = clock::now();
        for kind in LogKind::ALL.into_iter().filter(|kind| kind.by_interface()) {
            self.banner(kind, &name, "stopped", now);
            self.folder.close(kind, &name);
        }
        self.gone.insert(name, dump);
        if self.gone.len() > GONE
            && let Some(oldest) = self.gone.iter().min_by_key(|(_, dump)| dump.at).map(|(name, _)| name.clone())
        {
            self.gone.remove(&oldest);
        }
    }

    fn write_dumps(&mut self, now: Timestamp) {
        let dumps = std::mem::take(&mut self.dumps);
        dumps.values().for_each(|dump| self.write_dump(dump));
        let mut all: BTreeMap<&String, &Dump> = self.gone.iter().collect();
        all.extend(&dumps);
        let text = general(all.into_values(), self.words.time(now));
        self.append(LogKind::General, "", &text, now);
    }

    fn write_dump(&mut self, dump: &Dump) {
        for kind in LogKind::ALL.into_iter().filter(|kind| kind.by_interface()) {
            let text = dump.text(kind, self.words.time(dump.at));
            self.append(kind, &dump.snapshot.interface.name, &text, dump.at);
        }
    }

    fn banner(&mut self, kind: LogKind, interface: &str, what: &str, now: Timestamp) {
        self.say(kind, interface, &format!("******** {} {what} ********", kind.title()), now);
    }

    fn say(&mut self, kind: LogKind, interface: &str, text: &str, now: Timestamp) {
        let line = self.words.line(now, text);
        self.append(kind, interface, &line, now);
    }

    fn append(&mut self, kind: LogKind, interface: &str, text: &str, now: Timestamp) {
        if !text.is_empty() {
            let words = &mut self.words;
            let lost =
                |lines: u64| words.line(now, &format!("***** {lines} lines could not be written and are lost *****"));
            self.folder.append(kind, interface, text, lost);
        }
    }

    /// Writes a line about records that the captures could not hand over, at their place.
    fn tell_lost(&mut self, now: Timestamp) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.lost += lost;
            let text = format!("***** {lost} events came faster than they could be written and are lost *****");
            self.say(LogKind::Traffic, "", &text, now);
        }
    }

    fn tell(&self) {
        let lost = (self.lost > 0).then(|| format!("{} events came faster than they could be logged", self.lost));
        let words = self.folder.trouble().chain(lost).collect::<Vec<_>>().join("; ");
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}
