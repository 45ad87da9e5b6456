//! A capture thread's end of the log: it hands records over and never waits.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use traf_model::{InterfaceSnapshot, Timestamp};

use crate::meter::LogRecords;
use crate::meter::connection_events::ConnectionEvent;

/// Records that may be on their way to the writer: 10 MiB.
const RECORDS: usize = 65_536;

/// Message to the writer.
pub(super) enum LogMessage {
    /// An interface is written about from now on.
    Began(String),
    /// Records of an interface.
    Round(String, LogRecords),
    /// The open connections that were asked for, of this interface.
    Open(String, Vec<ConnectionEvent>),
    /// Its figures, which were asked for.
    Dump(Timestamp, Box<InterfaceSnapshot>),
    /// Its capture has ended with these figures.
    Ended(Timestamp, Box<InterfaceSnapshot>),
}

/// Requests to the captures; each count grows with each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// For figures.
    pub(super) dump: u64,
    /// For open connections.
    pub(super) open: u64,
    /// For rates, to be ready for the next figures.
    pub(super) rates: bool,
}

/// State that the captures, the writer and the settings share.
#[derive(Debug, Default)]
pub(super) struct SharedState {
    /// Records on their way to the writer.
    waiting: AtomicUsize,
    /// Records that were lost before.
    lost: AtomicU64,
    /// The writer is to end.
    pub(super) stop: AtomicBool,
    /// Errors of the files in words; empty if there are none.
    pub(super) trouble: Mutex<String>,
}

impl SharedState {
    /// The writer has taken so many records.
    pub(super) fn taken(&self, records: usize) {
        self.waiting.fetch_sub(records, Ordering::Relaxed);
    }

    /// Takes the number of lost records since the last call.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// A capture thread's end of the queue.
#[derive(Clone)]
pub struct LogHandle {
    messages: SyncSender<LogMessage>,
    asked: watch::Receiver<Requests>,
    answered: Requests,
    pub(super) shared: Arc<SharedState>,
    /// Events are to carry MAC addresses.
    pub(crate) mac: bool,
}

impl LogHandle {
    pub(super) fn new(messages: SyncSender<LogMessage>, asked: watch::Receiver<Requests>, mac: bool) -> Self {
        let answered = *asked.borrow();
        Self { messages, asked, answered, shared: Arc::default(), mac }
    }

    /// Both write the same log.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The interface is written about from now on; what was asked before concerns it not.
    pub(crate) fn begin(&mut self, interface: &str) {
        self.answered = *self.asked.borrow_and_update();
        let _ = self.messages.try_send(LogMessage::Began(interface.to_owned()));
    }

    /// Hands over the records of one round of the capture.
    pub(crate) fn round(&self, interface: &str, records: LogRecords) {
        self.shared.lost.fetch_add(records.lost, Ordering::Relaxed);
        let count = records.events.len() + records.packets.len();
        if count > 0 {
            self.hand_over(count, LogMessage::Round(interface.to_owned(), records));
        }
    }

    /// Takes the requests that were not answered yet: figures, open connections.
    pub(crate) fn asked(&mut self) -> (bool, bool) {
        if !self.asked.has_changed().unwrap_or(false) {
            return (false, false);
        }
        let asked = *self.asked.borrow_and_update();
        let before = std::mem::replace(&mut self.answered, asked);
        (asked.dump != before.dump, asked.open != before.open)
    }

    /// Figures will be asked for soon, and those of stations need rates that are sampled before.
    pub(crate) fn wants_rates(&self) -> bool {
        self.answered.rates
    }

    /// Largest number of open connections that one interface lists.
    pub(crate) const OPEN: usize = RECORDS;

    /// The open connections of an interface.
    pub(crate) fn open(&self, interface: &str, open: LogRecords) {
        self.shared.lost.fetch_add(open.lost, Ordering::Relaxed);
        self.hand_over(open.events.len(), LogMessage::Open(interface.to_owned(), open.events));
    }

    /// The figures of an interface.
    pub(crate) fn dump(&self, at: Timestamp, snapshot: InterfaceSnapshot) {
        let _ = self.messages.try_send(LogMessage::Dump(at, Box::new(snapshot)));
    }

    /// The last figures of an interface. The capture thread ends: only now may it wait, and for a disk that does not answer
    /// only two seconds.
    pub(crate) fn end(&self, at: Timestamp, snapshot: InterfaceSnapshot) {
        let mut message = LogMessage::Ended(at, Box::new(snapshot));
        for _ in 0..100 {
            match self.messages.try_send(message) {
                Err(TrySendError::Full(again)) => message = again,
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Hands records over. They are lost if there is no room; one load is always taken, however large.
    fn hand_over(&self, records: usize, message: LogMessage) {
        let shared = &self.shared;
        let full = shared.waiting.fetch_add(records, Ordering::Relaxed) >= RECORDS;
        if full || self.messages.try_send(message).is_err() {
            shared.waiting.fetch_sub(records, Ordering::Relaxed);
            shared.lost.fetch_add(records as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::mpsc::sync_channel;

    use traf_model::Endpoint;

    use super::*;
    use crate::meter::connection_events::ConnectionChange;

    fn happened(count: usize) -> LogRecords {
        let end = Endpoint::new([10, 0, 0, 1].into(), 1);
        let what = ConnectionChange::Acknowledged;
        let event = ConnectionEvent { at: Timestamp(0), source: end, destination: end, octets: 40, mac: None, what };
        LogRecords { events: vec![event; count], ..LogRecords::default() }
    }

    #[test]
    fn a_writer_that_does_not_write_costs_records_that_are_counted_and_never_makes_a_capture_wait() {
        let (messages, inbox) = sync_channel(4);
        let (_asks, asked) = watch::channel(Requests::default());
        let handle = LogHandle::new(messages, asked, false);
        for _ in 0..10 {
            handle.round("eth0", happened(3));
        }
        let load = &handle.shared;
        assert_eq!((load.take_lost(), load.take_lost()), (18, 0));
        assert_eq!(inbox.try_iter().count(), 4);
        load.taken(12);
        handle.round("eth0", happened(RECORDS));
        handle.round("eth0", LogRecords { lost: 5, ..happened(1) });
        assert_eq!(load.take_lost(), 6);
    }

    #[test]
    fn a_question_is_answered_once() {
        let (messages, _inbox) = sync_channel(4);
        let (asks, asked) = watch::channel(Requests::default());
        let mut handle = LogHandle::new(messages, asked, false);
        handle.begin("eth0");
        assert_eq!(handle.asked(), (false, false));
        asks.send_modify(|asked| asked.dump += 1);
        assert_eq!((handle.asked(), handle.asked()), ((true, false), (false, false)));
        asks.send_modify(|asked| asked.rates = true);
        assert_eq!((handle.asked(), handle.wants_rates()), ((false, false), true));
    }
}
