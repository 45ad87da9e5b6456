//! Marks in a file: what is read, what is written, and what a restart knows.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use traf_model::{
    Counters, Endpoint, Evidence, Flow, FlowKey, FlowState, Half, Interface, InterfaceSummary, Summary, Traffic,
};

use super::super::Store;
use super::*;
use crate::report::primary::same;
use crate::store::{Hello, ProvenFlow, Selection, StoredSensor, Tier};

const START: i64 = 1_790_000_000;
const SENSORS: i64 = 40;
const FLOWS: u32 = 100;

fn at(slice: i64) -> Timestamp {
    Timestamp::from_seconds(START + slice * 10)
}

/// A thousand octets a slice of a flow of TCP, whose sequence numbers begin at `first`.
fn flow(number: u32, slice: i64, first: u32) -> Flow {
    let end = |last: u32, port| Endpoint::new(std::net::Ipv4Addr::from(0x0a00_0000 + last).into(), port);
    let top = first.wrapping_add((slice as u32).wrapping_mul(1_000)).max(1);
    Flow {
        key: FlowKey { protocol: 6, vlan: None, source: end(number, 5_000), destination: end(1 << 20, 443) },
        traffic: Traffic::outbound(Counters::new(10, 1_000)),
        first: at(slice),
        last: at(slice),
        forward: Half::default(),
        reverse: Half::default(),
        state: FlowState::Established,
        complete: true,
        own: false,
        evidence: Evidence::new([top, 0]),
    }
}

fn summary(slice: i64, flows: Vec<Flow>) -> Arc<Summary> {
    let interface = Interface { name: "eth0".to_owned(), ..Interface::default() };
    let interfaces = vec![InterfaceSummary { interface, flows, ..InterfaceSummary::default() }];
    let slice = Interval::new(at(slice), at(slice + 1));
    Arc::new(Summary { slice, sealed: slice.to, interfaces, ..Summary::default() })
}

/// The flows of a sensor: every second one its neighbour sees, too.
fn flows(sensor: i64, slice: i64) -> Vec<Flow> {
    let own = |number: u32| sensor as u32 * 1_000 + number;
    let shared = |number: u32| ((sensor as u32 + number % 2) % SENSORS as u32) * 1_000 + 500 + number / 2;
    let numbers = (0..FLOWS).map(|number| if number < FLOWS / 2 { own(number) } else { shared(number) });
    numbers.map(|number| flow(number, slice, number.wrapping_mul(0x9e37_79b1))).collect()
}

/// A store with its sensors, and the sequence number of each.
struct Lan {
    store: Store,
    sensors: Vec<i64>,
    seq: Vec<u64>,
}

impl Lan {
    async fn open(path: &Path) -> Self {
        let (store, mut sensors, mut seq) = (Store::open(path).await.unwrap(), Vec::new(), Vec::new());
        for number in 0..SENSORS {
            let (uuid, name) = (number.to_string(), format!("s{number:02}"));
            let hello = Hello { uuid, name, site: String::new(), version: "test".to_owned(), epoch: 1 };
            let (sensor, mark) = store.hello(&hello).await.unwrap().unwrap();
            sensors.push(sensor);
            seq.push(mark.seq);
        }
        Self { store, sensors, seq }
    }

    async fn deliver(&mut self, all: &[(i64, Arc<Summary>)], now: Timestamp) {
        let delivery = |(sensor, summary): &(i64, Arc<Summary>)| {
            let (sensor, seq) = (self.sensors[*sensor as usize], &mut self.seq[*sensor as usize]);
            *seq += 1;
            Delivery { sensor, epoch: 1, from_seq: *seq, to_seq: *seq, summary: summary.clone() }
        };
        let all: Vec<Delivery> = all.iter().map(delivery).collect();
        self.store.apply(&all, now).await.unwrap();
    }

