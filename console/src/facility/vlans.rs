//! VLANs: traffic of each tag.

use traf_model::facility::VLANS;
use traf_model::filter::{Expression, Test};

use super::plain;
use super::view::{MenuEntry, View};

pub(super) static VIEW: View = View {
    condition: |key| match key.number()? {
        0 => Some(Expression::Not(Expression::Test(Test::Vlan(None)).into())),
        vlan => Some(Expression::Test(Test::Vlan(Some(vlan as u16)))),
    },
    history: |key| Some(format!("vlan = {}", key.number()?)),
    ..plain::view(
        VLANS,
        ["VLANs", "VLAN"],
        MenuEntry::breakdown("By VLAN", 'v', "Traffic of every VLAN that an interface sees, and of untagged frames"),
    )
};
