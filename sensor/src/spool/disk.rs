//! The spool's folder: files that are there whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use traf_peer::file;

use super::SpoolError;
use super::index::IndexEntry;
use super::record::{HEADER, RecordError, RecordHeader, range, record_name};

/// A folder that one sensor writes.
#[derive(Debug)]
pub struct SpoolFolder {
    pub(super) path: PathBuf,
    directory: File,
    _lock: File,
}

/// Octets of damaged records that are kept for whoever looks into it.
const BAD_KEPT: u64 = 1 << 20;
/// Octets of refused records that are kept.
const REFUSED_KEPT: u64 = 8 << 20;

impl SpoolFolder {
    /// Opens the folder, making it when it is not there, for this process alone.
    pub(crate) fn open(path: &Path) -> Result<Self, SpoolError> {
        let failed = |error| SpoolError::SpoolFolder(path.to_owned(), error);
        file::make_folder(path).map_err(failed)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => SpoolError::Locked(path.to_owned()),
            TryLockError::Error(error) => failed(error),
        })?;
        Ok(Self { path: path.to_owned(), directory: File::open(path).map_err(failed)?, _lock: lock })
    }

    /// True if a sensor has the folder at `path` open.
    pub fn is_locked(path: &Path) -> bool {
        let Ok(file) = File::open(path.join("lock")) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Writes a file: aside, to the disk, into place, and the name to the disk. On an error nothing is there.
    pub(crate) fn write(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        file::replace(&self.path.join(name), octets)
    }

    /// The whole file.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    /// Removes files, in order; needs no free space.
    pub(crate) fn remove(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if let Err(error) = fs::remove_file(self.path.join(&name))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("removing {name} from the spool: {error}");
            }
        }
        if let Err(error) = self.directory.sync_all() {
            tracing::warn!("the spool's folder cannot be synced: {error}");
        }
    }

    /// Puts a damaged file aside, or removes it when enough are kept.
    pub(crate) fn set_aside(&self, name: &str) {
        let bad = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".bad");
        let kept: u64 = fs::read_dir(&self.path)
            .map(|all| all.flatten().filter(bad).filter_map(|entry| Some(entry.metadata().ok()?.len())).sum())
            .unwrap_or(0);
        let path = self.path.join(name);
        let length = fs::metadata(&path).map_or(0, |file| file.len());
        let done = match kept.saturating_add(length) <= BAD_KEPT {
            true => fs::rename(&path, self.path.join(format!("{name}.bad"))),
            false => fs::remove_file(&path),
        };
        if let Err(error) = done {
            tracing::warn!("setting {name} aside: {error}");
        }
    }

    /// Keeps a record that the collector refused in a folder of its own, for whoever looks into it; of too many the oldest go.
    pub(crate) fn keep_refused(&self, name: &str, octets: &[u8]) {
        let folder = self.path.join("refused");
        let write = || {
            file::make_folder(&folder)?;
            let mut kept: Vec<(PathBuf, u64)> = fs::read_dir(&folder)?
                .flatten()
                .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
                .collect();
            // Their names hold their numbers.
            kept.sort();
            let mut sum = kept.iter().map(|(_, length)| length).sum::<u64>() + octets.len() as u64;
            for (path, length) in kept {
                if sum <= REFUSED_KEPT {
                    break;
                }
                fs::remove_file(path)?;
                sum -= length;
            }
            fs::write(folder.join(name), octets)
        };
        if let Err(error) = write() {
            tracing::warn!("{name}, which the collector refused, cannot be kept: {error}");
        }
    }

    /// Removes what a crash left half-written.
    pub(crate) fn tidy(&self) {
        let Ok(all) = fs::read_dir(&self.path) else { return };
        let names = all.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let half: Vec<String> = names.filter(|name| name.ends_with(".tmp")).collect();
        if !half.is_empty() {
            self.remove(half);
        }
    }
}

/// The records' ranges in a folder, which may be in use.
pub fn record_ranges(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges: Vec<(u64, u64)> =
        fs::read_dir(path)?.flatten().filter_map(|entry| range(&entry.file_name().to_string_lossy())).collect();
    ranges.sort_unstable();
    Ok(ranges)
}

/// A record in a folder, which may be in use, by its header.
pub(crate) fn entry(path: &Path, from: u64, to: u64) -> Result<IndexEntry, SpoolError> {
    let path = path.join(record_name(from, to));
    let failed = |error| SpoolError::SpoolFolder(path.clone(), error);
    let file = File::open(&path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut start = Vec::with_capacity(HEADER);
    (&file).take(HEADER as u64).read_to_end(&mut start).map_err(failed)?;
    let header = RecordHeader::peek(&start, length)
        .and_then(|header| if (header.from, header.to) == (from, to) { Ok(header) } else { Err(RecordError::Name) });
    let header = header.map_err(|error| SpoolError::Record(path.clone(), error))?;
    Ok(IndexEntry::new(header, length))
}
