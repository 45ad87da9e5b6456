//! Programs that are started beside ours, and ended with it, whatever happens.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use crate::failure::Refusal;

/// Time in which a program must end.
const GRACE: Duration = Duration::from_secs(8);

/// A program of ours with a folder of its own.
pub(super) struct Program {
    name: String,
    path: PathBuf,
    data: PathBuf,
}

impl Program {
    /// The program of a folder, as `traf-collector` of `DIR/collector`: beside this one, else on the PATH. It gets an empty
    /// configuration: the machine's own is for others.
    pub(super) fn find(data: &Path) -> Result<Self> {
        let name = format!("traf-{}", data.file_name().unwrap_or_default().to_string_lossy());
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(&name)));
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let mut all = beside.into_iter().chain(std::env::split_paths(&paths).map(|folder| folder.join(&name)));
        let path = all.find(|path| path.is_file()).with_context(|| {
            format!("{name} is neither beside traf nor on the PATH: install it, or build it (cargo build)")
        })?;
        let config = data.with_extension("toml");
        fs::write(&config, "").with_context(|| format!("writing {}", config.display()))?;
        Ok(Self { name, path, data: data.to_owned() })
    }

    fn command(&self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.path);
        let config = self.data.with_extension("toml");
        command.args(words).arg("--data").arg(&self.data).arg("--config").arg(config).stdin(Stdio::null());
        command
    }

    /// Starts it; what it says goes into a log beside its folder.
    pub(super) fn start(&self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<Child> {
        let log = self.data.with_extension("log");
        let files = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, errors) = files.with_context(|| format!("writing {}", log.display()))?;
        let mut command = self.command(words);
        // A group of its own: ctrl-c in the terminal is for us, and we end it in order.
        command.stdout(file).stderr(errors).process_group(0);
        let process = command.spawn().with_context(|| format!("starting {}", self.path.display()))?;
        Ok(Child { name: self.name.clone(), log, process, ours: true })
    }

    /// Runs it to its end; returns what it prints.
    pub(super) async fn answer(&self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<String> {
        let name = &self.name;
        let output = self.command(words).kill_on_drop(true).output();
        let output = tokio::time::timeout(Duration::from_secs(30), output).await;
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
}

/// A running program. Dropped (a panic, an error), it is told to end.
#[derive(Debug)]
pub(super) struct Child {
    /// As it was started.
    pub(super) name: String,
    log: PathBuf,
    /// The process.
    pub(super) process: tokio::process::Child,
    /// True if dropping it ends it.
    ours: bool,
}

impl Child {
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
        signal(self.process.id(), Signal::SIGTERM);
        if tokio::time::timeout(GRACE, self.process.wait()).await.is_err() {
            signal(self.process.id(), Signal::SIGKILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ours && matches!(self.process.try_wait(), Ok(None)) {
            signal(self.process.id(), Signal::SIGTERM);
        }
    }
}

/// Sends a signal to a process; that it is gone already, and `None`, is no error.
pub(super) fn signal(id: Option<u32>, signal: Signal) {
    if let Some(Ok(id)) = id.map(i32::try_from) {
        let _ = kill(Pid::from_raw(id), signal);
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
