//! Odd, broken and hostile captures: no panic, no hang, bounded memory, and the sums hold for every file.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod captures;
mod sums;

use std::path::{Path, PathBuf};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use traf_sensor::meter::MeterConfig;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn usage() -> Usage {
    getrusage(UsageWho::RUSAGE_SELF).unwrap()
}

/// Largest resident set of this process so far, in octets.
fn peak() -> i64 {
    usage().max_rss() * 1024
}

/// Seconds of processor time that this process has taken.
fn cpu() -> i64 {
    (usage().user_time() + usage().system_time()).tv_sec()
}

#[test]
#[ignore = "needs captures"]
fn every_odd_capture_is_read_in_time_in_bounded_memory_and_adds_up() {
    let folder = captures::folder("robustness");
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no captures in {}", folder.display());
    let (mut frames, mut broken) = (0, 0);
    for path in &paths {
        for tunnels in [false, true] {
            for flows in [8, 8192] {
                let started = cpu();
                let config = MeterConfig { flows, tunnels, keys: Some(16), ..MeterConfig::default() };
                let metered = captures::metered(path, config);
                let name = path.display();
                let took = cpu() - started;
                assert!(took < 5, "{name} took {took} s of processor time");
                assert_eq!(metered.summary.ledger.received, metered.frames, "{name}");
                sums::hold(&metered.summary, &format!("{name}, tunnels {tunnels}, {flows} flows"));
                if tunnels && flows == 8 {
                    frames += metered.frames;
                    broken += u64::from(metered.trouble.is_some());
                }
            }
        }
    }
    eprintln!("{} captures read: {frames} frames, {broken} files end before their end", paths.len());
    assert!(frames > 0);
    assert!(peak() < 160 << 20, "{} octets of memory", peak());
}
