//! Files and folders that only their owner reads.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Puts `octets` in the place of the file at `path`, whole or not at all: written beside it (mode 0600), synced, renamed, and
/// the folder synced. After an error the former file is still there.
///
/// A crash can leave `FILE.PID.tmp`.
pub fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut aside = path.to_owned().into_os_string();
    aside.push(format!(".{}.tmp", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    // After a failed fsync the kernel may have forgotten the pages: the next try is a new file.
    write().inspect_err(|_| drop(fs::remove_file(&aside)))
}

/// Reads a text file; `None` if there is none.
pub fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Makes a folder and those above it where they are missing, mode 0700.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        make_folder(path.parent().unwrap()).unwrap();
        replace(&path, b"former").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let aside = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::create_dir(&aside).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"former");
        fs::remove_dir(aside).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing lies beside it");
    }
}
