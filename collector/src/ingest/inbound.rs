//! The messages of a sensor's stream, one at a time.
//!
//! tonic keeps the buffers of the largest message of a stream for as long as the stream is open, and while a message waits for room
//! in the queue it waits decompressed: of 200 sensors with 2,000 flows a slice that were 150 MB. Here the octets of a message are
//! gathered as they come; few messages are decompressed at a time, by tonic, and nothing of them stays.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::bytes::Bytes;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::{Code, Status};
use traf_proto as wire;
use traf_proto::MAX_MESSAGE;
use traf_proto::export_request::Message;

/// Exported messages of all streams that are decompressed at a time, until what is in them is decoded.
pub(crate) const UNPACKED: usize = 4;
/// Octets of the largest snapshot of a sensor: four times what `live_rate` is at most.
const MAX_SNAPSHOT: usize = 4 << 20;
/// Octets in front of a message: a flag for compression, and its length.
const HEAD: usize = 5;
/// Octets for which room is made before they are there; of a message that is longer, as many again as have come.
const AT_ONCE: usize = 256 << 10;

/// Body of a request that is not tonic's to read.
#[derive(Clone)]
struct LaidAside(Arc<Mutex<Option<Body>>>);

/// Lays the body of a sensor's stream aside: tonic finds an empty one.
pub(crate) async fn lay_aside(mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/traf.v1.Ingest/") {
        let body = std::mem::take(request.body_mut());
        request.extensions_mut().insert(LaidAside(Arc::new(Mutex::new(Some(body)))));
    }
    next.run(request).await
}

/// The messages.
pub(super) struct Inbound<M> {
    /// Only ever borrowed: a body cannot be shared by threads, and the lock says that it is not.
    chunks: Mutex<BodyDataStream>,
    /// Of the chunk that came last, octets that are not in a message yet.
    rest: Bytes,
    /// The message that is gathered, with its head.
    message: Vec<u8>,
    encoding: Option<CompressionEncoding>,
    /// Octets of the largest message.
    most: usize,
    /// Makes a stream of one message.
    one: fn(Body, Option<CompressionEncoding>) -> Streaming<M>,
}

/// The messages of an export.
pub(super) struct Records {
    messages: Inbound<wire::ExportRequest>,
    turns: Arc<Semaphore>,
}

/// Octets of a decompressed record, with the right to be one of the few.
struct Unpacked {
    octets: Bytes,
    _turn: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Unpacked {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Records {
    /// Of a request whose body was laid aside.
    pub(super) fn new<T>(request: &tonic::Request<T>, turns: Arc<Semaphore>) -> Result<Self, Status> {
        let one = |message, encoding| {
            Streaming::new_request(traf_proto::export_decoder(), message, encoding, Some(MAX_MESSAGE))
        };
        Ok(Self { messages: Inbound::new(request, MAX_MESSAGE, one)?, turns })
    }

    /// The next message, when it has a turn; `None` at the end of the stream. Whoever no longer waits for it loses nothing.
    pub(super) async fn message(&mut self) -> Result<Option<wire::ExportRequest>, Status> {
        if !self.messages.gather().await? {
            return Ok(None);
        }
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Status::unavailable("the collector is shutting down"))?;
        let mut message = self.messages.take().await?;
        if let Some(wire::ExportRequest { message: Some(Message::Batch(batch)) }) = &mut message {
            let octets = std::mem::take(&mut batch.summary);
            batch.summary = Bytes::from_owner(Unpacked { octets, _turn: turn });
        }
        Ok(message)
    }
}

impl Inbound<wire::Snapshot> {
    /// The present of a sensor, of a request whose body was laid aside.
    pub(super) fn of_snapshots<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        Self::new(request, MAX_SNAPSHOT, |message, encoding| {
            Streaming::new_request(traf_proto::snapshot_decoder(), message, encoding, Some(MAX_SNAPSHOT))
        })
    }

    /// The next message; `None` at the end of the stream. Whoever no longer waits for it loses nothing.
    pub(super) async fn message(&mut self) -> Result<Option<wire::Snapshot>, Status> {
        if self.gather().await? { self.take().await } else { Ok(None) }
    }
}

impl<M> Inbound<M> {
    fn new<T>(
        request: &tonic::Request<T>,
        most: usize,
        one: fn(Body, Option<CompressionEncoding>) -> Streaming<M>,
    ) -> Result<Self, Status> {
        let body = request.extensions().get::<LaidAside>();
        let body = body.and_then(|LaidAside(body)| body.lock().unwrap_or_else(PoisonError::into_inner).take());
        let body = body.ok_or_else(|| Status::internal("the body of the request is gone"))?;
        // tonic has refused all other encodings.
        let encoding = request.metadata().get("grpc-encoding").filter(|encoding| encoding.as_bytes() == b"zstd");
        Ok(Self {
            chunks: Mutex::new(body.into_data_stream()),
            rest: Bytes::new(),
            message: Vec::new(),
            encoding: encoding.map(|_| CompressionEncoding::Zstd),
            most,
            one,
        })
    }

