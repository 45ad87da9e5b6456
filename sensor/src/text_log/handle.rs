//! A capture thread's end of the log: it hands records over and never waits.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::dump::Dump;
use crate::meter::LogRecords;
use tokio::sync::watch;

/// Records that may be on their way to the writer: 10 MiB.
const RECORDS: usize = 65_536;

/// Message to the writer.
pub(super) enum LogMessage {
    /// An interface is written about from now on.
    Began(String),
    /// Records of an interface. With `true` they are its open connections, which were asked for.
    Records(String, LogRecords, bool),
    /// Its figures, which were asked for.
    Dump(Box<Dump>),
    /// Its capture has ended with these figures.
    Ended(Box<Dump>),
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
    pub(super) waiting: AtomicUsize,
    /// Records that were lost, and of which the log does not tell yet.
    pub(super) lost: AtomicU64,
    /// Errors of the files in words; empty if there are none.
    pub(super) trouble: Mutex<String>,
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

    /// Hands over the records of one round of the capture, or the `open` connections that were asked for. They are lost if
    /// there is no room; one load is always taken, however large.
    pub(crate) fn records(&self, interface: &str, records: LogRecords, open: bool) {
        let (shared, count) = (&self.shared, records.events.len() + records.packets.len());
        shared.lost.fetch_add(records.lost, Ordering::Relaxed);
        if count == 0 && !open {
            return;
        }
        let full = shared.waiting.fetch_add(count, Ordering::Relaxed) >= RECORDS;
        if full || self.messages.try_send(LogMessage::Records(interface.to_owned(), records, open)).is_err() {
            shared.waiting.fetch_sub(count, Ordering::Relaxed);
            shared.lost.fetch_add(count as u64, Ordering::Relaxed);
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

    /// The figures of an interface.
    pub(crate) fn dump(&self, dump: Dump) {
        let _ = self.messages.try_send(LogMessage::Dump(Box::new(dump)));
    }

    /// The last figures of an interface. The capture thread ends: only now may it wait, and for a disk that does not answer
    /// only two seconds.
    pub(crate) fn end(&self, dump: Dump) {
        let mut message = LogMessage::Ended(Box::new(dump));
        for _ in 0..100 {
            match self.messages.try_send(message) {
                Err(TrySendError::Full(again)) => message = again,
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::mpsc::sync_channel;

    use traf_model::{Endpoint, Timestamp};

    use super::*;
    use crate::meter::connection_events::{ConnectionChange, ConnectionEvent};

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
            handle.records("eth0", happened(3), false);
        }
        let load = &handle.shared;
        assert_eq!(load.lost.swap(0, Ordering::Relaxed), 18);
        assert_eq!(inbox.try_iter().count(), 4);
        assert_eq!(load.waiting.swap(0, Ordering::Relaxed), 12);
        handle.records("eth0", happened(RECORDS), false);
        handle.records("eth0", LogRecords { lost: 5, ..happened(1) }, false);
        assert_eq!(load.lost.load(Ordering::Relaxed), 6);
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
