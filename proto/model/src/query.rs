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
        let held = |point: &Point| point.interface.as_deref().is_none_or(|name| name == interface);
        self.0.is_empty() || self.0.iter().filter(|point| point.sensor == sensor).any(held)
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

enumeration! {
    /// By what rows are sorted.
    #[derive(Default)]
    pub enum OrderBy {
        /// Octets, both directions.
        #[default]
        Octets = "octets",
        /// Packets, both directions.
        Packets = "packets",
        /// Octets a second.
        Rate = "rate",
        /// First seen.
        First = "first",
        /// Last seen.
        Last = "last",
        /// Address, port, name.
        Key = "key",
        /// Packets towards the key.
        PacketsIn = "packets_in",
        /// Octets towards the key.
        OctetsIn = "octets_in",
        /// Packets from the key.
        PacketsOut = "packets_out",
        /// Octets from the key.
        OctetsOut = "octets_out",
        /// IP packets towards a station.
        IpIn = "ip_in",
        /// IP packets from a station.
        IpOut = "ip_out",
        /// Peers of a host.
        Peers = "peers",
        /// Flows of a host or a group.
        Flows = "flows",
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

enumeration! {
    /// Part of the flow key that makes a row of the traffic monitor. Every flow is in exactly one group, so that they add up.
    #[derive(Default)]
    pub enum Group {
        /// Each flow its own.
        #[default]
        Flow = "flow",
        /// The address that was asked: the responder's.
        Address = "address",
        /// The service: protocol and the responder's port.
        Port = "port",
        /// Both addresses: initiator and responder.
        Pair = "pair",
        /// The sensor of its primary observation point.
        Sensor = "sensor",
    }
}

impl Group {
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
