//! Honest peers that come again and again.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use traf_model::{Facility, Interval, Query, Report, Scope, Timestamp, Window};
use traf_peer::token::Token;
use traf_peer::{Backoff, CollectorUrl};
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

use super::IN_TIME;
use super::common::{DEADLINE, Export, START, summary};
use super::insider::batch;

/// Longest time in which an honest peer got in, in milliseconds, and how often one did.
#[derive(Default)]
pub(super) struct Served {
    pub(super) longest: AtomicU64,
    pub(super) times: AtomicU64,
}

impl Served {
    /// Comes again and again, each time on a new connection, until what it asks for is answered.
    pub(super) async fn come_again<F: Future<Output = Result<(), tonic::Status>>>(&self, mut ask: impl FnMut() -> F) {
        loop {
            let (start, mut backoff) = (Instant::now(), Backoff::up_to(Duration::from_secs(1)));
            while !matches!(timeout(IN_TIME, ask()).await, Ok(Ok(()))) {
                self.longest.fetch_max(start.elapsed().as_millis() as u64, Relaxed);
                sleep(backoff.next(rand::random())).await;
            }
            self.longest.fetch_max(start.elapsed().as_millis() as u64, Relaxed);
            self.times.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// An honest console asks for the list of sensors.
pub(super) async fn console(channel: Channel) -> Result<(), tonic::Status> {
    let mut states = ViewClient::new(channel).fleet(wire::FleetQuery {}).await?.into_inner();
    states.message().await.map(drop)
}

/// An honest sensor delivers a slice.
pub(super) async fn sensor(channel: Channel) -> Result<(), tonic::Status> {
    let (mut export, mark) = Export::open(channel, 1).await?;
    let seq = mark.seq + 1;
    let record = traf_proto::encode(&summary(seq as i64));
    export.out.send(batch(seq, record)).await.map_err(|error| tonic::Status::aborted(error.to_string()))?;
    while export.ack().await?.seq < seq {}
    Ok(())
}

/// An honest machine joins.
pub(super) async fn joiner(url: &CollectorUrl, token: &Token) -> Result<(), tonic::Status> {
    let joined = traf_peer::join(url, token, "machine", "test").await;
    joined.map(drop).map_err(|error| tonic::Status::unavailable(error.to_string()))
}

/// A table of the past, with what the attackers left behind.
pub(super) async fn past(channel: Channel, facility: Facility, scope: Scope) -> Result<Report, tonic::Status> {
    let at = |second| Timestamp::from_seconds(START + second);
    let window = Window::Past(Interval::new(at(0), at(1_000)));
    let query = Query { facility, window, scope, limit: Query::LIMIT, ..Query::default() };
    let mut reports = ViewClient::new(channel).watch(wire::Query::from(&query)).await?.into_inner();
    let report =
        timeout(DEADLINE, reports.message()).await.map_err(|_| tonic::Status::deadline_exceeded("no report"))??;
    Ok(report.expect("the stream ended").try_into().unwrap())
}