    /// Gathers the next message; false at the end of the stream.
    async fn gather(&mut self) -> Result<bool, Status> {
        while let Some(lacking) = self.lacking() {
            if self.rest.is_empty() {
                let chunks = self.chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
                match chunks.next().await.transpose().map_err(|error| Status::from_error(error.into_inner())) {
                    Ok(Some(chunk)) => self.rest = chunk,
                    Ok(None) if self.message.is_empty() => return Ok(false),
                    Ok(None) => return Err(Status::internal("the stream ended within a message")),
                    Err(status) if status.code() == Code::Cancelled => return Ok(false),
                    Err(status) => return Err(status),
                }
            }
            let part = self.rest.split_to(lacking.min(self.rest.len()));
            if self.message.capacity() - self.message.len() < part.len() {
                self.message.reserve_exact(lacking.min(AT_ONCE.max(self.message.len())));
            }
            self.message.extend_from_slice(&part);
        }
        Ok(true)
    }

    /// Decompresses and decodes the message that was gathered.
    async fn take(&mut self) -> Result<Option<M>, Status> {
        let message = std::mem::take(&mut self.message);
        (self.one)(Body::from(message), self.encoding).message().await
    }

    /// Number of octets that the head, or then the message, lacks; `None` if it is whole. One that is too long is refused by its head.
    fn lacking(&self) -> Option<usize> {
        let whole = match self.message.first_chunk::<HEAD>() {
            None => HEAD,
            Some([_, length @ ..]) => match u32::from_be_bytes(*length) as usize {
                length if length > self.most => return None,
                length => HEAD + length,
            },
        };
        whole.checked_sub(self.message.len()).filter(|lacking| *lacking > 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use futures_util::stream;
    use prost::Message as _;

    use super::*;

    fn batch(seq: u64, octets: usize) -> wire::ExportRequest {
        let batch = wire::Batch { epoch: 1, from_seq: seq, to_seq: seq, summary: vec![7; octets].into() };
        wire::ExportRequest { message: Some(Message::Batch(batch)) }
    }

    /// A message that is not compressed, with its head.
    fn framed(message: &wire::ExportRequest) -> Vec<u8> {
        let length = message.encoded_len() as u32;
        [&[0][..], &length.to_be_bytes(), &message.encode_to_vec()].concat()
    }

    /// A stream of octets that come in chunks of a size.
    fn inbound(octets: &[u8], chunk: usize, turns: usize) -> Records {
        let chunks: Vec<_> = octets.chunks(chunk).map(|part| Ok::<_, Status>(Bytes::copy_from_slice(part))).collect();
        let mut request = tonic::Request::new(());
        let body = Body::from_stream(stream::iter(chunks));
        request.extensions_mut().insert(LaidAside(Arc::new(Mutex::new(Some(body)))));
        Records::new(&request, Arc::new(Semaphore::new(turns))).unwrap()
    }

    #[tokio::test]
    async fn messages_are_whole_however_their_octets_come() {
        let all = [batch(1, 0), batch(2, 100_000), wire::ExportRequest { message: None }, batch(3, 3)];
        let octets: Vec<u8> = all.iter().flat_map(framed).collect();
        for chunk in [1, 4, 5, 1_000, 70_000, octets.len()] {
            let mut inbound = inbound(&octets, chunk, 1);
            for message in &all {
                assert_eq!(inbound.message().await.unwrap().as_ref(), Some(message), "{chunk}");
            }
            assert_eq!(inbound.message().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_record_keeps_its_turn_until_nobody_needs_it() {
        let octets: Vec<u8> = [batch(1, 10), batch(2, 10)].iter().flat_map(framed).collect();
        let mut inbound = inbound(&octets, 7, 1);
        let first = inbound.message().await.unwrap();
        let soon = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, inbound.message()).await.is_err());
        drop(first);
        assert_eq!(inbound.message().await.unwrap(), Some(batch(2, 10)));
    }

    #[tokio::test]
    async fn what_is_cut_off_or_too_long_is_refused() {
        let whole = framed(&batch(1, 100));
        let cut = inbound(&whole[..whole.len() - 1], 20, 1).message().await.unwrap_err();
        assert_eq!(cut.code(), Code::Internal, "{cut}");
        let mut long = whole;
        long[1..HEAD].copy_from_slice(&(MAX_MESSAGE as u32 + 1).to_be_bytes());
        let long = inbound(&long, 20, 1).message().await.unwrap_err();
        assert_eq!(long.code(), Code::OutOfRange, "{long}");
    }
}
