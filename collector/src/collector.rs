//! Parts of a running collector.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::live::Live;
use crate::peers::Peers;
use crate::secrets::Secrets;
use crate::shared::SharedConfig;
use crate::store::Store;
use crate::turned_away::TurnedAway;
use crate::view::watches::Watches;
use crate::writer::State;

/// The messages of a stream to a peer, until it ends or fails.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Parts that the gRPC methods of a running collector share.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) store: Store,
    /// State of the writer.
    pub(crate) written: watch::Receiver<State>,
    pub(crate) live: Arc<Live>,
    pub(crate) shared: Arc<SharedConfig>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) secrets: Secrets,
    pub(crate) turned_away: Arc<TurnedAway>,
    pub(crate) stop: CancellationToken,
    /// Questions to the store that may be asked at once.
    pub(crate) turns: Arc<Semaphore>,
    /// Streams of answers that are open.
    pub(crate) watches: Arc<Watches>,
}
