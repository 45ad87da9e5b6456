//! IP protocols (IANA, Assigned Internet Protocol Numbers).

use super::{Counted, Definition, KeyKind, Octets, Share, Source};
use crate::names::{protocol_name, protocol_number};
use crate::{Family, FlowKey, Key, OrderBy, Ports};

/// Traffic of each IP protocol; outbound is what the initiators of its flows sent.
pub const PROTOCOLS: Counted = Counted(&Definition {
    number: 10,
    name: "protocols",
    key: KeyKind::Number,
    octets: Octets::Ip,
    capacity: 256,
    orders: &[OrderBy::Octets, OrderBy::Packets, OrderBy::Rate, OrderBy::Key, OrderBy::OctetsIn, OrderBy::OctetsOut],
    source: Source::Flows(shares),
    covers: |class| class.family != Family::NonIp,
    both_ends: false,
    everywhere: true,
    peers: false,
    print: |key| name(key).unwrap_or_else(|| key.to_string()),
    read: |text| {
        let number = protocol_number(text).or_else(|| text.parse().ok())?;
        Some(Key::Number(u64::from(number)))
    },
    fields: |key| vec![("protocol", key.and_then(name).into()), ("number", key.and_then(Key::number).into())],
});

fn name(key: Key) -> Option<String> {
    u8::try_from(key.number()?).ok().map(protocol_name)
}

fn shares(flow: &FlowKey, _: &Ports) -> [Option<Share>; 2] {
    [Some(Share { key: Key::Number(u64::from(flow.protocol)), reversed: false }), None]
}