    /// Rows and marked rows of each sensor.
    async fn marked(&self) -> Vec<(i64, i64)> {
        let sql = "select d.sensor, count(*), sum(f.prim) from slice d \
                   cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575 group by d.sensor";
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&self.store.readers).await.unwrap();
        let of = |sensor: &i64| rows.iter().find(|row| row.0 == *sensor).map_or((0, 0), |row| (row.1, row.2));
        self.sensors.iter().map(of).collect()
    }

    /// Runs that were read from the file.
    async fn read(&self) -> u64 {
        self.store.memory.lock().await.marks.read
    }

    async fn stored(&self) -> Vec<StoredSensor> {
        self.store.sensors().await.unwrap()
    }

    async fn right(&self) {
        let findings = self.store.verify().await.unwrap();
        let wrong: Vec<_> =
            findings.iter().filter(|finding| finding.invariant == "LAN once" && finding.wrong > 0).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Slices by which the clocks of the last three sensors are ahead.
async fn with_clocks(path: &Path, ahead: [i64; 3]) -> Lan {
    let mut lan = Lan::open(path).await;
    for slice in 0..10 {
        let slices: Vec<(i64, Arc<Summary>)> = (0..SENSORS)
            .map(|sensor| {
                let place = sensor - (SENSORS - 3);
                let seen = slice + usize::try_from(place).map_or(0, |place| ahead[place]);
                (sensor, summary(seen, flows(sensor, seen)))
            })
            .collect();
        lan.deliver(&slices, at(slice + 1)).await;
    }
    lan
}

/// A1, A3: two minutes and a year ahead, and a day late.
#[tokio::test]
async fn clocks_that_are_wrong_cost_nobody_else_anything() {
    let folder = tempfile::tempdir().unwrap();
    let healthy = with_clocks(&folder.path().join("healthy.db"), [0, 0, 0]).await;
    let wrong = with_clocks(&folder.path().join("wrong.db"), [12, 365 * 8_640, -8_640]).await;
    // Nothing is read that is not of the late one's own slices, and those are in memory.
    assert_eq!((healthy.read().await, wrong.read().await), (0, 0));
    let (healthy_rows, rows) = (healthy.marked().await, wrong.marked().await);
    let alike = SENSORS as usize - 4;
    assert_eq!(healthy_rows[1..alike], rows[1..alike], "the others count as they did");
    let each = 10 * i64::from(FLOWS);
    assert_eq!(rows[SENSORS as usize - 3..], [(each, 0), (each, 0), (each, each)]);
    let suspect = "select sum(clock_suspect), sum(mark_octets > 0) from slice";
    let suspect: (i64, i64) = sqlx::query_as(suspect).fetch_one(&wrong.store.readers).await.unwrap();
    assert_eq!(suspect, (20, 10 * (SENSORS - 2)));
    let stored = wrong.stored().await;
    let (ahead, others) = (&stored[SENSORS as usize - 3..][..2], &stored[..SENSORS as usize - 3]);
    assert!(others.iter().all(|sensor| (sensor.stored, sensor.clock_ahead) == (Some(at(10)), 0)));
    assert!(ahead.iter().all(|sensor| sensor.stored == Some(at(10)) && sensor.clock_ahead >= 120_000_000_000));
    assert_eq!(stored[SENSORS as usize - 1].stored, Some(at(10 - 8_640)));
    wrong.right().await;
}

#[tokio::test]
async fn a_clock_is_suspect_from_the_time_on_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut lan = Lan::open(&folder.path().join("history.db")).await;
    lan.store = lan.store.with_clock_ahead(Duration::from_secs(5));
    for (sensor, slice) in [(0, 0), (1, 1), (2, -1)] {
        // Ends 5 s after the collector's time, 15 s after it, and 5 s before it.
        lan.deliver(&[(sensor, summary(slice, flows(sensor, slice)))], Timestamp(at(1).0 - 5_000_000_000)).await;
    }
    let ahead: Vec<i64> = lan.stored().await.iter().map(|sensor| sensor.clock_ahead / 1_000_000_000).collect();
    assert_eq!(ahead[..3], [0, 15, 0]);
    lan.store.close().await;
}

#[tokio::test]
async fn flows_of_next_year_leave_with_those_that_came_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut lan = Lan::open(&folder.path().join("history.db")).await;
    for slice in 0..60 {
        let year = slice + 365 * 8_640;
        let both = [(0, summary(slice, flows(0, slice))), (1, summary(year, flows(1, year)))];
        lan.deliver(&both, at(slice + 1)).await;
    }
    while lan.store.retire(Tier::Flow, at(30)).await.unwrap() {}
    let left: Vec<i64> = lan.marked().await[..2].iter().map(|(rows, _)| rows / i64::from(FLOWS)).collect();
    // Whole minutes; a slice comes when it is over.
    assert!((30..36).contains(&left[0]) && (left[0]..=left[0] + 1).contains(&left[1]), "{left:?}");
    lan.store.close().await;
}

/// What a sensor sees late is compared with what is in the file: after a restart, too.
#[tokio::test]
async fn late_slices_read_the_runs_of_their_own_slots_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut lan = Lan::open(&path).await;
    for slice in 0..20 {
        let slices: Vec<_> = (1..SENSORS).map(|sensor| (sensor, summary(slice, flows(sensor, slice)))).collect();
        lan.deliver(&slices, at(slice + 1)).await;
    }
    assert_eq!(lan.read().await, 0);
    lan.store.close().await;
    // Ten minutes after the last of them, so that a restart has nothing to recall.
    let mut lan = Lan::open(&path).await;
    lan.deliver(&[(1, summary(130, flows(1, 130)))], at(131)).await;
    let recalled = lan.read().await;
    for slice in 0..10 {
        lan.deliver(&[(0, summary(slice, flows(0, slice)))], at(132)).await;
    }
    // Each of its slices brings one slot more of the others, and the first one three.
    let read = lan.read().await - recalled;
    assert!(read <= 12 * (SENSORS as u64 - 1), "{read} runs");
    let (rows, marked) = lan.marked().await[0];
    // Its shared flows are those of its neighbours.
    assert_eq!((rows, marked), (10 * i64::from(FLOWS), 10 * i64::from(FLOWS / 2)));
    lan.store.close().await;
}

