//! Configuration of the sensor. Strongest first: a console, through the collector; flags; environment; file; default.
//!
//! A console changes only what stands in [`traf_model::settings::SETTINGS`]. Its last change lies in `settings.toml` in the
//! data folder; without that file, flags, environment and file hold.

pub mod settings;
mod value;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use traf_model::Settings;
use traf_model::settings::{LOG, Value};

use crate::meter::MeterConfig;
use crate::spool::index::SpoolLimits;
use crate::text_log::{LogFileNames, LogKind, TextLogConfig};
use settings::SettingFlags;

/// Path of the file if none is named.
pub const FILE: &str = "/etc/traf/sensor.toml";

/// Flags and environment that all commands take: what is not given is asked of the file.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Configuration file [default: /etc/traf/sensor.toml, when it is there]
    #[arg(long, env = "TRAF_SENSOR_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Folder of credentials and spool [default: /var/lib/traf/sensor]
    #[arg(long, env = "TRAF_SENSOR_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// What to say: error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, env = "TRAF_SENSOR_LOG", value_name = "LEVEL", global = true)]
    pub log: Option<String>,
}

/// Options of `run`: flags and environment, or the keys of the file. Unknown keys are errors.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// Capture on this interface; repeat for several [default: all that are up]
    #[arg(short, long = "interface", env = "TRAF_SENSOR_INTERFACES", value_name = "IF", value_delimiter = ',')]
    pub interfaces: Vec<String>,
    /// This interface is a mirror port: it has no local side
    #[arg(long = "mirror", env = "TRAF_SENSOR_MIRRORS", value_name = "IF", value_delimiter = ',')]
    pub mirrors: Vec<String>,
    /// Length of a slice of the history, as in 10s [default: 10s]
    #[arg(long, env = "TRAF_SENSOR_SLICE", value_name = "TIME", value_parser = value::time)]
    #[serde(deserialize_with = "value::time_of_file")]
    pub slice: Option<Duration>,
    /// Count what tunnels carry instead of the tunnels
    #[arg(long, env = "TRAF_SENSOR_TUNNELS")]
    pub tunnels: bool,
    /// Flows in the table of an interface [default: 262144]
    #[arg(long, env = "TRAF_SENSOR_FLOWS", value_name = "N")]
    pub flows: Option<usize>,
    /// Flows of an interface that keep a row of their own in a slice of the history; the others are counted by class, host and
    /// service [default: 6000]
    #[arg(long, env = "TRAF_SENSOR_HISTORY_FLOWS", value_name = "N")]
    pub history_flows: Option<usize>,
    /// Octets of each frame that are looked at [default: 256]
    #[arg(long, env = "TRAF_SENSOR_SNAPLEN", value_name = "OCTETS")]
    pub snaplen: Option<u32>,
    /// The kernel's buffer for an interface, as in 16MiB [default: 16MiB]
    #[arg(long, env = "TRAF_SENSOR_BUFFER", value_name = "SIZE", value_parser = value::size)]
    #[serde(deserialize_with = "value::size_of_file")]
    pub buffer: Option<u64>,
    /// Octets that may wait for the collector, as in 256MiB [default: 256MiB]
    #[arg(long, env = "TRAF_SENSOR_SPOOL", value_name = "SIZE", value_parser = value::size)]
    #[serde(deserialize_with = "value::size_of_file")]
    pub spool: Option<u64>,
    /// Settings that a console may change
    #[command(flatten)]
    #[serde(skip)]
    pub settings: SettingFlags,
    /// Text logs
    #[command(flatten)]
    pub log: LogOptions,
    /// Name for people [default: the host name]
    #[arg(long, env = "TRAF_SENSOR_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// The network it stands in, where several use the same addresses [default: none]
    #[arg(long, env = "TRAF_SENSOR_SITE", value_name = "NAME")]
    pub site: Option<String>,
    #[arg(skip)]
    data: Option<PathBuf>,
    #[arg(skip)]
    spool_files: Option<usize>,
}

