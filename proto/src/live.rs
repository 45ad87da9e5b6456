//! The live plane, and settings: names and values in text, so that a program of another version can pass them on.

use super::WireError;
use super::field::{messages, parts};
use crate as wire;
use traf_model::{InterfaceSnapshot, Settings, SettingsState, Snapshot, SpoolState};

messages! {
    required Snapshot = Snapshot { at, started, epoch, version, name, interfaces, spool, site, settings };
    required InterfaceSnapshot = InterfaceSnapshot {
        interface, started, ledger, classes, rate, peak, own_rate, own, answers, flows, capacity, gone, rates, peak_total
    };
    optional Spool = SpoolState { records, octets, limit, oldest, lost };
    optional SettingsState = SettingsState { settings, refused, trouble };
}

parts! { optional Settings = Settings; }

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
        Self::read(wire.revision, texts).map_err(WireError::Refused)
    }
}
