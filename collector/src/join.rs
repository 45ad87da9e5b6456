//! The join service: a token and a key become a certificate. The only service that answers strangers.
//!
//! It tells a stranger as little as it can: whatever is wrong with a token that is well formed, the words are the same.
//! What exactly it was stands in our log and in the audit.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::{Request, Response, Status};
use tracing::{error, info};
use traf_model::Timestamp;
use traf_model::time::SECOND;
use traf_peer::token::Token;
use traf_proto as wire;

use crate::accept::Caller;
use crate::authority::{Authority, hex, request_fingerprint};
use crate::clock;
use crate::collector::Collector;
use crate::places::Owner;
use crate::secrets::{Admission, Applicant, SecretsError};

/// Octets of the largest request to join.
pub(crate) const MAX_REQUEST: usize = 16 << 10;

/// Answers those who bring a token.
pub(crate) struct JoinService {
    pub(crate) authority: Arc<Authority>,
    pub(crate) collector: Collector,
    pub(crate) port: u16,
    pub(crate) rate: Rate,
}

#[tonic::async_trait]
impl wire::join_server::Join for JoinService {
    async fn join(&self, request: Request<wire::JoinRequest>) -> Result<Response<wire::JoinReply>, Status> {
        let now = clock::now();
        let address = request.extensions().get::<Caller>().map(|caller| caller.address);
        let Some(address) = address.filter(|address| self.rate.allows(Owner::of(*address), now)) else {
            return Err(Status::resource_exhausted("too many requests to join: try again in a minute"));
        };
        self.admit(request.into_inner(), address, now).await.map(Response::new)
    }
}

impl JoinService {
    async fn admit(
        &self,
        request: wire::JoinRequest,
        address: SocketAddr,
        now: Timestamp,
    ) -> Result<wire::JoinReply, Status> {
        let token: Token = request
            .token
            .parse()
            .map_err(|error: traf_peer::token::TokenError| Status::invalid_argument(error.to_string()))?;
        let key = request_fingerprint(&request.csr).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let applicant = Applicant { key, name: &request.name, id: hex(&rand::random::<[u8; 16]>()) };
        let sign = |role| Ok(self.authority.admit(&request.csr, role, applicant.id.clone(), now)?.to_vec());
        let outcome = self.collector.secrets.admit(&token, &applicant, now, sign).await.map_err(broken)?;
        let (who, token) = (address.to_string(), Token::id_text(&token.id));
        match outcome {
            Admission::Admitted(name, certificate) => {
                self.rate.spare(Owner::of(address));
                info!(%address, name, token, "joined");
                self.collector.secrets.note(&who, &format!("joined as {name} with token {token}")).await;
                self.collector.peers.reload().await.map_err(broken)?;
                let authority = self.authority.certificate.to_vec();
                Ok(wire::JoinReply { certificate, authority, name, port: u32::from(self.port) })
            }
            Admission::Refused(why) => {
                if let Some(unsaid) = self.rate.says(now) {
                    info!(%address, token, unsaid, "refused to join: {why}");
                    let unsaid = if unsaid > 0 { format!(" ({unsaid} more refused before)") } else { String::new() };
                    self.collector.secrets.note(&who, &format!("refused token {token}: {why}{unsaid}")).await;
                }
                Err(Status::permission_denied(
                    "this token is not good here: wrong, used up, expired or revoked; \
                     ask for a new one (`traf-collector token create`)",
                ))
            }
        }
    }
}

fn broken(error: SecretsError) -> Status {
    error!("joining failed on our side: {error}");
    Status::unavailable("the collector cannot admit anybody just now: its log says why")
}

/// Limits on the requests of one owner of addresses, and on what the log and the audit say about refusals.
///
/// They bound work and disk. Tokens need no such protection: their secrets cannot be guessed (160 bits).
#[derive(Debug)]
pub(crate) struct Rate(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    each: HashMap<Owner, Bucket>,
    said: Bucket,
    unsaid: u64,
}

/// Owners remembered; the table is emptied when it is full. What is said stays bounded.
const OWNERS: usize = 4096;
/// Requests of one owner: at once, and then a second. One that lets a machine in costs nothing, so that a hall of
/// machines joins from one address at once.
const EACH: (i64, i64) = (256, 4);
/// Refusals that are logged and stand in the audit: at once, and then a second. The next one says how many were left out.
const SAID: (i64, i64) = (30, 1);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In requests times a second.
    tokens: i64,
    at: Timestamp,
}

impl Rate {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Buckets { each: HashMap::new(), said: Bucket::full(SAID, now), unsaid: 0 }))
    }

    /// True if an owner may ask once more.
    fn allows(&self, owner: Owner, now: Timestamp) -> bool {
        let Buckets { each, .. } = &mut *self.buckets();
        if each.len() >= OWNERS && !each.contains_key(&owner) {
            each.clear();
        }
        each.entry(owner).or_insert_with(|| Bucket::full(EACH, now)).take(EACH, now)
    }

    /// Gives back what a request that let a machine in has cost.
    fn spare(&self, owner: Owner) {
        if let Some(bucket) = self.buckets().each.get_mut(&owner) {
            bucket.tokens = (bucket.tokens + SECOND).min(EACH.0 * SECOND);
        }
    }

    /// Number of refusals left out since the last one said; `None` if this one is left out, too.
    fn says(&self, now: Timestamp) -> Option<u64> {
        let Buckets { said, unsaid, .. } = &mut *self.buckets();
        if said.take(SAID, now) {
            return Some(std::mem::take(unsaid));
        }
        *unsaid += 1;
        None
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn full((burst, _): (i64, i64), at: Timestamp) -> Self {
        Self { tokens: burst * SECOND, at }
    }

    fn take(&mut self, (burst, rate): (i64, i64), now: Timestamp) -> bool {
        let passed = now.since(self.at).clamp(0, 3600 * SECOND);
        self.at = now;
        self.tokens = (self.tokens + passed * rate).min(burst * SECOND);
        let allowed = self.tokens >= SECOND;
        if allowed {
            self.tokens -= SECOND;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn owner(last: u8) -> Owner {
        Owner::of(SocketAddr::from(([10, 0, 0, last], 1)))
    }

    #[test]
    fn an_address_that_asks_without_end_is_slowed_and_others_are_not() {
        let rate = Rate::new(NOW);
        assert_eq!((0..1000).filter(|_| rate.allows(owner(1), NOW)).count(), 256);
        assert!(rate.allows(owner(2), NOW));
        let later = Timestamp::from_seconds(1_005);
        assert_eq!((0..100).filter(|_| rate.allows(owner(1), later)).count(), 20);
    }

    #[test]
    fn machines_that_join_are_not_slowed() {
        let rate = Rate::new(NOW);
        for _ in 0..1000 {
            assert!(rate.allows(owner(1), NOW));
            rate.spare(owner(1));
        }
    }

    #[test]
    fn of_many_refusals_some_are_said_and_the_rest_is_counted() {
        let rate = Rate::new(NOW);
        assert_eq!((0..100).filter(|_| rate.says(NOW).is_some()).count(), 30);
        assert_eq!(rate.says(Timestamp::from_seconds(1_001)), Some(70));
    }
}
