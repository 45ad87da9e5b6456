//! Floods of connections: whoever has no admitted key keeps nobody out who has one or who joins.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use common::{Collector, DEADLINE, config};
use futures_util::future::join_all;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use traf_collector::{Config, Limits, create_token, revoke_sensor};
use traf_peer::{Backoff, Credentials, Role, join};
use traf_proto as wire;
use traf_proto::view_client::ViewClient;

/// Time in which honest peers get in, whatever goes on.
const IN_TIME: Duration = Duration::from_secs(5);

/// A verifier that takes every collector: attackers do not ask.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client of TLS, with the certificate and key of `credentials` or with none.
fn tls(credentials: Option<&Credentials>) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    let mut config = match credentials {
        None => builder.with_no_client_auth(),
        Some(credentials) => {
            let folder = tempfile::tempdir().unwrap();
            credentials.save(folder.path()).unwrap();
            let certificate = CertificateDer::from_pem_file(folder.path().join("certificate.pem")).unwrap();
            let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Connections from `addresses` of loopback, `each` from every one; ends when dropped.
struct Flood {
    _tasks: JoinSet<()>,
    opened: Arc<AtomicUsize>,
}

impl Flood {
    /// Opens connections that say what TLS says, or nothing, and stay. One that was ended comes again after `pause`.
    fn start(addresses: u8, each: u16, to: SocketAddr, tls: Option<&TlsConnector>, pause: Option<Duration>) -> Self {
        let (mut tasks, opened) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for from in (1..=addresses).flat_map(|last| (0..each).map(move |_| [127, 0, 9, last])) {
            let (tls, opened) = (tls.cloned(), opened.clone());
            tasks.spawn(async move {
                loop {
                    if let Ok(stream) = connect(from, to).await {
                        stay(stream, tls.as_ref(), &opened).await;
                    }
                    let Some(pause) = pause else { return };
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Self { _tasks: tasks, opened }
    }

    /// Waits until so many connections have been opened, those that have ended too.
    async fn opened(&self, number: usize) {
        let enough = async {
            while self.opened.load(Relaxed) < number {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, enough).await.expect("the flood does not begin");
    }
}

async fn connect(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

async fn stay(mut stream: TcpStream, tls: Option<&TlsConnector>, opened: &AtomicUsize) {
    let mut octets = [0; 256];
    let Some(tls) = tls else {
        opened.fetch_add(1, Relaxed);
        while matches!(stream.read(&mut octets).await, Ok(1..)) {}
        return;
    };
    let stream = tls.connect(ServerName::try_from("collector").unwrap(), stream).await;
    opened.fetch_add(1, Relaxed);
    let Ok(mut stream) = stream else { return };
    while matches!(stream.read(&mut octets).await, Ok(1..)) {}
}

/// Lets this process open as many files as it may; returns how many.
fn open_files() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    hard
}

async fn viewers(collector: &Collector, number: u32) -> Vec<Credentials> {
    let token = create_token(&collector.config, Role::Viewer, Duration::from_secs(600), number).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(join(&collector.join_url(), &token, "desk", "test").await.expect("a good token").0);
    }
    all
}

type Fleet = tonic::Streaming<wire::FleetState>;

/// Opens the list of sensors.
async fn fleet(collector: &Collector, credentials: &Credentials) -> Result<Fleet, tonic::Status> {
    let mut stream = ViewClient::new(collector.channel(credentials)).fleet(wire::FleetQuery {}).await?.into_inner();
    stream.message().await?;
    Ok(stream)
}

/// Tries again, as programs do; returns the open streams of all.
async fn all_get_in(collector: &Collector, peers: &[Credentials]) -> Vec<Fleet> {
    let get_in = |peer| async move {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        loop {
            match fleet(collector, peer).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(backoff.next(rand::random())).await,
            }
        }
    };
    in_time(join_all(peers.iter().map(get_in))).await
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(IN_TIME, work).await.expect("kept out")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_on_200_connections_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    // Fewer places than the flood has connections.
    let limits = Limits { connections: 128, ..Limits::default() };
    let collector = Collector::start_with(Config { limits, ..config(folder.path()) }).await;
    let thief = collector.join(Role::Viewer, "thief").await;
    let honest = viewers(&collector, 5).await;
    revoke_sensor(&collector.config, "thief").await.unwrap();
    let known = async {
        while fleet(&collector, &thief).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, known).await.expect("the revoked key is not refused");

    let pause = Duration::from_millis(100);
    let flood = Flood::start(20, 10, collector.addresses.main, Some(&tls(Some(&thief))), Some(pause));
    flood.opened(200).await;
    let mut streams = all_get_in(&collector, &honest).await;
    drop(flood);
    // A screen says how many that were.
    let told = tokio::time::timeout(DEADLINE, streams[0].message()).await.expect("it says nothing more").unwrap();
    let notes = told.expect("the stream ended").notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    let count = notes[0].split_once(" TLS handshakes that failed").map(|(words, _)| words.rsplit(' ').next().unwrap());
    assert!(count.and_then(|count| count.parse().ok()).is_some_and(|count: u32| count >= 200), "{notes:?}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_to_the_join_port_keep_nobody_from_joining() {
    open_files();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let token = create_token(&collector.config, Role::Sensor, Duration::from_secs(600), 1).await.unwrap();
    let flood = Flood::start(20, 52, collector.addresses.join, Some(&tls(None)), None);
    flood.opened(1024).await;
    let join = async {
        while join(&collector.join_url(), &token, "web1", "test").await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    in_time(join).await;
    drop(flood);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_sockets_keep_no_admitted_peer_out() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let honest = viewers(&collector, 12).await;
    // 4,900 where the hard limit of open files allows them.
    let each = u16::try_from((open_files().saturating_sub(3000) / 100).min(49)).unwrap();
    assert!(each > 10, "the hard limit of open files is too low for a flood: 4,100 are needed (`ulimit -Hn`)");
    let flood = Flood::start(100, each, collector.addresses.main, None, Some(Duration::from_secs(1)));
    flood.opened(usize::from(each) * 100).await;
    all_get_in(&collector, &honest).await;
    drop(flood);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_machines_join_and_stay_connected_from_one_address() {
    open_files();
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let peers = viewers(&collector, 200).await;
    let streams = all_get_in(&collector, &peers).await;
    for mut stream in streams {
        let next = tokio::time::timeout(DEADLINE, stream.message()).await.expect("it says nothing more");
        assert!(next.unwrap().is_some());
    }
    collector.stop().await;
}

#[tokio::test]
async fn a_connection_of_a_revoked_peer_ends_though_it_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let [thief, honest] = [collector.join(Role::Sensor, "thief").await, collector.join(Role::Viewer, "desk").await];
    let connect = async |credentials| {
        let stream = connect([127, 0, 0, 1], collector.addresses.main).await.unwrap();
        tls(Some(credentials)).connect(ServerName::try_from("collector").unwrap(), stream).await.unwrap()
    };
    let (mut idle, _other) = (connect(&thief).await, connect(&honest).await);
    revoke_sensor(&collector.config, "thief").await.unwrap();
    let ends = async {
        let mut octets = [0; 256];
        while matches!(idle.read(&mut octets).await, Ok(1..)) {}
    };
    tokio::time::timeout(Duration::from_secs(8), ends).await.expect("the connection stays");
    assert!(fleet(&collector, &honest).await.is_ok());
    collector.stop().await;
}

#[tokio::test]
async fn the_newest_connections_of_a_key_hold_and_its_oldest_ends() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let desk = collector.join(Role::Viewer, "desk").await;
    let mut oldest = fleet(&collector, &desk).await.unwrap();
    let mut newer = Vec::new();
    for _ in 0..16 {
        newer.push(fleet(&collector, &desk).await.unwrap());
    }
    let ends = async { while matches!(oldest.message().await, Ok(Some(_))) {} };
    tokio::time::timeout(DEADLINE, ends).await.expect("the oldest connection stays");
    for mut stream in newer {
        assert!(stream.message().await.unwrap().is_some());
    }
    collector.stop().await;
}
