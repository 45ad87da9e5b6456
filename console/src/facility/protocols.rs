//! IP protocols: traffic of each.

use traf_model::facility::PROTOCOLS;
use traf_model::filter::{Expression, Test};

use super::plain;
use super::view::{MenuEntry, View};

pub(super) static VIEW: View = View {
    condition: |key| Some(Expression::Test(Test::Protocol(u8::try_from(key.number()?).ok()?))),
    history: |key| Some(format!("number = {}", key.number()?)),
    ..plain::view(
        PROTOCOLS,
        ["IP protocols", "IP protocol"],
        MenuEntry::breakdown(
            "By IP protocol",
            'i',
            "Traffic of every IP protocol; out is what the initiators of its flows sent",
        ),
    )
};
