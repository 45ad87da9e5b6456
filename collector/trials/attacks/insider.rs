//! Attacks of who has stolen a key.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt as _;
use tonic::codec::CompressionEncoding::Zstd;
use tonic::transport::Channel;
use traf_model::facility::HOSTS;
use traf_model::{Answer, Counters, Counts, Facility, Item, Key, Query, Row, Summary, Traffic, Window};
use traf_peer::Credentials;
use traf_proto as wire;
use traf_proto::ingest_client::IngestClient;
use traf_proto::view_client::ViewClient;

use super::common::octets::{begin, live};
use super::common::{Export, START, flow, snapshot, summary};
use super::{ALONE, Target};

/// Answers of 1,000 rows in a snapshot: about as many as a snapshot may have.
const ANSWERS: i64 = 40;

pub(super) fn batch(seq: u64, record: Vec<u8>) -> wire::ExportRequest {
    let batch = wire::Batch { epoch: 1, from_seq: seq, to_seq: seq, summary: record.into() };
    wire::ExportRequest { message: Some(wire::export_request::Message::Batch(batch)) }
}

/// Delivers records, whatever is said to them.
async fn deliver(channel: Channel, records: impl Iterator<Item = Vec<u8>>) {
    let Ok((export, mark)) = Export::open(channel, 1).await else { return };
    for (seq, record) in (mark.seq + 1..).zip(records) {
        if export.out.send(batch(seq, record)).await.is_err() {
            return;
        }
    }
    sleep(Duration::from_millis(300)).await;
}

fn changed(change: impl FnOnce(&mut Summary)) -> Vec<u8> {
    let mut summary = summary(1);
    change(&mut summary);
    traf_proto::encode(&summary)
}

/// A4: parts that are empty, millions of times.
pub(super) async fn empties(channel: Channel) {
    loop {
        for tag in [0x22, 0x2a] {
            deliver(channel.clone(), std::iter::once([tag, 0].repeat(15_000_000))).await;
        }
        let _ = timeout(ALONE, live(channel.clone(), [0x32, 0].repeat(15_000_000))).await;
    }
}

/// A5: counts that no link carries.
pub(super) async fn counts(channel: Channel) {
    let mut of_all = flow(summary(1).slice.from);
    of_all.traffic = Traffic::outbound(Counters::new(1, 1 << 48));
    let huge = changed(|summary| summary.interfaces[0].flows = vec![of_all; 34_000]);
    loop {
        deliver(channel.clone(), std::iter::repeat_n(huge.clone(), 2)).await;
    }
}

/// A6: long texts, and ever new interfaces.
pub(super) async fn names(channel: Channel) {
    let long = changed(|summary| summary.interfaces[0].interface.link = "x".repeat(25 << 20));
    for round in 0.. {
        deliver(channel.clone(), std::iter::once(long.clone())).await;
        let new = |record: u32| {
            changed(|summary| {
                summary.interfaces = vec![summary.interfaces[0].clone(); 1_000];
                for (number, part) in summary.interfaces.iter_mut().enumerate() {
                    part.interface.name = format!("{}{round}n{record}n{number}", "x".repeat(200));
                }
            })
        };
        deliver(channel.clone(), (0..4).map(new)).await;
    }
}

/// Messages that are never sent to their end, on many streams of many connections.
pub(super) async fn unfinished(target: &Target, stolen: &Credentials) {
    let mut held = Vec::new();
    for _ in 0..4 {
        let channel = target.channel("127.0.0.1", stolen);
        for path in ["/traf.v1.Ingest/Export", "/traf.v1.Ingest/Live"].repeat(5) {
            held.push(begin(channel.clone(), path, 20 << 20).await);
        }
    }
    std::future::pending::<()>().await;
}

/// Answers to all wishes and to some that nobody has, of as many slices as come to mind.
pub(super) async fn answers(channel: Channel) {
    let row = |number: u32| {
        let counts = Counts::from(Traffic::inbound(Counters::new(1, number.into())));
        Row::new(Traffic::default(), Item::Counted(HOSTS, Key::Address(number.to_be_bytes().into()), counts))
    };
    let rows = wire::Answer::from(&Answer { rows: (0..1_000).map(row).collect(), ..Answer::default() }).rows;
    let said = move |number: i64| {
        let slice = (number % 2 == 0).then(|| (START + number * 10) * 1_000_000_000);
        let first = (number * ANSWERS % 400) as u64;
        let answer = |id| wire::Answer { id, matched: 1_000, rows: rows.clone(), slice, ..wire::Answer::default() };
        let mut said = wire::Snapshot::from(&snapshot(number as u64));
        said.interfaces[0].answers = (first..first + ANSWERS as u64).map(answer).collect();
        said
    };
    loop {
        let snapshots = tokio_stream::iter(0..).map(said.clone());
        let Ok(wishes) = IngestClient::new(channel.clone()).send_compressed(Zstd).live(snapshots).await else {
            continue;
        };
        let mut wishes = wishes.into_inner();
        while let Ok(Some(_)) = wishes.message().await {}
    }
}

/// As many tables as a key can open.
pub(super) async fn tables(target: &Target, stolen: &Credentials) {
    let mut open = Vec::new();
    for port in 0..16u32 * 32 {
        if port % 32 == 0 {
            open.push((target.channel("127.0.0.1", stolen), Vec::new()));
        }
        let (channel, streams) = open.last_mut().unwrap();
        let filter = format!("port {}", port + 1).parse().unwrap();
        let query =
            Query { facility: Facility::Traffic, window: Window::Live, filter, limit: 1_000, ..Query::default() };
        streams.push(ViewClient::new(channel.clone()).watch(wire::Query::from(&query)).await);
    }
    std::future::pending::<()>().await;
}

/// A new site with every start.
pub(super) async fn sites(channel: Channel) {
    for number in 0.. {
        let _ = Export::open_at(channel.clone(), 1, &format!("{number}{}", "s".repeat(60))).await;
    }
}
