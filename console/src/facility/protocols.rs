//! IP protocols: traffic of each.

use traf_model::facility::PROTOCOLS;
use traf_model::filter::{Expression, Test};

use super::plain;
use super::view::{MenuEntry, View};

pub(super) static VIEW: View = plain::view(
    PROTOCOLS,
    ["IP protocols", "IP protocol"],
    MenuEntry {
        title: "By IP protocol",
        letter: 'i',
        help: "Traffic of every IP protocol; out is what the initiators of its flows sent",
        breakdown: true,
        apart: false,
    },
    |key| Some(Expression::Test(Test::Protocol(u8::try_from(key.number()?).ok()?))),
    |key| Some(format!("number = {}", key.number()?)),
);
