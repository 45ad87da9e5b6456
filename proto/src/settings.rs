//! What of a sensor may be changed from a console, through the collector.
//!
//! Whatever is `None` stays as the sensor's own configuration file says. Paths are never set from afar.

/// Wanted of a sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Grows with each change, so that both sides know which one they speak of; zero when nothing was ever changed.
    pub revision: u64,
    /// Whether interfaces take frames that are not addressed to them.
    pub promiscuous: Option<bool>,
    /// What is captured at all, in libpcap's words; empty means everything.
    pub capture: Option<String>,
    /// Ports and ranges that are services beside those below 1024, both ends inside; at most [`Settings::PORTS`].
    pub ports: Option<Vec<(u16, u16)>>,
    /// Whether it writes text logs.
    pub log: Option<bool>,
    /// Seconds between two dumps of statistics in the log.
    pub log_interval: Option<u32>,
    /// Seconds of silence after which a flow is over.
    pub idle: Option<u32>,
}

impl Settings {
    /// Ports and ranges that one sensor takes.
    pub const PORTS: usize = 1_000;
}

/// What a sensor runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsState {
    /// In force now, every part of it known.
    pub settings: Settings,
    /// Why the change of `settings.revision` was refused, in words; empty when it holds.
    pub refused: String,
    /// What of it does not work now, in words, as a log on a full disk; empty when all of it does.
    pub trouble: String,
}
