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
    /// Octets of the longest capture filter.
    pub const CAPTURE: usize = 4_096;
    /// Seconds of the longest timer: a year.
    pub const LONGEST: u32 = 365 * 86_400;

    /// Whether all of it means something, before it is sent anywhere. Whether the words of a capture filter are libpcap's,
    /// only the sensor knows.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if let Some(capture) = &self.capture {
            if capture.len() > Self::CAPTURE {
                return Err(format!("a capture filter has at most {} octets", Self::CAPTURE));
            }
            if capture.contains(char::is_control) {
                return Err("a capture filter is one line of words".to_owned());
            }
        }
        for (name, seconds) in [("log interval", self.log_interval), ("idle timeout", self.idle)] {
            if seconds.is_some_and(|seconds| !(1..=Self::LONGEST).contains(&seconds)) {
                return Err(format!("the {name} is at least one second and at most a year"));
            }
        }
        let ports = self.ports.as_deref().unwrap_or_default();
        if ports.len() > Self::PORTS {
            return Err(format!("at most {} ports and ranges", Self::PORTS));
        }
        ports.iter().enumerate().try_for_each(|(place, range)| check_ports(*range, &ports[..place]))
    }
}

/// Whether a port or range may stand beside `others`.
///
/// # Errors
/// When it is none, or one of the others holds a part of it.
pub fn check_ports((from, to): (u16, u16), others: &[(u16, u16)]) -> Result<(), String> {
    if from == 0 || from > to {
        return Err(format!("`{}` is no range of ports from 1 to 65535", range_words((from, to))));
    }
    match others.iter().find(|(first, last)| from <= *last && *first <= to) {
        None => Ok(()),
        Some((first, last)) if (*first, *last) == (from, to) => {
            Err(format!("{} is there already", range_words((from, to))))
        }
        Some(other) => {
            Err(format!("{} overlaps {}, which is there already", range_words((from, to)), range_words(*other)))
        }
    }
}

/// As people write ports: `8080`, or `9000-9010`.
#[must_use]
pub fn range_words((from, to): (u16, u16)) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_checked_against_each_other_and_their_bounds() {
        let with = |ports: &[(u16, u16)]| Settings { ports: Some(ports.to_vec()), ..Settings::default() }.check();
        assert_eq!(with(&[(8080, 8080), (8000, 8079), (65_535, 65_535), (1, 1)]), Ok(()));
        for (ports, words) in [
            (&[(0, 80)][..], "no range of ports from 1 to 65535"),
            (&[(90, 80)], "no range"),
            (&[(80, 80), (80, 80)], "80 is there already"),
            (&[(8000, 8100), (8080, 8080)], "8080 overlaps 8000-8100"),
        ] {
            assert!(with(ports).unwrap_err().contains(words), "{ports:?}: {:?}", with(ports));
        }
        assert!(with(&vec![(1, 1); Settings::PORTS + 1]).unwrap_err().contains("1000"));
    }

    #[test]
    fn timers_and_capture_filters_are_bounded() {
        for (settings, good) in [
            (Settings { idle: Some(0), ..Settings::default() }, false),
            (Settings { idle: Some(900), log_interval: Some(60), ..Settings::default() }, true),
            (Settings { log_interval: Some(u32::MAX), ..Settings::default() }, false),
            (Settings { capture: Some("tcp\nudp".to_owned()), ..Settings::default() }, false),
            (Settings { capture: Some("x".repeat(5_000)), ..Settings::default() }, false),
            (Settings { capture: Some(String::new()), ..Settings::default() }, true),
        ] {
            assert_eq!(settings.check().is_ok(), good, "{settings:?}");
        }
    }
}
