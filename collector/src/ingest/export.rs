//! One sensor's history: hello, then records in order without gaps; an acknowledgement after each commit.
//!
//! The stream is a loop that is driven by whoever reads the answers: a sensor that does not read them is not read either.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, TryFutureExt as _, stream};
use tokio::sync::watch;
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{debug, info, warn};
use traf_model::Summary;
use traf_proto as wire;
use traf_proto::export_request::Message;

use super::check::check;
use super::inbound::Records;
use super::interfaces::KnownInterfaces;
use super::{Ingest, Turn};
use crate::clock;
use crate::secrets::{DigestKey, Peer};
use crate::store::{Delivery, Hello, Kept, Mark, StoreError};
use crate::writer::Progress;

/// From the opening of the stream to its hello.
const HELLO: Duration = Duration::from_secs(10);
/// Octets from which on a record is decoded beside the loop.
const LARGE: usize = 64 << 10;

/// The answers to one stream.
pub(super) fn answers(
    ingest: Ingest,
    peer: Arc<Peer>,
    inbound: Records,
    over: CancellationToken,
) -> impl Stream<Item = Result<wire::ExportAck, Status>> {
    let answers = async {
        let session = hello(ingest, peer, inbound, over).await?;
        Ok(stream::try_unfold(Box::new(session), |mut session| async {
            let next = session.next().await;
            let next = next.inspect_err(|status| {
                info!(sensor = session.peer.name, "history: ended: {}", status.message());
            })?;
            let Some(Mark { epoch, seq }) = next else { return Ok(None) };
            let key = session.key.take();
            let (digest_key, generation) = key.map_or((Vec::new(), 0), |key| (key.octets, key.generation));
            Ok(Some((wire::ExportAck { epoch, seq, now: clock::now().0, digest_key, generation }, session)))
        }))
    };
    answers.try_flatten_stream()
}

async fn hello(
    ingest: Ingest,
    peer: Arc<Peer>,
    mut inbound: Records,
    over: CancellationToken,
) -> Result<ExportSession, Status> {
    // Of the streams of a sensor that have not said hello only the newest may hold a message.
    let mut first = ingest.streams.take("hello", &peer.id, over.clone());
    let first = tokio::select! {
        status = first.ended(&ingest.collector, &peer) => return Err(status),
        first = tokio::time::timeout(HELLO, inbound.message()) => first,
    };
    let first = first.map_err(|_| Status::deadline_exceeded("no hello within ten seconds"))??;
    let Some(Message::Hello(hello)) = first.and_then(|first| first.message) else {
        return Err(Status::failed_precondition("the first message of a stream is a hello"));
    };
    let known = Hello {
        uuid: peer.id.clone(),
        name: peer.name.clone(),
        site: hello.site.chars().filter(|c| !c.is_control()).take(64).collect(),
        version: hello.version.chars().take(64).collect(),
        epoch: hello.epoch,
    };
    ingest.sites.note(&peer.id, &known.site).map_err(Status::resource_exhausted)?;
    let store = &ingest.collector.store;
    let answer: Result<_, StoreError> = async {
        Ok(match store.hello(&known).await? {
            Ok((sensor, mark)) => Ok((sensor, mark, store.interfaces(sensor).await?)),
            Err(epoch) => Err(epoch),
        })
    }
    .await;
    let (sensor, mark, interfaces) = match answer {
        Ok(Ok(known)) => known,
        Ok(Err(epoch)) => {
            warn!(sensor = peer.name, "fenced off: epoch {} after epoch {epoch}", hello.epoch);
            return Err(Status::failed_precondition(format!(
                "epoch {} is over: epoch {epoch} of this sensor has been here; \
                 two programs share one identity, or its state was restored from a backup",
                hello.epoch
            )));
        }
        Err(error) => {
            warn!(sensor = peer.name, "hello cannot be stored: {error}");
            return Err(Status::unavailable("the collector's store cannot be written just now: try again"));
        }
    };
    let key = ingest.collector.secrets.digest_key().await;
    // History goes on without: it only lacks evidence.
    let key = key.inspect_err(|error| warn!(sensor = peer.name, "no digest key for the sensor: {error}")).ok();
    info!(sensor = peer.name, epoch = hello.epoch, mark = mark.seq, "history: connected");
    let turn = ingest.streams.take("export", &peer.id, over);
    let (progress, mut committed) = watch::channel(Progress { mark, failed: String::new() });
    // The sensor hears at once what is stored.
    committed.mark_changed();
    let (epoch, next, progress) = (hello.epoch, mark.seq + 1, Arc::new(progress));
    let (interfaces, draining) = (KnownInterfaces::new(interfaces), false);
    Ok(ExportSession {
        ingest,
        peer,
        inbound,
        turn,
        sensor,
        interfaces,
        epoch,
        next,
        progress,
        committed,
        draining,
        key,
    })
}

