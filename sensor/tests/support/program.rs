//! The program itself, as a process, and networks of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running `traf-sensor`; killed when the test fails.
pub(crate) struct Sensor(Child);

impl Sensor {
    pub(crate) fn start(command: &mut Command, data: &Path, arguments: &[&str]) -> Self {
        let common = ["--data", data.to_str().unwrap(), "run", "--slice", "1s"];
        Self(command.args(common).args(arguments).stderr(Stdio::inherit()).spawn().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    #[allow(clippy::disallowed_methods, reason = "a deadline")]
    pub(crate) fn end(mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0));
                return;
            }
            assert!(Instant::now() < deadline, "the sensor does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_traf-sensor"))
}

/// A network namespace of its own, removed with the test.
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new() -> Self {
        let name = format!("traf-sensor-test-{}", std::process::id());
        ip(&["netns", "add", &name]);
        Self(name)
    }

    pub(crate) fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.0], arguments].concat());
    }

    pub(crate) fn exec(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

pub(crate) fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

/// Runs `test` in a network and with mounts of its own, that are gone with it: nobody else's traffic is there, and nobody
/// else's wishes for an interface.
pub(crate) fn apart<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let work = move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let private = nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_PRIVATE;
        nix::mount::mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let quiet = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
        assert!(Command::new("sh").args(["-c", quiet]).status().unwrap().success());
        ip(&["link", "set", "lo", "up"]);
        // The collector goes on while the test waits for the end of a process.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(test());
    };
    // The words of a failure are the test's.
    if let Err(failure) = std::thread::spawn(work).join() {
        std::panic::resume_unwind(failure);
    }
}
