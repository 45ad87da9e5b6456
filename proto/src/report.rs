//! What a console is told: one shape, live and past.

use std::cmp::Ordering;
use std::net::IpAddr;

use crate::{
    Bracket, Class, ClassGroup, Classes, Facility, Flow, Interface, Interval, Ledger, Loss, Mac, Order, OrderBy, Point,
    Service, SpoolState, Station, Timestamp, Traffic,
};

/// The whole answer to a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Which table.
    pub facility: Facility,
    /// The collector's clock.
    pub at: Timestamp,
    /// Counts since the sensors started, not of a window of the past.
    pub live: bool,
    /// What the numbers cover.
    pub interval: Interval,
    /// In the order asked for.
    pub rows: Vec<Row>,
    /// Rows that matched, shown or not.
    pub matched: u64,
    /// Traffic of everything that matched.
    pub total: Traffic,
    /// Per second, of the whole scope, without our own traffic.
    pub rate: Traffic,
    /// Frames the kernels dropped in the window.
    pub dropped: u64,
    /// Traffic over time.
    pub strip: Strip,
    /// What this report cannot say, in words.
    pub notes: Vec<String>,
    /// Sensors of the scope that report now.
    pub sensors_reporting: u32,
    /// Sensors of the scope.
    pub sensors_known: u32,
}

impl Report {
    /// The note of a live report whose rows are still to come: sensors have been asked, and have a second to answer. Who
    /// wants one report only should wait for one without it.
    pub const WAITING: &str = "waiting for the sensors' first answer";
}

/// Traffic over time, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// Start of the first step.
    pub from: Timestamp,
    /// Nanoseconds of a step.
    pub step: i64,
    /// Octets of each step, both directions.
    pub octets: Vec<u64>,
    /// Places of steps in which nobody reported.
    pub gaps: Vec<u32>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who saw it.
    pub observed_by: Vec<Point>,
    /// Per second: live over the last five seconds, past over the window.
    pub rate: Traffic,
    /// Its key and counts.
    pub item: Item,
}

/// The key and the counts of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A conversation.
    Flow(Flow),
    /// An observation point.
    Interface(Box<InterfaceStats>),
    /// A size bracket.
    Size(Bracket, Traffic),
    /// A service.
    Service(Service, Traffic),
    /// A station.
    Station(Mac, Station),
    /// A host.
    Host(IpAddr, Traffic),
    /// What a table had no place for: class, traffic, keys.
    Other(Class, Traffic, u64),
}

impl Item {
    /// What is counted under the key.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Flow(flow) => flow.traffic,
            Self::Interface(stats) => stats.classes.group(ClassGroup::Total),
            Self::Station(_, station) => station.traffic,
            Self::Size(_, traffic)
            | Self::Service(_, traffic)
            | Self::Host(_, traffic)
            | Self::Other(_, traffic, _) => *traffic,
        }
    }

    fn seen(&self) -> (Timestamp, Timestamp) {
        match self {
            Self::Flow(flow) => (flow.first, flow.last),
            _ => Default::default(),
        }
    }

    /// By key: kinds in the order above, then the key's own order.
    fn compare_key(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flow(a), Self::Flow(b)) => (a.key, a.first).cmp(&(b.key, b.first)),
            (Self::Interface(a), Self::Interface(b)) => a.interface.name.cmp(&b.interface.name),
            (Self::Size(a, _), Self::Size(b, _)) => a.cmp(b),
            (Self::Service(a, _), Self::Service(b, _)) => a.cmp(b),
            (Self::Station(a, _), Self::Station(b, _)) => a.cmp(b),
            (Self::Host(a, _), Self::Host(b, _)) => a.cmp(b),
            (Self::Other(a, ..), Self::Other(b, ..)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Flow(_) => 0,
            Self::Interface(_) => 1,
            Self::Size(..) => 2,
            Self::Service(..) => 3,
            Self::Station(..) => 4,
            Self::Host(..) => 5,
            Self::Other(..) => 6,
        }
    }
}

impl Row {
    /// The order of two rows; equal counts are told apart by key and observer, so that rows keep still.
    #[must_use]
    pub fn compare(&self, other: &Self, order: Order) -> Ordering {
        let (a, b) = (&self.item, &other.item);
        let by = match order.by {
            OrderBy::Octets => a.traffic().total().octets.cmp(&b.traffic().total().octets),
            OrderBy::Packets => a.traffic().total().packets.cmp(&b.traffic().total().packets),
            OrderBy::Rate => self.rate.total().octets.cmp(&other.rate.total().octets),
            OrderBy::First => a.seen().0.cmp(&b.seen().0),
            OrderBy::Last => a.seen().1.cmp(&b.seen().1),
            OrderBy::Key => a.compare_key(b),
        };
        let by = if order.ascending { by } else { by.reverse() };
        by.then_with(|| a.compare_key(b)).then_with(|| self.observed_by.cmp(&other.observed_by))
    }
}

/// An interface's statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceStats {
    /// The observation point.
    pub interface: Interface,
    /// Where every frame went.
    pub ledger: Ledger,
    /// Frame octets.
    pub classes: Classes,
    /// Highest rate of one second in the window.
    pub peak: Traffic,
    /// Our own stream to the collector, inside `classes`.
    pub own: Traffic,
}

/// All sensors of a collector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// The collector's clock.
    pub at: Timestamp,
    /// By name.
    pub sensors: Vec<SensorState>,
}

/// Whether a sensor speaks to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// No connection.
    #[default]
    Away,
    /// A snapshot within the last three seconds.
    Reporting,
    /// Connected, but silent for longer.
    Late,
}

impl Presence {
    /// In the order of the wire's numbers.
    pub const ALL: [Self; 3] = [Self::Away, Self::Reporting, Self::Late];

    /// As it stands in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Reporting => "reporting",
            Self::Late => "late",
        }
    }
}

/// One sensor, as the collector knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorState {
    /// The certificate's identifier.
    pub id: String,
    /// Unique among the collector's sensors.
    pub name: String,
    /// Whether it speaks.
    pub presence: Presence,
    /// When the present connection began.
    pub connected: Option<Timestamp>,
    /// When its program started.
    pub started: Option<Timestamp>,
    /// Last word of any kind.
    pub last_seen: Option<Timestamp>,
    /// End of the newest slice that is stored.
    pub stored: Option<Timestamp>,
    /// Of its program.
    pub version: String,
    /// Start number.
    pub epoch: u64,
    /// Nanoseconds its clock is ahead of the collector's.
    pub clock_offset: i64,
    /// What waits on its disk.
    pub spool: SpoolState,
    /// Its observation points.
    pub interfaces: Vec<InterfaceState>,
    /// What is known to be missing, newest first, at most a hundred.
    pub losses: Vec<Loss>,
    /// Why it is refused or blind, in words; empty when all is well.
    pub trouble: String,
}

/// One observation point of a sensor, now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceState {
    /// The observation point.
    pub interface: Interface,
    /// Where every frame went, since the sensor started.
    pub ledger: Ledger,
    /// Per second, averaged over the last five.
    pub rate: Traffic,
    /// No longer there.
    pub gone: bool,
    /// Flows in the table.
    pub flows: u64,
    /// Flows that it has room for.
    pub capacity: u64,
}
