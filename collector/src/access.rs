//! Permission to call a method: one table, and a method that is not in it is denied.
//!
//! A layer in front of all gRPC methods: it finds the caller's record by the key of its certificate, and hands it on.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::info;
use traf_peer::Role;

use crate::accept::Caller;
use crate::peers::{Peers, Stranger};
use crate::secrets::Peer;

/// Every method of the service that asks for a certificate, and who may call it.
pub(crate) const METHODS: [(&str, &[Role]); 8] = [
    ("/traf.v1.Ingest/Export", &[Role::Sensor]),
    ("/traf.v1.Ingest/Live", &[Role::Sensor]),
    ("/traf.v1.View/Watch", &[Role::Admin, Role::Viewer]),
    ("/traf.v1.View/Fleet", &[Role::Admin, Role::Viewer]),
    ("/traf.v1.View/Filters", &[Role::Admin, Role::Viewer]),
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
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    Some(format!("`{name}` is a {role}: {path} is for the role {} only", roles.join(" or ")))
}

/// Lets a call through with the caller's [`crate::secrets::Peer`] in its extensions, or answers why not.
pub(crate) async fn check(State(peers): State<Arc<Peers>>, mut request: Request, next: Next) -> Response {
    match admit(&peers, &mut request) {
        Ok(()) => next.run(request).await,
        Err(status) => status.into_http(),
    }
}

fn admit(peers: &Peers, request: &mut Request) -> Result<(), Status> {
    let Some(Caller { address, certificate: Some((identity, key)) }) = request.extensions().get().cloned() else {
        return Err(Status::unauthenticated("no certificate: join first"));
    };
    let refuse = |status: fn(String) -> Status, why: String| {
        info!(%address, path = request.uri().path(), "denied: {why}");
        status(why)
    };
    let peer = peers.admitted(&identity, &key);
    let peer = peer.map_err(|stranger| refuse(Status::unauthenticated, stranger.to_string()))?;
    if let Some(why) = denial(request.uri().path(), peer.role, &peer.name) {
        return Err(refuse(Status::permission_denied, why));
    }
    peers.welcomed(&key);
    request.extensions_mut().insert(peer);
    Ok(())
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
    let revoked = || Status::unauthenticated(Stranger::Revoked(peer.name.clone()).to_string());
    (!peers.still(peer)).then(revoked)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
