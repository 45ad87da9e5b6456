//! Settings of a sensor that a console may change: the table [`SETTINGS`], and the values of one sensor.
//!
//! The table serves the sensor's file and flags, the wire, the store, the dialog of the console and `traf sensors set`. A new
//! setting is one row of it, and the places that obey it (CONTRIBUTING.md, "A new setting"). A path is never a setting.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::PortRange;
use crate::time::length;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name on the wire, in the store and in `traf sensors set`.
    pub name: &'static str,
    /// Key in the sensor's file; a dot leads into a table.
    pub key: &'static str,
    /// Flag of `traf-sensor run`. Of a switch, it switches on, or off where it begins with `no-`.
    pub flag: &'static str,
    /// Environment variable in place of the flag.
    pub environment: &'static str,
    /// Help of the flag.
    pub flag_help: &'static str,
    /// Placeholder for the value in the help of the flag.
    pub unit: &'static str,
    /// Title in the console: IPTraf's words where it has them.
    pub title: &'static str,
    /// Label of the value in the console's configuration screen.
    pub label: &'static str,
    /// Meaning and syntax, in the console.
    pub help: &'static str,
    /// Examples of the value, in the help of `traf sensors set`.
    pub example: &'static str,
    /// Value by default; it decides the kind of all values.
    pub default: Value,
}

/// All settings, in the order of the screen.
pub static SETTINGS: [&Setting; 7] = [&PROMISCUOUS, &PORTS, &CAPTURE, &LOG, &LOG_INTERVAL, &IDLE, &LIVE_RATE];

/// Interfaces take frames that are not addressed to them.
pub static PROMISCUOUS: Setting = Setting {
    name: "promiscuous",
    key: "promiscuous",
    flag: "no-promiscuous",
    environment: "TRAF_SENSOR_NO_PROMISCUOUS",
    flag_help: "See only frames for this host",
    unit: "",
    title: "Force promiscuous mode",
    label: "Promiscuous:",
    help: "takes frames that are not addressed to the interface, too: on, off",
    example: "on|off",
    default: Value::Switch(true),
};

/// Served ports beside those below 1024.
pub static PORTS: Setting = Setting {
    name: "ports",
    key: "ports",
    flag: "port",
    environment: "TRAF_SENSOR_PORTS",
    flag_help: "A port or range that is a service beside those below 1024, as in 8080 or 9000-9010; repeat for several",
    unit: "PORTS",
    title: "Additional ports",
    label: "Additional ports:",
    help: "served ports beside those below 1024: 8080, 9000-9100; none for no others",
    example: "8080,9000-9100|none",
    default: Value::Ports(Vec::new()),
};

/// Filter of all that is captured, in libpcap's words.
pub static CAPTURE: Setting = Setting {
    name: "capture",
    key: "capture",
    flag: "capture",
    environment: "TRAF_SENSOR_CAPTURE",
    flag_help: "Capture only what this filter lets through, in libpcap's words",
    unit: "FILTER",
    title: "Capture filter",
    label: "Capture filter:",
    help: "what is captured at all, in tcpdump's words; everything when empty",
    example: "FILTER|all",
    default: Value::Text(String::new()),
};

/// Text logs are written.
pub static LOG: Setting = Setting {
    name: "log",
    key: "log.on",
    flag: "text-log",
    environment: "TRAF_SENSOR_TEXT_LOG",
    flag_help: "Write text logs in IPTraf's formats",
    unit: "",
    title: "Logging",
    label: "Logging:",
    help: "writes text logs on the sensor's disk: on, off",
    example: "on|off",
    default: Value::Switch(false),
};

/// Time between two dumps of statistics in the text logs.
pub static LOG_INTERVAL: Setting = Setting {
    name: "log_interval",
    key: "log.interval",
    flag: "log-interval",
    environment: "TRAF_SENSOR_LOG_INTERVAL",
    flag_help: "Time between two dumps of statistics in the text logs, as in 60m",
    unit: "TIME",
    title: "Logging interval",
    label: "Log interval:",
    help: "between two dumps of statistics in the log: 60m",
    example: "60m",
    // IPTraf's.
    default: Value::Seconds(3600),
};

/// Default of [`IDLE`] in seconds: IPTraf's.
pub const IDLE_SECONDS: u32 = 15 * 60;

