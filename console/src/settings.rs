//! What of a sensor may be changed from here, in words: fields, their values, and what became of a change.

use traf_model::settings::{check_ports, range_words};
use traf_model::{SensorState, Settings};

use crate::moment;
use crate::number::span;
use crate::theme::Role;

/// One thing that may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Promiscuous mode.
    Promiscuous,
    /// Extra service ports.
    Ports,
    /// Capture filter.
    Capture,
    /// Text logs.
    Log,
    /// Their interval.
    LogInterval,
    /// Idle timeout.
    Idle,
}

/// What stands for "as the sensor's own file says".
pub const OWN: &str = "default";

impl Field {
    /// In the order of the screen.
    pub const ALL: [Self; 6] =
        [Self::Promiscuous, Self::Ports, Self::Capture, Self::Log, Self::LogInterval, Self::Idle];

    /// As the command line names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promiscuous => "promiscuous",
            Self::Ports => "ports",
            Self::Capture => "capture",
            Self::Log => "log",
            Self::LogInterval => "log_interval",
            Self::Idle => "idle",
        }
    }

    /// As the screen names it: IPTraf's words where it has them.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Promiscuous => "Force promiscuous mode",
            Self::Ports => "Additional ports",
            Self::Capture => "Capture filter",
            Self::Log => "Logging",
            Self::LogInterval => "Logging interval",
            Self::Idle => "TCP timeout",
        }
    }

    /// What it does, and how it is written.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Promiscuous => "takes frames that are not addressed to the interface, too: on, off",
            Self::Ports => "services beside those below 1024: 8080, 9000-9100; none for no others",
            Self::Capture => "what is captured at all, in tcpdump's words; everything when empty",
            Self::Log => "writes text logs on the sensor's disk: on, off",
            Self::LogInterval => "between two dumps of statistics in the log: 60m",
            Self::Idle => "silence after which a flow is over: 15m",
        }
    }

    /// Of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The value, in words; `None` where it stays as the sensor's own file says.
    pub fn value(self, settings: &Settings) -> Option<String> {
        let on = |on: bool| if on { "on" } else { "off" }.to_owned();
        let time = |seconds: u32| span(i64::from(seconds) * 1_000_000_000).replace(" min", "m").replace(' ', "");
        match self {
            Self::Promiscuous => settings.promiscuous.map(on),
            Self::Ports => settings.ports.as_deref().map(ports_words),
            Self::Capture => {
                settings.capture.clone().map(|words| if words.is_empty() { "all".to_owned() } else { words })
            }
            Self::Log => settings.log.map(on),
            Self::LogInterval => settings.log_interval.map(time),
            Self::Idle => settings.idle.map(time),
        }
    }

    /// Changes the value.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn set(self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let text = text.trim();
        let own = text.eq_ignore_ascii_case(OWN);
        let switch = || match text.to_ascii_lowercase().as_str() {
            "on" | "yes" | "true" | "1" => Ok(Some(true)),
            "off" | "no" | "false" | "0" => Ok(Some(false)),
            _ if own => Ok(None),
            _ => Err(format!("{}: write on, off or {OWN}", self.name())),
        };
        let seconds = || {
            let wrong = || {
                format!("{}: `{text}` is no length of time from 1s to a year: write 90s, 15m, 1h or {OWN}", self.name())
            };
            if own {
                return Ok(None);
            }
            let nanos = moment::length(text).ok_or_else(wrong)?;
            let seconds = u32::try_from(nanos / 1_000_000_000).map_err(|_| wrong())?;
            if (1..=Settings::LONGEST).contains(&seconds) { Ok(Some(seconds)) } else { Err(wrong()) }
        };
        let mut new = settings.clone();
        match self {
            Self::Promiscuous => new.promiscuous = switch()?,
            Self::Log => new.log = switch()?,
            Self::LogInterval => new.log_interval = seconds()?,
            Self::Idle => new.idle = seconds()?,
            Self::Ports if own => new.ports = None,
            Self::Ports => new.ports = Some(ports(text)?),
            Self::Capture if own => new.capture = None,
            Self::Capture => new.capture = Some(if text == "all" { String::new() } else { text.to_owned() }),
        }
        new.check()?;
        *settings = new;
        Ok(())
    }
}

