//! Identity of a peer: the URI in its certificate, `traf://<cluster>/<role>/<id>`.
//!
//! A name inside a message is never trusted; whether an identity may still come in is the collector's record of its key.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Rights of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Delivers its own summaries, reads nothing.
    Sensor,
    /// Looks.
    Viewer,
    /// Looks, and changes settings.
    Admin,
    /// The collector itself.
    Collector,
}

impl Role {
    /// As it stands in identities, tokens and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Viewer => "viewer",
            Self::Admin => "admin",
            Self::Collector => "collector",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        [Self::Sensor, Self::Viewer, Self::Admin, Self::Collector]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| IdentityError::Role(text.chars().take(32).collect()))
    }
}

/// Identity of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The authority's own identifier: one for each collector's fleet.
    pub cluster: String,
    /// Its rights.
    pub role: Role,
    /// Unique in the cluster.
    pub id: String,
}

/// Reason for which a certificate or a text is no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not DER, or not X.509.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// Made by somebody else, for something else.
    #[error("the certificate names nobody: it has no URI traf://<cluster>/<role>/<id>")]
    NoUri,
    /// More than one.
    #[error("the certificate names more than one identity")]
    Several,
    /// Not `traf://<cluster>/<role>/<id>`.
    #[error("`{0}` is not of the form traf://<cluster>/<role>/<id>")]
    Form(String),
    /// None of ours.
    #[error("`{0}` is not a role: sensor, viewer, admin or collector")]
    Role(String),
}

impl Identity {
    /// The identity in a certificate (DER).
    pub fn of_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let unreadable = |error: &dyn fmt::Display| IdentityError::Certificate(error.to_string());
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| unreadable(&error))?;
        let names = certificate.subject_alternative_name().map_err(|error| unreadable(&error))?;
        let mut uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::URI(uri) if uri.starts_with("traf://") => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => uri.parse(),
            (None, _) => Err(IdentityError::NoUri),
            _ => Err(IdentityError::Several),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "traf://{}/{}/{}", self.cluster, self.role, self.id)
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let wrong = || IdentityError::Form(text.chars().take(120).collect());
        let mut parts = text.strip_prefix("traf://").ok_or_else(wrong)?.split('/');
        let (Some(cluster), Some(role), Some(id), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let plain =
            |part: &str| (1..=64).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        if !plain(cluster) || !plain(id) {
            return Err(wrong());
        }
        Ok(Self { cluster: cluster.to_owned(), role: role.parse()?, id: id.to_owned() })
    }
}

/// SHA-256 of a certificate's public key (SubjectPublicKeyInfo, DER): what tokens pin and the collector records.
pub fn key_fingerprint(certificate: &[u8]) -> Result<[u8; 32], IdentityError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| IdentityError::Certificate(error.to_string()))?;
    Ok(Sha256::digest(parsed.public_key().raw).into())
}

/// Seconds since 1970 before and after which a certificate does not hold.
pub fn validity(certificate: &[u8]) -> Result<(i64, i64), IdentityError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| IdentityError::Certificate(error.to_string()))?;
    Ok((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;
    use crate::{CollectorUrl, token};

    proptest! {
        #[test]
        fn no_bytes_make_an_identity_or_a_token_panic(octets: Vec<u8>, text: String) {
            let _ = (Identity::of_certificate(&octets), text.parse::<Identity>(), text.parse::<token::Token>());
            let _ = (key_fingerprint(&octets), validity(&octets), text.parse::<CollectorUrl>());
        }
    }

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_names_exactly_one_identity() {
        let sensor = "traf://c1/sensor/7f";
        assert_eq!(Identity::of_certificate(&certificate(&[sensor])).map(|id| id.to_string()), Ok(sensor.to_owned()));
        assert_eq!(Identity::of_certificate(&certificate(&["https://c1/"])), Err(IdentityError::NoUri));
        assert_eq!(Identity::of_certificate(&certificate(&[])), Err(IdentityError::NoUri));
        assert_eq!(Identity::of_certificate(&certificate(&[sensor, "traf://c1/admin/1"])), Err(IdentityError::Several));
        assert!(Identity::of_certificate(b"not a certificate").is_err());
    }

    #[test]
    fn only_whole_plain_identities_are_read() {
        for wrong in
            ["traf://c1/sensor", "traf://c1/sensor/a/b", "traf:///sensor/a", "traf://c1/root/a", "traf://c1/sensor/a b"]
        {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }
}
