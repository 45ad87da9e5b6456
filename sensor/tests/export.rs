//! Records from the spool to a collector over mTLS: nothing missing, nothing twice, whatever breaks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};

use support::{Authority, Book, Collector, until};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use traf_model::{Interface, InterfaceSummary, Interval, Ledger, Timestamp};
use traf_peer::{Credentials, channel};
use traf_sensor::export::{self, SensorInfo};
use traf_sensor::spool::Spool;
use traf_sensor::spool::SpoolLimits;
use traf_sensor::spool::{self, SpoolHandle};
use traf_sensor::{DigestKey, InterfaceSlice};

/// A sensor without captures: what is to be delivered comes from the test.
struct Sensor {
    parts: Option<mpsc::Sender<InterfaceSlice>>,
    spool: SpoolHandle,
    export: tokio::task::JoinHandle<()>,
    digest_key: watch::Receiver<Option<DigestKey>>,
    number: u64,
}

impl Sensor {
    fn start(data: &Path, credentials: &Credentials, number: u64) -> Self {
        let (spool, _) = Spool::open(&data.join("spool"), SpoolLimits::default(), "boot".to_owned()).unwrap();
        let (parts, inbox) = mpsc::channel(spool::PARTS);
        let (spool, _) = spool::start(spool, inbox, || 1).unwrap();
        let introduction = SensorInfo {
            identity: credentials.identity.to_string(),
            version: "0".to_owned(),
            name: "here".to_owned(),
            site: String::new(),
        };
        let channel = channel(&credentials.url, credentials).unwrap();
        let (given, digest_key) = watch::channel(None);
        let export = tokio::spawn(export::run(channel, introduction, spool.clone(), given, CancellationToken::new()));
        Self { parts: Some(parts), spool, export, digest_key, number }
    }

    async fn count(&mut self, slices: u64) {
        for _ in 0..slices {
            let from = Timestamp::from_seconds(1_700_000_000 + self.number as i64);
            self.number += 1;
            let summary = InterfaceSummary {
                interface: Interface { name: "eth0".to_owned(), ..Interface::default() },
                ledger: Ledger { received: self.number, parsed: self.number, ..Ledger::default() },
                ..InterfaceSummary::default()
            };
            let slice = Interval::new(from, Timestamp::from_seconds(from.seconds() + 1));
            let part = InterfaceSlice { slice, generation: 0, summary: Some(Box::new(summary)), losses: vec![] };
            self.parts.as_ref().unwrap().send(part).await.unwrap();
        }
    }

    /// As asked: everything is delivered, then it ends.
    async fn end(mut self) {
        self.parts = None;
        tokio::time::timeout(std::time::Duration::from_secs(60), self.export).await.expect("delivered").unwrap();
        assert_eq!(self.spool.status().borrow().spool.records, 0);
    }
}

