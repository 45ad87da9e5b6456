//! Configuration and folders of the console. Flag over environment over file over default.
//!
//! The file is `$XDG_CONFIG_HOME/traf/console.toml`; a key that is not known is an error with its line and column.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use traf_model::Filter;

use crate::number::Units;
use crate::theme::Theme;

/// Folders of the person who runs the console (XDG base directories).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Configuration and credentials.
    pub config: PathBuf,
    /// State of `traf local`.
    pub state: PathBuf,
}

impl Folders {
    /// From the environment: `variable` looks one up.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |name: &str, below: &str| {
            let base = absolute(name).or_else(|| Some(absolute("HOME")?.join(below)));
            base.map(|base| base.join("traf")).ok_or(ConfigError::Home)
        };
        Ok(Self { config: folder("XDG_CONFIG_HOME", ".config")?, state: folder("XDG_STATE_HOME", ".local/state")? })
    }
}

/// Reasons why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No place for it.
    #[error("neither HOME nor XDG_CONFIG_HOME and XDG_STATE_HOME are set to a folder: set HOME")]
    Home,
    /// The file cannot be read.
    #[error("the configuration {0} cannot be read: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// The file does not say what it should, or a value means nothing.
    #[error("the configuration {0} is wrong: {1}")]
    Value(PathBuf, String),
    /// The file cannot be written.
    #[error("the configuration {0} cannot be written: {1}")]
    Write(PathBuf, #[source] io::Error),
    /// The file changed under our hands into something that cannot be read.
    #[error("the configuration {0} was left as it is: {1}")]
    Changed(PathBuf, Box<toml::de::Error>),
}

/// The file as written; what it leaves out is the default. The screen "Configure" changes it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the credentials, where it is not `console` beside this file.
    pub credentials: Option<PathBuf>,
    /// In what rates are shown: `bits` or `bytes`.
    pub rates: Units,
    /// Colours on the screens; `NO_COLOR` in the environment switches them off as well.
    pub colour: Option<bool>,
    /// Name of the theme; IPTraf's where it is left out.
    pub theme: Option<String>,
    /// IANA name of the zone that times are shown and read in; the machine's where it is left out.
    pub time_zone: Option<String>,
    /// Addresses are shown by name.
    pub reverse_dns: bool,
    /// Address and port of the name server that is asked, instead of those in `/etc/resolv.conf`.
    pub name_server: Option<SocketAddr>,
    /// TCP and UDP ports are shown by name.
    pub service_names: bool,
    /// Lines of the traffic monitor name the source MAC.
    pub mac_addresses: bool,
    /// Lines of the traffic monitor show ARP.
    pub arp: bool,
    /// Lines of the traffic monitor show RARP.
    pub rarp: bool,
    /// Lines of the traffic monitor show what is neither IP, ARP nor RARP.
    pub non_ip: bool,
    /// Seconds between two frames of the screens; 0 draws whenever there is something new.
    pub update_interval: u32,
    /// Minutes after which closed and idle connections leave the traffic monitor; 0 keeps them.
    pub persistence: u32,
    /// The filter that is active: its words, or `@` and the name of one that all consoles share.
    pub filter: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: None,
            rates: Units::Bits,
            colour: None,
            theme: None,
            time_zone: None,
            reverse_dns: false,
            name_server: None,
            service_names: false,
            mac_addresses: false,
            arp: true,
            rarp: true,
            non_ip: true,
            update_interval: 0,
            persistence: 0,
            filter: String::new(),
        }
    }
}

impl Config {
    /// Reads the file named, or the one in `folders` if it is there.
    pub fn read(named: Option<&Path>, folders: &Folders) -> Result<Self, ConfigError> {
        let path = Self::path(named, folders);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ConfigError::Read(path, error)),
        };
        let wrong = |words: String| ConfigError::Value(path.clone(), words);
        let config: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let zone = |error| format!("time_zone: {error}; write a name such as Europe/Berlin or UTC");
        config.zone().map_err(|error| wrong(zone(error)))?;
        if let Some(name) = config.theme.as_deref().filter(|name| Theme::named(name).is_none()) {
            let names = Theme::ALL.map(|theme| theme.name()).join(", ");
            return Err(wrong(format!("theme: there is no `{name}`; there are {names}")));
        }
        if !config.filter.starts_with('@') {
            config.filter.parse::<Filter>().map_err(|error| wrong(error.to_string()))?;
        }
        Ok(config)
    }

    /// Path of the file.
    pub fn path(named: Option<&Path>, folders: &Folders) -> PathBuf {
        named.map_or_else(|| folders.config.join("console.toml"), Path::to_owned)
    }

    /// Keeps what differs from `before` in the file, and leaves everything else in it as it stands, comments too.
    pub fn keep(&self, before: &Self, path: &Path) -> Result<(), ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ConfigError::Read(path.to_owned(), error)),
        };
        let (old, values) = (before.values(), self.values());
        let mut new = text.clone();
        for key in old.keys().chain(values.keys()).filter(|key| values.get(*key) != old.get(*key)) {
            new = change(&new, key, values.get(key).map(ToString::to_string).as_deref());
        }
        toml::from_str::<Self>(&new).map_err(|error| ConfigError::Changed(path.to_owned(), Box::new(error)))?;
        if new == text {
            return Ok(());
        }
        replace(path, &new).map_err(|error| ConfigError::Write(path.to_owned(), error))
    }

    /// Values that differ from the default, as the file names them.
    fn values(&self) -> toml::Table {
        let values = |config: Self| toml::Table::try_from(config).unwrap_or_default();
        let default = values(Self::default());
        values(self.clone()).into_iter().filter(|(key, value)| default.get(key) != Some(value)).collect()
    }

    /// The colours that are named; IPTraf's where none are, or nobody knows the name.
    pub fn theme(&self) -> Theme {
        self.theme.as_deref().and_then(Theme::named).unwrap_or_default()
    }

    /// Of the reader.
    pub fn zone(&self) -> Result<TimeZone, jiff::Error> {
        self.time_zone.as_deref().map_or_else(|| Ok(TimeZone::system()), TimeZone::get)
    }

    /// Folder of the credentials, unless a flag names another.
    pub fn credentials(&self, folders: &Folders) -> PathBuf {
        self.credentials.clone().unwrap_or_else(|| folders.config.join("console"))
    }
}

