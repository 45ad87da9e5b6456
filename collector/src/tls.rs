//! Demands of TLS on those who connect: a certificate of our authority that holds now, and a handshake of its own each time
//! (a resumed session would skip the check).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use traf_peer::identity::key_fingerprint;

use crate::authority::Authority;
use crate::peers::Peers;

/// Errors of the TLS state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// rustls will not have the key or certificate.
    #[error("the collector's TLS state: {0}")]
    Rustls(#[from] rustls::Error),
    /// The authority cannot check anybody.
    #[error("the collector's TLS state: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The certificate shown and its key.
pub(crate) type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// For the service that sensors and consoles call: no certificate, no service.
pub(crate) fn service(authority: &Authority, shown: Shown, peers: &Arc<Peers>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let verifier = Arc::new(Remembering { inner, peers: peers.clone() });
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![shown.0, authority.certificate().clone()], shown.1)?;
    Ok(hardened(config))
}

/// For the join service: anyone may come, and sees the chain up to the authority that its token names.
pub(crate) fn join(authority: &Authority, shown: Shown) -> Result<ServerConfig, TlsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![shown.0, authority.certificate().clone()], shown.1)?;
    Ok(hardened(config))
}

fn hardened(mut config: ServerConfig) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
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
        error => format!("its certificate cannot be used: {error}"),
    }
}

/// The usual check, and a note on known keys that fail it, for the sensors screen.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn ClientCertVerifier>,
    peers: Arc<Peers>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peers")
    }
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
        self.inner.verify_client_cert(leaf, chain, now).inspect_err(|error| {
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
