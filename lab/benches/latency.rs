//! From the wire to the row: how long a packet takes to stand in `traf traffic`. The bar is 1.5 s.
#![allow(clippy::unwrap_used)]

use traf_lab::{MonitoredLan, latency};

fn main() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &[]).unwrap();
    let mut times: Vec<_> = (0..20).map(|number| latency::until_visible(&lan, number).unwrap()).collect();
    times.sort();
    println!("latency of 20 packets: median {:.2?}, worst {:.2?} (bar: 1.5 s)", times[10], times[19]);
}
