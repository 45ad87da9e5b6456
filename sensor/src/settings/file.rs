//! The last change that holds, in `settings.toml` in the data folder: so that it outlives a restart without the collector.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use traf_model::Settings;
use traf_peer::file;

use crate::config::{PortRange, Span};

/// The file.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    revision: u64,
    promiscuous: Option<bool>,
    capture: Option<String>,
    ports: Option<Vec<PortRange>>,
    idle: Option<Span>,
    log: Option<Log>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    on: Option<bool>,
    interval: Option<Span>,
}

impl SettingsFile {
    /// Its name in the data folder.
    pub const FILE: &str = "settings.toml";

    /// In the data folder.
    #[must_use]
    pub fn at(data: &Path) -> Self {
        Self { path: data.join(Self::FILE) }
    }

    /// What was kept; `None` when nothing ever was.
    ///
    /// # Errors
    /// In words, when the file cannot be read or is not understood.
    pub fn load(&self) -> Result<Option<Settings>, String> {
        let failed = |error: String| format!("{}: {error}", self.path.display());
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        parse(&text).map(Some).map_err(failed)
    }

    /// Keeps `settings`: aside, to the disk, into place. On an error the former are still there.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn save(&self, settings: &Settings) -> io::Result<()> {
        file::replace(&self.path, print(settings).as_bytes())
    }
}

fn parse(text: &str) -> Result<Settings, String> {
    let text: Text = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let seconds = |span: Span| u32::try_from(span.0.as_secs()).unwrap_or(u32::MAX);
    let log = text.log.unwrap_or_default();
    Ok(Settings {
        revision: text.revision,
        promiscuous: text.promiscuous,
        capture: text.capture,
        ports: text.ports.map(|ports| ports.into_iter().map(|range| (range.from, range.to)).collect()),
        log: log.on,
        log_interval: log.interval.map(seconds),
        idle: text.idle.map(seconds),
    })
}

fn print(settings: &Settings) -> String {
    let mut text = String::from(
        "# Set from a console, and stronger than sensor.toml in what it names. The sensor writes this file; without it,\n\
         # and without the collector, the sensor runs as sensor.toml says.\n",
    );
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        }
    };
    let string = |text: &String| toml::Value::String(text.clone()).to_string();
    let range = |&(from, to): &(u16, u16)| if from == to { from.to_string() } else { format!("\"{from}-{to}\"") };
    let list = |ports: &Vec<(u16, u16)>| format!("[{}]", ports.iter().map(range).collect::<Vec<_>>().join(", "));
    line("revision", Some(settings.revision.to_string()));
    line("promiscuous", settings.promiscuous.map(|on| on.to_string()));
    line("capture", settings.capture.as_ref().map(string));
    line("ports", settings.ports.as_ref().map(list));
    line("idle", settings.idle.map(|seconds| format!("\"{seconds}s\"")));
    line("log.on", settings.log.map(|on| on.to_string()));
    line("log.interval", settings.log_interval.map(|seconds| format!("\"{seconds}s\"")));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_people_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = SettingsFile::at(folder.path());
        assert_eq!(kept.load(), Ok(None));
        let settings = Settings {
            revision: 7,
            promiscuous: Some(false),
            capture: Some("not (host \"a\" and port 22)\\".to_owned()),
            ports: Some(vec![(8080, 8080), (9000, 9010)]),
            log: Some(true),
            log_interval: Some(600),
            idle: None,
        };
        kept.save(&settings).unwrap();
        assert_eq!(kept.load(), Ok(Some(settings)));
        let text = fs::read_to_string(folder.path().join(SettingsFile::FILE)).unwrap();
        for line in ["revision = 7", "ports = [8080, \"9000-9010\"]", "log.on = true", "log.interval = \"600s\""] {
            assert!(text.lines().any(|have| have == line), "{text}");
        }
        let few = Settings { revision: 8, ..Settings::default() };
        kept.save(&few).unwrap();
        assert_eq!(kept.load(), Ok(Some(few)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies beside it");
    }

    #[test]
    fn a_file_that_is_not_understood_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SettingsFile::FILE), "revision = 1\npromiscous = true\n").unwrap();
        let words = SettingsFile::at(folder.path()).load().unwrap_err();
        assert!(words.contains("settings.toml") && words.contains("line 2"), "{words}");
    }

    #[test]
    fn where_nothing_can_be_written_the_former_settings_stay() {
        let folder = tempfile::tempdir().unwrap();
        let kept = SettingsFile::at(folder.path());
        let settings = Settings { revision: 1, ..Settings::default() };
        kept.save(&settings).unwrap();
        fs::create_dir(folder.path().join(format!("settings.toml.{}.tmp", std::process::id()))).unwrap();
        assert!(kept.save(&Settings { revision: 2, ..Settings::default() }).is_err());
        assert_eq!(kept.load(), Ok(Some(settings)));
    }
}
