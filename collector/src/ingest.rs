//! Service for sensors: history in, the present in, wishes out.

mod check;
mod export;
mod interfaces;
mod present;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use traf_proto as wire;

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
        Ok(Response::new(Box::pin(export::answers(self.clone(), peer, request.into_inner()))))
    }

    async fn live(&self, request: Request<Streaming<wire::Snapshot>>) -> Result<Response<Self::LiveStream>, Status> {
        let peer = caller(&request)?;
        Ok(Response::new(Box::pin(present::answers(self.clone(), peer, request.into_inner()))))
    }
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
    fn take(&self, kind: &'static str, sensor: &str) -> Turn {
        let (key, over) = ((kind, sensor.to_owned()), CancellationToken::new());
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
        let first = streams.take("export", "a");
        let other = streams.take("live", "a");
        let second = streams.take("export", "a");
        assert_eq!([&first, &other, &second].map(|turn| turn.over.is_cancelled()), [true, false, false]);
        drop(first);
        let _third = streams.take("export", "a");
        assert!(second.over.is_cancelled());
    }
}
