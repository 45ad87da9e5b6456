//! Streams of answers that are open, bounded for each key: every one of them costs an answer a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use tonic::Status;

use crate::collector::Answers;
use crate::secrets::Peer;

/// Streams of one key: a screen has two or three, and a machine may show several.
const OF_KEY: usize = 128;

/// Number of open streams of each key.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<HashMap<[u8; 32], usize>>);

/// A stream that is open until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    watches: Arc<Watches>,
    key: [u8; 32],
}

impl Watches {
    /// Opens one more stream of a console, or says in words why not.
    pub(super) fn open(self: &Arc<Self>, peer: &Peer) -> Result<Watch, Status> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer.key).or_default();
        if *count >= OF_KEY {
            let words = format!("{OF_KEY} tables of `{}` are open already: close one", peer.name);
            return Err(Status::resource_exhausted(words));
        }
        *count += 1;
        Ok(Watch { watches: self.clone(), key: peer.key })
    }
}

impl Watch {
    /// The stream, which holds its place as long as it lives.
    pub(super) fn keep<T: Send + 'static>(self, answers: Answers<T>) -> Answers<T> {
        Box::pin(answers.map(move |answer| {
            let _open = &self;
            answer
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut open = self.watches.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}
