//! What the console is told, and where its things lie. Flag over environment over file over default.
//!
//! The file is `$XDG_CONFIG_HOME/traf/console.toml`; a key that is not known is an error with its line and column.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::number::Units;

/// Folders of the person who runs the console (XDG base directories).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Configuration and credentials.
    pub config: PathBuf,
    /// What `traf local` keeps.
    pub state: PathBuf,
}

impl Places {
    /// From the environment: `variable` looks one up.
    ///
    /// # Errors
    /// When it names neither a home nor the folders.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |name: &str, below: &str| {
            let base = absolute(name).or_else(|| Some(absolute("HOME")?.join(below)));
            base.map(|base| base.join("traf")).ok_or(ConfigError::Home)
        };
        Ok(Self { config: folder("XDG_CONFIG_HOME", ".config")?, state: folder("XDG_STATE_HOME", ".local/state")? })
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No place for it.
    #[error("neither HOME nor XDG_CONFIG_HOME and XDG_STATE_HOME are set to a folder: set HOME")]
    Home,
    /// The file cannot be read.
    #[error("the configuration {0} cannot be read: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// The file does not say what it should.
    #[error("the configuration {0} is wrong: {1}")]
    Form(PathBuf, Box<toml::de::Error>),
    /// No such time zone.
    #[error("the configuration {0} is wrong: time_zone: {1}; write a name such as Europe/Berlin or UTC")]
    Zone(PathBuf, jiff::Error),
}

/// The file as written; what it leaves out is the default.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the credentials, where it is not `console` beside this file.
    pub credentials: Option<PathBuf>,
    /// In what rates are shown: `bits` or `bytes`.
    #[serde(default)]
    pub rates: Rates,
    /// Colours on the screens; `NO_COLOR` in the environment switches them off as well.
    pub colour: Option<bool>,
    /// IANA name of the zone that times are shown and read in; the machine's where it is left out.
    pub time_zone: Option<String>,
}

/// In what rates are shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Rates {
    /// kbit/s.
    #[default]
    Bits,
    /// kB/s.
    Bytes,
}

impl From<Rates> for Units {
    fn from(rates: Rates) -> Self {
        match rates {
            Rates::Bits => Self::Bits,
            Rates::Bytes => Self::Bytes,
        }
    }
}

impl Config {
    /// Reads the file named, or the one in `places` if it is there.
    ///
    /// # Errors
    /// When the file named is missing, or one that is there is unreadable or wrong.
    pub fn read(named: Option<&Path>, places: &Places) -> Result<Self, ConfigError> {
        let path = named.map_or_else(|| places.config.join("console.toml"), Path::to_owned);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ConfigError::Read(path, error)),
        };
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Form(path.clone(), Box::new(error)))?;
        config.zone().map_err(|error| ConfigError::Zone(path, error))?;
        Ok(config)
    }

    /// Of the reader.
    ///
    /// # Errors
    /// When nobody knows a zone of this name.
    pub fn zone(&self) -> Result<TimeZone, jiff::Error> {
        self.time_zone.as_deref().map_or_else(|| Ok(TimeZone::system()), TimeZone::get)
    }

    /// Where the credentials are, unless a flag says otherwise.
    #[must_use]
    pub fn credentials(&self, places: &Places) -> PathBuf {
        self.credentials.clone().unwrap_or_else(|| places.config.join("console"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn places(pairs: &'static [(&str, &str)]) -> Result<Places, ConfigError> {
        Places::find(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("console.toml"), text).unwrap();
        Config::read(None, &Places { config: folder.path().to_owned(), state: folder.path().to_owned() })
    }

    #[test]
    fn folders_are_those_of_the_xdg_specification() {
        let found = places(&[("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state"), ("XDG_CONFIG_HOME", "not/absolute")]);
        assert_eq!(found.unwrap(), Places { config: "/home/ann/.config/traf".into(), state: "/state/traf".into() });
        assert!(places(&[]).unwrap_err().to_string().contains("set HOME"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_points_at_it() {
        let error = read("rates = \"bytes\"\ncolor = false\n").unwrap_err().to_string();
        assert!(error.contains("line 2, column 1") && error.contains("color"), "{error}");
        let error = read("time_zone = \"Mars/North\"\n").unwrap_err().to_string();
        assert!(error.contains("Europe/Berlin"), "{error}");
    }

    #[test]
    fn what_the_file_leaves_out_is_the_default() {
        assert_eq!(read("").unwrap(), Config::default());
        let config = read("rates = \"bytes\"\ncolour = false\ntime_zone = \"UTC\"\n").unwrap();
        assert_eq!((config.rates, config.colour, config.zone().unwrap()), (Rates::Bytes, Some(false), TimeZone::UTC));
        assert_eq!(
            Config::read(None, &Places { config: "/nowhere".into(), state: "/x".into() }).unwrap(),
            Config::default()
        );
    }
}