struct ExportSession {
    ingest: Ingest,
    peer: Arc<Peer>,
    inbound: Records,
    turn: Turn,
    sensor: i64,
    interfaces: KnownInterfaces,
    epoch: u64,
    /// The sequence number that must come now; those before it are committed or queued.
    next: u64,
    progress: Arc<watch::Sender<Progress>>,
    committed: watch::Receiver<Progress>,
    /// The sensor has said all; what is queued is still to be acknowledged.
    draining: bool,
    /// Key of the digests, until the first acknowledgement gives it to the sensor.
    key: Option<DigestKey>,
}

impl ExportSession {
    /// The next mark to acknowledge; nothing when the stream is over.
    async fn next(&mut self) -> Result<Option<Mark>, Status> {
        loop {
            if self.draining && self.committed.borrow().mark.seq + 1 >= self.next {
                return Ok(None);
            }
            tokio::select! {
                biased;
                status = self.turn.ended(&self.ingest.collector, &self.peer) => return Err(status),
                changed = self.committed.changed() => {
                    let progress = self.committed.borrow_and_update().clone();
                    if changed.is_err() || !progress.failed.is_empty() {
                        return Err(Status::failed_precondition(progress.failed));
                    }
                    return Ok(Some(progress.mark));
                }
                message = self.inbound.message(), if !self.draining => match message.inspect_err(|status| self.ingest.collector.turned_away.note_unread(status))? {
                    Some(wire::ExportRequest { message: Some(Message::Batch(batch)) }) => {
                        if let Some(known) = self.batch(batch).await? {
                            return Ok(Some(known));
                        }
                    }
                    Some(_) => return Err(Status::invalid_argument("after the hello come batches only")),
                    None => self.draining = true,
                },
            }
        }
    }

    /// Queues a record, or gives the mark when it is known already.
    async fn batch(&mut self, batch: wire::Batch) -> Result<Option<Mark>, Status> {
        let wire::Batch { epoch, from_seq, to_seq, summary: octets } = batch;
        if from_seq == 0 || from_seq > to_seq || to_seq > i64::MAX as u64 || epoch > self.epoch {
            return Err(Status::invalid_argument(format!(
                "sequence numbers {from_seq} to {to_seq} of epoch {epoch} cannot be (the hello was of epoch {})",
                self.epoch
            )));
        }
        if to_seq < self.next {
            return Ok(Some(self.committed.borrow().mark));
        }
        if from_seq != self.next {
            return Err(Status::failed_precondition(format!(
                "sequence number {} comes next, not {from_seq}",
                self.next
            )));
        }
        let memory = traf_proto::measure(&octets).map_err(|error| self.unusable(to_seq, &error.to_string()))?;
        // While the store cannot write this waits; the wish to end must still be heard.
        let room = tokio::select! {
            () = self.ingest.collector.stop.cancelled() => None,
            () = self.turn.over.cancelled() => return Ok(None),
            room = self.ingest.writer.room(self.sensor, memory) => room,
        };
        let Some(room) = room else { return Err(shutting_down()) };
        let summary = self.decode(octets).await?;
        if self.interfaces.is_full() {
            self.retire_interfaces().await;
        }
        let fitted = summary.and_then(|mut summary| {
            let others = self.interfaces.fit(&mut summary);
            if others > 0 {
                debug!(sensor = self.peer.name, seq = to_seq, "{others} interfaces find no place: they count together");
                check(&summary)?;
            }
            Ok(Arc::new(summary))
        });
        let summary = fitted.map_err(|what| self.unusable(to_seq, &what))?;
        self.ingest.collector.live.note_unknown(&self.peer.id, summary.unknown);
        let delivery = Delivery { sensor: self.sensor, epoch, from_seq, to_seq, summary };
        if !self.ingest.writer.write(delivery, room, &self.progress).await {
            return Err(shutting_down());
        }
        self.next = to_seq + 1;
        Ok(None)
    }

    /// Reads a summary, and checks it.
    async fn decode(&self, octets: Bytes) -> Result<Result<Summary, String>, Status> {
        let size = octets.len();
        let decode = move || {
            let summary = traf_proto::decode_after_measure(&octets).map_err(|error| error.to_string())?;
            check(&summary).map(|()| summary)
        };
        if size < LARGE {
            return Ok(decode());
        }
        let _turn = self.ingest.decoders.acquire().await.map_err(|_| shutting_down())?;
        tokio::task::spawn_blocking(decode).await.map_err(|_| Status::internal("decoding a record failed"))
    }

    fn unusable(&self, seq: u64, what: &str) -> Status {
        warn!(sensor = self.peer.name, seq, "a record cannot be used: {what}");
        self.ingest.collector.turned_away.note_message();
        Status::invalid_argument(format!("record {seq} cannot be used: {what}"))
    }

    /// Makes room for new names in the place of those of which the store has nothing any more.
    async fn retire_interfaces(&mut self) {
        match self.ingest.collector.store.kept().await {
            Ok(Kept { flow, second, minute, ledger }) => {
                self.interfaces.retire(flow.min(second).min(minute).min(ledger));
            }
            Err(error) => warn!(sensor = self.peer.name, "unused interfaces cannot be retired: {error}"),
        }
    }
}

fn shutting_down() -> Status {
    Status::unavailable("the collector is shutting down: come again soon")
}
