//! The join service: a token and a key become a certificate. The only service that answers strangers.
//!
//! It tells a stranger as little as it can: whatever is wrong with a token that is well formed, the words are the same.
//! What exactly it was stands in our log and in the audit.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

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
        let Some(address) = address.filter(|address| self.rate.allows(address.ip(), now)) else {
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
                info!(%address, name, token, "joined");
                self.collector.secrets.note(&who, &format!("joined as {name} with token {token}")).await;
                self.collector.peers.reload().await.map_err(broken)?;
                let authority = self.authority.certificate.to_vec();
                Ok(wire::JoinReply { certificate, authority, name, port: u32::from(self.port) })
            }
            Admission::Refused(why) => {
                info!(%address, token, "refused to join: {why}");
                self.collector.secrets.note(&who, &format!("refused token {token}: {why}")).await;
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

/// Limits on requests of one address, and of all together.
pub(crate) struct Rate {
    buckets: Mutex<(Bucket, HashMap<IpAddr, Bucket>)>,
}

/// Addresses remembered; the table is emptied when it is full, and the bound for all together still holds.
const ADDRESSES: usize = 4096;
/// Requests of one address: at once, and then a second.
const EACH: (i64, i64) = (30, 1);
/// Requests of all together: at once, and then a second.
const ALL: (i64, i64) = (300, 30);

#[derive(Clone, Copy)]
struct Bucket {
    /// In requests times a second.
    tokens: i64,
    at: Timestamp,
}

impl Rate {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { buckets: Mutex::new((Bucket::full(ALL, now), HashMap::new())) }
    }

    fn allows(&self, address: IpAddr, now: Timestamp) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, each) = &mut *buckets;
        if each.len() >= ADDRESSES && !each.contains_key(&address) {
            each.clear();
        }
        each.entry(address).or_insert_with(|| Bucket::full(EACH, now)).take(EACH, now) && all.take(ALL, now)
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

    #[test]
    fn an_address_that_asks_without_end_is_slowed_and_others_are_not() {
        let now = Timestamp::from_seconds(1_000);
        let rate = Rate::new(now);
        let [a, b] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        assert_eq!((0..100).filter(|_| rate.allows(a, now)).count(), 30);
        assert!(rate.allows(b, now));
        let later = Timestamp::from_seconds(1_005);
        assert_eq!((0..100).filter(|_| rate.allows(a, later)).count(), 5);
    }
}
