//! What of the configuration may be changed while the sensor runs: from a console, through the collector.
//!
//! ```text
//! live ─(wanted)─► active ───► checked ─► kept on disk ─► captures, log
//!                      └────────(state)─► live ─► collector
//! ```
//!
//! What the collector names is stronger than flags, environment and file, also after a restart; what it leaves out stays as
//! these say. A change holds as a whole or is refused as a whole, with the reason; then everything goes on as before.

mod active;
mod file;

use std::time::Duration;

use traf_model::Settings;

pub use active::{ActiveSettings, Channels, Orders, Wanted};
pub use file::SettingsFile;

/// What may be changed, every part of it known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Interfaces take frames that are not addressed to them.
    pub promiscuous: bool,
    /// What is captured at all, in libpcap's words; empty means everything.
    pub capture: String,
    /// Services beside those below 1024, both ends inside.
    pub ports: Vec<(u16, u16)>,
    /// Silence after which a flow is over.
    pub idle: Duration,
    /// Text logs are written.
    pub log: bool,
    /// Between two dumps of statistics in the log.
    pub log_interval: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            promiscuous: true,
            capture: String::new(),
            ports: Vec::new(),
            idle: Duration::from_secs(15 * 60),
            log: false,
            // IPTraf's.
            log_interval: Duration::from_secs(3600),
        }
    }
}

impl Rules {
    /// These, with what `wanted` names in their place.
    ///
    /// # Errors
    /// In words, when `wanted` asks for what cannot be.
    pub fn with(&self, wanted: &Settings) -> Result<Self, String> {
        let seconds = |wanted: Option<u32>, mine: Duration| {
            wanted.map_or(mine, |seconds| Duration::from_secs(u64::from(seconds)))
        };
        let rules = Self {
            promiscuous: wanted.promiscuous.unwrap_or(self.promiscuous),
            capture: wanted.capture.as_deref().map_or_else(|| self.capture.clone(), |words| words.trim().to_owned()),
            ports: wanted.ports.clone().unwrap_or_else(|| self.ports.clone()),
            idle: seconds(wanted.idle, self.idle),
            log: wanted.log.unwrap_or(self.log),
            log_interval: seconds(wanted.log_interval, self.log_interval),
        };
        rules.check()?;
        Ok(rules)
    }

    /// Whether this can be.
    ///
    /// # Errors
    /// In words, when it cannot.
    pub fn check(&self) -> Result<(), String> {
        self.settings(0).check()
    }

    /// As the collector is told.
    #[must_use]
    pub fn settings(&self, revision: u64) -> Settings {
        let seconds = |time: Duration| Some(u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
        Settings {
            revision,
            promiscuous: Some(self.promiscuous),
            capture: Some(self.capture.clone()),
            ports: Some(self.ports.clone()),
            log: Some(self.log),
            log_interval: seconds(self.log_interval),
            idle: seconds(self.idle),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_a_change_names_is_stronger_and_what_it_leaves_out_stays() {
        let mine = Rules { capture: "not port 22".into(), idle: Duration::from_secs(60), ..Rules::default() };
        let wanted = Settings { revision: 3, promiscuous: Some(false), idle: Some(90), ..Settings::default() };
        let rules = mine.with(&wanted).unwrap();
        assert_eq!(rules, Rules { promiscuous: false, idle: Duration::from_secs(90), ..mine });
        let told = rules.settings(3);
        assert_eq!((told.capture.as_deref(), told.idle, told.log), (Some("not port 22"), Some(90), Some(false)));
        assert_eq!(Rules::default().with(&told).unwrap(), rules);
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let ports = |ports: Vec<(u16, u16)>| Settings { ports: Some(ports), ..Settings::default() };
        for (wanted, part) in [
            (Settings { capture: Some("tcp\0".into()), ..Settings::default() }, "one line"),
            (Settings { capture: Some("x".repeat(9000)), ..Settings::default() }, "at most 4096 octets"),
            (ports(vec![(0, 7)]), "`0-7` is no range"),
            (ports(vec![(9, 7)]), "`9-7` is no range"),
            (ports(vec![(7, 9); 1_001]), "at most 1000"),
            (Settings { idle: Some(0), ..Settings::default() }, "idle"),
            (Settings { log_interval: Some(0), ..Settings::default() }, "log interval"),
        ] {
            let words = Rules::default().with(&wanted).unwrap_err();
            assert!(words.contains(part), "{words}");
        }
    }
}
