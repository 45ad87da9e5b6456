//! Text logs in IPTraf's formats, independent of any screen; off unless they are asked for.
//!
//! ```text
//! capture thread ─► meter notes events, packets ─(after each round)─► handle ─► bounded queue ─► writer ─► files
//!        ▲                                                                                        │
//!        └──────────────────────── asked for a dump, for open connections ◄───────────────────────┘
//! ```
//!
//! The capture threads only hand over small records; words are made and files written by a thread of the log's own. What finds
//! no room in the queue is dropped, counted, and said in the log itself. A disk that is full costs lines of the log and
//! nothing else.

mod dump;
mod file_names;
mod folder;
mod handle;
mod wording;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use traf_model::facility::{SERVICES, SIZES, STATIONS};
use traf_model::{Filter, Group, Order, OrderBy, Wish};

pub(crate) use dump::Dump;
pub(crate) use file_names::{LogFileNames, LogKind};
pub(crate) use folder::LogError;
pub(crate) use handle::LogHandle;
pub(crate) use wording::Wording;

/// Time for which a stop waits for a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// Folder, names and contents of the text logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLogConfig {
    /// Folder of the files whose name is not a path.
    pub folder: PathBuf,
    /// Events carry MAC addresses.
    pub mac: bool,
    /// Names of the files.
    pub names: LogFileNames,
}

/// A running log.
pub(crate) struct TextLog {
    /// Handle for the capture threads.
    pub(crate) handle: LogHandle,
    /// Time between two dumps, from the last one on. The writer ends when this is gone.
    pub(crate) interval: watch::Sender<Duration>,
    thread: JoinHandle<()>,
}

impl TextLog {
    /// Opens the folder and starts to write; `reopen` grows each time that the files are to be closed and opened again.
    pub(crate) fn start(
        config: &TextLogConfig,
        interval: Duration,
        reopen: watch::Receiver<u64>,
    ) -> Result<Self, LogError> {
        let (interval, intervals) = watch::channel(interval);
        let (writer, handle) = writer::LogWriter::open(config, intervals, reopen)?;
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LogError::Thread(error.to_string()))?;
        Ok(Self { handle, interval, thread })
    }

    /// Errors of the files in words; empty if there are none.
    pub(crate) fn trouble(&self) -> String {
        self.handle.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the last dumps of the captures that still run, and closes. Those that have ended handed over theirs.
    ///
    /// Fails if the disk does not answer; the thread is then left behind.
    pub(crate) fn stop(self) -> io::Result<()> {
        drop(self.interval);
        let step = Duration::from_millis(20);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if self.thread.is_finished() {
                return self.thread.join().map_err(|_| io::Error::other("the log ended by a fault in this program"));
            }
            std::thread::sleep(step);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the log's disk does not answer"))
    }
}

/// Wishes for a dump beside an interface's own figures: sizes, services and stations, in the order in which a dump takes them.
pub(crate) fn wishes() -> Vec<Wish> {
    let order = Order { by: OrderBy::Octets, ascending: false };
    [SIZES, SERVICES, STATIONS]
        .into_iter()
        .zip(1..)
        .map(|(facility, id)| Wish {
            id,
            facility: facility.into(),
            filter: Filter::default(),
            group: Group::Flow,
            order,
            also: Vec::new(),
            limit: Wish::LIMIT,
            slice: false,
        })
        .collect()
}
