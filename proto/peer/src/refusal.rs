//! Refusal of our certificate by the collector: it comes as an alert of TLS, and leaves as words.
//!
//! In TLS 1.3 our side of the handshake is done before the collector has looked at our certificate. The alert therefore comes
//! with the first read.

use std::error::Error;
use std::io;
use std::iter::successors;

use rustls::AlertDescription;

/// Reason for which the collector does not take a certificate of its own authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Shut out by an administrator.
    #[error("our key was revoked at the collector; join again with a new token")]
    Revoked,
    /// Not in the collector's record of keys, or not as the certificate says.
    #[error("our key is not on record at the collector; join again with a new token")]
    Unknown,
}

impl Refusal {
    /// The refusal behind a failed call, from the error of the connection; `None` if it failed for another reason.
    pub fn of(status: &tonic::Status) -> Option<Self> {
        successors(Some(status as &(dyn Error + 'static)), |&error| error.source())
            .find_map(|error| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref().copied())
    }

    /// The error where the collector closes the connection and says nothing.
    pub(crate) fn without_words() -> io::Error {
        io::Error::other("the collector ended the connection at once: its log says why")
    }

    /// The same error, or the refusal that its alert means.
    pub(crate) fn in_words(error: io::Error) -> io::Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked)) => io::Error::other(Self::Revoked),
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateUnknown)) => io::Error::other(Self::Unknown),
            _ => error,
        }
    }
}
