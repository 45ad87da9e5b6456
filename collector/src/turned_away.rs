//! What was turned away: counted since the start, for the sensors screen; connections are logged once a second at most, however
//! many come.

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant, take};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tonic::{Code, Status};
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
    /// A connection whose place a newer one got, or whose peer was revoked.
    #[error("ended: a newer connection took its place, or it is of a peer that was revoked")]
    Displaced,
    /// A connection that stayed longer than joining takes.
    #[error("ended: joining took too long")]
    Stayed,
}

impl Reason {
    /// The kind, after a number of them.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "TLS handshakes that failed",
            Self::Slow => "TLS handshakes that took too long",
            Self::Full => "connections for which there was no place",
            Self::Displaced => "connections whose place a newer one took",
            Self::Stayed => "joins that took too long",
        }
    }
}

/// All that was turned away, by kind.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Since the start.
    all: BTreeMap<&'static str, u64>,
    /// Connections since the last line of the log.
    unsaid: HashMap<Discriminant<Reason>, Last>,
}

#[derive(Debug)]
struct Last {
    count: u64,
    address: SocketAddr,
    reason: Reason,
}

impl TurnedAway {
    /// Counts one.
    pub(crate) fn note(&self, address: SocketAddr, reason: Reason) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.all.entry(reason.kind()).or_default() += 1;
        let count = counts.unsaid.get(&discriminant(&reason)).map_or(1, |last| last.count + 1);
        counts.unsaid.insert(discriminant(&reason), Last { count, address, reason });
    }

    /// Counts a message of a sensor if it is for its bounds that it was not read.
    pub(crate) fn note_unread(&self, status: &Status) {
        if matches!(status.code(), Code::InvalidArgument | Code::ResourceExhausted | Code::OutOfRange) {
            self.note_message();
        }
    }

    /// Counts a record or a snapshot of a sensor that cannot be used.
    pub(crate) fn note_message(&self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.all.entry("messages of sensors that cannot be used").or_default() += 1;
    }

    /// The counts since the start in words; `None` if nothing was turned away.
    pub(crate) fn words(&self) -> Option<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds: Vec<String> = counts.all.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        (!kinds.is_empty()).then(|| format!("turned away since its start: {}", kinds.join(", ")))
    }

    /// Logs the count of each kind and the last one of it, and begins again.
    pub(crate) fn log(&self) {
        let all = take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).unsaid);
        for Last { count, address, reason } in all.into_values() {
            info!(%address, count, "{reason}");
        }
    }
}
