//! The collector as a whole: everything is made, then started, and taken down in the opposite order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::middleware::{from_fn, from_fn_with_state};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::Zstd;
use tonic::service::Routes;
use tonic::transport::Server;
use tracing::{error, info, warn};
use traf_proto as wire;
use traf_proto::MAX_MESSAGE;

use crate::accept::{Port, accept};
use crate::authority::Authority;
use crate::collector::Collector;
use crate::config::Config;
use crate::folder::Folder;
use crate::ingest::inbound::{UNPACKED, lay_aside};
use crate::ingest::{DECODERS, Ingest, Streams};
use crate::join::{JoinService, MAX_REQUEST, Rate};
use crate::live::Live;
use crate::peers::Peers;
use crate::places::{Owner, Places};
use crate::secrets::Secrets;
use crate::shared::SharedConfig;
use crate::store::Store;
use crate::tls::OwnCertificate;
use crate::view::QUESTIONS;
use crate::writer::Writer;
use crate::{access, clock, memory, retention, tls};

/// Octets of the largest question of a console: a scope of 1,000 points with short names, or a filter with as many words.
const MAX_QUESTION: usize = 256 << 10;
/// Octets that a peer may send before they are read: of a stream, and of a connection.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);
/// Interval at which the record of peers is read again.
const RELOAD: Duration = Duration::from_secs(1);
/// Time in which the streams of a revoked peer end with words, before its connections end.
const TOLD: Duration = Duration::from_secs(3);
/// Interval at which the collector's own certificate is renewed; it holds for thirty days.
const RENEW: Duration = Duration::from_secs(24 * 3600);

/// From the wish to end until streams are cut.
const DRAIN: Duration = Duration::from_secs(5);

/// Addresses of a running collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For sensors and consoles.
    pub main: SocketAddr,
    /// For those who join.
    pub join: SocketAddr,
}

/// Runs a collector until `shutdown`, and returns when all its tasks have ended and everything taken is stored.
///
/// `ready` hears where it listens; the same stands in `DIR/addresses` while it runs.
pub async fn run(
    config: Config,
    ready: oneshot::Sender<Addresses>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    raise_open_files();
    let folder = Folder::open(&config.data).context("opening the data folder")?;
    let _lock = folder.lock()?;
    let authority = Arc::new(Authority::open(&folder, clock::now()).context("opening the authority")?);
    let secrets = Secrets::open(&folder).await.context("opening the file of tokens and peers")?;
    let store = Store::open(&folder.history()).await.context("opening the store")?.with_clock_ahead(config.clock_ahead);
    let main = bind(config.listen, "listen").await?;
    let join = bind(config.join_listen, "join_listen").await?;
    let addresses = Addresses { main: main.local_addr()?, join: join.local_addr()? };

    let peers = Arc::new(Peers::load(&authority.cluster, secrets.clone()).await?);
    let own = OwnCertificate::new(&authority)?;
    let [service_tls, join_tls] = tls::states(&authority, own.clone(), &peers).context("the collector's TLS state")?;
    let stop = CancellationToken::new();
    let live = Live::new(clock::now());
    let (writer, writing) = Writer::start(store.clone(), live.clone(), stop.clone());
    let shared =
        SharedConfig::load(store.clone()).await.context("reading the named filters and the settings of sensors")?;
    let collector = Collector {
        store: store.clone(),
        written: writer.state.clone(),
        live: live.clone(),
        shared,
        peers: peers.clone(),
        secrets: secrets.clone(),
        turned_away: Arc::default(),
        stop: stop.clone(),
        turns: Arc::new(Semaphore::new(QUESTIONS)),
        watches: Arc::default(),
    };
    let [decoders, unpacked] = [DECODERS, UNPACKED].map(|number| Arc::new(Semaphore::new(number)));
    let ingest = Ingest {
        collector: collector.clone(),
        writer: writer.clone(),
        streams: Streams::default(),
        decoders,
        unpacked,
        unpackers: Arc::default(),
        sites: Arc::default(),
    };
    let joining = JoinService {
        authority: authority.clone(),
        collector: collector.clone(),
        port: addresses.main.port(),
        rate: Rate::new(clock::now()),
    };

    let mut tasks = JoinSet::new();
    let turned_away = collector.turned_away.clone();
    let port = Port::of_peers(&config.limits, &turned_away);
    let places = port.peers();
    tasks.spawn(serve(main, service_tls, port, &stop, routes(ingest, collector)));
    let joining = wire::join_server::JoinServer::new(joining).max_decoding_message_size(MAX_REQUEST);
    tasks.spawn(serve(join, join_tls, Port::of_joiners(&config.limits, &turned_away), &stop, Routes::new(joining)));
    tasks.spawn(ended(retention::keep(store.clone(), config.retention, stop.clone())));
    tasks.spawn(ended(watch_peers(peers, live, places, stop.clone())));
    tasks.spawn(ended(memory::give_back(stop.clone())));
    tasks.spawn(ended(renew(own, authority.clone(), stop.clone())));

    info!(cluster = authority.cluster, data = %config.data.display(), "listening on {}, joining on {}", addresses.main, addresses.join);
    folder.write_addresses(&format!("main {}\njoin {}\n", addresses.main, addresses.join))?;
    let _ = ready.send(addresses);

    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(anyhow::Error::new(error).context("a task of the collector failed")),
            _ => Err(anyhow::anyhow!("a task of the collector ended by itself")),
        },
    };
    info!("shutting down: what was taken is being stored");
    folder.clear_addresses();
    stop.cancel();
    drain(tasks).await;
    // The last handle on the queue: the writer ends when all that waits is committed.
    drop(writer);
    if tokio::time::timeout(DRAIN, writing).await.is_err() {
        warn!("not everything could be stored in time; the sensors will send it again");
    }
    store.close().await;
    secrets.close().await;
    info!("ended");
    outcome
}

