//! Questions of a console. Live and past are one request.

use std::net::IpAddr;
use std::time::Duration;

use crate::names::protocol_name;
use crate::{Facility, Filter, FlowKey, Interval};

/// Time that a query covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Now: counts since the sensors started, a new report each second.
    #[default]
    Live,
    /// The last stretch of this length, from the store, a new report each second.
    Last(Duration),
    /// A stretch of the past, from the store, one report.
    Past(Interval),
}

/// A sensor, or one of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// Its name, as the collector knows it.
    pub sensor: String,
    /// `None` for all of its interfaces.
    pub interface: Option<String>,
}

impl Point {
    /// One interface of a sensor.
    pub fn new(sensor: impl Into<String>, interface: impl Into<String>) -> Self {
        Self { sensor: sensor.into(), interface: Some(interface.into()) }
    }

    /// True if `name` names this interface: `eth0`, of any sensor, or `web1/eth0`.
    pub fn is_called(&self, name: &str) -> bool {
        self.interface.as_deref() == Some(name) || self.to_string() == name
    }
}

/// `web1/eth0`, or `web1` for all of its interfaces.
impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{}/{interface}", self.sensor),
            None => f.write_str(&self.sensor),
        }
    }
}

/// Observation points; an empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(pub Vec<Point>);

impl Scope {
    /// True if it includes an interface of a sensor.
    pub fn holds(&self, sensor: &str, interface: &str) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|point| point.sensor == sensor && point.interface.as_deref().is_none_or(|name| name == interface))
    }

    /// True if it includes any interface of a sensor.
    pub fn holds_sensor(&self, sensor: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|point| point.sensor == sensor)
    }
}

/// `all sensors`, or the points with commas.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all sensors");
        }
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// Octets, both directions.
    #[default]
    Octets,
    /// Packets, both directions.
    Packets,
    /// Octets a second.
    Rate,
    /// First seen.
    First,
    /// Last seen.
    Last,
    /// Address, port, name.
    Key,
    /// Packets towards the key.
    PacketsIn,
    /// Octets towards the key.
    OctetsIn,
    /// Packets from the key.
    PacketsOut,
    /// Octets from the key.
    OctetsOut,
    /// IP packets towards a station.
    IpIn,
    /// IP packets from a station.
    IpOut,
    /// Peers of a host.
    Peers,
    /// Flows of a host or a group.
    Flows,
}

impl OrderBy {
    /// In the order of the wire's numbers.
    pub const ALL: [Self; 14] = [
        Self::Octets,
        Self::Packets,
        Self::Rate,
        Self::First,
        Self::Last,
        Self::Key,
        Self::PacketsIn,
        Self::OctetsIn,
        Self::PacketsOut,
        Self::OctetsOut,
        Self::IpIn,
        Self::IpOut,
        Self::Peers,
        Self::Flows,
    ];

    /// As commands and screens name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::Rate => "rate",
            Self::First => "first",
            Self::Last => "last",
            Self::Key => "key",
            Self::PacketsIn => "packets_in",
            Self::OctetsIn => "octets_in",
            Self::PacketsOut => "packets_out",
            Self::OctetsOut => "octets_out",
            Self::IpIn => "ip_in",
            Self::IpOut => "ip_out",
            Self::Peers => "peers",
            Self::Flows => "flows",
        }
    }
}

/// An order; the default is the most octets first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Smallest first; the default is greatest first.
    pub ascending: bool,
}

/// Part of the flow key that makes a row of the traffic monitor. Every flow is in exactly one group, so that they add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// Each flow its own.
    #[default]
    Flow,
    /// The address that was asked: the responder's.
    Address,
    /// The service: protocol and the responder's port.
    Port,
    /// Both addresses: initiator and responder.
    Pair,
    /// The sensor of its primary observation point.
    Sensor,
}

impl Group {
    /// In the order of the wire's numbers.
    pub const ALL: [Self; 5] = [Self::Flow, Self::Address, Self::Port, Self::Pair, Self::Sensor];

    /// As commands and screens name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Address => "address",
            Self::Port => "port",
            Self::Pair => "pair",
            Self::Sensor => "sensor",
        }
    }

    /// The group of a flow; `None` when each is its own. `sensor` is who saw it.
    pub fn of(self, flow: &FlowKey, sensor: &str) -> Option<GroupKey> {
        Some(match self {
            Self::Flow => return None,
            Self::Address => GroupKey::Address(flow.destination.address),
            Self::Port => GroupKey::Port(flow.protocol, flow.destination.port),
            Self::Pair => GroupKey::Pair(flow.source.address, flow.destination.address),
            Self::Sensor => GroupKey::Sensor(sensor.to_owned()),
        })
    }
}

/// One group of flows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// The responder's address.
    Address(IpAddr),
    /// IP protocol and the responder's port; 0 where the protocol has none.
    Port(u8, u16),
    /// Initiator and responder.
    Pair(IpAddr, IpAddr),
    /// The sensor's name; empty when the sensor itself answers.
    Sensor(String),
}

/// `10.0.0.9`, `tcp/22`, `gre`, `10.0.0.3 → 10.0.0.9`, `web1`.
impl std::fmt::Display for GroupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Port(protocol, 0) => f.write_str(&protocol_name(*protocol)),
            Self::Port(protocol, port) => write!(f, "{}/{port}", protocol_name(*protocol)),
            Self::Pair(source, destination) => write!(f, "{source} → {destination}"),
            Self::Sensor(name) => f.write_str(name),
        }
    }
}

/// A question; [`crate::Report`] answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub facility: Facility,
    /// Time that a query covers.
    pub window: Window,
    /// The observation points.
    pub scope: Scope,
    /// Condition on the rows.
    pub filter: Filter,
    /// Part of the flow key that makes a row.
    pub group: Group,
    /// In which order.
    pub order: Order,
    /// Number of rows, at most [`Query::LIMIT`].
    pub limit: u32,
}

impl Query {
    /// Rows of one report.
    pub const LIMIT: u32 = 1_000;
}