/// Options of the text logs: flags and environment, or the keys of `[log]`. `log = "debug"` is short for its `level`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    #[arg(skip)]
    level: Option<String>,
    /// Folder of the text logs; asks for them [default: log in the data folder]
    #[arg(long = "log-folder", env = "TRAF_SENSOR_LOG_FOLDER", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Write MAC addresses into the text log of IP traffic
    #[arg(long = "log-mac", env = "TRAF_SENSOR_LOG_MAC")]
    pub mac: bool,
    /// Another name for a text log, as in services=ports-{interface}.log; asks for them; repeat for several
    #[arg(long = "log-name", env = "TRAF_SENSOR_LOG_NAMES", value_name = "LOG=FILE", value_delimiter = ',')]
    #[arg(value_parser = value::log_name)]
    #[serde(deserialize_with = "value::log_names")]
    pub(crate) names: Vec<(LogKind, String)>,
}

/// Configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Folder of credentials and spool.
    pub data: PathBuf,
    /// tracing's filter.
    pub log: String,
    /// For people; `None` means the host name.
    pub name: Option<String>,
    /// The network it stands in; `None` where addresses are unambiguous.
    pub site: Option<String>,
    /// Empty means all that are up.
    pub interfaces: Vec<String>,
    /// Mirror ports.
    pub mirrors: Vec<String>,
    /// Length of a slice of the history.
    pub slice: Duration,
    /// Octets of each frame that are looked at.
    pub snaplen: u32,
    /// Octets of the kernel's buffer for an interface.
    pub buffer: u64,
    /// Settings that a console may change: a value for each.
    pub settings: Settings,
    /// Folder, names and contents of the text logs, if they are on.
    pub text: TextLogConfig,
    /// The spool's bounds.
    pub spool: SpoolLimits,
    /// Limits of the meters.
    pub meter: MeterConfig,
}

/// Reason why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The disk said no.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// Not TOML, an unknown key, a wrong type: with line and column.
    #[error("{0}: {1}")]
    Toml(PathBuf, String),
    /// A name of a text log that will not do.
    #[error("{0}")]
    LogName(String),
    /// A value that nothing can be done with.
    #[error("{name} = {value}: {reason}")]
    Value {
        /// The key.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// Values that are possible.
        reason: &'static str,
    },
}

impl RunOptions {
    /// Reads the text of a file.
    fn parse(text: &str) -> Result<Self, String> {
        let (settings, file): (_, Self) = settings::read(text)?;
        Ok(Self { settings: SettingFlags(settings), ..file })
    }
}

