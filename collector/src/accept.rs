//! The accept loop: from a listening socket to connections whose TLS handshake is done.
//!
//! Handshakes run beside each other, each with a deadline, so that a silent client holds up nobody. Connections are
//! bounded in all and for each address; beyond that a socket is closed at once. Out of file descriptors, the loop sleeps.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::{debug, info, warn};
use traf_peer::Identity;
use traf_peer::identity::{IdentityError, key_fingerprint};

use crate::config::Limits;
use crate::tls;

/// Connections whose handshake is done and whom nobody serves yet.
const WAITING: usize = 64;
/// From the first octet to the end of the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// The peer at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Identity in the certificate, and the SHA-256 of its key; `None` where no certificate is asked for.
    pub(crate) certificate: Option<(Identity, [u8; 32])>,
}

/// A connection past its handshake. It holds its place in the limits.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Caller,
    _place: Admittance,
}

/// Accepts on `listener` until `stop`; what comes out is bounded.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    limits: &Limits,
    stop: CancellationToken,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(WAITING);
    let gate = Gate {
        all: Arc::new(Semaphore::new(limits.connections.max(1) as usize)),
        each: Mutex::default(),
        per_address: limits.connections_per_address.max(1) as usize,
    };
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // EMFILE and its like do not go away by asking again at once.
                    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                        warn!("accepting a connection: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    continue;
                }
            };
            let Some(place) = gate.enter(address.ip()) else {
                info!(%address, "turned away: too many connections");
                continue;
            };
            let (tls, ready) = (tls.clone(), ready.clone());
            tokio::spawn(async move {
                match tokio::time::timeout(HANDSHAKE, handshake(stream, address, tls, place)).await {
                    Ok(Ok(connection)) => drop(ready.send(Ok(connection)).await),
                    Ok(Err(error)) => info!(%address, "refused: {}", tls::explain(&error)),
                    Err(_) => debug!(%address, "refused: no TLS handshake within {HANDSHAKE:?}"),
                }
            });
        }
    });
    connections
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    place: Admittance,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(tls).accept(stream).await?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = leaf.map(|leaf| Ok((Identity::of_certificate(leaf)?, key_fingerprint(leaf)?))).transpose();
    let certificate = certificate.map_err(|error: IdentityError| io::Error::other(error))?;
    Ok(Connection { stream, caller: Caller { address, certificate }, _place: place })
}

/// Connections that may be open at once.
struct Gate {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
    per_address: usize,
}

/// A place inside, in all and of an address; left when dropped.
struct Admittance {
    _all: OwnedSemaphorePermit,
    _address: OwnedSemaphorePermit,
}

impl Gate {
    fn enter(&self, address: IpAddr) -> Option<Admittance> {
        let all = self.all.clone().try_acquire_owned().ok()?;
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        // Addresses without a connection are forgotten.
        each.retain(|_, places| places.available_permits() < self.per_address);
        let places = each.entry(address).or_insert_with(|| Arc::new(Semaphore::new(self.per_address)));
        Some(Admittance { _all: all, _address: places.clone().try_acquire_owned().ok()? })
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn nobody_takes_all_the_places() {
        let gate = Gate { all: Arc::new(Semaphore::new(3)), each: Mutex::default(), per_address: 2 };
        let [a, b] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let (first, _second) = (gate.enter(a).unwrap(), gate.enter(a).unwrap());
        assert!(gate.enter(a).is_none());
        let _third = gate.enter(b).unwrap();
        assert!(gate.enter(b).is_none());
        drop(first);
        assert!(gate.enter(a).is_some());
    }
}
