//! The history plane: records from the spool to the collector, in order, at least once; the collector counts them once.
//!
//! Never gives up. A connection that breaks costs nothing: the next hello tells what was committed.

pub(crate) mod last_error;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use traf_peer::explain;
use traf_proto::export_request::Message;
use traf_proto::ingest_client::IngestClient;
use traf_proto::{ExportAck, ExportRequest, Hello, MAX_MESSAGE};

use crate::digest_key::DigestKey;
use crate::export::last_error::LastError;
use crate::spool::thread::{SpoolClosed, SpoolHandle};
use crate::spool::{CommitMark, Spool};
use crate::system::clock;

/// Identity and names of this sensor, for the hello and the snapshots.
#[derive(Clone, Debug)]
pub struct SensorInfo {
    /// In our certificate: whose marks these are.
    pub identity: String,
    /// Of the program.
    pub version: String,
    /// For people.
    pub name: String,
    /// The network it stands in, where several use the same addresses; empty where none is set.
    pub site: String,
}

/// Reason for the end of a stream before everything is delivered.
enum StreamEnd {
    /// The sensor ends.
    Closed,
    /// Try again.
    Broken(String),
}

impl From<Status> for StreamEnd {
    fn from(status: Status) -> Self {
        Self::Broken(explain(&status))
    }
}

impl From<SpoolClosed> for StreamEnd {
    fn from(_: SpoolClosed) -> Self {
        Self::Closed
    }
}

/// For the answer to a hello.
const PATIENCE: Duration = Duration::from_secs(15);
/// A clock that is off by more than this is worth a word.
const SKEW: Duration = Duration::from_secs(5);

/// Delivers until everything is delivered after the spool has finished, or until `stop`. The key of the digests that the collector
/// gives goes to `digest_key`.
pub async fn run(
    channel: Channel,
    introduction: SensorInfo,
    spool: SpoolHandle,
    digest_key: watch::Sender<Option<DigestKey>>,
    stop: CancellationToken,
) {
    let (mut last_error, mut careful) = (LastError::about("delivery to the collector"), 0);
    while let Some(Err(StreamEnd::Broken(words))) = stop
        .run_until_cancelled(session(&channel, &introduction, &spool, &digest_key, &mut last_error, &mut careful))
        .await
    {
        last_error.wait(words, &stop).await;
    }
}

