//! The data folder: what lies where, and that nobody else reads it.
//!
//! ```text
//! DIR/history.db    the store
//! DIR/secrets.db    tokens and admitted peers; no query of a user ever opens it
//! DIR/authority/    key.pem and certificate.pem of the authority
//! DIR/addresses     where the running collector listens
//! DIR/lock          held by the running collector
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use traf_peer::file;

/// The data folder, known to exist and to be ours alone.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Errors of a data folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk or the permissions said no.
    #[error("{path}: {error}; the collector must own this folder (choose another with --data)")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        error: io::Error,
    },
    /// It belongs to another user.
    #[error("{0} belongs to another user (uid {1}): run as that user, or choose another folder with --data")]
    Owner(PathBuf, u32),
    /// Another collector runs here.
    #[error("another collector is running on {0}: stop it first, or choose another folder with --data")]
    Locked(PathBuf),
}

impl FolderError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::File { path, error }
    }
}

impl Folder {
    /// Makes the folder where it is missing, and closes it to others (0700).
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        file::make_folder(path).map_err(FolderError::at(path))?;
        let metadata = fs::metadata(path).map_err(FolderError::at(path))?;
        let (owner, me) = (metadata.uid(), nix::unistd::geteuid());
        if owner != me.as_raw() && !me.is_root() {
            return Err(FolderError::Owner(path.to_owned(), owner));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(FolderError::at(path))?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Root steps down to the owner of a folder that is there, so that what it writes is the owner's. To be called before
    /// any thread is started.
    pub fn step_down(path: &Path) -> Result<(), FolderError> {
        let (Ok(metadata), true) = (fs::metadata(path), nix::unistd::geteuid().is_root()) else { return Ok(()) };
        if metadata.uid() == 0 {
            return Ok(());
        }
        let step = || {
            nix::unistd::setegid(metadata.gid().into())?;
            nix::unistd::seteuid(metadata.uid().into())
        };
        step().map_err(|error| FolderError::at(path)(error.into()))
    }

    /// True if it was ever used; [`Folder::open`] would make it.
    pub fn exists(path: &Path) -> bool {
        path.join("history.db").exists()
    }

    /// The store's file.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.db")
    }

    /// The file of tokens and peers.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets.db")
    }

    /// The authority's folder.
    pub fn authority(&self) -> PathBuf {
        self.0.join("authority")
    }

    /// Takes the folder until the file returned is closed.
    pub fn lock(&self) -> Result<File, FolderError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(FolderError::at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked(self.0.clone())),
            Err(TryLockError::Error(error)) => Err(FolderError::at(&path)(error)),
        }
    }

    /// Says where the collector listens: `main ADDR` and `join ADDR`, a line each, whole or not at all.
    pub fn write_addresses(&self, text: &str) -> Result<(), FolderError> {
        write_secret(&self.0.join("addresses"), text.as_bytes())
    }

    /// Removes what [`Folder::write_addresses`] wrote; that it may be gone already is no error.
    pub fn clear_addresses(&self) {
        let _ = fs::remove_file(self.0.join("addresses"));
    }
}

/// Writes a file that only its owner reads: aside, synced, renamed.
pub(crate) fn write_secret(path: &Path, octets: &[u8]) -> Result<(), FolderError> {
    file::replace(path, octets).map_err(FolderError::at(path))
}

/// Makes an empty file that only its owner reads, so that SQLite does not choose the mode; it gives its own files the same.
pub(crate) fn touch_secret(path: &Path) -> Result<(), FolderError> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop).map_err(FolderError::at(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_folder_and_its_files_are_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        folder.write_addresses("main 127.0.0.1:1\n").unwrap();
        touch_secret(&folder.secrets()).unwrap();
        for (path, mode) in [(path.clone(), 0o700), (path.join("addresses"), 0o600), (folder.secrets(), 0o600)] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
    }

    #[test]
    fn two_collectors_never_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::Locked(_))));
        drop(lock);
        assert!(folder.lock().is_ok());
    }
}
