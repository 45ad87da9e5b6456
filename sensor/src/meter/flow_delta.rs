//! Counts that left a flow, on their way to the facilities.

use traf_model::{Counters, Mac, Traffic};

use crate::parse::packet::PackedKey;

/// Counts of a flow since the slice began.
#[derive(Clone, Copy)]
pub(super) struct FlowDelta {
    pub(super) key: PackedKey,
    /// The key's second end is the initiator.
    pub(super) second_began: bool,
    /// From the first end to the second, and back.
    pub(super) counters: [Counters; 2],
    /// Source MAC of each way; `None` where that way was never seen or has none.
    pub(super) macs: [Option<Mac>; 2],
    /// Times of the first packet that the counts can be of, and of the last.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl FlowDelta {
    /// Outbound is forward: from the initiator.
    pub(super) fn traffic(&self) -> Traffic {
        let [first, second] = self.counters;
        if self.second_began {
            Traffic { outbound: second, inbound: first }
        } else {
            Traffic { outbound: first, inbound: second }
        }
    }
}
