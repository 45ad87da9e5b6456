//! Time zone, units and colours of screens and tables.

use jiff::tz::TimeZone;

use crate::number::Units;
use crate::theme::Theme;

/// Settings of the presentation.
#[derive(Clone, Debug)]
pub struct Look {
    /// Of the reader.
    pub zone: TimeZone,
    /// Of rates.
    pub units: Units,
    /// Colours.
    pub theme: Theme,
    /// Packets of the lower window name their source MAC.
    pub macs: bool,
    /// Minutes after which connections that are over leave the traffic monitor; 0 leaves them there.
    pub persistence: u32,
    /// The collector, for About and for the first seconds.
    pub collector: String,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            units: Units::default(),
            theme: Theme::default(),
            macs: false,
            persistence: 0,
            collector: String::new(),
        }
    }
}
