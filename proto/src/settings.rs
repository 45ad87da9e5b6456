//! Settings of a sensor: names and values in text, so that a program of another version can pass them on.

use super::WireError;
use crate as wire;
use traf_model::{Settings, SettingsState};

impl From<&Settings> for wire::Settings {
    fn from(settings: &Settings) -> Self {
        let values = settings.texts().map(|(name, value)| wire::Setting { name: name.to_owned(), value });
        Self { revision: settings.revision, values: values.collect() }
    }
}

impl TryFrom<wire::Settings> for Settings {
    type Error = WireError;

    fn try_from(wire: wire::Settings) -> Result<Self, WireError> {
        let texts = wire.values.into_iter().map(|setting| (setting.name, setting.value));
        Self::read(wire.revision, texts).map_err(WireError::Setting)
    }
}

impl From<&SettingsState> for wire::SettingsState {
    fn from(state: &SettingsState) -> Self {
        Self {
            settings: Some((&state.settings).into()),
            refused: state.refused.clone(),
            trouble: state.trouble.clone(),
        }
    }
}

impl TryFrom<wire::SettingsState> for SettingsState {
    type Error = WireError;

    fn try_from(wire: wire::SettingsState) -> Result<Self, WireError> {
        let settings = wire.settings.unwrap_or_default().try_into()?;
        Ok(Self { settings, refused: wire.refused, trouble: wire.trouble })
    }
}
