//! Rows as records: the one schema of what `traf-sensor read` and `traf` print.
//!
//! Names and order are stable, scripts rely on them. [`report`] makes documents of answers, [`writer`] brings rows into a format.
//!
//! ```
//! use traf_model::facility::HOSTS;
//! use traf_model::record::CountedRecord;
//! use traf_model::{Counters, Traffic};
//!
//! let counts = Traffic::inbound(Counters::new(2, 120)).into();
//! let row = CountedRecord::new(HOSTS, HOSTS.parse("10.0.0.3"), &counts);
//! let text = serde_json::to_string(&row).unwrap();
//! assert!(text.starts_with(r#"{"address":"10.0.0.3","packets":2,"octets":120,"in":{"packets":2"#));
//! ```

pub mod report;
pub mod writer;

use std::net::IpAddr;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::facility::KeyKind;
use crate::names::protocol_name;
use crate::{
    Class, Counted, Counters, Counts, Family, Flow, Half, Key, Learnt, Mac, PacketEnd, Point, Timestamp, Traffic,
    Transport,
};

/// Types that are written as their text.
macro_rules! as_text {
    ($($type:ty),+) => {
        $(impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })+
    };
}

as_text!(Mac, PacketEnd, Point, Timestamp);

/// Packets and octets; packets on the wire only where offload hid some.
impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("packets", &self.packets)?;
        map.serialize_entry("octets", &self.octets)?;
        if self.coalesced > 0 {
            map.serialize_entry("wire_packets", &self.wire_packets())?;
        }
        map.end()
    }
}

/// Both directions: their sum, and each.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Both {
    /// The sum.
    #[serde(flatten)]
    pub total: Counters,
    /// Each direction.
    #[serde(flatten)]
    pub ways: Traffic,
}

impl From<Traffic> for Both {
    fn from(ways: Traffic) -> Self {
        Self { total: ways.total(), ways }
    }
}

/// Both directions of flows.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Directions {
    /// From the initiator.
    pub forward: Counters,
    /// To the initiator.
    pub reverse: Counters,
}

impl From<Traffic> for Directions {
    fn from(traffic: Traffic) -> Self {
        Self { forward: traffic.outbound, reverse: traffic.inbound }
    }
}

/// A row of the interface statistics.
#[derive(Clone, Debug, Serialize)]
pub struct ClassRecord {
    /// Name of the class.
    pub class: &'static str,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Both,
    /// Traffic a second; absent in documents of whole files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Both>,
}

/// A flow, or, marked `other`, the flows of a class that have no row.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FlowRecord {
    /// IP protocol, by name or number; with `other` the class.
    pub protocol: String,
    /// Outermost VLAN identifier.
    pub vlan: Option<u16>,
    /// The initiator.
    pub source: Option<IpAddr>,
    /// Its port; zero where the protocol has none.
    pub source_port: Option<u16>,
    /// The responder.
    pub destination: Option<IpAddr>,
    /// Its port.
    pub destination_port: Option<u16>,
    /// Both directions.
    #[serde(flatten)]
    pub traffic: Directions,
    /// Time of the first packet.
    pub first: Option<Timestamp>,
    /// Time of the last packet.
    pub last: Option<Timestamp>,
    /// State at the end of the window.
    pub state: Option<&'static str>,
    /// The beginning was seen.
    pub complete: bool,
    /// Flows without a row, added up.
    pub other: bool,
    /// Number of flows; only with `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<u64>,
    /// Details of answers; absent in documents of whole files.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<FlowDetails>,
}

/// Details of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct FlowDetails {
    /// Our own stream to the collector.
    pub own: bool,
    /// The initiator's end.
    pub source_end: EndRecord,
    /// The responder's end.
    pub destination_end: EndRecord,
}

/// One end of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct EndRecord {
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// IPTraf's four characters.
    pub label: String,
    /// Raw window of its last TCP packet.
    pub window: u16,
    /// IP octets of its last packet.
    pub size: u32,
}

impl From<&Half> for EndRecord {
    fn from(half: &Half) -> Self {
        Self { mac: half.mac, label: half.label(), window: half.window, size: half.size }
    }
}

impl FlowRecord {
    /// A flow without details.
    pub fn new(flow: &Flow) -> Self {
        Self {
            protocol: protocol_name(flow.key.protocol),
            vlan: flow.key.vlan,
            source: Some(flow.key.source.address),
            source_port: Some(flow.key.source.port),
            destination: Some(flow.key.destination.address),
            destination_port: Some(flow.key.destination.port),
            traffic: flow.traffic.into(),
            first: Some(flow.first),
            last: Some(flow.last),
            state: Some(flow.state.name()),
            complete: flow.complete,
            ..Self::default()
        }
    }

    /// A flow with details.
    pub fn detailed(flow: &Flow) -> Self {
        let (source_end, destination_end) = ((&flow.forward).into(), (&flow.reverse).into());
        Self { details: Some(FlowDetails { own: flow.own, source_end, destination_end }), ..Self::new(flow) }
    }

    /// The flows of a class that have no row.
    pub fn other(class: Class, traffic: Traffic, flows: u64) -> Self {
        let protocol = match (class.family, class.transport) {
            (Family::NonIp, _) => "non_ip",
            (_, Transport::Tcp) => "tcp",
            (_, Transport::Udp) => "udp",
            (Family::Ipv6, Transport::Icmp) => "icmp6",
            (_, Transport::Icmp) => "icmp",
            (_, Transport::Other) => "other",
        };
        let (protocol, traffic) = (protocol.to_owned(), traffic.into());
        Self { protocol, traffic, other: true, flows: Some(flows), ..Self::default() }
    }
}

/// A row of a counted facility; without a key it is what found no place.
#[derive(Clone, Debug, Serialize)]
pub struct CountedRecord<'a> {
    /// Names and values of the key.
    #[serde(flatten, serialize_with = "by_name")]
    key: Vec<(&'static str, Value)>,
    #[serde(flatten)]
    traffic: Both,
    #[serde(flatten)]
    station: Option<StationRecord<'a>>,
    #[serde(flatten)]
    peers: Option<PeersRecord>,
}

#[derive(Clone, Debug, Serialize)]
struct StationRecord<'a> {
    ip: Traffic,
    ips: Vec<IpAddr>,
    learnt: &'a [Learnt],
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PeersRecord {
    peers: u64,
    flows: u64,
}

impl<'a> CountedRecord<'a> {
    /// A row of the facility.
    pub fn new(facility: Counted, key: Option<Key>, counts: &'a Counts) -> Self {
        let Counts { traffic, ip, flows, peers, addresses } = counts;
        Self {
            key: (facility.fields)(key),
            traffic: (*traffic).into(),
            station: (facility.key == KeyKind::Mac).then(|| {
                let ips = addresses.iter().map(|learnt| learnt.address).collect();
                StationRecord { ip: *ip, ips, learnt: addresses }
            }),
            peers: (facility.peers && *flows > 0).then_some(PeersRecord { peers: *peers, flows: *flows }),
        }
    }
}

fn by_name<S: Serializer>(fields: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}
