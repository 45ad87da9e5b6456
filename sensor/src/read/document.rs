//! The JSON document of `traf-sensor read`: names and order are stable, scripts rely on them.

use std::fmt::Display;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use traf_model::names::protocol_name;
use traf_model::{
    Bracket, Class, ClassGroup, Counters, Flow, InterfaceSummary, Ledger, Mac, Service, Station, Timestamp, Traffic,
    Transport,
};

use super::Totals;

/// A value that stands in JSON as its text, written without a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DisplayText<T>(pub T);

impl<T: Display> Serialize for DisplayText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Everything that was read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    /// Frames in the files.
    pub frames: u64,
    /// Their octets on the wire.
    pub octets: u64,
    /// Time of the earliest frame.
    pub first: Option<DisplayText<Timestamp>>,
    /// Time of the latest frame.
    pub last: Option<DisplayText<Timestamp>>,
    /// Accounting of every frame.
    pub accounting: Accounting,
    /// IPTraf's ten rows of interface statistics. Frame octets.
    pub classes: Vec<ClassRow>,
    /// Conversations, busiest first. IP octets.
    pub flows: Vec<FlowRow>,
    /// Packet sizes without link header. Frame octets.
    pub sizes: Vec<SizeRow>,
    /// TCP and UDP services, busiest first. IP octets.
    pub services: Vec<ServiceRow>,
    /// LAN stations, busiest first. Frame octets.
    pub stations: Vec<StationRow>,
    /// Hosts, busiest first. IP octets.
    pub hosts: Vec<HostRow>,
}

/// Frames: received is the sum of the others.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Accounting {
    /// In the files.
    pub received: u64,
    /// Understood at least to the link layer.
    pub parsed: u64,
    /// Cut before the link layer was understood.
    pub malformed: u64,
    /// Of a link type that is not understood.
    pub unsupported: u64,
    /// By the kernel: none in a file.
    pub dropped: u64,
    /// IPv4 headers with a wrong checksum; they are parsed all the same.
    pub bad_checksum: u64,
}

/// Packets and octets of one direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Count {
    /// As captured.
    pub packets: u64,
    /// On the wire.
    pub octets: u64,
    /// On the wire, where offload hid some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_packets: Option<u64>,
}

/// Both directions: their sum, and each.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct TrafficCount {
    /// Both directions.
    #[serde(flatten)]
    pub total: Count,
    /// Received; of a service, sent to it.
    #[serde(rename = "in")]
    pub inbound: Count,
    /// Sent; of a service, sent by it.
    #[serde(rename = "out")]
    pub outbound: Count,
}

/// A row of the interface statistics.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClassRow {
    /// Its name.
    pub class: &'static str,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: TrafficCount,
}

/// A conversation, or, marked `other`, those of a class that have no row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FlowRow {
    /// Of IP, by name or number.
    pub protocol: String,
    /// Outermost VLAN identifier.
    pub vlan: Option<u16>,
    /// The initiator.
    pub source: Option<DisplayText<IpAddr>>,
    /// Its port; zero where the protocol has none.
    pub source_port: Option<u16>,
    /// The responder.
    pub destination: Option<DisplayText<IpAddr>>,
    /// Its port.
    pub destination_port: Option<u16>,
    /// From the initiator.
    pub forward: Count,
    /// To the initiator.
    pub reverse: Count,
    /// Time of the first packet.
    pub first: Option<DisplayText<Timestamp>>,
    /// Time of the last packet.
    pub last: Option<DisplayText<Timestamp>>,
    /// State at the end of the file.
    pub state: Option<&'static str>,
    /// The beginning was seen.
    pub complete: bool,
    /// Flows without a row, added up.
    pub other: bool,
    /// Number of flows; only with `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<u64>,
}

/// A size bracket.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SizeRow {
    /// Smallest size.
    pub from: u32,
    /// Largest size; null for whatever is larger than the MTU.
    pub to: Option<u32>,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: TrafficCount,
}

/// A service; the one without a port is what found no place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceRow {
    /// `tcp` or `udp`.
    pub protocol: Option<String>,
    /// The port that is served.
    pub port: Option<u16>,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: TrafficCount,
}

/// A station; the one without an address is what found no place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StationRow {
    /// MAC address.
    pub address: Option<DisplayText<Mac>>,
    /// Sent to it.
    #[serde(rename = "in")]
    pub inbound: Count,
    /// Sent by it.
    #[serde(rename = "out")]
    pub outbound: Count,
    /// IP addresses behind it, eight at most.
    pub ips: Vec<DisplayText<IpAddr>>,
}

/// A host; the one without an address is what found no place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostRow {
    /// IP address.
    pub address: Option<DisplayText<IpAddr>>,
    /// Sent to it.
    #[serde(rename = "in")]
    pub inbound: Count,
    /// Sent by it.
    #[serde(rename = "out")]
    pub outbound: Count,
}

impl Document {
    pub(super) fn new(totals: &Totals, summary: &InterfaceSummary) -> Self {
        let classes = summary.classes();
        let some = totals.frames > 0;
        Self {
            frames: totals.frames,
            octets: totals.octets,
            first: some.then_some(DisplayText(totals.first)),
            last: some.then_some(DisplayText(totals.last)),
            accounting: Accounting::from(&summary.ledger),
            classes: ClassGroup::ALL
                .iter()
                .map(|group| ClassRow { class: group.name(), traffic: TrafficCount::from(classes.group(*group)) })
                .collect(),
            flows: flows(summary),
            sizes: summary.sizes.iter().map(SizeRow::from).collect(),
            services: services(summary),
            stations: stations(summary),
            hosts: hosts(summary),
        }
    }
}

