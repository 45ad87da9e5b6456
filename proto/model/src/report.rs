//! Answers to a console: one shape, live and past.

use std::cmp::Ordering;

use crate::facility::KeyKind;
use crate::{
    Class, ClassGroup, Classes, Counted, Counters, Counts, Facility, Flow, GroupKey, Interface, Interval, Key, Ledger,
    Loss, Order, OrderBy, Point, Settings, SettingsState, SinglePacket, SpoolState, Timestamp, Traffic,
};

/// The whole answer to a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The table.
    pub facility: Facility,
    /// The collector's clock.
    pub at: Timestamp,
    /// Counts since the sensors started, not of a window of the past.
    pub live: bool,
    /// The time that the numbers cover.
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
    /// Times in which a sensor of the scope was blind or silent within the window, oldest first, at most [`Report::GAPS`].
    pub gaps: Vec<Gap>,
    /// Largest packet seen in and out, in octets without the link header; zero for none.
    pub largest: [u32; 2],
    /// The MTU that the brackets divide; `None` when the scope has several.
    pub mtu: Option<u32>,
    /// Notes, in words, on what this report cannot say.
    pub notes: Vec<String>,
    /// Sensors of the scope that report now.
    pub sensors_reporting: u32,
    /// Sensors of the scope.
    pub sensors_known: u32,
}

impl Report {
    /// Gaps of one report.
    pub const GAPS: usize = 100;

    /// The note of a live report whose rows are still to come: sensors have been asked, and have a second to answer. Who
    /// wants one report only should wait for one without it.
    pub const WAITING: &str = "waiting for the sensors' first answer";

    /// The note of a live report that has no rows, or fewer, because sensors answer a bounded number of questions at once.
    pub const CROWDED: &str = "too many different tables are open on this collector: close one, or look at the past";
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

/// A time in which an observation point counted nothing because it could not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Its time.
    pub interval: Interval,
    /// The observation point.
    pub point: Point,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The site of those who saw it: networks of several sites may use the same addresses. Empty where none is set.
    pub site: String,
    /// The observation points that saw it.
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
    /// A key of a counted facility.
    Counted(Counted, Key, Counts),
    /// Flows that have something in common, and how many they are.
    Group(GroupKey, Traffic, u64),
    /// A packet that belongs to no connection.
    Packet(SinglePacket),
    /// Traffic without a place in a table: class, traffic, keys.
    Other(Class, Traffic, u64),
}

impl Item {
    /// The counts under the key.
    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Flow(flow) => flow.traffic,
            Self::Interface(stats) => stats.classes.group(ClassGroup::Total),
            Self::Counted(_, _, counts) => counts.traffic,
            Self::Packet(line) => Traffic::inbound(Counters::new(1, u64::from(line.octets))),
            Self::Group(_, traffic, _) | Self::Other(_, traffic, _) => *traffic,
        }
    }

    /// By key: kinds in the order above, then the key's own order.
    fn compare_key(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flow(a), Self::Flow(b)) => (a.key, a.first).cmp(&(b.key, b.first)),
            (Self::Interface(a), Self::Interface(b)) => a.interface.name.cmp(&b.interface.name),
            (Self::Counted(a, x, _), Self::Counted(b, y, _)) => (a, x).cmp(&(b, y)),
            (Self::Other(a, ..), Self::Other(b, ..)) => a.cmp(b),
            (Self::Group(a, ..), Self::Group(b, ..)) => a.cmp(b),
            (Self::Packet(a), Self::Packet(b)) => (a.at, a.number).cmp(&(b.at, b.number)),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Flow(_) => 0,
            Self::Interface(_) => 1,
            Self::Counted(..) => 2,
            Self::Other(..) => 3,
            Self::Group(..) => 4,
            Self::Packet(_) => 5,
        }
    }
}

impl Row {
    /// As a sensor answers: it names neither itself nor its site.
    pub const fn new(rate: Traffic, item: Item) -> Self {
        Self { site: String::new(), observed_by: Vec::new(), rate, item }
    }

