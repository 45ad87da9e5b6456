//! Rows as records: the one schema of what `traf-sensor read` and `traf` print.
//!
//! Names and order are stable, scripts rely on them. Everything here is written without a copy; `writer` brings it into a format.
//!
//! ```
//! use traf_model::facility::HOSTS;
//! use traf_model::record::CountedRecord;
//! use traf_model::{Counters, Traffic};
//!
//! let counts = Traffic::inbound(Counters::new(2, 120)).into();
//! let row = CountedRecord { facility: HOSTS, key: HOSTS.parse("10.0.0.3"), counts: &counts };
//! let text = serde_json::to_string(&row).unwrap();
//! assert!(text.starts_with(r#"{"address":"10.0.0.3","packets":2,"octets":120,"in":{"packets":2"#));
//! ```

use std::fmt::Display;
use std::net::IpAddr;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::facility::{Field, KeyKind};
use crate::names::protocol_name;
use crate::{
    Class, ClassGroup, Counted, Counters, Counts, Family, Flow, Half, Key, Learnt, Mac, Timestamp, Traffic, Transport,
};

/// A value that is written as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Packets and octets of one direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Count {
    /// Packets as captured.
    pub packets: u64,
    /// Octets on the wire.
    pub octets: u64,
    /// Packets on the wire; absent where offload hid none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_packets: Option<u64>,
}

impl From<Counters> for Count {
    fn from(counters: Counters) -> Self {
        let wire_packets = (counters.coalesced > 0).then(|| counters.wire_packets());
        Self { packets: counters.packets, octets: counters.octets, wire_packets }
    }
}

/// Each direction, seen from a key.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ways {
    /// Towards the key.
    #[serde(rename = "in")]
    pub inbound: Count,
    /// From the key.
    #[serde(rename = "out")]
    pub outbound: Count,
}

impl From<Traffic> for Ways {
    fn from(traffic: Traffic) -> Self {
        Self { inbound: traffic.inbound.into(), outbound: traffic.outbound.into() }
    }
}

/// Both directions: their sum, and each.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Both {
    /// The sum.
    #[serde(flatten)]
    pub total: Count,
    /// Each direction.
    #[serde(flatten)]
    pub ways: Ways,
}

impl From<Traffic> for Both {
    fn from(traffic: Traffic) -> Self {
        Self { total: traffic.total().into(), ways: traffic.into() }
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
}

impl ClassRecord {
    /// A class and its traffic.
    pub fn new(group: ClassGroup, traffic: Traffic) -> Self {
        Self { class: group.name(), traffic: traffic.into() }
    }
}

/// A flow, or, marked `other`, the flows of a class that have no row.
#[derive(Clone, Debug, Serialize)]
pub struct FlowRecord {
    /// IP protocol, by name or number.
    pub protocol: Text<Protocol>,
    /// Outermost VLAN identifier.
    pub vlan: Option<u16>,
    /// The initiator.
    pub source: Option<Text<IpAddr>>,
    /// Its port; zero where the protocol has none.
    pub source_port: Option<u16>,
    /// The responder.
    pub destination: Option<Text<IpAddr>>,
    /// Its port.
    pub destination_port: Option<u16>,
    /// From the initiator.
    pub forward: Count,
    /// To the initiator.
    pub reverse: Count,
    /// Time of the first packet.
    pub first: Option<Text<Timestamp>>,
    /// Time of the last packet.
    pub last: Option<Text<Timestamp>>,
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

/// The protocol of a row: of a flow, or of flows without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IP protocol number.
    Number(u8),
    /// The class of flows without a row.
    Class(Class),
}

impl Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&protocol_name(*number)),
            Self::Class(class) => f.write_str(match (class.family, class.transport) {
                (Family::NonIp, _) => "non_ip",
                (_, Transport::Tcp) => "tcp",
                (_, Transport::Udp) => "udp",
                (Family::Ipv6, Transport::Icmp) => "icmp6",
                (_, Transport::Icmp) => "icmp",
                (_, Transport::Other) => "other",
            }),
        }
    }
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
    pub mac: Option<Text<Mac>>,
    /// IPTraf's four characters.
    pub label: String,
    /// Raw window of its last TCP packet.
    pub window: u16,
    /// IP octets of its last packet.
    pub size: u32,
}

