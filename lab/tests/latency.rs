//! The time from the wire to the row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use traf_lab::{MonitoredLan, latency};

/// The interval of live snapshots.
const SNAPSHOT: Duration = Duration::from_secs(1);

/// A packet waits for the next snapshot at most. The rest is measured against questions on the same machine: the one that
/// just missed the snapshot, and the one that shows it.
#[test]
#[ignore = "needs namespaces"]
fn a_packet_is_visible_after_a_snapshot_and_two_questions_at_most() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &[]).unwrap();
    let visible: Vec<Duration> = (0..8).map(|number| latency::until_visible(&lan, number).unwrap()).collect();
    let question = (0..8).map(|number| latency::of_question(&lan, number).unwrap()).max().unwrap();
    println!("visible after {visible:.2?}, a question takes {question:.2?} at most");
    assert!(visible.iter().all(|time| *time <= SNAPSHOT + 2 * question), "{visible:?}, {question:?}");
}
