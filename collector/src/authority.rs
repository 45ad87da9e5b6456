//! The authority: the key that says who belongs to this collector.
//!
//! It is made at the first start and lives in `DIR/authority`. The cluster's identifier is taken from the hash of its key,
//! so that there is nothing else to keep. It signs three things only: itself, the collector's own certificate (anew at
//! each start and every day, its key never leaves memory), and certificates of those who join. Of a request to join it takes
//! nothing but the public key: whatever else stands in it is the asker's wish.
//!
//! A peer's certificate holds for 365 days; renewing it is a later matter.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use traf_model::Timestamp;
use traf_peer::identity::{key_fingerprint, validity};
use traf_peer::{Identity, Role};

use crate::folder::{Folder, FolderError, write_secret};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Validity of a peer's certificate.
const PEER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Signs for one cluster.
pub(crate) struct Authority {
    /// The cluster's identifier.
    pub(crate) cluster: String,
    /// SHA-256 of its public key: what tokens carry.
    pub(crate) pin: [u8; 32],
    /// DER.
    pub(crate) certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Errors of the authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// The disk said no.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file is there, but is not what was written.
    #[error(
        "{0} is damaged: {1}; restore the folder from a backup (a new authority means that every machine joins again)"
    )]
    Damaged(PathBuf, String),
    /// The request of a peer cannot be used.
    #[error("the certificate request cannot be used: {0}")]
    Request(String),
    /// Signing failed.
    #[error("making a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// Time went backwards.
    #[error("this machine's clock says {now}, but the collector's authority was made later, at {made}: set the clock")]
    Clock {
        /// Time of this machine.
        now: Timestamp,
        /// Begin of the authority's validity.
        made: Timestamp,
    },
}

