//! Named filters and the settings of sensors, as commands.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use traf_model::filter::{Rules, check_name};
use traf_model::settings::SETTINGS;
use traf_model::{NamedFilter, SensorState, Setting, Settings};

use crate::cli::FilterCommand;
use crate::client::Client;
use crate::command::{known, say};
use crate::failure::Usage;
use crate::filter_option::named;
use crate::settings::standing;
use crate::text::clean;

/// Octets of the longest text that is read: more than any rules may have, so that too long is told from cut.
const LONGEST: u64 = 64 << 10;

/// Shows, keeps or deletes named filters.
pub async fn filters(client: &Client, command: &FilterCommand, mut out: impl Write) -> Result<()> {
    match command {
        FilterCommand::List => {
            for NamedFilter { name, rules } in client.filters_now().await? {
                let words = rules.compiled().to_string();
                writeln!(out, "{:<24} {}", clean(&name), if words.is_empty() { "all" } else { &words })?;
            }
        }
        FilterCommand::Show { name } => write!(out, "{}", named(client, name).await?.rules)?,
        FilterCommand::Save { name } => {
            let filter = typed(name, std::io::stdin().lock())?;
            let shows = filter.rules.shows_something();
            client.save_filter(&filter).await?;
            say(&format!("filter `{name}` is kept: --filter @{name}"));
            if !shows {
                say(
                    "none of its rules includes anything, so it shows nothing: `include all` as its last line shows the rest",
                );
            }
        }
        FilterCommand::Delete { name } => {
            client.delete_filter(name).await?;
            say(&format!("filter `{name}` is deleted"));
        }
    }
    out.flush()?;
    Ok(())
}

fn typed(name: &str, mut text: impl Read) -> Result<NamedFilter> {
    check_name(name).map_err(Usage)?;
    let mut rules = String::new();
    text.by_ref().take(LONGEST).read_to_string(&mut rules).context("reading the rules from standard input")?;
    let rules: Rules = rules.parse().map_err(|error: traf_model::FilterError| Usage(error.to_string()))?;
    Ok(NamedFilter { name: name.to_owned(), rules })
}

/// Changes settings of a sensor, `key=value` each, and says what became of it; without any, shows them.
pub async fn set(client: &Client, name: &str, changes: &[String], mut out: impl Write) -> Result<()> {
    let find = async || -> Result<SensorState> {
        let fleet = client.fleet_now().await?;
        known(&fleet, &[name.to_owned()])?;
        fleet.sensors.into_iter().find(|sensor| sensor.name == name).context("the sensor is gone")
    };
    let mut sensor = find().await?;
    if changes.is_empty() {
        return show(&sensor, &mut out);
    }
    let mut settings = sensor.wanted.clone();
    for change in changes {
        apply(&mut settings, change)?;
    }
    let revision = client.set_settings(name, &settings).await?;
    say(&format!("{name}: revision {revision} is kept"));
    // A sensor that is there answers within a second or two.
    for _ in 0..PATIENCE {
        sensor = find().await?;
        if sensor.settings.settings.revision == revision || sensor.connected.is_none() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    show(&sensor, &mut out)?;
    if sensor.settings.settings.revision == revision && !sensor.settings.refused.is_empty() {
        bail!("{name} refuses: {}", sensor.settings.refused);
    }
    Ok(())
}

/// Times half a second that a sensor may need to answer.
const PATIENCE: u32 = 10;

fn apply(settings: &mut Settings, change: &str) -> Result<(), Usage> {
    let names = || SETTINGS.map(|setting| setting.name).join(", ");
    let Some((key, value)) = change.split_once('=') else {
        return Err(Usage(format!("`{change}` is not of the form key=value; keys are {}", names())));
    };
    let setting = Setting::named(key).ok_or_else(|| Usage(format!("`{key}` is none of {}", names())))?;
    settings.set(setting, value).map_err(Usage)
}

fn show(sensor: &SensorState, out: &mut impl Write) -> Result<()> {
    let standing = standing(sensor).map_or_else(|| "never changed from here".to_owned(), |(words, _)| words);
    writeln!(out, "{:<14}{}", "state", clean(&standing))?;
    if !sensor.settings.trouble.is_empty() {
        writeln!(out, "{:<14}{}", "trouble", clean(&sensor.settings.trouble))?;
    }
    for setting in SETTINGS {
        let wanted = sensor.wanted.get(setting).map_or(String::new(), |value| format!(", wanted {value}"));
        let now = sensor.settings.settings.get(setting).map_or("-".to_owned(), ToString::to_string);
        writeln!(out, "{:<14}{}", setting.name, clean(&format!("{now}{wanted}")))?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::settings::CAPTURE;

    use super::*;

    #[test]
    fn rules_come_from_standard_input_and_errors_point_at_them() {
        let filter = typed("web", &b"# mine\nexclude host 10.0.0.7\ninclude tcp port 80\n"[..]).unwrap();
        assert_eq!(filter.rules.to_string(), "exclude host 10.0.0.7\ninclude tcp port 80\n");
        let error = typed("web", &b"include tcp\nallow udp\n"[..]).unwrap_err().to_string();
        assert!(error.contains("line 2, column 1") && error.contains("expected `include`"), "{error}");
        assert!(typed("@web", &b""[..]).unwrap_err().to_string().contains("begins with none"));
    }

    #[test]
    fn changes_name_their_key() {
        let mut settings = Settings::default();
        apply(&mut settings, "capture=tcp port 80 or host=x").unwrap();
        assert_eq!(settings.text(&CAPTURE), "tcp port 80 or host=x");
        for (change, words) in [("promisc=on", "none of promiscuous, ports"), ("log", "key=value"), ("idle=x", "15m")] {
            assert!(apply(&mut settings, change).unwrap_err().to_string().contains(words), "{change}");
        }
    }
}
