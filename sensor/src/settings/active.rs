//! Settings in force: applies a change as a whole or not at all, and reports the result.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use traf_model::settings::{IDLE, LOG, LOG_INTERVAL, PORTS, Value};
use traf_model::{Settings, SettingsState};
use traf_proto as wire;

use super::{digest, file};
use crate::capture::CaptureSettings;
use crate::capture::attachments::Attachments;
use crate::config::Config;
use crate::digest_key::DigestKey;
use crate::text_log::TextLog;

/// Channels to the other threads.
pub struct Channels {
    /// Settings that the collector wants, the latest.
    pub wanted: watch::Receiver<Option<wire::Settings>>,
    /// State for the collector.
    pub state: watch::Sender<SettingsState>,
    /// Settings for the capture threads.
    pub capture: watch::Sender<Arc<CaptureSettings>>,
    /// Key of the digests, as the collector gave it last.
    pub digest_key: watch::Receiver<Option<DigestKey>>,
    /// Number of requests to open the text logs anew.
    pub reopen: watch::Receiver<u64>,
}

/// Settings in force, and the means to change them.
pub struct ActiveSettings {
    /// As flags, environment and file say.
    config: Arc<Config>,
    /// A value for every setting.
    pub(crate) settings: Settings,
    channels: Channels,
    /// Key of the digests.
    digest_key: Option<DigestKey>,
    log: Option<TextLog>,
    /// The last change that was looked at, and why it does not hold.
    last: Option<Settings>,
    refused: String,
}

impl ActiveSettings {
    /// Starts with the last change in force. A text log that the configuration asks for must work; one that a console asked
    /// for may fail, and that is reported.
    pub fn start(config: Arc<Config>, channels: Channels) -> anyhow::Result<Self> {
        let settings = config.settings.clone();
        let digest_key = digest::load(&config.data).unwrap_or_else(|words| {
            tracing::warn!("{words}: until the collector gives it again, only TCP has evidence");
            None
        });
        let mut active = Self { config, settings, channels, digest_key, log: None, last: None, refused: String::new() };
        match file::load(&active.config.data) {
            Ok(None) => {}
            Ok(Some(last)) => {
                tracing::info!("settings of revision {} are in force: they were made from a console", last.revision);
                (active.settings, active.last) = (last.or(&active.config.settings), Some(last));
            }
            Err(words) => tracing::warn!("{words}: settings that were made from a console are not in force"),
        }
        if active.settings.on(&LOG) {
            match active.open_log(&active.settings) {
                Ok(log) => active.log = Some(log),
                Err(words) if active.config.settings.on(&LOG) => {
                    return Err(anyhow::anyhow!(words)).context("starting the text logs");
                }
                Err(words) => {
                    active.settings.put(&LOG, Some(Value::Switch(false)));
                    active.refused = words;
                }
            }
        }
        active.tell_captures();
        active.report();
        Ok(active)
    }

    /// Applies a change, if there is a new one, and reports what is in force.
    pub fn update(&mut self, attachments: &mut Attachments) {
        self.take_digest_key();
        let wanted = self.channels.wanted.borrow_and_update().clone();
        // Without a revision nothing was ever changed: the wish of a former collector stays.
        if let Some(wanted) = wanted.filter(|wanted| wanted.revision != 0) {
            let revision = wanted.revision;
            let read = Settings::try_from(wanted);
            let change = read.clone().unwrap_or(Settings::default().at(revision));
            if self.last.as_ref() != Some(&change) {
                let read = read.map_err(|error| format!("the sensor does not understand it: {error}"));
                let applied = read.and_then(|wanted| self.apply(&wanted, attachments));
                match &applied {
                    Ok(()) => tracing::info!("settings of revision {revision} are in force"),
                    Err(words) => tracing::warn!("settings of revision {revision} are refused: {words}"),
                }
                (self.last, self.refused) = (Some(change), applied.err().unwrap_or_default());
            }
        }
        self.report();
    }

    /// Ends the text log; the captures have ended before.
    pub fn stop(mut self) {
        self.close_log();
    }

    /// Hands a key that the collector gave to the captures, and keeps it for the next start.
    fn take_digest_key(&mut self) {
        let given = *self.channels.digest_key.borrow_and_update();
        if given.is_none() || given == self.digest_key {
            return;
        }
        self.digest_key = given;
        self.tell_captures();
        if let Some(Err(error)) = given.map(|key| digest::save(&self.config.data, &key)) {
            tracing::warn!("the digest key cannot be kept for the next start: {error}");
        }
    }

    /// All of it, or nothing.
    fn apply(&mut self, wanted: &Settings, attachments: &mut Attachments) -> Result<(), String> {
        if i64::try_from(wanted.revision).is_err() {
            return Err(format!("revision {} is beyond what can be kept", wanted.revision));
        }
        let settings = wanted.or(&self.config.settings);
        let plan = attachments.plan(&settings).map_err(|error| error.to_string())?;
        let opened = (settings.on(&LOG) && self.log.is_none()).then(|| self.open_log(&settings)).transpose()?;
        if let Err(error) = file::save(&self.config.data, wanted) {
            if let Some(log) = opened {
                // Nobody has written yet.
                let _ = log.stop();
            }
            return Err(format!("the sensor cannot keep it: {error}"));
        }
        attachments.follow(plan, &settings);
        if !settings.on(&LOG) {
            self.close_log();
        }
        if let Some(log) = &self.log {
            log.interval.send_replace(settings.time(&LOG_INTERVAL));
        }
        self.log = opened.or(self.log.take());
        self.settings = settings;
        self.tell_captures();
        Ok(())
    }

    fn open_log(&self, settings: &Settings) -> Result<TextLog, String> {
        let text = &self.config.text;
        let log = TextLog::start(text, settings.time(&LOG_INTERVAL), self.channels.reopen.clone())
            .map_err(|error| error.to_string())?;
        tracing::info!("text logs are written to {}", text.folder.display());
        Ok(log)
    }

    fn close_log(&mut self) {
        if let Some(log) = self.log.take()
            && let Err(error) = log.stop()
        {
            tracing::error!("ending the text logs: {error}");
        }
    }

    fn tell_captures(&self) {
        self.channels.capture.send_replace(Arc::new(CaptureSettings {
            ports: self.settings.ports(&PORTS).to_vec(),
            idle: self.settings.time(&IDLE),
            digest_key: self.digest_key,
            log: self.log.as_ref().map(|log| log.handle.clone()),
        }));
    }

    fn report(&self) {
        let unknown = self.last.iter().flat_map(Settings::unknown);
        let unknown = unknown.map(|name| format!("this version of the sensor has no setting `{name}`"));
        let trouble: Vec<String> =
            unknown.chain(self.log.as_ref().map(TextLog::trouble).filter(|trouble| !trouble.is_empty())).collect();
        let revision = self.last.as_ref().map_or(0, |last| last.revision);
        let state = SettingsState {
            settings: self.settings.clone().at(revision),
            refused: self.refused.clone(),
            trouble: trouble.join("; "),
        };
        self.channels.state.send_if_modified(|known| std::mem::replace(known, state.clone()) != state);
    }
}
