//! DSCP classes: traffic of each code point.

use traf_model::facility::DSCP;

use super::plain;
use super::view::{MenuEntry, View};

pub(super) static VIEW: View = plain::view(
    DSCP,
    ["DSCP classes", "DSCP class"],
    MenuEntry {
        title: "By DSCP class",
        letter: 'd',
        help: "Traffic of every class of the DS field: what is marked as voice, video or bulk",
        breakdown: true,
        apart: false,
    },
    // Filters have no word for it.
    |_| None,
    |key| Some(format!("dscp = {}", key.number()?)),
);
