//! The accept loop: from a listening socket to connections whose TLS handshake is done.
//!
//! A connection passes through places of three kinds: of sockets that have not said anything, of handshakes under way, and of
//! admitted peers. What crowds one kind takes no place of the next, and a newcomer is turned away only where all the places
//! of peers are held by others ([`crate::places`]). Handshakes run beside each other, each with a deadline, so that a
//! silent client holds up nobody. Out of file descriptors, the loop sleeps.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::warn;
use traf_peer::Identity;
use traf_peer::identity::{IdentityError, key_fingerprint};

use crate::config::Limits;
use crate::places::{Owner, Place, Places};
use crate::tls;
use crate::turned_away::{Reason, TurnedAway};

/// Connections whose handshake is done and whom nobody serves yet.
const WAITING: usize = 64;
/// From the connection to the end of the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Time for joining after the handshake: one call, and a disk that is slow.
const JOINING: Duration = Duration::from_secs(10);
/// Sockets that have not said anything, and handshakes under way, on the port of sensors and consoles. Of the former there are
/// more: each is a file descriptor and little else, and the more there are, the later a peer with a slow machine is the oldest.
const STRANGERS: [usize; 2] = [1_536, 512];
/// The same on the port of those who join. There a connection keeps the place of its handshake.
const JOINERS: [usize; 2] = [256, 256];
/// Connections of one key: a sensor has one, each window and each command of a console has one.
///
/// The newest is let in and the oldest ends: a machine that lost its network comes back while its old connections still
/// seem to be open.
const PER_KEY: usize = 16;
/// Connections that a peer keeps whoever else comes.
const KEPT: usize = 1;
/// Interval at which the connections turned away are logged.
const LOG: Duration = Duration::from_secs(1);

/// The peer at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Identity in the certificate, and the SHA-256 of its key; `None` where no certificate is asked for.
    pub(crate) certificate: Option<(Identity, [u8; 32])>,
}

/// Places of the connections of one port.
pub(crate) struct Port {
    silent: Arc<Places>,
    handshakes: Arc<Places>,
    /// `None` where nobody has a certificate.
    peers: Option<Arc<Places>>,
    turned_away: Arc<TurnedAway>,
}

/// A connection past its handshake. It holds its place.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Caller,
    _place: Place,
    /// The end of its time; `None` when it has come.
    end: Option<Pin<Box<dyn Future<Output = Reason> + Send>>>,
    turned_away: Arc<TurnedAway>,
}

impl Port {
    /// The port of sensors and consoles.
    pub(crate) fn of_peers(limits: &Limits, turned_away: &Arc<TurnedAway>) -> Self {
        let peers = Places::new(limits.connections as usize, PER_KEY, KEPT);
        Self { peers: Some(peers), ..Self::of_strangers(STRANGERS, limits, turned_away) }
    }

    /// Places of admitted peers, where there are any.
    pub(crate) fn peers(&self) -> Option<Arc<Places>> {
        self.peers.clone()
    }

    /// The port of those who join.
    pub(crate) fn of_joiners(limits: &Limits, turned_away: &Arc<TurnedAway>) -> Self {
        Self::of_strangers(JOINERS, limits, turned_away)
    }

    fn of_strangers(places: [usize; 2], limits: &Limits, turned_away: &Arc<TurnedAway>) -> Self {
        let each = limits.connections_per_address as usize;
        let [silent, handshakes] = places.map(|all| Places::new(all, each, 0));
        Self { silent, handshakes, peers: None, turned_away: turned_away.clone() }
    }
}

/// Accepts on `listener` until `stop`; what comes out is bounded.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    port: Port,
    stop: CancellationToken,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(WAITING);
    let port = Arc::new(port);
    tokio::spawn(async move {
        let mut due = tokio::time::interval(LOG);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                _ = due.tick() => {
                    port.turned_away.log();
                    continue;
                }
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
            let Some(place) = port.silent.enter(Owner::of(address)) else { continue };
            let (tls, port, ready) = (tls.clone(), port.clone(), ready.clone());
            tokio::spawn(async move {
                let connection = timeout(HANDSHAKE, handshake(stream, address, tls, &port, place)).await;
                match connection.unwrap_or(Err(Reason::Slow)) {
                    Ok(connection) => drop(ready.send(Ok(connection)).await),
                    Err(reason) => port.turned_away.note(address, reason),
                }
            });
        }
        port.turned_away.log();
    });
    connections
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    port: &Port,
    silent: Place,
) -> Result<Connection, Reason> {
    let failed = |error: io::Error| Reason::Handshake(tls::explain(&error));
    stream.set_nodelay(true).map_err(failed)?;
    holding(&silent, stream.peek(&mut [0])).await?.map_err(failed)?;
    let place = port.handshakes.enter(Owner::of(address)).ok_or(Reason::Full)?;
    drop(silent);
    let stream = holding(&place, TlsAcceptor::from(tls).accept(stream)).await?.map_err(failed)?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = leaf.map(|leaf| Ok((Identity::of_certificate(leaf)?, key_fingerprint(leaf)?))).transpose();
    let certificate = certificate.map_err(|error: IdentityError| Reason::Handshake(error.to_string()))?;
    let (place, life) = match (&port.peers, &certificate) {
        (Some(peers), Some((_, key))) => (peers.enter(Owner::Key(*key)).ok_or(Reason::Full)?, None),
        _ => (place, Some(JOINING)),
    };
    let (displaced, turned_away) = (place.displaced(), port.turned_away.clone());
    let end = Box::pin(async move {
        let Some(life) = life else {
            displaced.await;
            return Reason::Displaced;
        };
        timeout(life, displaced).await.map_or(Reason::Stayed, |()| Reason::Displaced)
    });
    Ok(Connection { stream, caller: Caller { address, certificate }, _place: place, end: Some(end), turned_away })
}

/// Does `work` while nobody else gets the place.
async fn holding<T>(place: &Place, work: impl Future<Output = T>) -> Result<T, Reason> {
    tokio::select! {
        () = place.displaced() => Err(Reason::Displaced),
        done = work => Ok(done),
    }
}

impl Connection {
    /// The error of a connection whose time is over.
    fn over(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        if let Some(end) = &mut self.end {
            let Poll::Ready(reason) = end.as_mut().poll(cx) else { return None };
            self.turned_away.note(self.caller.address, reason);
            self.end = None;
        }
        Some(io::ErrorKind::ConnectionAborted.into())
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
        if let Some(error) = self.over(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.over(cx) {
            return Poll::Ready(Err(error));
        }
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
        if let Some(error) = self.over(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
