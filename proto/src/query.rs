//! What a console asks. Live and past are one request.

use std::time::Duration;

use crate::{Filter, Interval};

/// IPTraf's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facility {
    /// IP traffic monitor: flows.
    #[default]
    Traffic,
    /// Interface statistics: classes.
    Interfaces,
    /// Packet sizes.
    Sizes,
    /// TCP and UDP services.
    Services,
    /// LAN stations.
    Stations,
    /// Hosts.
    Hosts,
}

impl Facility {
    /// In the order of the wire's numbers, which begin with 1.
    pub const ALL: [Self; 6] =
        [Self::Traffic, Self::Interfaces, Self::Sizes, Self::Services, Self::Stations, Self::Hosts];

    /// As commands name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Interfaces => "interfaces",
            Self::Sizes => "sizes",
            Self::Services => "services",
            Self::Stations => "stations",
            Self::Hosts => "hosts",
        }
    }
}

/// Which time.
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
    #[must_use]
    pub fn new(sensor: impl Into<String>, interface: impl Into<String>) -> Self {
        Self { sensor: sensor.into(), interface: Some(interface.into()) }
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

/// Which observation points; none named means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(pub Vec<Point>);

impl Scope {
    /// Whether an interface of a sensor is inside.
    #[must_use]
    pub fn holds(&self, sensor: &str, interface: &str) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|point| point.sensor == sensor && point.interface.as_deref().is_none_or(|name| name == interface))
    }

    /// Whether any interface of a sensor is inside.
    #[must_use]
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
}

impl OrderBy {
    /// In the order of the wire's numbers.
    pub const ALL: [Self; 6] = [Self::Octets, Self::Packets, Self::Rate, Self::First, Self::Last, Self::Key];

    /// As commands and screens name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::Rate => "rate",
            Self::First => "first",
            Self::Last => "last",
            Self::Key => "key",
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

/// A question; [`crate::Report`] answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Which table.
    pub facility: Facility,
    /// Which time.
    pub window: Window,
    /// Which observation points.
    pub scope: Scope,
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// How many rows, at most [`Query::LIMIT`].
    pub limit: u32,
}

impl Query {
    /// Rows of one report.
    pub const LIMIT: u32 = 1_000;
}