impl Authority {
    /// Reads the authority of the folder, or makes it.
    pub(crate) fn open(folder: &Folder, now: Timestamp) -> Result<Self, AuthorityError> {
        let at = folder.authority();
        let (key_path, certificate_path) = (at.join("key.pem"), at.join("certificate.pem"));
        if !certificate_path.exists() {
            Folder::open(&at)?;
            let (key, certificate) = make(now)?;
            // The certificate comes last: it says that the pair is whole.
            write_secret(&key_path, key.serialize_pem().as_bytes())?;
            write_secret(&certificate_path, certificate.as_bytes())?;
        }
        let damaged =
            |path: &PathBuf, error: &dyn std::fmt::Display| AuthorityError::Damaged(path.clone(), error.to_string());
        let read =
            |path: &PathBuf| fs::read_to_string(path).map_err(|error| FolderError::File { path: path.clone(), error });
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(|error| damaged(&key_path, &error))?;
        let pem = read(&certificate_path)?;
        let bad = |error: &dyn std::fmt::Display| damaged(&certificate_path, error);
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| bad(&error))?;
        let pin = key_fingerprint(&certificate).map_err(|error| bad(&error))?;
        let made = Timestamp::from_seconds(validity(&certificate).map_err(|error| bad(&error))?.0);
        if now < made {
            return Err(AuthorityError::Clock { now, made });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|error| bad(&error))?;
        Ok(Self { cluster: hex(&pin[..8]), pin, certificate, issuer })
    }

    /// A fresh key and certificate for the collector itself.
    pub(crate) fn collector(
        &self,
        now: Timestamp,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), AuthorityError> {
        let (key, id) = (KeyPair::generate()?, "main".to_owned());
        let certificate =
            self.sign(&key, (Role::Collector, id), ExtendedKeyUsagePurpose::ServerAuth, (now, 30 * DAY))?;
        Ok((certificate, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }

    /// A certificate for the key in a request.
    pub(crate) fn admit(
        &self,
        request: &[u8],
        role: Role,
        id: String,
        now: Timestamp,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        self.sign(&public_key(request)?, (role, id), ExtendedKeyUsagePurpose::ClientAuth, (now, PEER))
    }

    /// A certificate of which only the key may come from the asker.
    fn sign(
        &self,
        key: &impl PublicKeyData,
        (role, id): (Role, String),
        usage: ExtendedKeyUsagePurpose,
        (now, holds): (Timestamp, Duration),
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let identity = Identity { cluster: self.cluster.clone(), role, id };
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.distinguished_name = name(&format!("{} {}", identity.role, identity.id));
        params.subject_alt_names = vec![SanType::URI(identity.to_string().try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>()));
        (params.not_before, params.not_after) = stretch(now, holds);
        Ok(params.signed_by(key, &self.issuer)?.der().clone())
    }
}

/// SHA-256 of the public key in a request, whose signature shows that the asker has the other half.
pub(crate) fn request_fingerprint(request: &[u8]) -> Result<[u8; 32], AuthorityError> {
    use sha2::{Digest, Sha256};
    Ok(Sha256::digest(public_key(request)?.subject_public_key_info()).into())
}

fn public_key(request: &[u8]) -> Result<rcgen::PublicKey, AuthorityError> {
    CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
        .map(|params| params.public_key)
        .map_err(|error| AuthorityError::Request(error.to_string()))
}

fn make(now: Timestamp) -> Result<(KeyPair, String), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = name("Trafalgar authority");
    (params.not_before, params.not_after) = stretch(now, 20 * 365 * DAY);
    let certificate = params.self_signed(&key)?.pem();
    Ok((key, certificate))
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// From an hour before `now`, because clocks differ.
fn stretch<T: From<std::time::SystemTime>>(now: Timestamp, holds: Duration) -> (T, T) {
    let at = |time: Timestamp| std::time::UNIX_EPOCH + Duration::from_nanos(u64::try_from(time.0).unwrap_or(0));
    (at(now.before(HOUR)).into(), at(now.after(holds)).into())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

    fn authority(dir: &tempfile::TempDir) -> Authority {
        Authority::open(&Folder::open(dir.path()).unwrap(), NOW).unwrap()
    }

    #[test]
    fn the_authority_stays_the_same_over_starts() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (authority(&dir), authority(&dir));
        assert_eq!((first.pin, first.certificate), (second.pin, second.certificate));
    }

    #[test]
    fn a_request_gives_its_key_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut greedy = CertificateParams::new(vec!["collector".to_owned()]).unwrap();
        greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        greedy.subject_alt_names.push(SanType::URI("traf://x/admin/1".try_into().unwrap()));
        let request = greedy.serialize_request(&key).unwrap();
        let certificate = authority(&dir).admit(request.der(), Role::Sensor, "7f".to_owned(), NOW).unwrap();
        let identity = Identity::of_certificate(&certificate).unwrap();
        assert_eq!((identity.role, identity.id.as_str()), (Role::Sensor, "7f"));
        assert_eq!(key_fingerprint(&certificate).unwrap(), request_fingerprint(request.der()).unwrap());
        assert_eq!(validity(&certificate).unwrap(), (NOW.seconds() - 3600, NOW.seconds() + 365 * 86400));
    }

    #[test]
    fn a_request_with_a_changed_octet_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let request = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
        let mut octets = request.der().to_vec();
        let last = octets.len() - 1;
        octets[last] ^= 1;
        assert!(authority(&dir).admit(&octets, Role::Sensor, "7f".to_owned(), NOW).is_err());
        assert!(authority(&dir).admit(b"nothing", Role::Sensor, "7f".to_owned(), NOW).is_err());
    }

    #[test]
    fn a_clock_before_the_authority_is_told_in_words() {
        let dir = tempfile::tempdir().unwrap();
        authority(&dir);
        let early = Authority::open(&Folder::open(dir.path()).unwrap(), Timestamp::from_seconds(1));
        assert!(early.err().unwrap().to_string().contains("set the clock"));
    }
}
