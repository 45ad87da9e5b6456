//! The files of the logs: one writer for each, kept through a disk that is full.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::TextLogConfig;
use super::file_names::LogKind;

/// Reason why a log cannot be written at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The disk said no.
    #[error("the folder {0} of the text logs: {1}")]
    LogFolder(PathBuf, #[source] io::Error),
    /// Somebody else writes there.
    #[error("the text logs in {folder} are written by process {pid}: give this sensor another folder, or end that one")]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Process that holds the lock.
        pid: String,
    },
    /// The system has no thread for it.
    #[error("no thread for the text logs: {0}")]
    Thread(String),
}

/// The folder, as long as nobody else writes there, and the files that are open.
pub(super) struct LogFolder {
    pub(super) config: TextLogConfig,
    files: BTreeMap<(LogKind, String), LogFile>,
    _lock: File,
}

impl LogFolder {
    /// Opens the folder, making it when it is not there.
    pub(super) fn open(config: &TextLogConfig) -> Result<Self, LogError> {
        let folder = &config.folder;
        let failed = |error| LogError::LogFolder(folder.clone(), error);
        DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(failed)?;
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).mode(0o644).open(path).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let pid = io::read_to_string(&lock).unwrap_or_default();
                LogError::Locked { folder: folder.clone(), pid: pid.trim().to_owned() }
            }
            TryLockError::Error(error) => failed(error),
        })?;
        // On a full disk the lock holds without its number.
        let _ = lock.rewind().and_then(|()| lock.set_len(0)).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { config: config.clone(), files: BTreeMap::new(), _lock: lock })
    }

    /// Adds whole lines to a log; `lost` makes a line of how many could not be written before.
    pub(super) fn append(&mut self, kind: LogKind, interface: &str, text: &str, lost: impl FnOnce(u64) -> String) {
        let config = &self.config;
        let file = self.files.entry((kind, interface.to_owned())).or_insert_with(|| LogFile {
            path: config.names.path(kind, interface, &config.folder),
            ..LogFile::default()
        });
        file.append(text, lost);
    }

    /// Closes a log, if it is open.
    pub(super) fn close(&mut self, kind: LogKind, interface: &str) {
        if let Some(file) = self.files.get_mut(&(kind, interface.to_owned())) {
            file.file = None;
        }
    }

    /// Closes all; the next lines open them again.
    pub(super) fn close_all(&mut self) {
        self.files.values_mut().for_each(|file| file.file = None);
    }

    /// The logs that are open.
    pub(super) fn open_logs(&self) -> Vec<(LogKind, String)> {
        self.files.iter().filter(|(_, file)| file.file.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Errors of the files in words.
    pub(super) fn trouble(&self) -> impl Iterator<Item = String> {
        self.files.values().filter_map(LogFile::words)
    }
}

/// One log.
#[derive(Default)]
struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// The last write ended within a line.
    torn: bool,
    /// Lines that could not be written since the last one that could.
    lost: u64,
    /// All of them.
    lost_ever: u64,
    trouble: Option<String>,
}

impl LogFile {
    fn append(&mut self, text: &str, lost: impl FnOnce(u64) -> String) {
        let mut whole = String::new();
        if self.torn {
            whole.push('\n');
        }
        let before = std::mem::take(&mut self.lost);
        if before > 0 {
            whole += &lost(before);
        }
        let head = whole.len();
        whole += text;
        let (written, error) = self.write(whole.as_bytes());
        // What was lost before is told with the first line of these that is there whole.
        if written < head {
            self.lost = before;
        }
        if written > 0 {
            self.torn = whole.as_bytes()[written - 1] != b'\n';
        }
        let Some(error) = error else {
            if self.trouble.take().is_some() {
                tracing::info!("the text log {} is written again", self.path.display());
            }
            return;
        };
        let missing = whole.as_bytes()[written.max(head)..].iter().filter(|octet| **octet == b'\n').count() as u64;
        self.lost += missing;
        self.lost_ever += missing;
        let words = error.to_string();
        if self.trouble.as_ref() != Some(&words) {
            tracing::warn!("the text log {}: {words}; lines are lost until it works again", self.path.display());
            self.trouble = Some(words);
        }
    }

    /// Writes as much as there is room for.
    fn write(&mut self, bytes: &[u8]) -> (usize, Option<io::Error>) {
        let file = match &mut self.file {
            Some(file) => file,
            empty => match open(&self.path) {
                Ok(file) => empty.insert(file),
                Err(error) => return (0, Some(error)),
            },
        };
        let mut written = 0;
        while written < bytes.len() {
            match file.write(&bytes[written..]) {
                Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (written, Some(error)),
            }
        }
        (written, None)
    }

    fn words(&self) -> Option<String> {
        let name = self.path.display();
        match (&self.trouble, self.lost_ever) {
            (Some(trouble), lost) => Some(format!("{name}: {trouble}; {lost} lines lost")),
            (None, 0) => None,
            (None, lost) => Some(format!("{name}: {lost} lines were lost")),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another process writes it"),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::text_log::LogFileNames;

    fn config(folder: &Path) -> TextLogConfig {
        TextLogConfig { folder: folder.to_owned(), mac: false, names: LogFileNames::default() }
    }

    #[test]
    fn a_folder_has_one_writer_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let first = LogFolder::open(&config(folder.path())).unwrap();
        let words = LogFolder::open(&config(folder.path())).err().unwrap().to_string();
        assert!(words.contains(&format!("process {}:", std::process::id())), "{words}");
        drop(first);
        assert!(LogFolder::open(&config(folder.path())).is_ok());
    }

    #[test]
    fn a_file_of_the_same_name_has_one_writer_whatever_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let shared = folder.path().join("shared.log").display().to_string();
        let one = |name: &str| {
            let names = LogFileNames::new([(LogKind::Traffic, shared.clone())]);
            LogFolder::open(&TextLogConfig { names, ..config(&folder.path().join(name)) }).unwrap()
        };
        let (mut a, mut b) = (one("a"), one("b"));
        a.append(LogKind::Traffic, "", "a\n", |_| String::new());
        b.append(LogKind::Traffic, "", "b\n", |_| String::new());
        assert_eq!(std::fs::read_to_string(&shared).unwrap(), "a\n");
        let trouble: String = b.trouble().collect();
        assert!(trouble.contains("another process writes it; 1 lines lost"), "{trouble}");
    }

    #[test]
    fn what_a_full_disk_has_lost_is_counted_and_told_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = LogFile { path: path.clone(), ..LogFile::default() };
        let lost = |lines: u64| format!("{lines} lost\n");
        file.append("one\n", lost);
        // /dev/full takes nothing, as a full disk does.
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        file.file = Some(full);
        file.append("two\nthree\n", lost);
        file.append("four\n", lost);
        assert!(file.words().unwrap().contains("3 lines lost"), "{:?}", file.words());
        file.file = None;
        file.append("five\n", lost);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n3 lost\nfive\n");
        assert!(file.words().unwrap().ends_with("3 lines were lost"));
    }

    #[test]
    fn a_line_that_was_cut_ends_before_the_next_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        std::fs::write(&path, "begi").unwrap();
        let mut file = LogFile { torn: true, path: path.clone(), ..LogFile::default() };
        file.append("next\n", |_| String::new());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "begi\nnext\n");
    }
}