#[tokio::test]
async fn a_restart_in_every_slice_changes_no_mark() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for restarts in [false, true] {
        let path = folder.path().join(restarts.to_string());
        let mut lan = Lan::open(&path).await;
        for slice in 0..8 {
            // Half of the sensors stop half-way, so that their neighbours take over.
            let there = |sensor: &i64| slice < 4 || sensor % 2 == 0;
            let slices: Vec<_> =
                (0..SENSORS).filter(there).map(|sensor| (sensor, summary(slice, flows(sensor, slice)))).collect();
            lan.deliver(&slices, at(slice + 1)).await;
            if restarts {
                lan.store.close().await;
                lan = Lan::open(&path).await;
            }
        }
        all.push(lan.marked().await);
        lan.store.close().await;
    }
    assert_eq!(all[0], all[1]);
    // 50 flows of its own and 50 of each pair of neighbours: each once, in every slice that one of the two delivered.
    let marked: i64 = all[0].iter().map(|(_, marked)| marked).sum();
    let (own, shared) = (SENSORS * 50, SENSORS * 25);
    assert_eq!(marked, 4 * (own + shared) + 4 * (own / 2 + shared));
}

#[tokio::test]
async fn what_may_count_twice_is_noted_with_its_slice_and_settled_by_a_proof() {
    let folder = tempfile::tempdir().unwrap();
    let mut lan = Lan::open(&folder.path().join("history.db")).await;
    let alike = |slice, first| summary(slice, (0..2_000).map(|number| flow(number, slice, first)).collect());
    let doubtful = async |lan: &Lan| -> Vec<i64> {
        let sql = "select sum(doubtful_octets) from slice group by ts order by ts";
        sqlx::query_scalar(sql).fetch_all(&lan.store.readers).await.unwrap()
    };
    for slice in 0..2 {
        lan.deliver(&[(0, alike(slice, 7)), (1, alike(slice, 1 << 30))], at(slice + 1)).await;
    }
    assert_eq!(doubtful(&lan).await, [2_000_000, 2_000_000]);
    assert_eq!(lan.marked().await[..2], [(4_000, 4_000), (4_000, 4_000)]);
    lan.right().await;
    // Now the second one proves that they are the same.
    lan.deliver(&[(0, alike(2, 7)), (1, alike(2, 7))], at(3)).await;
    assert_eq!(doubtful(&lan).await, [0, 0, 0]);
    assert_eq!(lan.marked().await[..2], [(6_000, 6_000), (6_000, 0)]);
    lan.right().await;
    lan.store.close().await;
}

#[tokio::test]
async fn evidence_is_retired_by_its_age_and_by_its_octets() {
    let folder = tempfile::tempdir().unwrap();
    let mut lan = Lan::open(&folder.path().join("history.db")).await;
    for slice in 0..60 {
        lan.deliver(&[(0, summary(slice, flows(0, slice)))], at(slice + 1)).await;
    }
    let kept = async |lan: &Lan| -> (i64, i64, i64) {
        let sql = "select count(*), sum(length(records)), (select sum(mark_octets) from slice) from mark";
        sqlx::query_as(sql).fetch_one(&lan.store.readers).await.unwrap()
    };
    // Slices whose rows have the evidence that they were delivered with, and rows without.
    let proven = async |lan: &Lan| -> (usize, usize) {
        let (mut slices, mut without) = (std::collections::HashSet::new(), 0);
        let selection = Selection { interval: Interval::new(at(0), at(60)), sensors: vec![lan.sensors[0]] };
        let mut take = |_, row: ProvenFlow| {
            let Some((slice, evidence)) = row.proof else { return without += 1 };
            let number = (slice.seconds() - START) / 10;
            let sent = flows(0, number).into_iter().find(|flow| flow.key == row.flow.key).unwrap();
            assert!(same(&evidence, &RowEvidence::new(&sent, 0)), "{evidence:?}");
            slices.insert(number);
        };
        lan.store.flows(&selection, &mut take).await.unwrap();
        (slices.len(), without)
    };
    let (runs, octets, noted) = kept(&lan).await;
    assert_eq!((runs, octets), (60, noted));
    assert_eq!(proven(&lan).await, (60, 0));
    while lan.store.retire_evidence(at(30), u64::MAX).await.unwrap() {}
    let runs = usize::try_from(kept(&lan).await.0).unwrap();
    assert!((24..=30).contains(&runs), "{runs}");
    assert_eq!(proven(&lan).await, (runs, (60 - runs) * FLOWS as usize));
    let most = (octets / 6).cast_unsigned();
    while lan.store.retire_evidence(at(0), most).await.unwrap() {}
    let (runs, left, noted) = kept(&lan).await;
    assert!((4..=10).contains(&runs) && left == noted && left.cast_unsigned() <= most, "{runs} {left} {most}");
    lan.store.close().await;
}
