//! Services: the TCP and UDP ports that are asked.

use super::{Counted, Definition, KeyKind, Octets, Share, Source};
use crate::names::{protocol_name, protocol_number};
use crate::{Family, FlowKey, Key, OrderBy, Ports, Service, Transport};

/// Traffic of each TCP or UDP port that is served. The number is the protocol << 16 | the port.
pub const SERVICES: Counted = Counted(&Definition {
    number: 4,
    name: "services",
    key: KeyKind::Number,
    octets: Octets::Ip,
    capacity: 4_096,
    orders: &[
        OrderBy::Octets,
        OrderBy::Packets,
        OrderBy::Rate,
        OrderBy::Key,
        OrderBy::PacketsIn,
        OrderBy::OctetsIn,
        OrderBy::PacketsOut,
        OrderBy::OctetsOut,
    ],
    source: Source::Flows(shares),
    covers: |class| class.family != Family::NonIp && matches!(class.transport, Transport::Tcp | Transport::Udp),
    both_ends: false,
    everywhere: false,
    peers: false,
    print: |key| Service::of_key(key).map_or_else(|| key.to_string(), |service| service.to_string()),
    read,
    fields: |key| {
        let service = key.and_then(Service::of_key);
        vec![
            ("protocol", service.map(|service| protocol_name(service.protocol)).into()),
            ("port", service.map(|service| u64::from(service.port)).into()),
        ]
    },
});

impl Service {
    /// The key of the service.
    pub const fn key(self) -> Key {
        Key::Number((self.protocol as u64) << 16 | self.port as u64)
    }

    /// The service of a key; `None` if the key is of something else.
    pub fn of_key(key: Key) -> Option<Self> {
        let number = key.number()?;
        Self::new(u8::try_from(number >> 16).ok()?, number as u16)
    }
}

fn read(text: &str) -> Option<Key> {
    let (protocol, port) = text.split_once('/')?;
    Service::new(protocol_number(protocol)?, port.parse().ok()?).map(Service::key)
}

fn shares(flow: &FlowKey, ports: &Ports) -> [Option<Share>; 2] {
    let share = |service: Service| {
        let at_source = flow.source.port == service.port && flow.destination.port != service.port;
        Share { key: service.key(), reversed: !at_source }
    };
    [flow.service(ports).map(share), None]
}
