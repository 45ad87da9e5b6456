//! A collector of a few lines, with TLS and an authority of its own, that can be told to misbehave.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod program;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::Stream;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};
use traf_peer::{CollectorUrl, Credentials};
use traf_proto::export_request::Message;
use traf_proto::ingest_server::{Ingest, IngestServer};
use traf_proto::{Batch, ExportAck, ExportRequest, MAX_MESSAGE, Snapshot, Wishes};

/// Signing authority.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key of `traf://test/<role>/<id>`, PEM.
    fn sign(&self, identity: &str, server: bool) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(identity.try_into().unwrap())];
        let purpose = if server { ExtendedKeyUsagePurpose::ServerAuth } else { ExtendedKeyUsagePurpose::ClientAuth };
        params.extended_key_usages = vec![purpose];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// For a sensor that is to find its collector at `address`.
    pub(crate) fn credentials(&self, address: SocketAddr) -> Credentials {
        let (certificate, key) = self.sign("traf://test/sensor/s1", false);
        let url = CollectorUrl { host: address.ip().to_string(), port: address.port() };
        Credentials::new(url, self.pem.clone(), certificate, key).unwrap()
    }
}

/// A collector, and a folder with the credentials of a sensor that reports to it.
pub(crate) async fn pair(book: Book) -> (tempfile::TempDir, Arc<Mutex<Book>>, Collector) {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let book = Arc::new(Mutex::new(book));
    let collector = Collector::start(&authority, "127.0.0.1:0", Arc::clone(&book)).await;
    save(&authority.credentials(collector.address), folder.path());
    (folder, book, collector)
}

/// Records that the collector has committed, and its behaviour.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) committed: Vec<Batch>,
    pub(crate) hellos: usize,
    pub(crate) snapshots: Vec<Snapshot>,
    /// Cuts the connection after so many commits, before the ack; then again after as many.
    pub(crate) cut_after: Option<usize>,
    /// Cannot use the summary of an interface that received so many frames.
    pub(crate) refuses: Option<u64>,
    /// Given in the answer to a hello, with its generation.
    pub(crate) digest_key: (Vec<u8>, u32),
    /// Sent to the sensor on its live stream, again when they change.
    pub(crate) wishes: Option<Wishes>,
}

impl Book {
    pub(crate) fn mark(&self) -> (u64, u64) {
        self.committed.last().map_or((0, 0), |batch| (batch.epoch, batch.to_seq))
    }

    fn cannot_use(&self, batch: &Batch) -> bool {
        let summary = traf_proto::decode(&batch.summary).unwrap();
        self.refuses.is_some_and(|count| summary.interfaces.iter().any(|part| part.ledger.received == count))
    }
}

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
}

impl Collector {
    /// Listens at `address`.
    pub(crate) async fn start(authority: &Authority, address: &str, book: Arc<Mutex<Book>>) -> Self {
        let (certificate, key) = authority.sign("traf://test/collector/c", true);
        let acceptor = acceptor(&certificate, &key, &authority.pem);
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let collector = Self { book, address: listener.local_addr().unwrap(), stop: CancellationToken::new() };
        let (connections, incoming) = mpsc::channel(8);
        let stop = collector.stop.clone();
        tokio::spawn(async move {
            while let Some(Ok((tcp, _))) = stop.run_until_cancelled(listener.accept()).await {
                let (acceptor, connections) = (acceptor.clone(), connections.clone());
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        let _ = connections.send(Ok::<_, std::io::Error>(tls)).await;
                    }
                });
            }
        });
        let service = IngestServer::new(collector.clone())
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MAX_MESSAGE);
        let served = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(ReceiverStream::new(incoming), collector.stop.clone().cancelled_owned());
        tokio::spawn(served);
        collector
    }
}

fn acceptor(certificate: &str, key: &str, authority: &str) -> TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(authority)).unwrap();
    let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![der(certificate)], PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Ingest for Collector {
    type ExportStream = Answers<ExportAck>;
    type LiveStream = Answers<Wishes>;

    async fn export(&self, request: Request<Streaming<ExportRequest>>) -> Result<Response<Self::ExportStream>, Status> {
        let (book, mut inbound) = (Arc::clone(&self.book), request.into_inner());
        let (acks, answers) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut commits = 0;
            while let Ok(Some(ExportRequest { message: Some(message) })) = inbound.message().await {
                let answer = {
                    let mut book = book.lock().unwrap();
                    let (epoch, seq) = book.mark();
                    match message {
                        Message::Hello(_) => {
                            book.hellos += 1;
                            let (digest_key, generation) = book.digest_key.clone();
                            Ok(ExportAck { epoch, seq, digest_key, generation, ..ExportAck::default() })
                        }
                        Message::Batch(batch) if book.cannot_use(&batch) => {
                            Err(Status::invalid_argument(format!("record {} cannot be used", batch.to_seq)))
                        }
                        Message::Batch(batch) if batch.from_seq == seq + 1 => {
                            let ack = ExportAck { epoch: batch.epoch, seq: batch.to_seq, ..ExportAck::default() };
                            book.committed.push(batch);
                            commits += 1;
                            if book.cut_after.is_some_and(|after| commits > after) {
                                Err(Status::unavailable("cut after the commit, before the ack"))
                            } else {
                                Ok(ack)
                            }
                        }
                        Message::Batch(batch) if batch.to_seq <= seq => {
                            Ok(ExportAck { epoch, seq, ..ExportAck::default() })
                        }
                        Message::Batch(batch) => {
                            Err(Status::failed_precondition(format!("{} comes next, not {}", seq + 1, batch.from_seq)))
                        }
                    }
                };
                let over = answer.is_err();
                if acks.send(answer).await.is_err() || over {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn live(&self, request: Request<Streaming<Snapshot>>) -> Result<Response<Self::LiveStream>, Status> {
        let (book, mut inbound) = (Arc::clone(&self.book), request.into_inner());
        let (wishes, answers) = mpsc::channel(4);
        let told = Arc::clone(&self.book);
        tokio::spawn(async move {
            let mut last = None;
            while !wishes.is_closed() {
                let now = told.lock().unwrap().wishes.clone();
                if now != last
                    && let Some(now) = now.clone()
                {
                    let _ = wishes.send(Ok(now)).await;
                }
                last = now;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        tokio::spawn(async move {
            while let Ok(Some(snapshot)) = inbound.message().await {
                book.lock().unwrap().snapshots.push(snapshot);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// Waits for `done`, looking often; fails after `seconds`.
pub(crate) async fn until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "after {seconds} s still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Saves `credentials` where `traf-sensor --data` looks for them.
pub(crate) fn save(credentials: &Credentials, data: &Path) {
    credentials.save(data).unwrap();
}
