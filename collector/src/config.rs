//! Configuration of the collector: flag over environment over file over default.
//!
//! The file is TOML (`/etc/traf/collector.toml`); a key that is not known is an error with its line and column.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Default path of the configuration file.
const DEFAULT_FILE: &str = "/etc/traf/collector.toml";
/// Default data folder.
const DEFAULT_DATA: &str = "/var/lib/traf/collector";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// All settings; what the file leaves out is the default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Address for sensors and consoles; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Address for machines that join; port 0 takes any free one.
    pub join_listen: SocketAddr,
    /// Retention of each tier.
    pub retention: Retention,
    /// Limits of connections.
    pub limits: Limits,
    /// Time by which the end of a slice may lie after the collector's; in the file in seconds. What lies further ahead counts for
    /// its own sensor only.
    #[serde(rename = "clock_ahead_seconds", deserialize_with = "seconds")]
    pub clock_ahead: Duration,
}

/// Retention of each tier, in the file in days where nothing else is said. `None`, in the file 0, keeps it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Flows and counted facilities of every slice.
    #[serde(rename = "flows_days", deserialize_with = "days")]
    pub flows: Option<Duration>,
    /// Interfaces by the second.
    #[serde(rename = "seconds_days", deserialize_with = "days")]
    pub seconds: Option<Duration>,
    /// Interfaces by the minute.
    #[serde(rename = "minutes_days", deserialize_with = "days")]
    pub minutes: Option<Duration>,
    /// Ledgers, deliveries and losses.
    #[serde(rename = "ledger_days", deserialize_with = "days")]
    pub ledger: Option<Duration>,
    /// Evidence of flows, by which late slices are counted once; in the file in hours. Slices that are later count for
    /// each observation point.
    #[serde(rename = "evidence_hours", deserialize_with = "hours")]
    pub evidence: Option<Duration>,
    /// Octets of evidence that are kept at most; in the file in MiB.
    #[serde(rename = "evidence_mib", deserialize_with = "mib")]
    pub evidence_octets: u64,
}

/// Bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of admitted peers in all, at least one.
    pub connections: u32,
    /// Connections of one address (IPv6: one /64) that have not proved who they are, on each port; at least one. Admitted
    /// peers do not count: many may stand behind one address.
    pub connections_per_address: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: DEFAULT_DATA.into(),
            listen: ([0, 0, 0, 0], 7440).into(),
            join_listen: ([0, 0, 0, 0], 7441).into(),
            retention: Retention::default(),
            limits: Limits::default(),
            clock_ahead: Duration::from_secs(60),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            flows: Some(7 * DAY),
            seconds: Some(2 * DAY),
            minutes: Some(30 * DAY),
            ledger: Some(365 * DAY),
            evidence: Some(DAY),
            evidence_octets: 2 << 30,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, connections_per_address: 256 }
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let days = u32::deserialize(deserializer)?;
    Ok((days > 0).then(|| DAY * days))
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let hours = u32::deserialize(deserializer)?;
    Ok((hours > 0).then(|| DAY / 24 * hours))
}

fn mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u32::deserialize(deserializer).map(|mib| u64::from(mib) << 20)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Errors of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {0} cannot be read: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// The file does not say what it should.
    #[error("the configuration {0} is wrong: {1}")]
    Form(PathBuf, Box<toml::de::Error>),
}

impl Config {
    /// Reads the file named, or the default one if it is there.
    pub fn read(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ConfigError::Read(path.to_owned(), error)),
        };
        toml::from_str(&text).map_err(|error| ConfigError::Form(path.to_owned(), Box::new(error)))
    }

    /// With what flags and environment say on top.
    pub fn over(mut self, data: Option<PathBuf>, listen: Option<SocketAddr>, join: Option<SocketAddr>) -> Self {
        self.data = data.unwrap_or(self.data);
        self.listen = listen.unwrap_or(self.listen);
        self.join_listen = join.unwrap_or(self.join_listen);
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(Some(file.path()))
    }

    #[test]
    fn a_flag_is_stronger_than_the_file_and_the_file_than_the_default() {
        let file =
            read("listen = \"127.0.0.1:1\"\njoin_listen = \"127.0.0.1:2\"\n[retention]\nflows_days = 0\n").unwrap();
        let config = file.over(None, Some(([127, 0, 0, 1], 9).into()), None);
        assert_eq!((config.listen.port(), config.join_listen.port()), (9, 2));
        assert_eq!((config.retention.flows, config.retention.seconds), (None, Some(2 * DAY)));
        assert_eq!(config.data, Path::new(DEFAULT_DATA));
    }

    #[test]
    fn evidence_and_clocks_have_bounds_of_their_own() {
        let Config { retention, clock_ahead, .. } = Config::default();
        assert_eq!((retention.evidence, retention.evidence_octets), (Some(DAY), 2 << 30));
        assert_eq!(clock_ahead, Duration::from_secs(60));
        let text = "clock_ahead_seconds = 5\n[retention]\nevidence_hours = 6\nevidence_mib = 100\n";
        let Config { retention, clock_ahead, .. } = read(text).unwrap();
        assert_eq!((retention.evidence, retention.evidence_octets), (Some(DAY / 4), 100 << 20));
        assert_eq!(clock_ahead, Duration::from_secs(5));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_points_at_it() {
        let error = read("listen = \"127.0.0.1:1\"\nlissten = 3\n").unwrap_err().to_string();
        assert!(error.contains("line 2, column 1") && error.contains("lissten"), "{error}");
        let error = read("listen = \"nowhere\"\n").unwrap_err().to_string();
        assert!(error.contains("line 1, column 10"), "{error}");
    }
}
