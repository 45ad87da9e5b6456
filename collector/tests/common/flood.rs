//! Connections without an end, from anybody: sockets that say nothing, handshakes with any key or none.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

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
use traf_peer::Credentials;

use super::DEADLINE;

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
pub fn tls(credentials: Option<&Credentials>) -> TlsConnector {
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

/// Connections from several addresses; ends when dropped.
pub struct Flood {
    _tasks: JoinSet<()>,
    opened: Arc<AtomicUsize>,
}

impl Flood {
    /// Opens `each` connections from every address that say what TLS says, or nothing, and stay. One that was ended comes again after `pause`.
    pub fn start(
        from: &[IpAddr],
        each: u16,
        to: SocketAddr,
        tls: Option<&TlsConnector>,
        pause: Option<Duration>,
    ) -> Self {
        let (mut tasks, opened) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for from in from.iter().copied().flat_map(|from| (0..each).map(move |_| from)) {
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
    pub async fn opened(&self, number: usize) {
        let enough = async {
            while self.opened.load(Relaxed) < number {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, enough).await.expect("the flood does not begin");
    }
}

/// So many addresses of this machine.
pub fn loopback(count: u8) -> Vec<IpAddr> {
    (1..=count).map(|last| [127, 0, 9, last].into()).collect()
}

/// Connects from an address of this machine.
pub async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
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
    let Ok(mut stream) = stream else { return };
    opened.fetch_add(1, Relaxed);
    while matches!(stream.read(&mut octets).await, Ok(1..)) {}
}

/// Lets this process open as many files as it may; returns how many.
pub fn open_files() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    hard
}
