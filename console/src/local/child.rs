//! Programs that are started beside ours, and ended with it, whatever happens.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failure::Refusal;

/// Time in which a program must end.
const GRACE: Duration = Duration::from_secs(8);

/// A program of ours by name: beside this one, else on the PATH.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(name)));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let all = beside.into_iter().chain(std::env::split_paths(&paths).map(|folder| folder.join(name)));
    let found = all.into_iter().find(|path| path.is_file());
    found.with_context(|| {
        format!("{name} is neither beside traf nor on the PATH: install it, or build it (cargo build)")
    })
}

/// A running program. Dropped (a panic, an error), it is told to end.
#[derive(Debug)]
pub(super) struct Child {
    /// As it was started.
    pub(super) name: String,
    log: PathBuf,
    /// The process.
    pub(super) process: std::process::Child,
    /// True if dropping it ends it.
    ours: bool,
}

impl Child {
    /// Starts a program; what it says goes into `log`.
    pub(super) fn start(program: &Path, words: &[&OsStr], log: &Path) -> Result<Self> {
        let files = File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, errors) = files.with_context(|| format!("writing {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(file).stderr(errors);
        // A group of its own: ctrl-c in the terminal is for us, and we end it in order.
        command.process_group(0);
        let process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, log: log.to_owned(), process, ours: true })
    }

    /// Exit code and last words, if it is over.
    pub(super) fn ended(&mut self) -> Result<Option<(u8, String)>> {
        let status = self.process.try_wait().with_context(|| format!("looking after {}", self.name))?;
        Ok(status.map(|status| {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            (code, last_words(&self.name, &self.log))
        }))
    }

    /// Lets it go on without us.
    pub(super) fn leave(mut self) {
        self.ours = false;
    }

    /// Asks it to end, and makes it when it does not.
    pub(super) async fn end(mut self) {
        self.signal(Signal::SIGTERM);
        let gone = async {
            while let Ok(None) = self.process.try_wait() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(GRACE, gone).await.is_err() {
            self.signal(Signal::SIGKILL);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.process.id()) {
            // That it is gone already is what we want.
            let _ = kill(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ours && matches!(self.process.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
        }
    }
}

/// Runs a program to its end; what it prints.
pub(super) async fn answer_of(program: &Path, words: &[&OsStr]) -> Result<String> {
    let output = tokio::process::Command::new(program).args(words).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await;
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output =
        output.with_context(|| format!("{name} did not answer"))?.with_context(|| format!("running {name}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let words = format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    match output.status.code() {
        Some(code @ (69 | 77 | 78)) => Err(Refusal { code: code as u8, words }.into()),
        _ => bail!(words),
    }
}

/// The error that a program ended with: the last line that begins with its name, and what follows; else the end of its log.
fn last_words(name: &str, log: &Path) -> String {
    let text = fs::read(log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let prefix = format!("{name}: ");
    let from = lines.iter().rposition(|line| line.starts_with(&prefix)).unwrap_or(lines.len().saturating_sub(3));
    let words = lines[from..].join("\n");
    match words.strip_prefix(&prefix).unwrap_or(&words) {
        "" => format!("without a word in {}", log.display()),
        words => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_words_of_a_program_that_ended_are_its_error_not_its_log() {
        let log = tempfile::NamedTempFile::new().unwrap();
        for (text, words) in [
            ("2026 INFO starts\ntraf-sensor: no interface `x`\n  try another\n", "no interface `x`\n  try another"),
            ("one\ntwo\nthree\nfour\n", "two\nthree\nfour"),
        ] {
            fs::write(log.path(), text).unwrap();
            assert_eq!(last_words("traf-sensor", log.path()), words);
        }
        fs::write(log.path(), "").unwrap();
        assert!(last_words("traf-sensor", log.path()).starts_with("without a word in /"));
    }
}
