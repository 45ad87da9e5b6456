//! Each byte once: of the observers that see the packets of a flow, one at a time is its *primary*, and only its rows count in a LAN.
//!
//! ```text
//! row ─► SharedFlow ─► Primaries: the election of each flow that goes on ─► Decision
//!        RowEvidence        │ asks for proof            ▲ rows that lie too far back
//!                           ▼                           │
//!                       MarkTables: for each site and slice, what was seen and what counts
//! ```
//!
//! Two observers are one flow's only where evidence says that they saw the same packets ([`same`]); without proof both count, and
//! the octets of the younger are said to be doubtful. Who is elected keeps the mark until it is silent for three slices
//! ([`group`]). Lateness is a matter of a flow and of a sensor, never of another sensor's clock: what lies before the
//! flow's election is decided by the [`table`]s of its slices alone. Everything is bounded. Pure: slices come as arguments,
//! marks that must change afterwards go out as [`Change`]s.

mod election;
mod group;
mod primaries;
mod run;
mod same;
mod shared_flow;
mod table;
mod tables;

pub(crate) use self::primaries::{MEMORY, Primaries};
pub(crate) use self::run::Run;
pub(crate) use self::same::{RowEvidence, same, same_as_any};
pub(crate) use self::shared_flow::SharedFlow;
pub(crate) use self::table::MarkRecord;
pub(crate) use self::tables::{MarkTables, Slots};

use traf_model::Interval;

/// An observer: a router's two interfaces, and the two VLANs of a trunk, see the same flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Observer {
    /// The store's number.
    pub(crate) sensor: i64,
    /// The store's number, of that sensor.
    pub(crate) interface: i64,
    /// In which VLAN.
    pub(crate) vlan: Option<u16>,
}

/// The key of a flow row in the store: the number of its slice, and [`FLOW_BITS`] bits for its number in the slice.
pub(crate) type RowKey = i64;

/// Bits of a flow row's key that number the flows of one slice.
pub(crate) const FLOW_BITS: u32 = 20;

/// A flow of a site, in short: the number of the site, and the fingerprint of the flow. Two flows of one number do no harm, since
/// nothing proves them the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowId {
    /// The writer's number of the site.
    pub(crate) site: u32,
    /// [`SharedFlow::fingerprint`].
    pub(crate) fingerprint: u32,
}

/// One observer's record of a flow in one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// The flow.
    pub(crate) flow: FlowId,
    /// Its observer.
    pub(crate) observer: Observer,
    /// The slice.
    pub(crate) slice: Interval,
    /// Octets of both directions.
    pub(crate) octets: u64,
    /// Key of its row.
    pub(crate) row: RowKey,
}

/// Whether a row counts, and whose rows count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// It counts in its LAN.
    pub(crate) counts: bool,
    /// The observer whose rows of this flow count: its own where it counts, and where nobody's do.
    pub(crate) elected: Observer,
    /// It counts beside another observer's row of equal ends that was not proved to be of the same packets.
    pub(crate) doubtful: bool,
}

/// A mark that was written and must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Key of the row.
    pub(crate) row: RowKey,
    /// Its mark from now on.
    pub(crate) primary: bool,
    /// The observer whose rows of the flow count from now on: its own where it counts.
    pub(crate) elected: Observer,
    /// Its octets are no longer doubtful.
    pub(crate) settles: bool,
    /// It counts in the place of another row of its slice, which does not any more.
    pub(crate) replaces: bool,
}

/// Another observer's records of a flow in the slices around an observation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Who.
    pub(crate) observer: Observer,
    /// The newest of the slices in which it has one.
    pub(crate) slice: Interval,
    /// It saw the same packets.
    pub(crate) proven: bool,
    /// A record of it counts.
    pub(crate) marked: bool,
    /// A record that counts proves it.
    pub(crate) counts: bool,
}

#[cfg(test)]
mod tests;
