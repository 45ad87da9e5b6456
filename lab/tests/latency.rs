//! From the wire to the row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use traf_lab::{MonitoredLan, latency};

#[test]
#[ignore = "needs namespaces"]
fn a_packet_is_visible_within_a_second_and_a_half() {
    let fleet = MonitoredLan::new(&["anna", "ben"], false, &[]).unwrap();
    let times: Vec<Duration> = (0..8).map(|number| latency::until_visible(&fleet, number).unwrap()).collect();
    println!("visible after {times:.2?}");
    assert!(times.iter().all(|time| *time <= Duration::from_millis(1500)), "{times:?}");
}
