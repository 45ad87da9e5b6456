//! Exit codes: 0 done, 1 failed, 2 usage, 69 peer unavailable, 77 no permission, 78 bad configuration.

use std::io;

use crate::client::ClientError;
use crate::config::ConfigError;

/// A wrong command line; the words say what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Something else's refusal, with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// 2, 69, 77 or 78.
    pub code: u8,
    /// The failure, and what to do.
    pub words: String,
}

/// The exit code that says what kind of failure it was; `None` when the reader of our output went away, which is none.
pub fn exit_code(error: &anyhow::Error) -> Option<u8> {
    let code = traf_peer::exit_code(error.as_ref(), |cause| {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return Some(refusal.code);
        }
        match cause.downcast_ref() {
            Some(ClientError::Away(_)) => Some(69),
            Some(ClientError::Denied(_)) => Some(77),
            Some(ClientError::Refused(_) | ClientError::NotDone(_) | ClientError::Wire(_)) => Some(1),
            None if cause.is::<Usage>() => Some(2),
            None if cause.is::<ConfigError>() => Some(78),
            None => cause.downcast_ref::<io::Error>().filter(|e| e.kind() == io::ErrorKind::BrokenPipe).map(|_| 0),
        }
    });
    (code != 0).then_some(code)
}

#[cfg(test)]
mod tests {
    use traf_peer::CredentialsError;

    use super::*;

    #[test]
    fn the_exit_code_says_what_kind_of_failure_it_was() {
        let io = |kind: io::ErrorKind| anyhow::Error::new(io::Error::from(kind));
        for (error, code) in [
            (anyhow::Error::new(Usage("x".into())).context("reading the command line"), Some(2)),
            (anyhow::Error::new(ClientError::Away("x".into())), Some(69)),
            (anyhow::Error::new(ClientError::Denied("x".into())), Some(77)),
            (anyhow::Error::new(CredentialsError::Missing("/x".into(), "traf")), Some(78)),
            (anyhow::Error::new(Refusal { code: 77, words: "x".into() }), Some(77)),
            (io(io::ErrorKind::BrokenPipe), None),
            (io(io::ErrorKind::PermissionDenied), Some(77)),
            (anyhow::anyhow!("anything"), Some(1)),
        ] {
            assert_eq!(exit_code(&error), code, "{error:#}");
        }
    }
}
