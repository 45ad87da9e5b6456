//! The live plane: a sensor's present state, a second old at most; the latest wins.

use serde::Serialize;

use crate::{
    Classes, Counters, Facility, Filter, Group, Interface, Ledger, Order, OrderBy, Row, SettingsState, Timestamp,
    Traffic,
};

/// The present state of a sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The sensor's clock.
    pub at: Timestamp,
    /// Start of its program.
    pub started: Timestamp,
    /// Start number.
    pub epoch: u64,
    /// Of the program.
    pub version: String,
    /// Host name.
    pub name: String,
    /// The site it stands at; empty where none is set.
    pub site: String,
    /// All that are open, and those that vanished since the start.
    pub interfaces: Vec<InterfaceSnapshot>,
    /// State of its spool.
    pub spool: SpoolState,
    /// Settings in force.
    pub settings: SettingsState,
}

/// An interface since the sensor opened it. Cumulative.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceSnapshot {
    /// The observation point.
    pub interface: Interface,
    /// Time at which it was opened.
    pub started: Timestamp,
    /// Account of all frames.
    pub ledger: Ledger,
    /// Frame octets.
    pub classes: Classes,
    /// Per second, averaged over the last five.
    pub rate: Traffic,
    /// The same by class.
    pub rates: Classes,
    /// Highest rate of one second, each way by itself.
    pub peak: Traffic,
    /// Highest rate of one second, both ways together.
    pub peak_total: Counters,
    /// Our own stream's share of `rate`.
    pub own_rate: Traffic,
    /// Our own stream, inside `classes`.
    pub own: Traffic,
    /// To the wishes, in their order.
    pub answers: Vec<Answer>,
    /// Flows in the table.
    pub flows: u64,
    /// Flows that it has room for.
    pub capacity: u64,
    /// The interface is no longer there.
    pub gone: bool,
}

/// State of the sensor's spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpoolState {
    /// Records that wait.
    pub records: u64,
    /// Their octets on disk.
    pub octets: u64,
    /// Room for octets.
    pub limit: u64,
    /// End of the oldest slice that waits.
    pub oldest: Option<Timestamp>,
    /// Records lost since the sensor was installed.
    pub lost: u64,
}

/// A question of a console that the sensor answers in its live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Chosen by the collector, echoed in the answer.
    pub id: u64,
    /// The table.
    pub facility: Facility,
    /// Of which rows.
    pub filter: Filter,
    /// Part of the flow key that makes a row.
    pub group: Group,
    /// In which order.
    pub order: Order,
    /// Further orders: the answer has the first rows of each of them, and each row once.
    pub also: Vec<Order>,
    /// Number of rows of an order, at most [`Wish::LIMIT`].
    pub limit: u32,
    /// Only what the running slice has counted so far.
    pub slice: bool,
}

impl Wish {
    /// Different wishes at once.
    pub const MOST: usize = 512;
    /// Rows of one order in one answer.
    pub const LIMIT: u32 = 1_000;

    /// Orders of one wish.
    pub const ORDERS: usize = 2 * OrderBy::ALL.len();

    /// All orders.
    pub fn orders(&self) -> impl Iterator<Item = Order> {
        std::iter::once(self.order).chain(self.also.iter().copied())
    }
}

/// One interface's answer to a wish.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The wish's.
    pub id: u64,
    /// Rows that matched.
    pub matched: u64,
    /// Traffic of all that matched.
    pub total: Traffic,
    /// Largest packet seen in and out, in octets without the link header.
    pub largest: [u32; 2],
    /// Since when it was counted, where that is later than the interface's start: a filter that a console has just set.
    pub since: Option<Timestamp>,
    /// Start of the slice that a wish for slices is answered of.
    pub slice: Option<Timestamp>,
    /// The first of them in the wished order; of several orders the first of each, then the second of each.
    pub rows: Vec<Row>,
}
