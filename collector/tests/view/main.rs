//! Answers to consoles: live and past, one shape.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alike;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod lan;
mod live;
mod past;

use std::time::Duration;

use common::{Collector, DEADLINE, Export, START, flow, snapshot, summary};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use traf_model::facility::{HOSTS, SERVICES, SIZES, STATIONS};
use traf_model::{
    Answer, ClassGroup, Counted, Counters, Counts, Facility, Fleet, Gap, Group, GroupKey, Interval, Item, Loss,
    LossReason, Order, OrderBy, Point, Presence, Query, Report, Row, Scope, Snapshot, Timestamp, Traffic, Window,
};
use traf_peer::Role;
use traf_proto as wire;
use traf_proto::ingest_client::IngestClient;
use traf_proto::view_client::ViewClient;

async fn watch(channel: &Channel, query: &Query) -> tonic::Streaming<wire::Report> {
    let mut client = ViewClient::new(channel.clone()).accept_compressed(tonic::codec::CompressionEncoding::Zstd);
    client.watch(wire::Query::from(query)).await.unwrap().into_inner()
}

async fn next(stream: &mut tonic::Streaming<wire::Report>) -> Report {
    let report = tokio::time::timeout(DEADLINE, stream.message()).await.expect("no report in time").unwrap();
    report.expect("the stream ended").try_into().unwrap()
}

/// The first report that is as wanted.
async fn until(stream: &mut tonic::Streaming<wire::Report>, wanted: impl Fn(&Report) -> bool) -> Report {
    let mut last = None;
    let look = async {
        loop {
            let report = next(stream).await;
            if wanted(&report) {
                return report;
            }
            last = Some(report);
        }
    };
    match tokio::time::timeout(DEADLINE, look).await {
        Ok(report) => report,
        Err(_) => panic!("never came; last was {last:#?}"),
    }
}

fn counts(facility: Counted, row: &Row) -> &Counts {
    match &row.item {
        Item::Counted(found, _, counts) if *found == facility => counts,
        _ => panic!("no row of {facility:?}: {row:#?}"),
    }
}

async fn past(channel: &Channel, facility: Facility, filter: &str, scope: Scope) -> Report {
    let interval = Interval::new(Timestamp::from_seconds(START + 15), Timestamp::from_seconds(START + 35));
    let query = Query {
        facility,
        window: Window::Past(interval),
        filter: filter.parse().unwrap(),
        scope,
        limit: 100,
        ..Query::default()
    };
    let mut stream = watch(channel, &query).await;
    let report = next(&mut stream).await;
    assert!(stream.message().await.unwrap().is_none(), "one report for the past");
    report
}

/// A sensor's open present.
struct Present {
    out: mpsc::Sender<wire::Snapshot>,
    wishes: tonic::Streaming<wire::Wishes>,
}

impl Present {
    async fn open(channel: Channel) -> Self {
        let (out, snapshots) = mpsc::channel(8);
        let wishes = IngestClient::new(channel).live(ReceiverStream::new(snapshots)).await.unwrap().into_inner();
        Self { out, wishes }
    }

    async fn say(&self, snapshot: &Snapshot) {
        self.out.send(snapshot.into()).await.unwrap();
    }

    async fn wishes(&mut self) -> Vec<wire::Wish> {
        tokio::time::timeout(DEADLINE, self.wishes.message()).await.expect("no wishes in time").unwrap().unwrap().wishes
    }
}

/// Two sensors of one LAN that see the same, of which the second stops half-way.
async fn two_sensors(collector: &Collector) -> Channel {
    for (name, slices) in [("web1", 3), ("web2", 1)] {
        let (mut export, _) = Export::open(collector.joined(Role::Sensor, name).await, 1).await.unwrap();
        for seq in 1..=slices {
            export.send(1, seq, seq, &summary(seq as i64)).await;
        }
        export.acked(slices).await;
    }
    collector.joined(Role::Admin, "desk").await
}
