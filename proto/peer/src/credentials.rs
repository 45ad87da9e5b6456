//! Key, certificate and authority of one peer, in a folder that only its owner reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::file;
use crate::identity::{Identity, IdentityError, validity};
use crate::tls::{CollectorVerifier, Trust, provider};
use crate::{CollectorUrl, UrlError};

/// URL, identity, certificates and key that joining gave.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The collector's mTLS service.
    pub url: CollectorUrl,
    /// Our identity.
    pub identity: Identity,
    /// PEM.
    pub authority: String,
    /// PEM.
    pub certificate: String,
    key: Secret,
}

/// Text that no log shows.
#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// Reason for which credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Never joined.
    #[error("no credentials in {0}: join the collector first (`{1} join https://HOST:7441 --token-file FILE`)")]
    Missing(PathBuf, &'static str),
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// Changed by hand, or cut.
    #[error("{0} is damaged: {1}; join the collector again")]
    Damaged(PathBuf, String),
    /// Not the collector's address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not one of ours.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The TLS library refuses it.
    #[error("the key or certificate cannot be used: {0}; join the collector again")]
    Tls(#[from] rustls::Error),
    /// Too early or too late.
    #[error(
        "our certificate {0}: check this machine's clock; if it is right, join the collector again with a new token"
    )]
    Validity(&'static str),
}

const FILES: [&str; 4] = ["collector", "authority.pem", "certificate.pem", "key.pem"];

impl Credentials {
    /// From their parts, all PEM.
    pub fn new(
        url: CollectorUrl,
        authority: String,
        certificate: String,
        key: String,
    ) -> Result<Self, CredentialsError> {
        let leaf = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| IdentityError::Certificate(error.to_string()))?;
        let identity = Identity::of_certificate(&leaf)?;
        Ok(Self { url, identity, authority, certificate, key: Secret(key) })
    }

    /// Reads the folder; `program` is who should join when there is none.
    pub fn load(folder: &Path, program: &'static str) -> Result<Self, CredentialsError> {
        let [url, authority, certificate, key] = FILES.map(|file| {
            let path = folder.join(file);
            fs::read_to_string(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => CredentialsError::Missing(folder.to_owned(), program),
                _ => CredentialsError::File(path, error),
            })
        });
        let (url, authority, certificate, key) = (url?, authority?, certificate?, key?);
        Self::new(url.trim().parse()?, authority, certificate, key).map_err(|error| match error {
            CredentialsError::Identity(error) => {
                CredentialsError::Damaged(folder.join("certificate.pem"), error.to_string())
            }
            error => error,
        })
    }

    /// Writes the folder, mode 0700, its files 0600, each whole or not at all.
    pub fn save(&self, folder: &Path) -> Result<(), CredentialsError> {
        let failed = |path: &Path, error| CredentialsError::File(path.to_owned(), error);
        file::make_folder(folder).map_err(|error| failed(folder, error))?;
        let texts = [&self.url.to_string(), &self.authority, &self.certificate, &self.key.0];
        for (name, text) in FILES.into_iter().zip(texts) {
            let path = folder.join(name);
            file::replace(&path, text.as_bytes()).map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }

    /// Checks that our certificate holds at `now` (seconds since 1970).
    pub fn check(&self, now: i64) -> Result<(), CredentialsError> {
        let leaf = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|error| IdentityError::Certificate(error.to_string()))?;
        match validity(&leaf)? {
            (from, _) if now < from => Err(CredentialsError::Validity("is not valid yet")),
            (_, to) if now > to => Err(CredentialsError::Validity("has expired")),
            _ => Ok(()),
        }
    }

    pub(crate) fn tls(&self) -> Result<ClientConfig, CredentialsError> {
        let unreadable = |error: rustls::pki_types::pem::Error| rustls::Error::General(error.to_string());
        let authority = CertificateDer::from_pem_slice(self.authority.as_bytes()).map_err(unreadable)?;
        let chain = CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.0.as_bytes()).map_err(unreadable)?;
        Ok(ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(CollectorVerifier::new(Trust::Authority(authority)))
            .with_client_auth_cert(vec![chain], key)?)
    }
}