/// `8080, 9000-9100`, or `none`.
pub fn ports_words(ports: &[(u16, u16)]) -> String {
    if ports.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = ports.iter().map(|range| range_words(*range)).collect();
    words.join(", ")
}

/// One port or range.
///
/// # Errors
/// When it is none.
pub fn range(text: &str) -> Result<(u16, u16), String> {
    let wrong =
        || format!("`{}` is no port and no range of ports: write 8080 or 9000-9100, from 1 to 65535", text.trim());
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong);
    match (port(from)?, port(to)?) {
        (from, to) if from <= to => Ok((from, to)),
        _ => Err(wrong()),
    }
}

fn ports(text: &str) -> Result<Vec<(u16, u16)>, String> {
    let mut ports = Vec::new();
    if text.is_empty() || text == "none" {
        return Ok(ports);
    }
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        let range = range(word)?;
        check_ports(range, &ports)?;
        ports.push(range);
    }
    Ok(ports)
}

/// What became of the last change of a sensor's settings; `None` when nothing was ever changed.
pub fn standing(sensor: &SensorState) -> Option<(String, Role)> {
    let (wanted, state) = (sensor.wanted.revision, &sensor.settings);
    if wanted == 0 {
        return None;
    }
    Some(if state.settings.revision != wanted {
        (format!("waiting for {}", sensor.name), Role::Warn)
    } else if state.refused.is_empty() {
        ("in force".to_owned(), Role::Good)
    } else {
        (format!("refused: {}", state.refused), Role::Alarm)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::SettingsState;

    use super::*;

    #[test]
    fn every_field_says_what_it_was_told() {
        let mut settings = Settings::default();
        for (field, text, shown) in [
            (Field::Promiscuous, "on", Some("on")),
            (Field::Ports, "8080, 9000-9100 65535", Some("8080, 9000-9100, 65535")),
            (Field::Capture, "tcp port 80", Some("tcp port 80")),
            (Field::Log, "off", Some("off")),
            (Field::LogInterval, "60m", Some("1h")),
            (Field::Idle, "90s", Some("1m30s")),
        ] {
            field.set(&mut settings, text).unwrap();
            assert_eq!(field.value(&settings).as_deref(), shown);
            // What is shown can be typed again.
            field.set(&mut settings, shown.unwrap()).unwrap();
            assert_eq!(field.value(&settings).as_deref(), shown);
        }
        let mut other = settings.clone();
        for field in Field::ALL {
            field.set(&mut other, OWN).unwrap();
            assert_eq!(field.value(&other), None);
        }
        assert_eq!(other, Settings::default());
        Field::Ports.set(&mut settings, "none").unwrap();
        Field::Capture.set(&mut settings, "all").unwrap();
        assert_eq!((settings.ports, settings.capture), (Some(vec![]), Some(String::new())));
    }

    #[test]
    fn what_cannot_be_is_refused_in_words_and_changes_nothing() {
        for (field, text, words) in [
            (Field::Promiscuous, "maybe", "write on, off"),
            (Field::Ports, "8080 0", "from 1 to 65535"),
            (Field::Ports, "70000", "from 1 to 65535"),
            (Field::Ports, "90-80", "no range"),
            (Field::Ports, "80, 80", "80 is there already"),
            (Field::Ports, "8000-8100 8080", "overlaps 8000-8100"),
            (Field::LogInterval, "0s", "no length of time"),
            (Field::Idle, "soon", "no length of time"),
            (Field::Idle, "9999999d", "no length of time"),
        ] {
            let mut settings = Settings { revision: 3, ..Settings::default() };
            let error = field.set(&mut settings, text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert_eq!(settings, Settings { revision: 3, ..Settings::default() });
        }
    }

    #[test]
    fn a_change_waits_then_holds_or_is_refused() {
        let mut sensor = SensorState { name: "web1".to_owned(), ..SensorState::default() };
        assert_eq!(standing(&sensor), None);
        sensor.wanted.revision = 2;
        assert_eq!(standing(&sensor).unwrap().0, "waiting for web1");
        sensor.settings = SettingsState { settings: sensor.wanted.clone(), ..SettingsState::default() };
        assert_eq!(standing(&sensor).unwrap().0, "in force");
        sensor.settings.refused = "syntax error".to_owned();
        assert_eq!(standing(&sensor).unwrap().0, "refused: syntax error");
    }
}