    /// The order of two rows; equal counts are told apart by key and observer, so that rows keep still.
    pub fn compare(&self, other: &Self, order: Order) -> Ordering {
        let (a, b) = (&self.item, &other.item);
        let by = match order.by {
            OrderBy::Key => a.compare_key(b),
            by => self.measure(by).cmp(&other.measure(by)),
        };
        let by = if order.ascending { by } else { by.reverse() };
        by.then_with(|| a.compare_key(b))
            .then_with(|| self.site.cmp(&other.site))
            .then_with(|| self.observed_by.cmp(&other.observed_by))
    }

    /// The number by which rows are sorted; the order by key has none.
    fn measure(&self, by: OrderBy) -> i128 {
        let (item, traffic) = (&self.item, self.item.traffic());
        // The IP part of a station's traffic; all traffic of anything else.
        let ip = match item {
            Item::Counted(facility, _, counts) if facility.key == KeyKind::Mac => counts.ip,
            _ => traffic,
        };
        let (first, last) = match item {
            Item::Flow(flow) => (flow.first, flow.last),
            Item::Packet(packet) => (packet.at, packet.at),
            _ => Default::default(),
        };
        let (flows, peers) = match item {
            Item::Counted(_, _, counts) => (counts.flows, counts.peers),
            Item::Group(.., flows) | Item::Other(.., flows) => (*flows, 0),
            _ => (0, 0),
        };
        i128::from(match by {
            OrderBy::Key => 0,
            OrderBy::First => return first.0.into(),
            OrderBy::Last => return last.0.into(),
            OrderBy::Octets => traffic.total().octets,
            OrderBy::Packets => traffic.total().packets,
            OrderBy::Rate => self.rate.total().octets,
            OrderBy::PacketsIn => traffic.inbound.packets,
            OrderBy::OctetsIn => traffic.inbound.octets,
            OrderBy::PacketsOut => traffic.outbound.packets,
            OrderBy::OctetsOut => traffic.outbound.octets,
            OrderBy::IpIn => ip.inbound.packets,
            OrderBy::IpOut => ip.outbound.packets,
            OrderBy::Peers => peers,
            OrderBy::Flows => flows,
        })
    }
}

/// An interface's statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceStats {
    /// The observation point.
    pub interface: Interface,
    /// Account of all frames.
    pub ledger: Ledger,
    /// Frame octets.
    pub classes: Classes,
    /// Per second, by class: live over the last five seconds, past over the window.
    pub rates: Classes,
    /// Highest rate of one second in the window, each way by itself.
    pub peak: Traffic,
    /// Highest rate of one second in the window, both ways together.
    pub peak_total: Counters,
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
    /// What is to be said of the collector, for people: the connections that it turned away.
    pub notes: Vec<String>,
}

enumeration! {
    /// State of a sensor's connection.
    #[derive(Default)]
    pub enum Presence {
        /// No connection.
        #[default]
        Away = "away",
        /// A snapshot within the last three seconds.
        Reporting = "reporting",
        /// Connected, but silent for longer.
        Late = "late",
    }
}

/// One sensor, as the collector knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorState {
    /// The certificate's identifier.
    pub id: String,
    /// Unique among the collector's sensors.
    pub name: String,
    /// The site it stands at, as it says; empty where none is set.
    pub site: String,
    /// State of its connection.
    pub presence: Presence,
    /// Start of the present connection.
    pub connected: Option<Timestamp>,
    /// Start of its program.
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
    /// State of its spool.
    pub spool: SpoolState,
    /// Its observation points.
    pub interfaces: Vec<InterfaceState>,
    /// Known losses, newest first, at most a hundred.
    pub losses: Vec<Loss>,
    /// The reason why it is refused or blind, in words; empty when all is well.
    pub trouble: String,
    /// The settings that it runs with, and what became of the last change.
    pub settings: SettingsState,
    /// Settings that it is to run with; revision zero if they were never changed.
    pub wanted: Settings,
}

/// One observation point of a sensor, now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceState {
    /// The observation point.
    pub interface: Interface,
    /// Account of all frames since the sensor started.
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