/// Idle timeout: silence after which a flow is over.
pub static IDLE: Setting = Setting {
    name: "idle",
    key: "idle",
    flag: "idle",
    environment: "TRAF_SENSOR_IDLE",
    flag_help: "Silence after which a flow is over, as in 15m",
    unit: "TIME",
    title: "TCP timeout",
    label: "TCP timeout:",
    help: "silence after which a flow is over: 15m",
    example: "15m",
    default: Value::Seconds(IDLE_SECONDS),
};

/// Octets a second that the live view of a sensor may take, before compression.
pub static LIVE_RATE: Setting = Setting {
    name: "live_rate",
    key: "live_rate",
    flag: "live-rate",
    environment: "TRAF_SENSOR_LIVE_RATE",
    flag_help: "Octets a second that the live view may take, as in 256KB; where many look, tables get fewer rows",
    unit: "SIZE",
    title: "Live view",
    label: "Live view:",
    help: "octets a second that the live view may take: 256KB; where many look, tables get fewer rows",
    example: "256KB",
    default: Value::Octets(256_000),
};

/// Value of a setting. Its text can be parsed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `on` or `off`.
    Switch(bool),
    /// Length of time, from one second to a year.
    Seconds(u32),
    /// Octets a second, from 32 KB to 1 MB.
    Octets(u32),
    /// One line; `all` where it is empty. Also the value of a setting that is not in the table.
    Text(String),
    /// Ranges that do not overlap, or `none`.
    Ports(Vec<PortRange>),
}

/// Text in the place of a value: the sensor's own file and flags decide.
pub const DEFAULT: &str = "default";

/// Octets of the longest text.
const LONGEST_TEXT: usize = 4_096;
/// Most settings of a sensor that are kept, with those of newer programs.
const MOST: usize = 100;
/// Fewest and most octets a second: a table of a screenful, and what a collector takes of one sensor.
const OCTETS: std::ops::RangeInclusive<u32> = 32_000..=1_000_000;
/// A year, in seconds.
const YEAR: u64 = 365 * 86_400;

impl Setting {
    /// Returns the setting of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.into_iter().find(|setting| setting.name == name)
    }

    /// Reads a value of this setting. Only the sensor knows if libpcap understands a capture filter.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let (name, title, text) = (self.name, self.title.to_lowercase(), text.trim());
        match self.default {
            Value::Switch(_) => match text.to_ascii_lowercase().as_str() {
                "on" | "yes" | "true" | "1" => Ok(Value::Switch(true)),
                "off" | "no" | "false" | "0" => Ok(Value::Switch(false)),
                _ => Err(format!("{name}: write on, off or {DEFAULT}")),
            },
            Value::Seconds(_) => {
                let seconds = length(text).map(|time| time.as_secs()).filter(|time| (1..=YEAR).contains(time));
                seconds.and_then(|seconds| u32::try_from(seconds).ok()).map(Value::Seconds).ok_or_else(|| {
                    format!("{name}: `{text}` is no length of time from 1s to a year: write 90s, 15m, 1h or {DEFAULT}")
                })
            }
            Value::Octets(_) => {
                octets(text).filter(|octets| OCTETS.contains(octets)).map(Value::Octets).ok_or_else(|| {
                    format!("{name}: `{text}` is no number of octets from 32KB to 1MB: write 256KB, 1MB or {DEFAULT}")
                })
            }
            Value::Text(_) if text.len() > LONGEST_TEXT => Err(format!("a {title} has at most {LONGEST_TEXT} octets")),
            Value::Text(_) if text.contains(char::is_control) => Err(format!("a {title} is one line of words")),
            Value::Text(_) => Ok(Value::Text(if text == "all" { "" } else { text }.to_owned())),
            Value::Ports(_) => PortRange::list(text).map(Value::Ports),
        }
    }
}

