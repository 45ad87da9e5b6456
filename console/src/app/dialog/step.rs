//! The step that follows a key in a dialog.

use traf_model::Mac;

use super::sensor::SensorSettings;

/// Steps that follow a key.
#[derive(Clone, Debug)]
pub(super) enum Step<T> {
    /// The dialog stays, in this state.
    Stay(T),
    /// It closes.
    Close,
    /// Another dialog opens.
    Go(Target),
}

/// A dialog that others lead to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// The prompt for a filter.
    Filter,
    /// The prompt for the description of a MAC address.
    Describe(Mac),
    /// The settings of a sensor.
    Sensor(Box<SensorSettings>),
}
