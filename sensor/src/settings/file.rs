//! The last change that holds, in `settings.toml` in the data folder. It outlives a restart without the collector.

use std::io;
use std::path::Path;

use serde::Deserialize;
use traf_model::Settings;
use traf_peer::file;

use crate::config::settings::{print, read};

/// Its name in the data folder.
const FILE: &str = "settings.toml";

/// Keys of the file beside the settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Others {
    revision: u64,
}

/// Reads the file in the folder `data`; `None` if there is none.
///
/// # Errors
/// A sentence, if the file cannot be read or is not understood.
pub(super) fn load(data: &Path) -> Result<Option<Settings>, String> {
    let path = data.join(FILE);
    let failed = |error: String| format!("{}: {error}", path.display());
    let Some(text) = file::read_if_there(&path).map_err(|error| failed(error.to_string()))? else { return Ok(None) };
    let (settings, Others { revision }) = read(&text).map_err(failed)?;
    Ok(Some(settings.at(revision)))
}

/// Replaces the file: written aside, synchronised, renamed. On an error the former file is still there.
pub(super) fn save(data: &Path, settings: &Settings) -> io::Result<()> {
    let text = format!("{HEAD}revision = {}\n{}", settings.revision, print(settings));
    file::replace(&data.join(FILE), text.as_bytes())
}

const HEAD: &str = "\
# Set from a console, and stronger than sensor.toml in what it names. The sensor writes this file; without it,
# and without the collector, the sensor runs as sensor.toml says.
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_people_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()), Ok(None));
        let texts = [
            ("promiscuous", "off"),
            ("capture", "not (host \"a\" and port 22)\\"),
            ("ports", "8080, 9000-9010"),
            ("log", "on"),
            ("log_interval", "10m"),
        ];
        let settings = Settings::read(7, texts).unwrap();
        save(folder.path(), &settings).unwrap();
        assert_eq!(load(folder.path()), Ok(Some(settings)));
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        for line in ["revision = 7", "ports = \"8080, 9000-9010\"", "log.on = true", "log.interval = \"10m\""] {
            assert!(text.lines().any(|have| have == line), "{text}");
        }
        let few = Settings::default().at(8);
        save(folder.path(), &few).unwrap();
        assert_eq!(load(folder.path()), Ok(Some(few)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies beside it");
    }

    #[test]
    fn a_file_that_is_not_understood_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "revision = 1\npromiscous = true\n").unwrap();
        let words = load(folder.path()).unwrap_err();
        assert!(words.contains("settings.toml") && words.contains("line 2"), "{words}");
    }

    #[test]
    fn where_nothing_can_be_written_the_former_settings_stay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::default().at(1);
        save(folder.path(), &settings).unwrap();
        fs::create_dir(folder.path().join(format!("settings.toml.{}.tmp", std::process::id()))).unwrap();
        assert!(save(folder.path(), &Settings::default().at(2)).is_err());
        assert_eq!(load(folder.path()), Ok(Some(settings)));
    }
}
