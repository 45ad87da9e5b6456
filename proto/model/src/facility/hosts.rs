//! Hosts: the IP addresses at both ends of each flow.

use super::{Counted, Definition, KeyKind, Octets, Share, Source};
use crate::{Family, FlowKey, Key, OrderBy, Ports};

/// Traffic of each IP address, with its flows and the addresses it talks with.
pub const HOSTS: Counted = Counted(&Definition {
    number: 6,
    name: "hosts",
    key: KeyKind::Address,
    octets: Octets::Ip,
    capacity: 8_192,
    orders: &[
        OrderBy::Octets,
        OrderBy::Packets,
        OrderBy::Rate,
        OrderBy::Key,
        OrderBy::PacketsIn,
        OrderBy::OctetsIn,
        OrderBy::PacketsOut,
        OrderBy::OctetsOut,
        OrderBy::Peers,
        OrderBy::Flows,
    ],
    source: Source::Flows(shares),
    covers: |class| class.family != Family::NonIp,
    both_ends: true,
    everywhere: false,
    peers: true,
    print: |key| key.to_string(),
    read: |text| text.parse().ok().map(Key::Address),
    fields: |key| vec![("address", key.map(|key| key.to_string()).into())],
});

fn shares(flow: &FlowKey, _: &Ports) -> [Option<Share>; 2] {
    let share = |address, reversed| Some(Share { key: Key::Address(address), reversed });
    [share(flow.source.address, false), share(flow.destination.address, true)]
}