/// `text` with the line of `key` changed to `value`, or without that line; a new one stands at the end.
pub fn change(text: &str, key: &str, value: Option<&str>) -> String {
    let is = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let new = value.map(|value| format!("{key} = {value}"));
    let mut lines: Vec<&str> = text.lines().collect();
    match (lines.iter().position(|line| is(line)), &new) {
        (Some(place), Some(new)) => lines[place] = new,
        (Some(place), None) => drop(lines.remove(place)),
        (None, Some(new)) => lines.push(new),
        (None, None) => {}
    }
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Writes a file beside `path`, and puts it there when it is whole and on the disk.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one: who keeps their files elsewhere means it.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        traf_peer::file::make_folder(folder)?;
    }
    traf_peer::file::replace(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn folders(pairs: &'static [(&str, &str)]) -> Result<Folders, ConfigError> {
        Folders::find(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("console.toml"), text).unwrap();
        Config::read(None, &Folders { config: folder.path().to_owned(), state: folder.path().to_owned() })
    }

    #[test]
    fn folders_are_those_of_the_xdg_specification() {
        let found =
            folders(&[("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state"), ("XDG_CONFIG_HOME", "not/absolute")]);
        assert_eq!(found.unwrap(), Folders { config: "/home/ann/.config/traf".into(), state: "/state/traf".into() });
        assert!(folders(&[]).unwrap_err().to_string().contains("set HOME"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_points_at_it() {
        let error = read("rates = \"bytes\"\ncolor = false\n").unwrap_err().to_string();
        assert!(error.contains("line 2, column 1") && error.contains("color"), "{error}");
        let error = read("time_zone = \"Mars/North\"\n").unwrap_err().to_string();
        assert!(error.contains("Europe/Berlin"), "{error}");
    }

    #[test]
    fn what_is_changed_is_kept_and_the_rest_of_the_file_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traf/console.toml");
        let first = Config { reverse_dns: true, ..Config::default() };
        first.keep(&Config::default(), &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "reverse_dns = true\n");
        std::fs::write(&path, "# mine\n\nreverse_dns = true # names\n  rates=\"bytes\"\n").unwrap();
        let before = Config { rates: Units::Bytes, ..first };
        let filter = "host 10.0.0.3 or sensor \"x\"".to_owned();
        let after = Config { reverse_dns: false, persistence: 5, filter, ..before.clone() };
        after.keep(&before, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\n\n  rates=\"bytes\"\n") && text.contains("persistence = 5\n"), "{text}");
        assert_eq!(Config::read(Some(&path), &folders(&[("HOME", "/x")]).unwrap()).unwrap(), after);
    }

    #[test]
    fn a_file_that_is_broken_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        std::fs::write(&path, "rates = ").unwrap();
        let config = Config { reverse_dns: true, ..Config::default() };
        assert!(matches!(config.keep(&Config::default(), &path), Err(ConfigError::Changed(..))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "rates = ");
    }

    #[test]
    fn every_key_that_is_written_can_be_read() {
        let all = Config {
            credentials: Some("/c".into()),
            rates: Units::Bytes,
            colour: Some(false),
            theme: Some("modern".to_owned()),
            time_zone: Some("UTC".to_owned()),
            reverse_dns: true,
            name_server: Some(([127, 0, 0, 1], 5353).into()),
            service_names: true,
            mac_addresses: true,
            arp: false,
            rarp: false,
            non_ip: false,
            update_interval: 2,
            persistence: 5,
            filter: "@web".to_owned(),
        };
        assert_eq!(all.values().len(), 15);
        let text: String = all.values().iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        assert_eq!(read(&text).unwrap(), all);
    }

    #[test]
    fn what_the_file_leaves_out_is_the_default() {
        assert_eq!(read("").unwrap(), Config::default());
        let config = read("rates = \"bytes\"\ncolour = false\ntime_zone = \"UTC\"\n").unwrap();
        assert_eq!((config.rates, config.colour, config.zone().unwrap()), (Units::Bytes, Some(false), TimeZone::UTC));
        assert_eq!(
            Config::read(None, &Folders { config: "/nowhere".into(), state: "/x".into() }).unwrap(),
            Config::default()
        );
    }
    #[test]
    fn only_the_line_of_the_key_changes() {
        let text = "# filter = \"x\"\nfilter_all = 1\n filter = \"tcp\" # mine\nb = 2";
        assert_eq!(
            change(text, "filter", Some("\"udp\"")),
            "# filter = \"x\"\nfilter_all = 1\nfilter = \"udp\"\nb = 2\n"
        );
        assert_eq!(change(text, "filter", None), "# filter = \"x\"\nfilter_all = 1\nb = 2\n");
        assert_eq!(change("", "a", Some("1")), "a = 1\n");
        assert_eq!(change("b = 2\n", "a", None), "b = 2\n");
    }
}
