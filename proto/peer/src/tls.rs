//! Channels over TLS: who the other side must be, and words for when it is not.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind::UnexpectedEof;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::Refusal;
use crate::identity::{Identity, Role, key_fingerprint};

/// Address of a collector's service: `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Error for a text that is not a collector's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a collector's address: write https://HOST:PORT")]
pub struct UrlError(String);

impl CollectorUrl {
    /// From a text; `port` where it names none.
    pub fn parse(text: &str, port: u16) -> Result<Self, UrlError> {
        let wrong = || UrlError(text.chars().take(120).collect());
        let rest = match text.split_once("://") {
            Some(("https", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = if let Ok(address) = rest.parse::<std::net::IpAddr>() {
            (address.to_string(), port)
        } else if let Some(rest) = rest.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            let port = rest.strip_prefix(':').map_or(Ok(port), str::parse).map_err(|_| wrong())?;
            (host.to_owned(), port)
        } else {
            let (host, port) = match rest.split_once(':') {
                Some((host, text)) => (host, text.parse().map_err(|_| wrong())?),
                None => (rest, port),
            };
            (host.to_owned(), port)
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_' | '%');
        if host.is_empty() || !host.chars().all(plain) || port == 0 { Err(wrong()) } else { Ok(Self { host, port }) }
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "https://[{}]:{}", self.host, self.port),
            false => write!(f, "https://{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for CollectorUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text, 7440)
    }
}

/// Certificates that a client accepts as its collector's.
pub(crate) enum Trust {
    /// A certificate by this authority (DER).
    Authority(CertificateDer<'static>),
    /// A chain that ends in the authority with this key.
    Pin([u8; 32]),
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority(_) => "Authority",
            Self::Pin(_) => "Pin",
        })
    }
}

/// Accepts exactly a collector of the trusted authority, under whatever host name.
#[derive(Debug)]
pub(crate) struct CollectorVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl CollectorVerifier {
    pub(crate) fn new(trust: Trust) -> Arc<Self> {
        Arc::new(Self { trust, provider: provider() })
    }
}

/// The one crypto provider of all programs.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn refused(reason: impl Into<Box<dyn Error + Send + Sync>>) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::from(reason.into()))))
}

impl ServerCertVerifier for CollectorVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = match &self.trust {
            Trust::Authority(authority) => authority.clone(),
            Trust::Pin(pin) => chain
                .iter()
                .find(|certificate| key_fingerprint(certificate).is_ok_and(|key| key == *pin))
                .ok_or_else(|| refused("this is not the collector that made the token: its authority has another key"))?
                .clone()
                .into_owned(),
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &roots,
            chain,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        match Identity::of_certificate(leaf) {
            Ok(identity) if identity.role == Role::Collector => Ok(ServerCertVerified::assertion()),
            Ok(identity) => Err(refused(format!("the other side is a {}, not a collector", identity.role))),
            Err(error) => Err(refused(error)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A channel to the collector, not yet connected; every call connects again when the connection is gone.
pub fn channel(url: &CollectorUrl, credentials: &super::Credentials) -> Result<Channel, super::CredentialsError> {
    Ok(lazy_channel(url, credentials.tls()?))
}

pub(crate) fn lazy_channel(url: &CollectorUrl, mut config: ClientConfig) -> Channel {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (connector, url) = (TlsConnector::from(Arc::new(config)), url.clone());
    // The URI only labels the calls; where to connect, and with TLS, is the connector's business. With `https` tonic would
    // insist on its own TLS.
    Endpoint::from_static("http://collector")
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let (connector, url) = (connector.clone(), url.clone());
            async move {
                let tcp = TcpStream::connect((url.host.as_str(), url.port)).await?;
                tcp.set_nodelay(true)?;
                // The verifier does not look at the name; TLS wants one all the same.
                let name = ServerName::try_from("collector").map_err(std::io::Error::other)?;
                let mut stream = connector.connect(name, tcp).await?;
                // The collector speaks first (RFC 9113, 3.4): its settings, or the alert with which it refuses our certificate.
                match stream.fill_buf().await.map(<[u8]>::is_empty) {
                    Ok(false) => Ok(TokioIo::new(stream)),
                    Ok(true) => Err(Refusal::without_words()),
                    Err(error) if error.kind() == UnexpectedEof => Err(Refusal::without_words()),
                    Err(error) => Err(Refusal::in_words(error)),
                }
            }
        }))
}

/// Explains a failed call: the innermost cause, and what to do where that is known.
pub fn explain(status: &tonic::Status) -> String {
    let mut cause: &dyn Error = status;
    let mut words = vec![status.message().to_owned()];
    while let Some(source) = cause.source() {
        words.push(source.to_string());
        cause = source;
    }
    let all = words.join(": ");
    let innermost = words.last().cloned().unwrap_or_default();
    let hint = if all.contains("NotValidYet") || all.contains("not valid yet") {
        "a certificate is not valid yet: compare the clocks of both machines"
    } else if all.contains("Expired") || all.contains("expired") {
        "a certificate has expired: compare the clocks of both machines; if they are right, join again with a new token"
    } else if all.contains("CertificateRequired") {
        "the collector wants a certificate: join first"
    } else if all.contains("UnknownCA") || all.contains("UnknownIssuer") || all.contains("BadSignature") {
        "the certificate is of another authority: this is not the collector that was joined; join again with its token"
    } else if all.contains("Connection refused") {
        "nobody listens there: is the collector running, and is the port right?"
    } else if all.contains("failed to lookup address") || all.contains("Name or service not known") {
        "the collector's host name is not known: check its spelling and the name server"
    } else if all.contains("timed out") || all.contains("deadline has elapsed") {
        "no answer: check the route and the firewall between the two machines"
    } else {
        return innermost;
    };
    format!("{hint} ({innermost})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_as_people_write_it() {
        for (text, url) in [
            ("collector.lan", "https://collector.lan:7440"),
            ("https://collector.lan:99/", "https://collector.lan:99"),
            ("10.0.0.1:7441", "https://10.0.0.1:7441"),
            ("fd00::1", "https://[fd00::1]:7440"),
            ("https://[fd00::1]:7", "https://[fd00::1]:7"),
        ] {
            assert_eq!(text.parse::<CollectorUrl>().map(|url| url.to_string()), Ok(url.to_owned()), "{text}");
        }
        for wrong in ["", "http://a", "https://", "a:b", "a:0", "a:70000", "a/b", "[::1", "a b"] {
            assert!(wrong.parse::<CollectorUrl>().is_err(), "{wrong}");
        }
    }
}
