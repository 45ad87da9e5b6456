//! VLANs: the outermost IEEE 802.1Q tag of each frame.

use super::{Counted, Definition, KeyKind, Octets, Source};
use crate::{Key, OrderBy};

/// Traffic of each VLAN identifier. 0 is untagged: a frame without a tag, or with a tag for its priority alone.
pub const VLANS: Counted = Counted(&Definition {
    number: 8,
    name: "vlans",
    key: KeyKind::Number,
    octets: Octets::Frame,
    capacity: 4_096,
    orders: &[OrderBy::Octets, OrderBy::Packets, OrderBy::Rate, OrderBy::Key, OrderBy::OctetsIn, OrderBy::OctetsOut],
    source: Source::Packets,
    covers: |_| true,
    both_ends: false,
    everywhere: false,
    peers: false,
    print: |key| if key == UNTAGGED { "untagged".to_owned() } else { key.to_string() },
    read: |text| if text == "untagged" { Some(UNTAGGED) } else { text.parse().ok().map(Key::Number) },
    fields: |key| vec![("vlan", key.and_then(Key::number).into())],
});

const UNTAGGED: Key = Key::Number(0);
