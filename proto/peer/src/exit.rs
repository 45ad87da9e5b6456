//! Exit codes of all programs: 0 done, 1 failed, 2 usage, 69 peer unavailable, 77 no permission, 78 bad configuration.

use std::error::Error;
use std::io;
use std::iter::successors;

use crate::{CredentialsError, JoinError, UrlError};

/// The exit code that says what kind of failure it was. `own` knows the errors of the program; it is asked first about each
/// cause, the outermost first.
pub fn exit_code(error: &(dyn Error + 'static), own: impl Fn(&(dyn Error + 'static)) -> Option<u8>) -> u8 {
    let mut causes = successors(Some(error), |&error| error.source());
    causes.find_map(|cause| own(cause).or_else(|| shared(cause))).unwrap_or(1)
}

fn shared(cause: &(dyn Error + 'static)) -> Option<u8> {
    let denied = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem).then_some(77)
    };
    match cause.downcast_ref() {
        Some(CredentialsError::File(_, error)) => return Some(denied(error).unwrap_or(78)),
        Some(_) => return Some(78),
        None => {}
    }
    match cause.downcast_ref() {
        Some(JoinError::Unreachable { .. }) => Some(69),
        Some(JoinError::Refused(_)) => Some(77),
        _ if cause.is::<UrlError>() => Some(2),
        _ => cause.downcast_ref().and_then(denied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_what_kind_of_failure_it_was() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let credentials = |error| Box::new(CredentialsError::File("/x".into(), error));
        let errors: [(Box<dyn Error>, u8); 8] = [
            (Box::new(crate::CollectorUrl::parse("http://x", 1).unwrap_err()), 2),
            (Box::new(JoinError::Unreachable { url: "x".parse().unwrap(), reason: String::new() }), 69),
            (Box::new(JoinError::Refused(String::new())), 77),
            (Box::new(denied()), 77),
            (credentials(denied()), 77),
            (credentials(io::ErrorKind::InvalidData.into()), 78),
            (Box::new(CredentialsError::Validity("has expired")), 78),
            (Box::new(io::Error::other("anything")), 1),
        ];
        for (error, code) in errors {
            assert_eq!(exit_code(&*error, |_| None), code, "{error}");
        }
        assert_eq!(exit_code(&denied(), |_| Some(2)), 2, "the program's own errors first");
    }
}
