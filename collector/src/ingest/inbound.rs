//! The messages of a sensor's stream, one at a time.
//!
//! tonic keeps the buffers of the largest message of a stream for as long as the stream is open, and while a message waits for room
//! in the queue it waits decompressed: of 200 sensors with 2,000 flows a slice that were 150 MB. Here the octets of a message are
//! gathered as they come; few messages are decompressed at a time, and nothing of them stays.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::bytes::Bytes;
use tonic::{Code, Status};
use traf_proto as wire;
use traf_proto::MAX_MESSAGE;
use traf_proto::export_request::Message;

use super::unpack::Unpackers;

/// Exported messages of all streams that are decompressed at a time, until what is in them is decoded.
pub(crate) const UNPACKED: usize = 2;
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
    /// The decompressors, where the stream may be compressed.
    unpackers: Option<Arc<Unpackers>>,
    /// Octets of the largest message, also when it is decompressed.
    most: usize,
    decode: fn(Bytes) -> Result<M, Status>,
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
    pub(super) fn new<T>(
        request: &tonic::Request<T>,
        unpackers: &Arc<Unpackers>,
        turns: Arc<Semaphore>,
    ) -> Result<Self, Status> {
        Ok(Self { messages: Inbound::new(request, unpackers, MAX_MESSAGE, traf_proto::decode_export)?, turns })
    }

    /// The next message, when it has a turn; `None` at the end of the stream. Whoever no longer waits for it loses nothing.
    pub(super) async fn message(&mut self) -> Result<Option<wire::ExportRequest>, Status> {
        if !self.messages.gather().await? {
            return Ok(None);
        }
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Status::unavailable("the collector is shutting down"))?;
        let mut message = self.messages.take()?;
        if let wire::ExportRequest { message: Some(Message::Batch(batch)) } = &mut message {
            let octets = std::mem::take(&mut batch.summary);
            batch.summary = Bytes::from_owner(Unpacked { octets, _turn: turn });
        }
        Ok(Some(message))
    }
}

impl Inbound<wire::Snapshot> {
    /// The present of a sensor, of a request whose body was laid aside.
    pub(super) fn of_snapshots<T>(request: &tonic::Request<T>, unpackers: &Arc<Unpackers>) -> Result<Self, Status> {
        Self::new(request, unpackers, MAX_SNAPSHOT, traf_proto::decode_snapshot)
    }

    /// The next message; `None` at the end of the stream. Whoever no longer waits for it loses nothing.
    pub(super) async fn message(&mut self) -> Result<Option<wire::Snapshot>, Status> {
        if self.gather().await? { self.take().map(Some) } else { Ok(None) }
    }
}

impl<M> Inbound<M> {
    fn new<T>(
        request: &tonic::Request<T>,
        unpackers: &Arc<Unpackers>,
        most: usize,
        decode: fn(Bytes) -> Result<M, Status>,
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
            unpackers: encoding.map(|_| unpackers.clone()),
            most,
            decode,
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
    fn take(&mut self) -> Result<M, Status> {
        let message = Bytes::from(std::mem::take(&mut self.message));
        let octets = message.slice(HEAD.min(message.len())..);
        // Of one that is too long no more than its head was gathered.
        let [packed, length @ ..] = message.first_chunk::<HEAD>().copied().unwrap_or_default();
        if octets.len() != u32::from_be_bytes(length) as usize {
            return Err(Status::out_of_range(format!("a message of more than {} octets", self.most)));
        }
        (self.decode)(match (packed, &self.unpackers) {
            (0, _) => octets,
            (1, Some(unpackers)) => unpackers.unpack(&octets, self.most)?.into(),
            _ => return Err(Status::internal("a message is compressed in an encoding that its stream does not name")),
        })
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
        Records::new(&request, &Arc::default(), Arc::new(Semaphore::new(turns))).unwrap()
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
