//! The last change that holds, in `settings.toml` in the data folder. It outlives a restart without the collector.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use traf_model::Settings;
use traf_peer::file;

use crate::config::settings::{print, read};

/// The file.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
}

/// Keys of the file beside the settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Others {
    revision: u64,
}

impl SettingsFile {
    /// Its name in the data folder.
    pub const FILE: &str = "settings.toml";

    /// In the data folder.
    pub fn at(data: &Path) -> Self {
        Self { path: data.join(Self::FILE) }
    }

    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read or is not understood.
    pub fn load(&self) -> Result<Option<Settings>, String> {
        let failed = |error: String| format!("{}: {error}", self.path.display());
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (settings, Others { revision }) = read(&text).map_err(failed)?;
        Ok(Some(settings.at(revision)))
    }

    /// Replaces the file: written aside, synchronised, renamed. On an error the former file is still there.
    pub fn save(&self, settings: &Settings) -> io::Result<()> {
        let text = format!("{HEAD}revision = {}\n{}", settings.revision, print(settings));
        file::replace(&self.path, text.as_bytes())
    }
}

const HEAD: &str = "\
# Set from a console, and stronger than sensor.toml in what it names. The sensor writes this file; without it,
# and without the collector, the sensor runs as sensor.toml says.
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_people_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = SettingsFile::at(folder.path());
        assert_eq!(kept.load(), Ok(None));
        let texts = [
            ("promiscuous", "off"),
            ("capture", "not (host \"a\" and port 22)\\"),
            ("ports", "8080, 9000-9010"),
            ("log", "on"),
            ("log_interval", "10m"),
        ];
        let settings = Settings::read(7, texts).unwrap();
        kept.save(&settings).unwrap();
        assert_eq!(kept.load(), Ok(Some(settings)));
        let text = fs::read_to_string(folder.path().join(SettingsFile::FILE)).unwrap();
        for line in ["revision = 7", "ports = \"8080, 9000-9010\"", "log.on = true", "log.interval = \"10m\""] {
            assert!(text.lines().any(|have| have == line), "{text}");
        }
        let few = Settings::default().at(8);
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
        let settings = Settings::default().at(1);
        kept.save(&settings).unwrap();
        fs::create_dir(folder.path().join(format!("settings.toml.{}.tmp", std::process::id()))).unwrap();
        assert!(kept.save(&Settings::default().at(2)).is_err());
        assert_eq!(kept.load(), Ok(Some(settings)));
    }
}
