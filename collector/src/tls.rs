//! Demands of TLS on those who connect: a certificate of our authority that holds now, a key that is on record as admitted, and
//! a handshake of its own each time (a resumed session would skip the check).

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore, ServerConfig,
    SignatureScheme,
};
use traf_peer::Identity;
use traf_peer::identity::key_fingerprint;

use crate::authority::Authority;
use crate::clock;
use crate::peers::{Peers, Stranger};

/// The collector's own certificate and its key; a connection takes what stands here when it comes.
#[derive(Debug)]
pub(crate) struct OwnCertificate(ArcSwap<CertifiedKey>);

impl OwnCertificate {
    pub(crate) fn new(authority: &Authority) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(made(authority)?))))
    }

    /// Makes it anew.
    pub(crate) fn renew(&self, authority: &Authority) -> anyhow::Result<()> {
        self.0.store(Arc::new(made(authority)?));
        Ok(())
    }
}

fn made(authority: &Authority) -> anyhow::Result<CertifiedKey> {
    let (certificate, key) = authority.collector(clock::now())?;
    Ok(CertifiedKey::from_der(vec![certificate, authority.certificate.clone()], key, &default_provider())?)
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The TLS states of the service that sensors and consoles call, where there is no service without a certificate, and of the
/// join service: anyone may come, and sees the chain up to the authority that its token names.
pub(crate) fn states(
    authority: &Authority,
    own: Arc<OwnCertificate>,
    peers: &Arc<Peers>,
) -> anyhow::Result<[Arc<ServerConfig>; 2]> {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone())?;
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let verifier = Arc::new(Remembering { inner, peers: peers.clone() });
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let service = builder.clone().with_client_cert_verifier(verifier).with_cert_resolver(own.clone());
    let join = builder.with_no_client_auth().with_cert_resolver(own);
    Ok([service, join].map(hardened))
}

fn hardened(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

/// Meaning of a failed handshake, for our log.
pub(crate) fn explain(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::NoCertificatesPresented) => "it showed no certificate: it has not joined".to_owned(),
        Some(rustls::Error::InvalidCertificate(error)) => words(error),
        Some(rustls::Error::AlertReceived(alert)) => format!("it ended the handshake: {alert:?}"),
        _ => error.to_string(),
    }
}

fn words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is of another authority: it has joined another collector".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("its certificate has expired, or our clock is wrong ({error})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("its certificate is not valid yet: our clock is behind ({error})")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one of a client".to_owned()
        }
        CertificateError::Revoked => "its key was revoked; it may join again with a new key and a new token".to_owned(),
        CertificateError::Other(OtherError(error)) => error.to_string(),
        error => format!("its certificate cannot be used: {error}"),
    }
}

/// The usual check, then the record of admitted keys; and a note on known keys that fail, for the sensors screen.
///
/// A peer may also be revoked while it is connected: `access` asks again at each call.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn ClientCertVerifier>,
    peers: Arc<Peers>,
}

impl Remembering {
    /// Checks the record of the key. The other side is told by the alert: `certificate_revoked`, else `certificate_unknown`.
    fn admitted(&self, leaf: &CertificateDer<'_>) -> Result<(), CertificateError> {
        let (identity, key) = (Identity::of_certificate(leaf).map_err(other)?, key_fingerprint(leaf).map_err(other)?);
        match self.peers.admitted(&identity, &key) {
            Ok(_) => Ok(()),
            Err(Stranger::Revoked(_)) => Err(CertificateError::Revoked),
            Err(stranger) => Err(other(stranger)),
        }
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

impl ClientCertVerifier for Remembering {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(leaf, chain, now).and_then(|verified| {
            self.admitted(leaf)?;
            Ok(verified)
        });
        verified.inspect_err(|error| {
            if let (rustls::Error::InvalidCertificate(error), Ok(key)) = (error, key_fingerprint(leaf)) {
                self.peers.refused(key, format!("refused: {}", words(error)));
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
