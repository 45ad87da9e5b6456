//! Values that go into a store and come out of it, in the words of the model.

use std::fmt;
use std::sync::Arc;

use traf_model::{
    AggregatedFlow, Class, Counts, Flow, Interface, InterfaceSummary, Interval, Key, Learnt, Ledger, Mac, Summary,
    Tally, Timestamp, Traffic, enumeration,
};

use crate::report::primary::RowEvidence;

/// Everything up to and including this is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Start number of the record stored last.
    pub epoch: u64,
    /// Its sequence number; it grows over the sensor's whole life and never begins again.
    pub seq: u64,
}

/// A sensor opens its stream.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The certificate's identifier.
    pub uuid: String,
    /// The name given at joining.
    pub name: String,
    /// Its site, as it says; empty if none is set.
    pub site: String,
    /// Of its program.
    pub version: String,
    /// Start number.
    pub epoch: u64,
}

/// One record of a sensor.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The store's number of the sensor.
    pub sensor: i64,
    /// Start number under which it was sealed.
    pub epoch: u64,
    /// First sequence number that it stands for.
    pub from_seq: u64,
    /// Last one.
    pub to_seq: u64,
    /// The slice.
    pub summary: Arc<Summary>,
}

impl Delivery {
    /// Rows of the largest tables that it brings.
    pub fn rows(&self) -> usize {
        let rows = |interface: &InterfaceSummary| {
            interface.flows.len() + interface.counted.values().map(Tally::len).sum::<usize>()
        };
        self.summary.interfaces.iter().map(rows).sum()
    }
}

/// Outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored, now or before; the sensor's mark is this.
    Stored(Mark),
    /// Not the next one.
    Gap(Mark),
}

/// A sensor that said hello at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSensor {
    /// The store's number.
    pub id: i64,
    /// The certificate's identifier.
    pub uuid: String,
    /// The name given at joining.
    pub name: String,
    /// Its site, as it said last.
    pub site: String,
    /// Of its program, at the last hello.
    pub version: String,
    /// Highest start number.
    pub epoch: u64,
    /// Newest record that is stored.
    pub mark: Mark,
    /// End of the newest slice that is stored; of one with a suspect clock, when it came.
    pub stored: Option<Timestamp>,
    /// Nanoseconds by which its last slice ended after the collector's time, if its clock was suspect.
    pub clock_ahead: i64,
}

/// Observation point of a fact: the store's numbers of sensor and interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointKey {
    /// Sensor.
    pub sensor: i64,
    /// Interface of that sensor.
    pub interface: i64,
}

/// An observation point of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPoint {
    /// The store's numbers.
    pub place: PointKey,
    /// The sensor's name.
    pub sensor: String,
    /// The sensor's site.
    pub site: String,
    /// As it was last.
    pub interface: Interface,
    /// From its first slice to the end of its last one; `None` when it never had one.
    pub seen: Option<Interval>,
}

/// Selection of facts: of these sensors, in all slices that overlap the interval.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Half-open.
    pub interval: Interval,
    /// The store's numbers.
    pub sensors: Vec<i64>,
}

/// A delivered slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Interval that it covers.
    pub interval: Interval,
}

/// What an observation point counted in one slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredSlice {
    /// Conversations; true if the row counts in its LAN.
    pub(crate) flows: Vec<(Flow, bool)>,
    /// Conversations without a row: class, traffic, number.
    pub(crate) others: Vec<(Class, Traffic, u64)>,
    /// The same by their ends, as far as that is known.
    pub(crate) aggregated: Vec<AggregatedFlow>,
    /// Keys of one counted facility.
    pub(crate) keys: Vec<(Key, Traffic)>,
}

/// A row of a facility.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A conversation in one slice; true if the row counts in its LAN.
    Flow(Flow, bool),
    /// Conversations that found no place: class, traffic, keys.
    OtherFlows(Class, Traffic, u64),
    /// Ledger, traffic of our own stream, octets of the largest packet in and out.
    Ledger(Box<Ledger>, Traffic, [u32; 2]),
    /// A key of a counted facility; `None` is `other`.
    Counted(Option<Key>, Counts),
}

/// A conversation in one slice.
pub(crate) struct ProvenFlow {
    pub(crate) flow: Flow,
    /// The row counts in its LAN.
    pub(crate) marked: bool,
    /// Start of its slice, and what it proves of its packets; `None` where that is retired, or was not asked for.
    pub(crate) proof: Option<(Timestamp, RowEvidence)>,
}

/// A step through the flow rows of a selection by their ends.
pub(crate) enum EndsStep {
    /// A conversation in one slice; true if the row counts in its LAN.
    Flow(PointKey, Flow, bool),
    /// The next flows have other ends than those before.
    Next,
}

/// An address behind a station, as its sensor saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The store's number of the sensor.
    pub sensor: i64,
    /// The station.
    pub mac: Mac,
    /// The address, and from when to when it was seen.
    pub learnt: Learnt,
}

enumeration! {
    /// Rows that are retired together.
    pub enum Tier {
        /// Flows and counted facilities.
        Flow = "flow",
        /// Classes by the second.
        Second = "second",
        /// Classes by the minute.
        Minute = "minute",
        /// Ledgers, slices, losses.
        Ledger = "ledger",
    }
}

/// From when on each tier is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// [`Tier::Flow`].
    pub flow: Timestamp,
    /// [`Tier::Second`].
    pub second: Timestamp,
    /// [`Tier::Minute`].
    pub minute: Timestamp,
    /// [`Tier::Ledger`].
    pub ledger: Timestamp,
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant: `I1 capture`.
    pub invariant: String,
    /// The claim that was checked, in words.
    pub claim: String,
    /// Number of rows that were checked.
    pub rows: u64,
    /// Number of rows that are wrong.
    pub wrong: u64,
    /// One of them.
    pub example: Option<String>,
}

/// `I1 capture   ok      120 rows  received = …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.wrong, self.rows) {
            (0, 0) => "nothing".to_owned(),
            (0, _) => "ok".to_owned(),
            (wrong, _) => format!("{wrong} WRONG"),
        };
        write!(f, "{:<11} {state:<9} {:>9} checked: {}", self.invariant, self.rows, self.claim)?;
        match &self.example {
            Some(example) if self.wrong > 0 => write!(f, "\n            for example {example}"),
            _ => Ok(()),
        }
    }
}
