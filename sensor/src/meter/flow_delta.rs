//! Counts that left a flow, on their way to the facilities.

use traf_model::{FlowKey, Mac, Traffic};

/// Counts of a flow since the slice began.
#[derive(Clone, Copy)]
pub(super) struct FlowDelta {
    pub(super) key: FlowKey,
    /// Outbound is forward: from the initiator.
    pub(super) traffic: Traffic,
    /// Source MAC of the forward and of the reverse direction; `None` where that was never seen or has none.
    pub(super) macs: [Option<Mac>; 2],
    /// Times of the first packet that the counts can be of, and of the last.
    pub(super) first: i64,
    pub(super) last: i64,
}