/// Reads octets: `256KB`, `1 MB`, `300000`.
fn octets(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim().to_ascii_uppercase().trim_end_matches("/S") {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        _ => return None,
    };
    text[..digits].parse::<u32>().ok()?.checked_mul(factor)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Seconds(seconds) => {
                let units = [
                    (seconds / 86_400, "d"),
                    (seconds / 3_600 % 24, "h"),
                    (seconds / 60 % 60, "m"),
                    (seconds % 60, "s"),
                ];
                units.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
            }
            Self::Octets(octets) if octets % 1_000_000 == 0 => write!(f, "{}MB", octets / 1_000_000),
            Self::Octets(octets) if octets % 1_000 == 0 => write!(f, "{}KB", octets / 1_000),
            Self::Octets(octets) => write!(f, "{octets}"),
            Self::Text(text) => f.write_str(if text.is_empty() { "all" } else { text }),
            Self::Ports(ports) if ports.is_empty() => f.write_str("none"),
            Self::Ports(ports) => f.write_str(&ports.iter().map(PortRange::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Values of the settings of one sensor. One that is absent stays as the sensor's own file and flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Grows with each change; zero if nothing was ever changed.
    pub revision: u64,
    /// By name. Those of newer programs, which are not in the table, are passed on as they are.
    values: BTreeMap<String, Value>,
}

impl Settings {
    /// Reads names and values. A name that is not in the table is kept with its text.
    ///
    /// # Errors
    /// A sentence about the first value that is wrong.
    pub fn read<N: AsRef<str>, T: AsRef<str>>(
        revision: u64,
        texts: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, String> {
        let mut settings = Self { revision, ..Self::default() };
        for (name, text) in texts {
            let (name, text) = (name.as_ref(), text.as_ref());
            match Setting::named(name) {
                Some(setting) => settings.set(setting, text)?,
                None if name.len() > 40 || text.len() > LONGEST_TEXT || settings.values.len() >= MOST => {
                    return Err("more settings than can be kept".to_owned());
                }
                None => drop(settings.values.insert(name.to_owned(), Value::Text(text.to_owned()))),
            }
        }
        Ok(settings)
    }

    /// Names and values, as [`Settings::read`] takes them.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.values.iter().map(|(name, value)| match value {
            Value::Text(text) if Setting::named(name).is_none() => (name.as_str(), text.clone()),
            value => (name.as_str(), value.to_string()),
        })
    }

    /// Names of settings that are not in the table.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str).filter(|name| Setting::named(name).is_none())
    }

    /// Reads the value of a setting; [`DEFAULT`] makes it absent.
    ///
    /// # Errors
    /// A sentence about what is wrong; then nothing is changed.
    pub fn set(&mut self, setting: &Setting, text: &str) -> Result<(), String> {
        let value = if text.trim().eq_ignore_ascii_case(DEFAULT) { None } else { Some(setting.parse(text)?) };
        self.put(setting, value);
        Ok(())
    }

    /// Replaces a value.
    pub fn put(&mut self, setting: &Setting, value: Option<Value>) {
        match value {
            Some(value) => drop(self.values.insert(setting.name.to_owned(), value)),
            None => drop(self.values.remove(setting.name)),
        }
    }

    /// Returns the value of a setting, where there is one.
    pub fn get(&self, setting: &Setting) -> Option<&Value> {
        self.values.get(setting.name)
    }

    /// Returns these values, and those of `base` for settings that are absent; only settings of the table.
    pub fn or(&self, base: &Self) -> Self {
        let mut settings = Self { revision: self.revision, ..Self::default() };
        for setting in SETTINGS {
            settings.put(setting, self.get(setting).or_else(|| base.get(setting)).cloned());
        }
        settings
    }

    /// Returns the same values as another revision.
    pub fn at(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    /// Returns the default of every setting.
    pub fn defaults() -> Self {
        let mut settings = Self::default();
        SETTINGS.into_iter().for_each(|setting| settings.put(setting, Some(setting.default.clone())));
        settings
    }

    fn value(&self, setting: &'static Setting) -> &Value {
        self.get(setting).unwrap_or(&setting.default)
    }

    /// True if a switch is on.
    pub fn on(&self, setting: &'static Setting) -> bool {
        *self.value(setting) == Value::Switch(true)
    }

    /// Returns a length of time.
    pub fn time(&self, setting: &'static Setting) -> Duration {
        let Value::Seconds(seconds) = self.value(setting) else { return Duration::ZERO };
        Duration::from_secs(u64::from(*seconds))
    }

    /// Returns octets a second.
    pub fn octets(&self, setting: &'static Setting) -> u32 {
        let Value::Octets(octets) = self.value(setting) else { return 0 };
        *octets
    }

    /// Returns a text.
    pub fn text(&self, setting: &'static Setting) -> &str {
        let Value::Text(text) = self.value(setting) else { return "" };
        text
    }

    /// Returns ranges of ports.
    pub fn ports(&self, setting: &'static Setting) -> &[PortRange] {
        let Value::Ports(ports) = self.value(setting) else { return &[] };
        ports
    }
}

