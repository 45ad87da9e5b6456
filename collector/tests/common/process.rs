//! A collector as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use traf_peer::CollectorUrl;

use super::DEADLINE;

/// The program of this tree, or that of the folder `TRAF_PROGRAMS`.
pub fn program(folder: &Path, words: &[&str]) -> Command {
    let programs = std::env::var_os("TRAF_PROGRAMS").map(|folder| Path::new(&folder).join("traf-collector"));
    let mut command = Command::new(programs.unwrap_or_else(|| env!("CARGO_BIN_EXE_traf-collector").into()));
    command.args(words).arg("--data").arg(folder).env_remove("RUST_LOG");
    command
}

pub fn output(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program(folder, words).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A running program, killed when it is dropped.
pub struct Running(pub Child);

impl Running {
    /// The most memory that it ever had, in octets.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let line = line.expect("the program has ended");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it on loopback and waits until it says where it listens.
pub async fn start(folder: &Path) -> (Running, CollectorUrl, CollectorUrl) {
    let (child, main, join) = start_at(folder, "127.0.0.1:0").await;
    let url = |address| format!("https://{address}").parse().unwrap();
    (child, url(main), url(join))
}

/// Starts it on an address, twice any port of it.
pub async fn start_at(folder: &Path, listen: &str) -> (Running, SocketAddr, SocketAddr) {
    let words = ["run", "--listen", listen, "--join-listen", listen];
    let addresses = folder.join("addresses");
    let _ = std::fs::remove_file(&addresses);
    let child = Running(program(folder, &words).stderr(Stdio::null()).spawn().unwrap());
    let look = async {
        loop {
            if let Ok(text) = std::fs::read_to_string(&addresses) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let text = tokio::time::timeout(DEADLINE, look).await.expect("it does not listen");
    let address = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    (child, address("main "), address("join "))
}
