//! VLANs: traffic of each tag.

use traf_model::facility::VLANS;
use traf_model::filter::{Expression, Test};

use super::plain;
use super::view::{MenuEntry, View};

pub(super) static VIEW: View = plain::view(
    VLANS,
    ["VLANs", "VLAN"],
    MenuEntry {
        title: "By VLAN",
        letter: 'v',
        help: "Traffic of every VLAN that an interface sees, and of untagged frames",
        breakdown: true,
        apart: false,
    },
    |key| match key.number()? {
        0 => Some(Expression::Not(Expression::Test(Test::Vlan(None)).into())),
        vlan => Some(Expression::Test(Test::Vlan(Some(vlan as u16)))),
    },
    |key| Some(format!("vlan = {}", key.number()?)),
);
