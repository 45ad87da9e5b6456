//! Exit codes: 0 done, 1 failed, 2 usage, 69 peer unavailable, 77 no permission, 78 bad configuration.

use crate::authority::AuthorityError;
use crate::config::ConfigError;
use crate::folder::FolderError;

/// The exit code that says what kind of failure it was.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    traf_peer::exit_code(error.as_ref(), |cause| match cause.downcast_ref() {
        Some(FolderError::Owner(..)) => Some(77),
        _ if matches!(cause.downcast_ref(), Some(AuthorityError::Folder(FolderError::Owner(..)))) => Some(77),
        _ => cause.is::<ConfigError>().then_some(78),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_exit_code_says_what_kind_of_failure_it_was() {
        let denied = FolderError::File { path: "/x".into(), error: io::ErrorKind::PermissionDenied.into() };
        let missing = ConfigError::Read("/x".into(), io::ErrorKind::NotFound.into());
        for (error, code) in [
            (anyhow::Error::new(denied).context("opening"), 77),
            (anyhow::Error::new(missing), 78),
            (anyhow::anyhow!("anything"), 1),
        ] {
            assert_eq!(exit_code(&error), code, "{error:#}");
        }
    }
}
