//! What a trial costs: frames and octets by the kernels' counters, several times a second, and CPU time.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use traf_lab::process::cpu;
use traf_lab::wait::Stopwatch;

/// Between two looks at the counters.
const PACE: Duration = Duration::from_millis(50);
/// Octets of the headers of Ethernet, IPv4 and TCP with its time stamps.
const HEADERS: u64 = 66;

/// Counters of the machine of a sensor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Frames that the LAN's interface sent, and those that it sent or got.
    pub(crate) sent: u64,
    pub(crate) seen: u64,
    /// Octets that the sensor sent to the collector, as TCP has them: snapshots and summaries are compressed.
    pub(crate) stream: u64,
}

/// Times since the beginning of a trial, and the counters of all sensors then.
pub(crate) type Samples = Vec<(Duration, Vec<Counts>)>;

/// Counters of all sensors, from the beginning of a trial on.
pub(crate) struct Recorder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Samples>>,
}

impl Recorder {
    /// Looks at the counters in the namespaces of these processes.
    pub(crate) fn start(pids: Vec<u32>, watch: Stopwatch) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                samples.push((watch.elapsed(), pids.iter().map(|pid| counts(*pid)).collect()));
                std::thread::sleep(PACE);
            }
            samples
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it.
    pub(crate) fn samples(mut self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(|thread| thread.join().unwrap()).unwrap_or_default()
    }
}

/// The counters of a process's namespace.
pub(crate) fn counts(pid: u32) -> Counts {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    let fields = |name: &str| -> Vec<u64> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap()).collect()
    };
    let (lan, management) = (fields("eth0"), fields("mgmt0"));
    Counts { sent: lan[9], seen: lan[1] + lan[9], stream: management[8].saturating_sub(HEADERS * management[9]) }
}

/// CPU time of processes between two moments.
pub(crate) struct Cpu {
    watch: Stopwatch,
    pids: Vec<u32>,
    before: Vec<Duration>,
}

impl Cpu {
    pub(crate) fn start(pids: Vec<u32>) -> Self {
        let before = pids.iter().map(|pid| cpu(*pid).unwrap()).collect();
        Self { watch: Stopwatch::start(), pids, before }
    }

    /// Percent of one core that each has used since the start.
    pub(crate) fn percent(&self) -> Vec<f64> {
        let elapsed = self.watch.elapsed().as_secs_f64();
        let used = |(pid, before): (&u32, &Duration)| cpu(*pid).unwrap().saturating_sub(*before).as_secs_f64();
        self.pids.iter().zip(&self.before).map(|of| used(of) / elapsed * 100.0).collect()
    }
}

/// The load of the machine in the last minute.
pub(crate) fn average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap_or_default().to_owned()
}