fn flows(summary: &InterfaceSummary) -> Vec<FlowRow> {
    let mut flows: Vec<&Flow> = summary.flows.iter().collect();
    flows.sort_by_cached_key(|flow| (std::cmp::Reverse(flow.traffic.total().octets), flow.key, flow.first));
    let others = summary.other_flows.iter().map(|(class, traffic, flows)| FlowRow::other(*class, *traffic, *flows));
    flows.into_iter().map(FlowRow::from).chain(others).collect()
}

fn services(summary: &InterfaceSummary) -> Vec<ServiceRow> {
    let row = |service: Option<&Service>, traffic: Traffic| ServiceRow {
        protocol: service.map(|service| protocol_name(service.protocol)),
        port: service.map(|service| service.port),
        traffic: TrafficCount::from(traffic),
    };
    let mut rows: Vec<(&Service, &Traffic)> = summary.services.rows().collect();
    rows.sort_by_key(|(service, traffic)| (std::cmp::Reverse(traffic.total().octets), **service));
    let other = Some(*summary.services.other()).filter(|other| !other.is_empty());
    let rows = rows.into_iter().map(|(service, traffic)| row(Some(service), *traffic));
    rows.chain(other.map(|traffic| row(None, traffic))).collect()
}

fn stations(summary: &InterfaceSummary) -> Vec<StationRow> {
    let row = |address: Option<Mac>, station: &Station| StationRow {
        address: address.map(DisplayText),
        inbound: Count::from(station.traffic.inbound),
        outbound: Count::from(station.traffic.outbound),
        ips: station.addresses.iter().map(|learnt| DisplayText(learnt.address)).collect(),
    };
    let mut rows: Vec<_> = summary.stations.rows().collect();
    rows.sort_by_key(|(mac, station)| (std::cmp::Reverse(station.traffic.total().octets), **mac));
    let other = Some(summary.stations.other()).filter(|other| !other.traffic.is_empty());
    let rows = rows.into_iter().map(|(mac, station)| row(Some(*mac), station));
    rows.chain(other.map(|station| row(None, station))).collect()
}

fn hosts(summary: &InterfaceSummary) -> Vec<HostRow> {
    let row = |address: Option<IpAddr>, traffic: Traffic| HostRow {
        address: address.map(DisplayText),
        inbound: Count::from(traffic.inbound),
        outbound: Count::from(traffic.outbound),
    };
    let mut rows: Vec<_> = summary.hosts.rows().collect();
    rows.sort_by_key(|(address, traffic)| (std::cmp::Reverse(traffic.total().octets), **address));
    let other = Some(*summary.hosts.other()).filter(|other| !other.is_empty());
    let rows = rows.into_iter().map(|(address, traffic)| row(Some(*address), *traffic));
    rows.chain(other.map(|traffic| row(None, traffic))).collect()
}

impl FlowRow {
    fn other(class: Class, traffic: Traffic, flows: u64) -> Self {
        let protocol = match class.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Icmp => "icmp",
            Transport::Other => "other",
        };
        Self {
            protocol: protocol.to_owned(),
            vlan: None,
            source: None,
            source_port: None,
            destination: None,
            destination_port: None,
            forward: Count::from(traffic.outbound),
            reverse: Count::from(traffic.inbound),
            first: None,
            last: None,
            state: None,
            complete: false,
            other: true,
            flows: Some(flows),
        }
    }
}

impl From<&Flow> for FlowRow {
    fn from(flow: &Flow) -> Self {
        Self {
            protocol: protocol_name(flow.key.protocol),
            vlan: flow.key.vlan,
            source: Some(DisplayText(flow.key.source.address)),
            source_port: Some(flow.key.source.port),
            destination: Some(DisplayText(flow.key.destination.address)),
            destination_port: Some(flow.key.destination.port),
            forward: Count::from(flow.traffic.outbound),
            reverse: Count::from(flow.traffic.inbound),
            first: Some(DisplayText(flow.first)),
            last: Some(DisplayText(flow.last)),
            state: Some(flow.state.name()),
            complete: flow.complete,
            other: false,
            flows: None,
        }
    }
}

impl From<&Ledger> for Accounting {
    fn from(ledger: &Ledger) -> Self {
        Self {
            received: ledger.received,
            parsed: ledger.parsed,
            malformed: ledger.malformed,
            unsupported: ledger.unsupported,
            dropped: ledger.dropped,
            bad_checksum: ledger.bad_checksum,
        }
    }
}

impl From<&(Bracket, Traffic)> for SizeRow {
    fn from((bracket, traffic): &(Bracket, Traffic)) -> Self {
        Self { from: bracket.from, to: bracket.to, traffic: TrafficCount::from(*traffic) }
    }
}

impl From<Counters> for Count {
    fn from(counters: Counters) -> Self {
        let wire_packets = (counters.coalesced > 0).then(|| counters.wire_packets());
        Self { packets: counters.packets, octets: counters.octets, wire_packets }
    }
}

impl From<Traffic> for TrafficCount {
    fn from(traffic: Traffic) -> Self {
        let Traffic { inbound, outbound } = traffic;
        Self { total: Count::from(traffic.total()), inbound: Count::from(inbound), outbound: Count::from(outbound) }
    }
}
