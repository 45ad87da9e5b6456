//! Odd, broken and hostile captures: no panic, no hang, bounded memory, and the sums hold for every file.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods)] // The test measures how long a file takes.

mod captures;
mod sums;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use traf_sensor::meter::MeterConfig;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Largest resident set of this process so far, in octets.
fn peak() -> i64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    usage.max_rss() * 1024
}

#[test]
fn every_odd_capture_is_read_in_time_in_bounded_memory_and_adds_up() {
    let Some(folder) = captures::folder().map(|folder| folder.join("robustness")) else { return };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no captures in {}", folder.display());
    let (mut frames, mut broken) = (0, 0);
    for path in &paths {
        for tunnels in [false, true] {
            for flows in [8, 8192] {
                let started = Instant::now();
                let config = MeterConfig { flows, tunnels, hosts: 64, stations: 16, ..MeterConfig::default() };
                let metered = captures::metered(path, config);
                let name = path.display();
                assert!(started.elapsed() < Duration::from_secs(5), "{name} took {:?}", started.elapsed());
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
