//! The news of a commit for the live view: the slices that were stored, and which of their rows count in a LAN.

use std::sync::Arc;

use traf_model::Summary;

use crate::report::primary::{Change, Observer, RowKey};
use crate::store::PointKey;

/// Slices of one transaction.
#[derive(Default)]
pub(crate) struct Committed {
    pub(crate) slices: Vec<CommittedSlice>,
    /// Marks of rows, of these slices and of earlier ones, that are others from now on.
    pub(crate) changes: Vec<Change>,
}

/// One slice of a sensor.
pub(crate) struct CommittedSlice {
    /// The sensor's name.
    pub(crate) sensor: String,
    /// Its site.
    pub(crate) site: String,
    pub(crate) summary: Arc<Summary>,
    /// Key of its first flow row; the others follow.
    pub(crate) first_row: RowKey,
    /// Of its flow rows, in their order.
    pub(crate) decisions: Vec<Decided>,
}

/// Where a flow row was seen, and whose rows of this flow count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) point: PointKey,
    /// The row counts in its LAN.
    pub(crate) counts: bool,
    /// The point whose rows of this flow count, and the VLAN that it sees it in.
    pub(crate) elected: (PointKey, Option<u16>),
}

/// The point of an observer, and the VLAN that it sees a flow in.
pub(crate) fn point_of(Observer { sensor, interface, vlan }: Observer) -> (PointKey, Option<u16>) {
    (PointKey { sensor, interface }, vlan)
}