impl From<&Half> for EndRecord {
    fn from(half: &Half) -> Self {
        Self { mac: half.mac.map(Text), label: half.label(), window: half.window, size: half.size }
    }
}

impl FlowRecord {
    /// A flow without details.
    pub fn new(flow: &Flow) -> Self {
        Self {
            protocol: Text(Protocol::Number(flow.key.protocol)),
            vlan: flow.key.vlan,
            source: Some(Text(flow.key.source.address)),
            source_port: Some(flow.key.source.port),
            destination: Some(Text(flow.key.destination.address)),
            destination_port: Some(flow.key.destination.port),
            first: Some(Text(flow.first)),
            last: Some(Text(flow.last)),
            state: Some(flow.state.name()),
            complete: flow.complete,
            other: false,
            flows: None,
            details: None,
            forward: flow.traffic.outbound.into(),
            reverse: flow.traffic.inbound.into(),
        }
    }

    /// A flow with details.
    pub fn detailed(flow: &Flow) -> Self {
        let (source_end, destination_end) = ((&flow.forward).into(), (&flow.reverse).into());
        Self { details: Some(FlowDetails { own: flow.own, source_end, destination_end }), ..Self::new(flow) }
    }

    /// The flows of a class that have no row.
    pub fn other(class: Class, traffic: Traffic, flows: u64) -> Self {
        Self {
            protocol: Text(Protocol::Class(class)),
            vlan: None,
            source: None,
            source_port: None,
            destination: None,
            destination_port: None,
            forward: traffic.outbound.into(),
            reverse: traffic.inbound.into(),
            first: None,
            last: None,
            state: None,
            complete: false,
            other: true,
            flows: Some(flows),
            details: None,
        }
    }
}

/// A row of a counted facility; without a key it is what found no place.
#[derive(Clone, Copy, Debug)]
pub struct CountedRecord<'a> {
    /// The facility.
    pub facility: Counted,
    /// The key.
    pub key: Option<Key>,
    /// Its counts.
    pub counts: &'a Counts,
}

impl Serialize for CountedRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct LearntRecord {
            address: Text<IpAddr>,
            first: Text<Timestamp>,
            last: Text<Timestamp>,
        }
        let Self { facility, key, counts } = self;
        let mut map = serializer.serialize_map(None)?;
        for (name, field) in (facility.fields)(*key) {
            match field {
                Field::Absent => map.serialize_entry(name, &None::<u64>)?,
                Field::Number(number) => map.serialize_entry(name, &number)?,
                Field::Text(text) => map.serialize_entry(name, &text)?,
            }
        }
        let Both { total, ways } = counts.traffic.into();
        map.serialize_entry("packets", &total.packets)?;
        map.serialize_entry("octets", &total.octets)?;
        if let Some(wire_packets) = total.wire_packets {
            map.serialize_entry("wire_packets", &wire_packets)?;
        }
        map.serialize_entry("in", &ways.inbound)?;
        map.serialize_entry("out", &ways.outbound)?;
        if facility.key == KeyKind::Mac {
            map.serialize_entry("ip", &Ways::from(counts.ip))?;
            let ips: Vec<_> = counts.addresses.iter().map(|learnt| Text(learnt.address)).collect();
            map.serialize_entry("ips", &ips)?;
            let learnt = |&Learnt { address, first, last }: &Learnt| LearntRecord {
                address: Text(address),
                first: Text(first),
                last: Text(last),
            };
            map.serialize_entry("learnt", &counts.addresses.iter().map(learnt).collect::<Vec<_>>())?;
        }
        if facility.peers && counts.flows > 0 {
            map.serialize_entry("peers", &counts.peers)?;
            map.serialize_entry("flows", &counts.flows)?;
        }
        map.end()
    }
}
