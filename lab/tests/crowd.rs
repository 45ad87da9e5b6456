//! Sensors answer a bounded number of questions at once; who comes too late is told, and not that there is no traffic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use traf_lab::wait::{Deadline, Probe, eventually};
use traf_lab::{MonitoredLan, Process};

/// Tables of the most rows that have room on one collector.
const TABLES: usize = 4;

#[test]
#[ignore = "needs namespaces"]
fn a_question_that_finds_no_room_fails_in_words_until_somebody_leaves() {
    let lan = MonitoredLan::new(&["anna"], false, &[]).unwrap();
    let ask = || lan.console.table(&["traffic", "--filter", "port 9"]);
    ask().unwrap();
    let open = |number: usize| {
        let filter = format!("port {}", 1000 + number);
        lan.console.start(&["traffic", "--filter", &filter, "--limit", "1000", "--watch", "--format", "jsonl"]).unwrap()
    };
    let watchers: Vec<Process> = (0..TABLES).map(open).collect();
    eventually("no room", Deadline::seconds(30), || {
        let told = ask().err().map(|error| format!("{error:#}")).unwrap_or_default();
        Ok(Probe::when(told.contains("too many different tables are open"), || told))
    })
    .unwrap();
    drop(watchers);
    eventually("room again", Deadline::seconds(30), || {
        let asked = ask().map(drop);
        Ok(Probe::when(asked.is_ok(), || format!("{asked:?}")))
    })
    .unwrap();
}
