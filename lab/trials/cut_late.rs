//! Datagrams that leave in large frames and are cut behind the first sensor (UDP GSO). No packet says more of them than its first
//! datagram, so that a single slice proves some five of six such flows only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/transfer/mod.rs"]
mod transfer;

use transfer::{BULK, Setup};

#[test]
#[ignore = "needs namespaces"]
fn datagrams_that_are_cut_late_count_once() {
    let mut setup = Setup::new();
    (0..3).for_each(|_| setup.another());
    setup.cut_frames_for_ben();
    let to = format!("{}:9006", setup.lan.interfaces[1].ipv4);
    let sink = setup.lan.machines[1].start_traffic(&["sink", &to]).unwrap();
    sink.wait_for_log("serving").unwrap();
    // Nothing comes back: only the datagrams themselves tell that both ends saw the same.
    let words = ["segments", &to, "--octets", &BULK.to_string(), "--rate", &(BULK / 5).to_string()];
    setup.counts_once(9006, || setup.lan.machines[0].traffic(&words).map(drop).unwrap());
    println!("{}", setup.collector.verify().unwrap());
}
