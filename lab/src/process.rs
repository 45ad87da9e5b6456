//! A process of the lab: started in a machine, watched, stopped, killed; and the paths of the project's programs.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::{Deadline, Probe, eventually};

/// A running process; it is killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    command: Command,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`.
    pub fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Self> {
        let out = File::options().create(true).append(true).open(&log);
        let out = out.with_context(|| format!("writing {}", log.display()))?;
        let err = out.try_clone().context("sharing a log")?;
        let child = command.stdout(out).stderr(err).spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), command, child, log })
    }

    /// Starts it again after its end; its output goes to the same log.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        self.child = self.command.spawn().with_context(|| format!("starting {}", self.name))?;
        Ok(())
    }

    /// Its process identifier.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All its output so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Waits until its output holds a text.
    pub fn wait_for_log(&self, text: &str) -> Result<()> {
        eventually(&format!("{text:?} of {}", self.name), Deadline::seconds(10), || {
            let log = self.log();
            Ok(Probe::when(log.contains(text), || log))
        })
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).context("a process id")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("sending {signal} to {}", self.name))
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().and_then(|()| self.child.wait()).with_context(|| format!("killing {}", self.name))?;
        Ok(())
    }

    /// Sends SIGTERM and waits for its end.
    pub fn terminate(&mut self, deadline: Deadline) -> Result<ExitStatus> {
        if self.running()? {
            self.signal(Signal::SIGTERM)?;
        }
        self.wait(deadline)
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self, deadline: Deadline) -> Result<ExitStatus> {
        let child = &mut self.child;
        eventually(&format!("the end of {}", self.name), deadline, || {
            Ok(Probe::some(child.try_wait().context("looking at a process")?, || "still running".into()))
        })
    }

    /// True if it runs.
    pub fn running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().context("looking at a process")?.is_none())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(3000).map_or(0, |(at, _)| at);
            eprintln!("--- output of {}:\n{}", self.name, &log[from..]);
        }
    }
}

/// Memory of a process that is resident, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The most that it ever was, with pages of files.
    pub peak: u64,
    /// Its own now.
    pub own: u64,
    /// Pages of files now: the program's own text most of all.
    pub files: u64,
    /// Pages that it shares now.
    pub shared: u64,
}

impl Memory {
    /// Memory of a process now.
    pub fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let octets = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>().with_context(|| name.to_owned())? * 1024)
        };
        let [peak, own, files, shared] = ["VmHWM:", "RssAnon:", "RssFile:", "RssShmem:"].map(octets);
        Ok(Self { peak: peak?, own: own?, files: files?, shared: shared? })
    }

    /// The most that it ever was, without pages of files: the program's own text, of which a debug build has much, and a
    /// capture's ring, which is the kernel's.
    pub fn held(&self) -> u64 {
        self.peak.saturating_sub(self.files)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [peak, own, files, shared] = [self.peak, self.own, self.files, self.shared].map(|octets| octets / 1024);
        write!(f, "{peak} kB at most; now {own} kB of its own, {files} kB of files, {shared} kB shared")
    }
}

/// CPU time that all threads of a process have used: exact to the nanosecond, unlike `times`.
pub fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/task");
    let mut total = 0;
    for task in fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
        let path = task.context("a thread")?.path().join("schedstat");
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let used = text.split(' ').next().and_then(|first| first.parse::<u64>().ok());
        total += used.with_context(|| format!("{text:?}"))?;
    }
    Ok(Duration::from_nanos(total))
}

/// The path of one of the project's programs, built from this very tree.
///
/// `TRAF_PROGRAMS` names a folder of programs to take instead.
pub fn binary(name: &str) -> Result<String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| folder().map_err(|error| format!("{error:#}")));
    let path = folder.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?.join(name);
    ensure!(path.exists(), "{} is missing: run `cargo build --workspace --bins`", path.display());
    Ok(path.to_string_lossy().into_owned())
}

fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("TRAF_PROGRAMS") {
        return fs::canonicalize(&folder).with_context(|| format!("TRAF_PROGRAMS={}", Path::new(&folder).display()));
    }
    let me = std::env::current_exe().context("finding this program")?;
    let parent = me.parent().context("finding this program's folder")?;
    let is_test = parent.ends_with("deps");
    let folder = if is_test { parent.parent().unwrap_or(parent) } else { parent };
    // A test runs the programs of the tree as it is now; where all is built this costs little.
    if is_test || !folder.join("traf-collector").exists() {
        build(folder)?;
    }
    Ok(folder.to_owned())
}

fn build(folder: &Path) -> Result<()> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--bins", "--manifest-path"]).arg(manifest);
    for package in ["traf-sensor", "traf-collector", "traf-console", "traf-lab"] {
        cargo.args(["--package", package]);
    }
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    // Variables of the test's own package would make build scripts (ring's) run again, and all after them.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    if !cargo.status().context("starting cargo to build the programs")?.success() {
        bail!("the programs do not build: run `cargo build --workspace --bins` to see why");
    }
    Ok(())
}