/// Lets this process open as many files as it may. The usual soft limit is 1,024, for programs that call `select`; the places of
/// connections are more.
fn raise_open_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!("the limit of open files cannot be raised: {error}");
    }
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{address} is in use by another program: stop it, or choose another address ({setting})")
        }
        Err(error) => Err(error).with_context(|| format!("listening on {address} ({setting})")),
    }
}

fn routes(ingest: Ingest, collector: Collector) -> Routes {
    let check = from_fn_with_state(collector.peers.clone(), access::check);
    // What a sensor is told is small: to compress it took 3.5 MB for each acknowledgement.
    let ingest =
        wire::ingest_server::IngestServer::new(ingest).max_decoding_message_size(MAX_MESSAGE).accept_compressed(Zstd);
    let view = wire::view_server::ViewServer::new(collector.clone())
        .max_decoding_message_size(MAX_QUESTION)
        .max_encoding_message_size(MAX_MESSAGE)
        .accept_compressed(Zstd)
        .send_compressed(Zstd);
    let admin = wire::admin_server::AdminServer::new(collector).max_decoding_message_size(MAX_QUESTION);
    let routes = Routes::new(ingest).add_service(view).add_service(admin).into_axum_router();
    routes.layer(from_fn(lay_aside)).layer(check).into()
}

/// Serves one listener; returns when all its connections have ended. Every connection is bounded in streams, headers, windows
/// and patience.
fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    port: Port,
    stop: &CancellationToken,
    routes: Routes,
) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
    let connections = accept(listener, tls, port, stop.clone());
    let stop = stop.clone().cancelled_owned();
    async move {
        let mut server = Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(10)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .max_concurrent_streams(Some(32))
            .http2_max_header_list_size(Some(8 << 10))
            .http2_max_pending_accept_reset_streams(Some(20))
            .initial_stream_window_size(Some(WINDOWS.0))
            .initial_connection_window_size(Some(WINDOWS.1));
        let served = server.add_routes(routes).serve_with_incoming_shutdown(ReceiverStream::new(connections), stop);
        served.await.context("serving connections")
    }
}

async fn ended(task: impl Future<Output = ()>) -> anyhow::Result<()> {
    task.await;
    Ok(())
}

/// Waits for the tasks, but not for ever: a peer that does not listen is cut off.
async fn drain(mut tasks: JoinSet<anyhow::Result<()>>) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                error!("while ending: {error:#}");
            }
        }
    };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        warn!("some connections did not end in time and are cut off");
        tasks.shutdown().await;
    }
}

/// Another process may have admitted or revoked somebody.
async fn watch_peers(peers: Arc<Peers>, live: Arc<Live>, places: Option<Arc<Places>>, stop: CancellationToken) {
    while tokio::time::timeout(RELOAD, stop.cancelled()).await.is_err() {
        if let Err(error) = peers.reload().await {
            warn!("the record of peers cannot be read: {error}");
        }
        for peer in peers.sensors().iter().filter(|peer| peer.revoked.is_some()) {
            live.forget(&peer.id);
        }
        // Its streams have been told why; a connection that stays would ask again and again.
        for key in peers.revoked(clock::now().before(TOLD)) {
            places.iter().for_each(|places| places.expel(Owner::Key(key)));
        }
    }
}

async fn renew(own: Arc<OwnCertificate>, authority: Arc<Authority>, stop: CancellationToken) {
    while tokio::time::timeout(RENEW, stop.cancelled()).await.is_err() {
        if let Err(error) = own.renew(&authority) {
            error!("the collector's certificate cannot be made anew: {error:#}");
        }
    }
}
