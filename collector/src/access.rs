//! Permission to call a method: one table, and a method that is not in it is denied.
//!
//! A layer in front of all services: it finds the caller's record by the key of its certificate, and hands it on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};
use tracing::info;
use traf_peer::Role;

use crate::accept::Caller;
use crate::peers::Peers;
use crate::secrets::Peer;

/// Every method of the service that asks for a certificate, and who may call it.
pub(crate) const METHODS: [(&str, &[Role]); 8] = [
    ("/traf.v1.Ingest/Export", &[Role::Sensor]),
    ("/traf.v1.Ingest/Live", &[Role::Sensor]),
    ("/traf.v1.View/Watch", &[Role::Viewer, Role::Admin]),
    ("/traf.v1.View/Fleet", &[Role::Viewer, Role::Admin]),
    ("/traf.v1.View/Filters", &[Role::Viewer, Role::Admin]),
    ("/traf.v1.Admin/SaveFilter", &[Role::Admin]),
    ("/traf.v1.Admin/DeleteFilter", &[Role::Admin]),
    ("/traf.v1.Admin/SetSettings", &[Role::Admin]),
];

/// Reason to deny a call of `role`; `None` if it is allowed.
fn denial(path: &str, role: Role, name: &str) -> Option<String> {
    let Some((_, roles)) = METHODS.iter().find(|(method, _)| *method == path) else {
        return Some(format!("no role may call {path}: this collector does not know it"));
    };
    if roles.contains(&role) {
        return None;
    }
    let roles: BTreeSet<&str> = roles.iter().map(|role| role.name()).collect();
    let roles: Vec<&str> = roles.into_iter().collect();
    Some(format!("`{name}` is a {role}: {path} is for the role {} only", roles.join(" or ")))
}

/// Puts [`Access`] in front of the services.
#[derive(Clone)]
pub(crate) struct AccessLayer(pub(crate) Arc<Peers>);

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, peers: self.0.clone() }
    }
}

/// Lets a call through with the caller's [`crate::secrets::Peer`] in its extensions, or answers why not.
#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    peers: Arc<Peers>,
}

impl<S> Access<S> {
    fn check(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let Some(Caller { address, certificate: Some((identity, key)) }) =
            request.extensions().get::<Caller>().cloned()
        else {
            return Err(Status::unauthenticated("no certificate: join first"));
        };
        let refuse = |status: fn(String) -> Status, why: String| -> Result<(), Status> {
            info!(%address, path = request.uri().path(), "denied: {why}");
            Err(status(why))
        };
        let peer = match self.peers.admitted(&identity, &key) {
            Ok(peer) => peer,
            Err(stranger) => return refuse(Status::unauthenticated, stranger.to_string()),
        };
        if let Some(why) = denial(request.uri().path(), peer.role, &peer.name) {
            return refuse(Status::permission_denied, why);
        }
        self.peers.welcomed(&key);
        request.extensions_mut().insert(peer);
        Ok(())
    }
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.check(&mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}

/// The record that `access` found.
pub(crate) fn caller<T>(request: &tonic::Request<T>) -> Result<Arc<Peer>, Status> {
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    peer.ok_or_else(|| Status::unauthenticated("no certificate: join first"))
}

/// Reason to end a long stream though neither side is done; `None` while it may go on.
pub(crate) fn over(peers: &Peers, peer: &Peer, stop: &CancellationToken) -> Option<Status> {
    if stop.is_cancelled() {
        return Some(Status::unavailable("the collector is shutting down: come again soon"));
    }
    let revoked = || Status::unauthenticated(format!("`{}` was revoked; it may join again with a new key", peer.name));
    (!peers.still(peer)).then(revoked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_schema_is_listed_and_nothing_else_is_let_through() {
        let schema = [
            include_str!("../../proto/traf/v1/ingest.proto"),
            include_str!("../../proto/traf/v1/view.proto"),
            include_str!("../../proto/traf/v1/admin.proto"),
        ];
        let mut methods = BTreeSet::new();
        for text in schema {
            let mut service = "";
            for line in text.lines() {
                let mut words = line.trim().split([' ', '(']);
                match (words.next(), words.next()) {
                    (Some("service"), Some(name)) => service = name,
                    (Some("rpc"), Some(name)) => drop(methods.insert(format!("/traf.v1.{service}/{name}"))),
                    _ => {}
                }
            }
        }
        assert_eq!(methods, METHODS.iter().map(|(method, _)| (*method).to_owned()).collect());
        for role in [Role::Sensor, Role::Viewer, Role::Admin, Role::Collector] {
            for path in ["/traf.v1.Join/Join", "/traf.v1.View/Sql", "/", "/traf.v1.View/Watch/"] {
                assert!(denial(path, role, "x").is_some(), "{role} {path}");
            }
        }
    }

    #[test]
    fn a_sensor_reads_nothing_and_a_viewer_writes_nothing() {
        for (path, roles) in METHODS {
            let of = |service: &str| path.starts_with(&format!("/traf.v1.{service}/"));
            let (view, admin) = (of("View"), of("View") || of("Admin"));
            for (role, may) in
                [(Role::Sensor, of("Ingest")), (Role::Viewer, view), (Role::Admin, admin), (Role::Collector, false)]
            {
                assert_eq!((denial(path, role, "x").is_none(), roles.contains(&role)), (may, may), "{role} {path}");
            }
        }
    }
}
