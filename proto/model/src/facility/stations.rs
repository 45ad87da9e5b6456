//! LAN stations: the MAC addresses at both ends of each frame.

use super::{Counted, Definition, KeyKind, Octets, Source};
use crate::{Key, OrderBy};

/// Traffic of each MAC address, with its IP part and the IP addresses behind it.
pub const STATIONS: Counted = Counted(&Definition {
    number: 5,
    name: "stations",
    key: KeyKind::Mac,
    octets: Octets::Frame,
    capacity: 2_048,
    orders: &[
        OrderBy::Octets,
        OrderBy::Packets,
        OrderBy::Rate,
        OrderBy::Key,
        OrderBy::PacketsIn,
        OrderBy::OctetsIn,
        OrderBy::IpIn,
        OrderBy::PacketsOut,
        OrderBy::OctetsOut,
        OrderBy::IpOut,
    ],
    source: Source::FrameEnds,
    covers: |_| true,
    both_ends: true,
    everywhere: false,
    peers: false,
    print: |key| key.to_string(),
    read: |text| text.parse().ok().map(Key::Mac),
    fields: |key| vec![("address", key.map(|key| key.to_string()).into())],
});