impl Config {
    /// From flags and environment, the file and the defaults. The default file need not be there.
    pub fn load(options: Options, run: RunOptions) -> Result<Self, ConfigError> {
        let path = options.config.as_deref().unwrap_or(Path::new(FILE));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => RunOptions::parse(&text).map_err(|reason| ConfigError::Toml(path.to_owned(), reason))?,
            Err(error) if error.kind() == ErrorKind::NotFound && options.config.is_none() => RunOptions::default(),
            Err(error) => return Err(ConfigError::File(path.to_owned(), error)),
        };
        Self::merge(options, run, file)
    }

    fn merge(options: Options, run: RunOptions, file: RunOptions) -> Result<Self, ConfigError> {
        let given = |flags: Vec<String>, file| if flags.is_empty() { file } else { flags };
        let (meter, limits) = (MeterConfig::default(), SpoolLimits::default());
        let data = options.data.or(file.data).unwrap_or_else(|| PathBuf::from("/var/lib/traf/sensor"));
        let mut settings = run.settings.0.or(&file.settings.0).or(&Settings::defaults());
        if run.log.folder.is_some() || !run.log.names.is_empty() {
            settings.put(&LOG, Some(Value::Switch(true)));
        }
        let history_flows = run.history_flows.or(file.history_flows).unwrap_or(meter.history_flows);
        let config = Self {
            log: options.log.or(file.log.level).unwrap_or_else(|| "info".to_owned()),
            name: run.name.or(file.name),
            site: run.site.or(file.site),
            interfaces: given(run.interfaces, file.interfaces),
            mirrors: given(run.mirrors, file.mirrors),
            slice: run.slice.or(file.slice).unwrap_or(Duration::from_secs(10)),
            snaplen: run.snaplen.or(file.snaplen).unwrap_or(256),
            buffer: run.buffer.or(file.buffer).unwrap_or(16 << 20),
            text: TextLogConfig {
                folder: run.log.folder.or(file.log.folder).unwrap_or_else(|| data.join("log")),
                mac: run.log.mac || file.log.mac,
                names: LogFileNames::new(file.log.names.into_iter().chain(run.log.names)),
            },
            settings,
            data,
            spool: SpoolLimits {
                octets: run.spool.or(file.spool).unwrap_or(limits.octets),
                files: file.spool_files.unwrap_or(limits.files),
            },
            meter: MeterConfig {
                flows: run.flows.or(file.flows).unwrap_or(meter.flows),
                history_flows,
                parted: meter.parted.max(2 * history_flows),
                tunnels: run.tunnels || file.tunnels,
                ..meter
            },
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Self { slice, snaplen, buffer, meter, spool, .. } = self;
        let seconds = slice.subsec_nanos() == 0 && (1..=3600).contains(&slice.as_secs());
        let octets = (68..=262_144).contains(snaplen);
        let rows = &meter.history_flows;
        let checks: [(_, _, &dyn fmt::Debug, _); 7] = [
            ("slice", seconds, slice, "write whole seconds, from 1s to 1h"),
            ("snaplen", octets, snaplen, "write 68 to 262144 octets: less does not hold the headers"),
            ("buffer", (256 << 10..=1 << 30).contains(buffer), buffer, "write 256KiB to 1GiB"),
            ("flows", (64..=1 << 24).contains(&meter.flows), &meter.flows, "write 64 to 16777216"),
            ("history_flows", (100..=200_000).contains(rows), rows, "write 100 to 200000"),
            ("spool", spool.octets >= 1 << 20, &spool.octets, "write at least 1MiB"),
            ("spool_files", (16..=1 << 20).contains(&spool.files), &spool.files, "write 16 to 1048576"),
        ];
        match checks.into_iter().find(|(_, holds, ..)| !holds) {
            Some((name, _, value, reason)) => Err(ConfigError::Value { name, value: format!("{value:?}"), reason }),
            None => self.text.names.check().map_err(ConfigError::LogName),
        }
    }

    /// Interfaces that are named, as such or as mirror ports.
    pub(crate) fn chosen(&self) -> impl Iterator<Item = &String> {
        self.interfaces.iter().chain(&self.mirrors)
    }

    /// True if an interface of this name is to be captured.
    pub(crate) fn wants(&self, name: &String) -> bool {
        self.interfaces.is_empty() || self.chosen().any(|chosen| chosen == name)
    }

    /// Folder of the records that wait.
    pub fn spool_folder(&self) -> PathBuf {
        self.data.join("spool")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use traf_model::PortRange;
    use traf_model::settings::{IDLE, LOG_INTERVAL, PORTS, PROMISCUOUS};

    fn merge(run: &RunOptions, text: &str) -> Result<Config, ConfigError> {
        Config::merge(Options::default(), run.clone(), RunOptions::parse(text).unwrap())
    }

    #[test]
    fn a_flag_is_stronger_than_the_file_and_the_file_than_the_default() {
        let run = RunOptions { slice: Some(Duration::from_secs(1)), ..RunOptions::default() };
        let config = merge(&run, "slice = \"30s\"\nbuffer = \"2MiB\"\ninterfaces = [\"eth0\"]\nidle = \"1m\"").unwrap();
        assert_eq!(config.slice, Duration::from_secs(1));
        assert_eq!((config.buffer, config.snaplen), (2 << 20, 256));
        assert_eq!(config.interfaces, ["eth0"]);
        assert_eq!(config.settings.time(&IDLE), Duration::from_secs(60));
        assert_eq!(config.spool, SpoolLimits::default());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let error = RunOptions::parse("slice = \"10s\"\nslcie = \"5s\"\n").unwrap_err();
        assert!(error.contains("line 2, column 1") && error.contains("slcie"), "{error}");
        for text in ["slice = \"soon\"\n", "idle  = \"soon\"\n", "slice = \"1s\"\n[log]\ninterval = \"soon\"\n"] {
            let error = RunOptions::parse(text).unwrap_err();
            let place = if text.contains("[log]") { "line 3, column 12" } else { "line 1, column 9" };
            assert!(error.contains(place) && error.contains("`soon` is no length of time"), "{error}");
        }
    }

    #[test]
    fn a_value_out_of_range_names_what_is_possible() {
        for (text, part) in [
            ("slice = \"500ms\"", "whole seconds"),
            ("snaplen = 10", "68 to 262144"),
            ("buffer = 1", "256KiB"),
            ("flows = 1", "64 to"),
            ("history_flows = 1000000", "100 to 200000"),
            ("spool = \"1K\"", "at least 1MiB"),
        ] {
            let error = merge(&RunOptions::default(), text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_level_and_the_text_logs_share_a_word() {
        let config = merge(&RunOptions::default(), "log = \"debug\"").unwrap();
        assert_eq!((config.log.as_str(), config.settings.on(&LOG)), ("debug", false));
        let text =
            "data = \"/d\"\n[log]\nlevel = \"warn\"\non = true\ninterval = \"5m\"\nnames.general = \"all.log\"\n";
        let config = merge(&RunOptions::default(), text).unwrap();
        assert_eq!((config.log.as_str(), config.settings.on(&LOG)), ("warn", true));
        assert_eq!(config.settings.time(&LOG_INTERVAL), Duration::from_secs(300));
        assert_eq!(config.text.folder, Path::new("/d/log"));
        assert_eq!(config.text.names.path(LogKind::General, "", Path::new("")), Path::new("all.log"));
        let error = RunOptions::parse("[log]\nfoldr = \"x\"\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("foldr"), "{error}");
        let log = LogOptions { names: vec![(LogKind::Services, "s.log".to_owned())], ..LogOptions::default() };
        let run = RunOptions { log, ..RunOptions::default() };
        let error = merge(&run, "").unwrap_err().to_string();
        assert!(error.contains("{interface}"), "{error}");
    }

    #[test]
    fn settings_are_flags_and_switches_of_both_senses() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            run: RunOptions,
        }
        let read = |words: &[&str]| <Program as clap::Parser>::try_parse_from([&["run"], words].concat());
        let run = read(&["--no-promiscuous", "--port", "8080,9000-9010", "--port", "9", "--log-interval", "5m"]);
        let config = merge(&run.unwrap().run, "promiscuous = true\nports = [7]\nlog.on = true").unwrap();
        let settings = config.settings;
        assert_eq!((settings.on(&PROMISCUOUS), settings.on(&LOG)), (false, true));
        assert_eq!(settings.time(&LOG_INTERVAL), Duration::from_secs(300));
        assert_eq!(settings.ports(&PORTS), PortRange::list("8080 9000-9010 9").unwrap());
        for (words, part) in [
            (&["--port", "0"][..], "no range of ports"),
            (&["--port", "80,80"], "80 is there already"),
            (&["--log-interval", "0s"], "no length of time"),
            (&["--capture", "a", "--capture", "b"], "multiple times"),
        ] {
            let Err(error) = read(words) else { panic!("{words:?}") };
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn extra_ports_are_numbers_and_ranges() {
        let config = merge(&RunOptions::default(), "ports = [8080, \"9000-9010\"]").unwrap();
        assert_eq!(config.settings.ports(&PORTS), PortRange::list("8080 9000-9010").unwrap());
    }
}
