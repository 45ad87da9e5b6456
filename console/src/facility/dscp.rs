//! DSCP classes: traffic of each code point.

use traf_model::facility::DSCP;

use super::plain;
use super::view::{MenuEntry, View};

// Filters have no word for it, so it has no condition.
pub(super) static VIEW: View = View {
    history: |key| Some(format!("dscp = {}", key.number()?)),
    ..plain::view(
        DSCP,
        ["DSCP classes", "DSCP class"],
        MenuEntry::breakdown(
            "By DSCP class",
            'd',
            "Traffic of every class of the DS field: what is marked as voice, video or bulk",
        ),
    )
};