fn received(book: &Mutex<Book>) -> Vec<u64> {
    let batches = book.lock().unwrap().committed.clone();
    let summaries = batches.iter().map(|batch| traf_proto::decode(&batch.summary).unwrap());
    summaries.flat_map(|summary| summary.interfaces).map(|part| part.ledger.received).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_after_the_commit_and_before_the_ack_lose_nothing_and_count_nothing_twice() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let book = Arc::new(Mutex::new(Book { cut_after: Some(7), ..Book::default() }));
    let collector = Collector::start(&authority, "127.0.0.1:0", Arc::clone(&book)).await;
    let mut sensor = Sensor::start(folder.path(), &authority.credentials(collector.address), 0);
    sensor.count(40).await;
    until("forty are committed", 60, || book.lock().unwrap().committed.len() == 40).await;
    sensor.end().await;

    assert_eq!(received(&book), (1..=40).collect::<Vec<_>>());
    let book = book.lock().unwrap();
    assert_eq!(book.committed.iter().map(|batch| batch.from_seq).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert!(book.hellos >= 5, "{} connections", book.hellos);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_comes_late_and_a_sensor_that_was_killed_lose_nothing() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut sensor = Sensor::start(folder.path(), &authority.credentials(port), 0);
    sensor.count(5).await;
    let mut status = sensor.spool.status();
    status.wait_for(|status| status.spool.records == 5).await.unwrap();
    // Killed: nobody says goodbye. Only the lock on the folder must be free again.
    sensor.export.abort();
    let number = sensor.number;
    drop(sensor);
    until("the folder is free", 10, || !spool::SpoolFolder::is_locked(&folder.path().join("spool"))).await;

    let mut sensor = Sensor::start(folder.path(), &authority.credentials(port), number);
    sensor.count(3).await;
    let book = Arc::default();
    let _collector = Collector::start(&authority, &port.to_string(), Arc::clone(&book)).await;
    sensor.end().await;
    assert_eq!(received(&book), (1..=8).collect::<Vec<_>>());
    let epochs: Vec<u64> = book.lock().unwrap().committed.iter().map(|batch| batch.epoch).collect();
    assert_eq!(epochs, [1, 1, 1, 1, 1, 2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digest_key_comes_with_the_answer_to_the_hello_and_a_wrong_one_changes_nothing() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let book = Arc::new(Mutex::new(Book { digest_key: (vec![7; 48], 1), cut_after: Some(1), ..Book::default() }));
    let collector = Collector::start(&authority, "127.0.0.1:0", Arc::clone(&book)).await;
    let mut sensor = Sensor::start(folder.path(), &authority.credentials(collector.address), 0);
    let first = DigestKey::new(&[7; 48], 1).unwrap();
    sensor.digest_key.wait_for(|key| *key == Some(first)).await.unwrap();

    let mut give = async |key: (Vec<u8>, u32)| {
        let hellos = book.lock().unwrap().hellos;
        book.lock().unwrap().digest_key = key;
        // The collector ends the connection after each other commit.
        sensor.count(2).await;
        until("another hello", 60, || book.lock().unwrap().hellos > hellos).await;
        until("its records", 60, || sensor.spool.status().borrow().spool.records == 0).await;
        *sensor.digest_key.borrow()
    };
    for wrong in [(vec![8; 47], 2), (vec![8; 49], 2), (vec![], 2), (vec![8; 48], 0), (vec![], 0)] {
        assert_eq!(give(wrong.clone()).await, Some(first), "{wrong:?}");
    }
    let second = DigestKey::new(&[8; 48], 2).unwrap();
    assert_eq!(give((vec![8; 48], 2)).await, Some(second));
    sensor.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_collector_gets_nothing() {
    let (folder, ours, foreign) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let (book, true_book) = (Arc::default(), Arc::default());
    let collector = Collector::start(&foreign, "127.0.0.1:0", Arc::clone(&book)).await;
    let address = collector.address;
    let mut sensor = Sensor::start(folder.path(), &ours.credentials(address), 0);
    sensor.count(2).await;
    let mut status = sensor.spool.status();
    status.wait_for(|status| status.spool.records == 2).await.unwrap();
    // When ours takes the place, everything is still there.
    collector.stop.cancel();
    drop(collector);
    until("the port is free", 10, || std::net::TcpListener::bind(address).is_ok()).await;
    let _collector = Collector::start(&ours, &address.to_string(), Arc::clone(&true_book)).await;
    sensor.end().await;
    assert_eq!(received(&true_book), [1, 2]);
    assert_eq!((received(&book), book.lock().unwrap().hellos), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_the_collector_cannot_use_is_set_aside_and_declared_and_all_others_arrive() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let book = Arc::new(Mutex::new(Book { refuses: Some(17), ..Book::default() }));
    let collector = Collector::start(&authority, "127.0.0.1:0", Arc::clone(&book)).await;
    let mut sensor = Sensor::start(folder.path(), &authority.credentials(collector.address), 0);
    sensor.count(40).await;
    until("forty are committed", 60, || book.lock().unwrap().committed.len() == 40).await;
    assert_eq!(sensor.spool.status().borrow().spool.lost, 1);
    sensor.end().await;

    assert_eq!(received(&book), (1..=40).filter(|number| *number != 17).collect::<Vec<_>>());
    let batches = book.lock().unwrap().committed.clone();
    assert_eq!(batches.iter().map(|batch| batch.from_seq).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    let losses =
        batches.iter().flat_map(|batch| traf_proto::decode(&batch.summary).unwrap().losses).collect::<Vec<_>>();
    assert_eq!(losses.len(), 1, "{losses:?}");
    assert_eq!((losses[0].records, losses[0].interval.from), (1, Timestamp::from_seconds(1_700_000_016)));
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("spool/refused")).unwrap().flatten().collect();
    let file = std::fs::read(kept[0].path()).unwrap();
    let (_, payload) = spool::RecordHeader::decode(&file).unwrap();
    assert_eq!(traf_proto::decode(payload).unwrap().interfaces[0].ledger.received, 17);
    assert_eq!(kept.len(), 1);
}
