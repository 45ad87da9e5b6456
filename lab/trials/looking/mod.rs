//! A real console that looks at a table: its reports, and when each of them came.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use traf_lab::Console;
use traf_lab::wait::Stopwatch;

/// Note of a report that some sensor has not answered yet, or never did.
const INCOMPLETE: [&str; 2] = ["waiting for the sensors' first answer", "no answer, not in these rows"];

/// Lines of a console, and when they came.
type Lines = Arc<Mutex<Vec<(Duration, String)>>>;

/// `traf … --watch --format json`, running; it is killed when dropped.
pub(crate) struct Looking {
    /// Words of its question.
    pub(crate) question: String,
    started: Duration,
    process: Child,
    lines: Lines,
}

/// One report.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Time since the trial began.
    pub(crate) at: Duration,
    /// Packets of all that matched.
    pub(crate) packets: u64,
    pub(crate) matched: u64,
    pub(crate) rows: usize,
    pub(crate) dropped: u64,
    /// Every sensor has answered.
    pub(crate) complete: bool,
}

impl Looking {
    pub(crate) fn start(console: &Console, words: &[String], watch: Stopwatch) -> Self {
        let mut command = console.command().unwrap();
        command.args(words).args(["--watch", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = watch.elapsed();
        let mut process = command.spawn().unwrap();
        let (output, lines) = (process.stdout.take().unwrap(), Lines::default());
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push((watch.elapsed(), line));
            }
        });
        Self { question: words.join(" "), started, process, lines }
    }

    /// Its process identifier.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The report that came last.
    pub(crate) fn last(&self) -> Option<Shown> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).last().and_then(read)
    }

    /// All reports so far.
    pub(crate) fn reports(&self) -> Vec<Shown> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(read).collect()
    }

    /// Time from its start to the first report that is complete and has something in it.
    pub(crate) fn first_answer(&self) -> Option<Duration> {
        let first = self.reports().into_iter().find(|report| report.complete && report.packets > 0)?;
        Some(first.at - self.started)
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read((at, line): &(Duration, String)) -> Option<Shown> {
    let report: Value = serde_json::from_str(line).ok()?;
    let notes = report["notes"].to_string();
    Some(Shown {
        at: *at,
        packets: report["total"]["packets"].as_u64()?,
        matched: report["matched"].as_u64()?,
        rows: report["rows"].as_array()?.len(),
        dropped: report["dropped"].as_u64()?,
        complete: !INCOMPLETE.iter().any(|note| notes.contains(note)),
    })
}