/// A client with our limits.
pub(crate) fn client(channel: &Channel) -> IngestClient<Channel> {
    IngestClient::new(channel.clone())
        .send_compressed(CompressionEncoding::Zstd)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

async fn session(
    channel: &Channel,
    introduction: &SensorInfo,
    spool: &SpoolHandle,
    digest_key: &watch::Sender<Option<DigestKey>>,
    last_error: &mut LastError,
    careful: &mut usize,
) -> Result<(), StreamEnd> {
    let mut status = spool.status();
    // As much room as the window: what the window lets through never waits here.
    let (outgoing, requests) = mpsc::channel(SendWindow::RECORDS + 1);
    let SensorInfo { identity, version, name, site } = introduction.clone();
    let hello = Hello { epoch: status.borrow().epoch, version, name, now: clock::now().0, site };
    let broken = || StreamEnd::Broken("the connection ended".to_owned());
    outgoing.try_send(ExportRequest { message: Some(Message::Hello(hello)) }).map_err(|_| broken())?;
    let mut acks = client(channel).export(ReceiverStream::new(requests)).await?.into_inner();
    let first = tokio::time::timeout(PATIENCE, acks.message())
        .await
        .map_err(|_| StreamEnd::Broken("the collector does not answer the hello".to_owned()))?;
    if let Err(status) = &first
        && status.code() == tonic::Code::FailedPrecondition
    {
        let identity = identity.clone();
        spool.ask(move |spool| spool.fenced(&identity, clock::now())).await?;
    }
    let first = first?.ok_or_else(broken)?;
    let mark = CommitMark { epoch: first.epoch, seq: first.seq };
    let resumed = spool.ask(move |spool| spool.resume(&identity, mark)).await?;
    resumed.map_err(|error| StreamEnd::Broken(format!("the spool's numbering cannot be written: {error}")))?;
    last_error.well("connected");
    compare_clocks(&first);
    take_key(&first, digest_key);

    let mut window = SendWindow::default();
    loop {
        // Read before asking: what is sealed in between wakes us.
        let finished = status.borrow_and_update().finished;
        while window.has_room() && (*careful == 0 || window.0.is_empty()) {
            let Some(batch) = spool.ask(Spool::next).await? else {
                if finished && window.0.is_empty() {
                    return Ok(());
                }
                break;
            };
            window.0.push_back((batch.to_seq, batch.summary.len()));
            if outgoing.try_send(ExportRequest { message: Some(Message::Batch(batch)) }).is_err() {
                // Why the connection ended comes with the answers.
                break;
            }
        }
        tokio::select! {
            ack = acks.message() => {
                if let Err(status) = &ack
                    && status.code() == tonic::Code::InvalidArgument
                {
                    *careful = refused(status, &window, spool, *careful).await?;
                }
                let ack = ack?.ok_or_else(broken)?;
                window.acknowledged(ack.seq);
                *careful = careful.saturating_sub(1);
                spool.send(move |spool| spool.acknowledge(ack.seq)).await?;
                last_error.forget();
            }
            changed = status.changed() => changed.map_err(|_| StreamEnd::Closed)?,
        }
    }
}

/// The collector cannot use a record. Of several on their way nobody knows which: then they go one by one, and this gives how
/// many. Of one alone it is known; sent again it would be refused for ever, and nothing after it would arrive.
async fn refused(
    status: &Status,
    window: &SendWindow,
    spool: &SpoolHandle,
    careful: usize,
) -> Result<usize, SpoolClosed> {
    match (window.0.len(), window.0.back()) {
        (1, Some(&(seq, _))) => {
            if spool.ask(move |spool| spool.refused(seq)).await? {
                tracing::error!(
                    "the collector cannot use record {seq}: {}; it is set aside in the spool's folder `refused`, and declared \
                     as lost",
                    explain(status)
                );
            }
            Ok(careful)
        }
        (records, _) => Ok(records),
    }
}

fn compare_clocks(ack: &ExportAck) {
    let skew = clock::now().0.saturating_sub(ack.now);
    let off = Duration::from_nanos(skew.unsigned_abs());
    if ack.now != 0 && off > SKEW {
        let direction = if skew > 0 { "ahead of" } else { "behind" };
        tracing::warn!("this machine's clock is {:.0?} {direction} the collector's: set one of them", off);
    }
}

/// Of a collector that gives none, the former key stays.
fn take_key(ack: &ExportAck, digest_key: &watch::Sender<Option<DigestKey>>) {
    if ack.digest_key.is_empty() && ack.generation == 0 {
        return;
    }
    match DigestKey::new(&ack.digest_key, ack.generation) {
        Ok(key) => drop(digest_key.send_if_modified(|known| known.replace(key) != Some(key))),
        Err(error) => tracing::warn!("the collector's digest key is refused: {error}"),
    }
}

/// Records sent and not yet committed, each with its last number and its octets; bounded so that memory stays small and a slow collector is not flooded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendWindow(VecDeque<(u64, usize)>);

impl SendWindow {
    /// Records on their way at most.
    pub(crate) const RECORDS: usize = 32;
    /// Octets on their way at most, unless it is a single record.
    pub(crate) const OCTETS: usize = 4 << 20;

    /// True if another record may be sent. A single record may be of any size.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < Self::RECORDS && self.0.iter().map(|(_, octets)| octets).sum::<usize>() < Self::OCTETS
    }

    /// Everything up to `seq` is committed.
    pub(crate) fn acknowledged(&mut self, seq: u64) {
        while self.0.pop_front_if(|(sent, _)| *sent <= seq).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_in_records_and_in_octets() {
        let mut window = SendWindow::default();
        (1..=32).for_each(|seq| window.0.push_back((seq, 10)));
        assert!(!window.has_room());
        window.acknowledged(1);
        assert!(window.has_room());
        window.0.push_back((33, SendWindow::OCTETS));
        assert!(!window.has_room());
        window.acknowledged(33);
        assert_eq!(window, SendWindow::default());
    }
}
