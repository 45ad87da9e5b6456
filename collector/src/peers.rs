//! Admitted peers, in memory: asked at every call and, on long streams, at least every two seconds.
//!
//! `secrets.db` is the truth; it is read again every second, because another process (`sensors revoke`) may write it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use traf_model::Timestamp;
use traf_peer::{Identity, Role};

use crate::secrets::{Peer, Secrets, SecretsError};

/// Refusals remembered for the sensors screen; the table is emptied when it is full.
const REFUSALS: usize = 1024;

/// Admitted and revoked peers.
#[derive(Debug)]
pub(crate) struct Peers {
    cluster: String,
    secrets: Secrets,
    by_key: ArcSwap<HashMap<[u8; 32], Arc<Peer>>>,
    refusals: Mutex<HashMap<[u8; 32], String>>,
}

/// Reason to refuse a certificate of our authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stranger {
    /// Signed by the authority, but never recorded: either a lost data base, or a stolen authority.
    #[error("{0}: its key is not on record here; join again with a new token")]
    Unknown(Identity),
    /// Shut out.
    #[error("`{0}` was revoked; it may join again with a new key and a new token")]
    Revoked(String),
    /// The certificate and the record do not agree.
    #[error("{0}: its certificate and the record of its key do not agree")]
    Differs(Identity),
}

impl Peers {
    /// As on record now.
    pub(crate) async fn load(cluster: &str, secrets: Secrets) -> Result<Self, SecretsError> {
        let peers =
            Self { cluster: cluster.to_owned(), secrets, by_key: ArcSwap::default(), refusals: Mutex::default() };
        peers.reload().await?;
        Ok(peers)
    }

    /// Reads the record again.
    pub(crate) async fn reload(&self) -> Result<(), SecretsError> {
        let all = self.secrets.peers().await?;
        self.by_key.store(Arc::new(all.into_iter().map(|peer| (peer.key, Arc::new(peer))).collect()));
        Ok(())
    }

    /// The record of a certificate's key, where both agree and it is not revoked.
    pub(crate) fn admitted(&self, identity: &Identity, key: &[u8; 32]) -> Result<Arc<Peer>, Stranger> {
        let peers = self.by_key.load();
        let peer = peers.get(key).ok_or_else(|| Stranger::Unknown(identity.clone()))?;
        if peer.revoked.is_some() {
            return Err(Stranger::Revoked(peer.name.clone()));
        }
        if identity.cluster != self.cluster || identity.role != peer.role || identity.id != peer.id {
            return Err(Stranger::Differs(identity.clone()));
        }
        Ok(peer.clone())
    }

    /// True if a peer that was admitted before still is.
    pub(crate) fn still(&self, peer: &Peer) -> bool {
        self.by_key.load().get(&peer.key).is_some_and(|now| now.revoked.is_none())
    }

    /// Keys that were revoked before `before`.
    pub(crate) fn revoked(&self, before: Timestamp) -> Vec<[u8; 32]> {
        let peers = self.by_key.load();
        let revoked = peers.values().filter(|peer| peer.revoked.is_some_and(|revoked| revoked < before));
        revoked.map(|peer| peer.key).collect()
    }

    /// All sensors, those revoked too, by name.
    pub(crate) fn sensors(&self) -> Vec<Arc<Peer>> {
        let mut sensors: Vec<_> =
            self.by_key.load().values().filter(|peer| peer.role == Role::Sensor).cloned().collect();
        sensors.sort_by(|a, b| a.name.cmp(&b.name));
        sensors
    }

    /// Remembers why a known key was turned away in the handshake.
    pub(crate) fn refused(&self, key: [u8; 32], why: String) {
        if self.by_key.load().contains_key(&key) {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if refusals.len() >= REFUSALS {
                refusals.clear();
            }
            refusals.insert(key, why);
        }
    }

    /// Forgets it: the key came in.
    pub(crate) fn welcomed(&self, key: &[u8; 32]) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Reason for the last refusal of a key, if it has not come in since.
    pub(crate) fn refusal(&self, key: &[u8; 32]) -> Option<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}
