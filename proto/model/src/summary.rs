//! The history plane: a sealed slice, durable from the sensor's spool to the collector's store.

use std::collections::BTreeMap;

use crate::{
    AggregatedFlow, Class, Classes, Counted, Counts, Flow, Interface, Interval, Key, Ledger, Merge, Tally, Timestamp,
    Traffic,
};

/// A sealed slice of one sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The slice, aligned to the wall clock.
    pub slice: Interval,
    /// Time of sealing, by the sensor's clock.
    pub sealed: Timestamp,
    /// One for each interface that was open in the slice.
    pub interfaces: Vec<InterfaceSummary>,
    /// Known losses.
    pub losses: Vec<Loss>,
    /// Generation of the digest key that the evidence of its flows was made with; zero for none: then only that of TCP says anything.
    pub generation: u32,
    /// Counted facilities that a newer sensor sent and this program does not know; they are left out.
    pub unknown: u32,
}

/// Traffic of one interface in one slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceSummary {
    /// The observation point.
    pub interface: Interface,
    /// Counts of this slice; the witnesses in it are cumulative.
    pub ledger: Ledger,
    /// Classes by the second, in order; seconds without a frame are left out.
    pub seconds: Vec<Second>,
    /// Deltas of the slice.
    pub flows: Vec<Flow>,
    /// By class, what the flow table folded: traffic (IP octets) and keys.
    pub other_flows: Vec<(Class, Traffic, u64)>,
    /// Parts of `other_flows` by their ends, as far as there is room for them; each key once.
    pub aggregated_flows: Vec<AggregatedFlow>,
    /// Counted facilities. Their rows and `other` add up to the classes that they cover.
    pub counted: BTreeMap<Counted, Tally<Key, Counts>>,
    /// Our own stream to the collector (frame octets), already in every count above.
    pub own: Traffic,
    /// Octets of the largest packet received, without the link header.
    pub largest_inbound: u32,
    /// Octets of the largest packet sent, without the link header.
    pub largest_outbound: u32,
}

impl InterfaceSummary {
    /// All classes of the slice.
    pub fn classes(&self) -> Classes {
        self.seconds.iter().fold(Classes::default(), |mut sum, second| {
            sum.merge(&second.classes);
            sum
        })
    }
}

/// The classes of one second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Second {
    /// Its start.
    pub at: Timestamp,
    /// Traffic in it.
    pub classes: Classes,
}

/// Traffic that could not be kept, or a time in which nothing could be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The reason.
    pub reason: LossReason,
    /// Its time.
    pub interval: Interval,
    /// Sealed records that are gone; zero when the slice was never sealed.
    pub records: u64,
    /// Frames and octets by the interface's own counters, where they are known.
    pub counted: Option<(u64, u64)>,
    /// The interface; `None` for the whole sensor.
    pub interface: Option<String>,
}

enumeration! {
    /// Reason of a loss.
    pub enum LossReason {
        /// The sensor ended before it sealed the slice.
        Ended = "sensor ended before it sealed the slice",
        /// The spool was full.
        SpoolFull = "spool full",
        /// A spooled record was damaged.
        Damaged = "spooled record damaged",
        /// The interface vanished.
        Vanished = "interface vanished",
        /// The collector no longer has what it acknowledged: it was restored from an older backup.
        Forgotten = "collector forgot what it had acknowledged",
    }
}

impl Merge for (Traffic, u64) {
    fn merge(&mut self, other: Self) {
        self.0 += other.0;
        self.1 = self.1.saturating_add(other.1);
    }
}
