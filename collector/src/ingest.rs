//! Service for sensors: history in, the present in, wishes out.

mod check;
mod export;
pub(crate) mod inbound;
mod interfaces;
mod present;
mod sites;
mod unpack;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use traf_proto as wire;

use self::inbound::{Inbound, Records};
use self::sites::Sites;
use self::unpack::Unpackers;
use crate::access::{caller, over};
use crate::collector::{Answers, Collector};
use crate::secrets::Peer;
use crate::writer::Writer;

/// The service.
#[derive(Clone)]
pub(crate) struct Ingest {
    pub(crate) collector: Collector,
    pub(crate) writer: Writer,
    pub(crate) streams: Streams,
    pub(crate) decoders: Arc<Semaphore>,
    pub(crate) unpacked: Arc<Semaphore>,
    pub(crate) unpackers: Arc<Unpackers>,
    pub(crate) sites: Arc<Sites>,
}

/// Large records that are decoded at a time: one thread writes, so more would only fill the queue, and each thread has its own
/// free memory.
pub(crate) const DECODERS: usize = 2;

#[tonic::async_trait]
impl wire::ingest_server::Ingest for Ingest {
    type ExportStream = Answers<wire::ExportAck>;
    type LiveStream = Answers<wire::Wishes>;

    async fn export(
        &self,
        request: Request<Streaming<wire::ExportRequest>>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let peer = caller(&request)?;
        let over = CancellationToken::new();
        let inbound = Records::new(&request, &self.unpackers, self.unpacked.clone())?;
        let answers = export::answers(self.clone(), peer, inbound, over.clone());
        Ok(Response::new(driven(answers, over)))
    }

    async fn live(&self, request: Request<Streaming<wire::Snapshot>>) -> Result<Response<Self::LiveStream>, Status> {
        let peer = caller(&request)?;
        let over = CancellationToken::new();
        let inbound = Inbound::of_snapshots(&request, &self.unpackers)?;
        let answers = present::answers(self.clone(), peer, inbound, over.clone());
        Ok(Response::new(driven(answers, over)))
    }
}

/// Makes the answers of a stream in a task of its own, each when the one before it is taken. When `over` is cancelled and the sensor
/// takes no answer, the stream lets go of all that it has read.
fn driven<T: Send + 'static>(
    answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
    over: CancellationToken,
) -> Answers<T> {
    let (out, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut answers = pin!(answers);
        loop {
            let room = tokio::select! {
                biased;
                room = out.reserve() => room,
                () = over.cancelled() => return,
            };
            let Ok(room) = room else { return };
            let answer = tokio::select! {
                () = out.closed() => return,
                answer = answers.next() => answer,
            };
            let Some(answer) = answer else { return };
            room.send(answer);
        }
    });
    Box::pin(ReceiverStream::new(taken))
}

/// One stream of each kind for each sensor: the newest wins.
#[derive(Clone, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<StreamKey, CancellationToken>>>,
}

/// Kind of stream, and the sensor's identifier.
type StreamKey = (&'static str, String);

/// The right to be the stream of a sensor, until another takes it.
pub(crate) struct Turn {
    streams: Streams,
    key: StreamKey,
    /// Cancelled when a newer stream of the same kind has come.
    over: CancellationToken,
    /// Interval at which the sensor's right to speak is checked.
    tick: Interval,
}

impl Streams {
    /// Takes the turn of a kind for the stream that `over` ends.
    fn take(&self, kind: &'static str, sensor: &str, over: CancellationToken) -> Turn {
        let key = (kind, sensor.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = open.insert(key.clone(), over.clone()) {
            older.cancel();
        }
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Turn { streams: self.clone(), key, over, tick }
    }
}

impl Turn {
    /// Waits until another stream has taken over, the collector ends or the sensor is shut out, and says which.
    async fn ended(&mut self, collector: &Collector, peer: &Peer) -> Status {
        loop {
            tokio::select! {
                biased;
                () = self.over.cancelled() => return Status::aborted("a newer connection of this sensor has taken over"),
                () = collector.stop.cancelled() => {}
                _ = self.tick.tick() => {}
            }
            if let Some(status) = over(&collector.peers, peer, &collector.stop) {
                return status;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.over.is_cancelled() {
            open.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_stream_of_a_sensor_wins() {
        let streams = Streams::default();
        let take = |kind| streams.take(kind, "a", CancellationToken::new());
        let (first, other, second) = (take("export"), take("live"), take("export"));
        assert_eq!([&first, &other, &second].map(|turn| turn.over.is_cancelled()), [true, false, false]);
        drop(first);
        let _third = take("export");
        assert!(second.over.is_cancelled());
    }

    #[tokio::test]
    async fn a_stream_that_is_over_lets_go_though_nobody_takes_its_answers() {
        let (over, held) = (CancellationToken::new(), Arc::new(()));
        let read = held.clone();
        let _untaken = driven(futures_util::stream::repeat_with(move || Ok(Arc::strong_count(&read))), over.clone());
        over.cancel();
        let gone = async {
            while Arc::strong_count(&held) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    }
}
