//! Joining: a token and a key of our own become a certificate.

use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;

use crate::identity::{IdentityError, key_fingerprint};
use crate::tls::{CollectorVerifier, Trust, lazy_channel, provider};
use crate::token::Token;
use crate::{CollectorUrl, Credentials, CredentialsError, explain};
use traf_proto as wire;

/// Reason for which joining failed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The collector does not answer.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Its join service.
        url: CollectorUrl,
        /// In words.
        reason: String,
    },
    /// The collector refused.
    #[error("the collector refused: {0}")]
    Refused(String),
    /// The collector answered, but not with what joining needs.
    #[error("the collector's answer cannot be used: {0}")]
    Answer(String),
    /// No key could be made.
    #[error("making a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The TLS library refuses it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The certificate that came names nobody.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Asks the join service at `url` for a certificate; gives credentials for the mTLS service, and the name given to us.
///
/// The secret leaves this machine only to a collector whose authority has the key that the token names.
pub async fn join(
    url: &CollectorUrl,
    token: &Token,
    name: &str,
    version: &str,
) -> Result<(Credentials, String), JoinError> {
    let key = KeyPair::generate()?;
    let csr = CertificateParams::default().serialize_request(&key)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(CollectorVerifier::new(Trust::Pin(token.pin)))
        .with_no_client_auth();
    let request = wire::JoinRequest {
        token: token.to_string(),
        csr: csr.der().to_vec(),
        name: name.to_owned(),
        version: version.to_owned(),
    };
    let reply = wire::join_client::JoinClient::new(lazy_channel(url, config))
        .join(request)
        .await
        .map_err(|status| match status.code() {
            tonic::Code::Unavailable
            | tonic::Code::Unknown
            | tonic::Code::Cancelled
            | tonic::Code::DeadlineExceeded => JoinError::Unreachable { url: url.clone(), reason: explain(&status) },
            _ => JoinError::Refused(status.message().to_owned()),
        })?
        .into_inner();

    let answer = |error: IdentityError| JoinError::Answer(error.to_string());
    if key_fingerprint(&reply.authority).map_err(answer)? != token.pin {
        return Err(JoinError::Answer("its authority is not the one that the token names".to_owned()));
    }
    let port = u16::try_from(reply.port).map_err(|_| JoinError::Answer("its port is out of range".to_owned()))?;
    let url = CollectorUrl { host: url.host.clone(), port };
    let credentials = Credentials::new(url, pem(&reply.authority), pem(&reply.certificate), key.serialize_pem())?;
    Ok((credentials, reply.name))
}

fn pem(certificate: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
