//! Connections that were turned away: counted, and logged once a second at most, however many come.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant, take};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tracing::info;

/// Reason for the end of a connection that the other side did not wish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    /// A TLS handshake that failed, for this reason.
    #[error("refused: {0}")]
    Handshake(String),
    /// A handshake that took too long.
    #[error("refused: no TLS handshake in time")]
    Slow,
    /// An admitted peer for whom no place is left.
    #[error("refused: every place is taken by another peer (`connections` in `[limits]` of the configuration)")]
    Full,
    /// A connection whose place a newer one got.
    #[error("ended: a newer connection took its place")]
    Displaced,
    /// A connection that stayed longer than joining takes.
    #[error("ended: joining took too long")]
    Stayed,
}

/// Connections turned away since the last line of the log, by the kind of reason.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway(Mutex<HashMap<Discriminant<Reason>, Last>>);

#[derive(Debug)]
struct Last {
    count: u64,
    address: SocketAddr,
    reason: Reason,
}

impl TurnedAway {
    /// Counts one.
    pub(crate) fn note(&self, address: SocketAddr, reason: Reason) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.get(&discriminant(&reason)).map_or(1, |last| last.count + 1);
        all.insert(discriminant(&reason), Last { count, address, reason });
    }

    /// Logs the count of each kind and the last one of it, and begins again.
    pub(crate) fn log(&self) {
        let all = take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Last { count, address, reason } in all.into_values() {
            info!(%address, count, "{reason}");
        }
    }
}