/// Settings in force at a sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsState {
    /// The value of every setting that the sensor knows.
    pub settings: Settings,
    /// Reason why the change of `settings.revision` was refused; empty if it holds.
    pub refused: String,
    /// Settings that do not work now, as a log on a full disk; empty if all do.
    pub trouble: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_setting_says_what_it_was_told() {
        let mut settings = Settings::default();
        for (setting, text, shown) in [
            (&PROMISCUOUS, "on", "on"),
            (&PORTS, "8080, 9000-9100 65535", "8080, 9000-9100, 65535"),
            (&CAPTURE, "tcp port 80", "tcp port 80"),
            (&LOG, "off", "off"),
            (&LOG_INTERVAL, "60m", "1h"),
            (&IDLE, "90s", "1m30s"),
            (&LIVE_RATE, "1000 KB/s", "1MB"),
            (&LIVE_RATE, "300500", "300500"),
        ] {
            settings.set(setting, text).unwrap();
            assert_eq!(settings.get(setting).unwrap().to_string(), shown);
            // What is shown can be typed again.
            settings.set(setting, shown).unwrap();
            assert_eq!(settings.get(setting).unwrap().to_string(), shown);
        }
        assert_eq!(Settings::read(0, settings.texts()), Ok(settings.clone()));
        let mut other = settings.clone();
        for setting in SETTINGS {
            other.set(setting, DEFAULT).unwrap();
            assert_eq!(other.get(setting), None);
        }
        assert_eq!(other, Settings::default());
        settings.set(&PORTS, "none").unwrap();
        settings.set(&CAPTURE, "all").unwrap();
        assert_eq!((settings.ports(&PORTS), settings.text(&CAPTURE)), (&[][..], ""));
    }

    #[test]
    fn what_cannot_be_is_refused_in_words_and_changes_nothing() {
        let long = "x".repeat(5_000);
        for (setting, text, words) in [
            (&PROMISCUOUS, "maybe", "promiscuous: write on, off or default"),
            (&PORTS, "8080 0", "from 1 to 65535"),
            (&PORTS, "70000", "from 1 to 65535"),
            (&PORTS, "90-80", "no range"),
            (&PORTS, "80, 80", "80 is there already"),
            (&PORTS, "8000-8100 8080", "overlaps 8000-8100"),
            (&LOG_INTERVAL, "0s", "log_interval: `0s` is no length of time from 1s to a year"),
            (&IDLE, "soon", "no length of time"),
            (&LIVE_RATE, "1KB", "from 32KB to 1MB"),
            (&LIVE_RATE, "5000MB", "from 32KB to 1MB"),
            (&LIVE_RATE, "much", "live_rate: `much` is no number of octets"),
            (&IDLE, "9999999d", "no length of time"),
            (&IDLE, "4294967295s", "no length of time"),
            (&CAPTURE, "tcp\nudp", "a capture filter is one line of words"),
            (&CAPTURE, &long, "a capture filter has at most 4096 octets"),
        ] {
            let mut settings = Settings { revision: 3, ..Settings::default() };
            let error = settings.set(setting, text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert_eq!(settings, Settings { revision: 3, ..Settings::default() });
        }
    }

    #[test]
    fn a_change_is_stronger_than_the_own_values_and_what_it_leaves_out_stays() {
        let own = Settings::read(0, [("capture", "not port 22"), ("idle", "60s")]).unwrap().or(&Settings::defaults());
        let wanted = Settings::read(3, [("promiscuous", "off"), ("idle", "90s"), ("colour", "red")]).unwrap();
        let all = wanted.or(&own);
        assert_eq!((all.revision, all.text(&CAPTURE), all.time(&IDLE).as_secs()), (3, "not port 22", 90));
        assert_eq!((all.on(&PROMISCUOUS), all.on(&LOG), all.unknown().count()), (false, false, 0));
        assert_eq!(all.or(&own), all);
    }

    #[test]
    fn settings_of_newer_programs_are_passed_on() {
        let settings = Settings::read(1, [("colour", "all red "), ("log", "on")]).unwrap();
        assert_eq!(settings.unknown().collect::<Vec<_>>(), ["colour"]);
        assert_eq!(Settings::read(1, settings.texts()), Ok(settings));
        let many = (0..=MOST).map(|number| (number.to_string(), ""));
        assert!(Settings::read(1, many).is_err() && Settings::read(1, [("x", "y".repeat(5_000))]).is_err());
    }

    #[test]
    fn every_setting_has_names_of_its_own_and_a_default_that_can_be_typed() {
        for setting in SETTINGS {
            let same = SETTINGS
                .iter()
                .filter(|other| other.name == setting.name || other.key == setting.key || other.flag == setting.flag);
            assert_eq!(same.count(), 1, "{}", setting.name);
            assert_eq!(setting.parse(&setting.default.to_string()), Ok(setting.default.clone()));
        }
    }
}
