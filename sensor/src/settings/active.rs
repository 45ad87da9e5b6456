//! Brings into force what is wanted, as a whole or not at all, and says what is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use traf_model::{Settings, SettingsState};
use traf_proto as wire;

use super::{Rules, SettingsFile};
use crate::capture::attachments::Attachments;
use crate::config::Config;
use crate::text_log::{LogHandle, TextLog, TextLogConfig};

/// What the capture threads are told.
#[derive(Clone, Default)]
pub struct Orders {
    /// Services beside those below 1024.
    pub ports: Vec<(u16, u16)>,
    /// Silence after which a flow is over.
    pub idle: Duration,
    /// With what they write the text log; `None` while there is none.
    pub log: Option<LogHandle>,
}

/// What the collector wants of the settings.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As far as they are understood; the revision always is.
    pub settings: Settings,
    /// What of them is not, in words; empty when all of it is.
    pub unclear: String,
}

impl From<wire::Settings> for Wanted {
    fn from(wire: wire::Settings) -> Self {
        let revision = wire.revision;
        match Settings::try_from(wire) {
            Ok(settings) => Self { settings, unclear: String::new() },
            Err(error) => Self { settings: Settings { revision, ..Settings::default() }, unclear: error.to_string() },
        }
    }
}

/// Where wishes come from, and where is told what became of them.
pub struct Channels {
    /// From the collector, the latest.
    pub wanted: watch::Receiver<Option<Wanted>>,
    /// To the collector.
    pub state: watch::Sender<SettingsState>,
    /// To the capture threads.
    pub orders: watch::Sender<Arc<Orders>>,
    /// Grows with each request to open the text logs anew.
    pub reopen: watch::Receiver<u64>,
}

/// Knows what is in force.
pub struct ActiveSettings {
    /// As flags, environment and file say.
    base: Rules,
    rules: Rules,
    text: TextLogConfig,
    kept: SettingsFile,
    wires: Channels,
    log: Option<TextLog>,
    /// The last change that was looked at, and why it does not hold.
    last: Option<Settings>,
    refused: String,
}

impl ActiveSettings {
    /// With what was kept at the last change in force. A text log that the configuration asks for must work; one that a console
    /// asked for may fail, and that is said.
    ///
    /// # Errors
    /// When the text log cannot be written.
    pub fn start(config: &Config, wires: Channels) -> anyhow::Result<Self> {
        let (base, kept) = (config.rules.clone(), SettingsFile::at(&config.data));
        let mut active = Self {
            rules: base.clone(),
            base,
            text: config.text.clone(),
            kept,
            wires,
            log: None,
            last: None,
            refused: String::new(),
        };
        match active.kept.load().map(|kept| kept.map(|kept| (active.base.with(&kept), kept))) {
            Ok(None) => {}
            Ok(Some((Ok(rules), kept))) => {
                tracing::info!("settings of revision {} are in force: they were made from a console", kept.revision);
                (active.rules, active.last) = (rules, Some(kept));
            }
            Ok(Some((Err(words), kept))) => active.refuse(kept, words),
            Err(words) => tracing::warn!("{words}: settings that were made from a console are not in force"),
        }
        if active.rules.log {
            match active.open_log(&active.rules) {
                Ok(log) => active.log = Some(log),
                Err(words) if active.base.log => {
                    return Err(anyhow::anyhow!(words)).context("starting the text logs");
                }
                Err(words) => {
                    active.rules.log = false;
                    active.refused = words;
                }
            }
        }
        active.give_orders();
        active.tell();
        Ok(active)
    }

    /// What is in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Looks whether something else is wanted, and tells what is in force.
    pub fn turn(&mut self, attachments: &mut Attachments) {
        let wanted = self.wires.wanted.borrow_and_update().clone();
        if let Some(Wanted { settings: wanted, unclear }) = wanted
            // Nothing was ever changed: what a former collector wanted stays.
            && wanted.revision != 0
            && self.last.as_ref() != Some(&wanted)
        {
            let changed = match unclear.is_empty() {
                true => self.change(&wanted, attachments),
                false => Err(format!("the sensor does not understand it: {unclear}")),
            };
            match changed {
                Ok(()) => {
                    tracing::info!("settings of revision {} are in force", wanted.revision);
                    (self.last, self.refused) = (Some(wanted), String::new());
                }
                Err(words) => self.refuse(wanted, words),
            }
        }
        self.tell();
    }

    /// Ends the text log; the captures have ended before.
    pub fn stop(mut self) {
        self.close_log();
    }

    /// All of it, or nothing.
    fn change(&mut self, wanted: &Settings, attachments: &mut Attachments) -> Result<(), String> {
        if i64::try_from(wanted.revision).is_err() {
            return Err(format!("revision {} is beyond what can be kept", wanted.revision));
        }
        let rules = self.base.with(wanted)?;
        let plan = attachments.plan(&rules).map_err(|error| error.to_string())?;
        let opened = match rules.log && self.log.is_none() {
            true => Some(self.open_log(&rules)?),
            false => None,
        };
        if let Err(error) = self.kept.save(wanted) {
            if let Some(log) = opened {
                // Nobody has written yet.
                let _ = log.stop();
            }
            return Err(format!("the sensor cannot keep it: {error}"));
        }
        attachments.follow(plan, &rules);
        if !rules.log {
            self.close_log();
        }
        if let Some(log) = &self.log {
            log.set_interval(rules.log_interval);
        }
        self.log = opened.or(self.log.take());
        self.rules = rules;
        self.give_orders();
        Ok(())
    }

    fn open_log(&self, rules: &Rules) -> Result<TextLog, String> {
        let log = TextLog::start(&self.text, rules.log_interval, self.wires.reopen.clone())
            .map_err(|error| error.to_string())?;
        tracing::info!("text logs are written to {}", self.text.folder.display());
        Ok(log)
    }

    fn close_log(&mut self) {
        if let Some(log) = self.log.take()
            && let Err(error) = log.stop()
        {
            tracing::error!("ending the text logs: {error}");
        }
    }

    fn give_orders(&self) {
        let Rules { ports, idle, .. } = self.rules.clone();
        let log = self.log.as_ref().map(TextLog::handle);
        self.wires.orders.send_replace(Arc::new(Orders { ports, idle, log }));
    }

    fn refuse(&mut self, wanted: Settings, words: String) {
        tracing::warn!("settings of revision {} are refused: {words}", wanted.revision);
        (self.last, self.refused) = (Some(wanted), words);
    }

    fn tell(&self) {
        let state = SettingsState {
            settings: self.rules.settings(self.last.as_ref().map_or(0, |last| last.revision)),
            refused: self.refused.clone(),
            trouble: self.log.as_ref().map(TextLog::trouble).unwrap_or_default(),
        };
        self.wires.state.send_if_modified(|known| {
            let changed = *known != state;
            *known = state;
            changed
        });
    }
}
