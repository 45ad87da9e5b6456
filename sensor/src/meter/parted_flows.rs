//! Rows of flows that left the table within the slice: the busiest, since the least of a slice's rows says that whoever has more has a
//! row, too.
//!
//! When the places are taken, the half of the fewest octets leaves, and from then on who has no more than they finds no place. With two
//! places for each row of a summary all of its busiest flows are here.

use traf_model::Flow;

/// At most `capacity` rows.
pub(super) struct PartedFlows {
    rows: Vec<Flow>,
    capacity: usize,
    /// Octets that are not enough for a place.
    too_few: Option<u64>,
}

impl PartedFlows {
    pub(super) fn new(capacity: usize) -> Self {
        Self { rows: Vec::new(), capacity, too_few: None }
    }

    /// True if a flow of so many octets has a place.
    #[inline]
    pub(super) fn wants(&self, octets: u64) -> bool {
        self.capacity > 0 && self.too_few.is_none_or(|too_few| octets > too_few)
    }

    /// Adds a flow; hands back those that leave.
    pub(super) fn add(&mut self, flow: Flow) -> Vec<Flow> {
        self.rows.push(flow);
        if self.rows.len() <= self.capacity {
            return Vec::new();
        }
        let half = self.rows.len() / 2;
        let (_, last, _) = self.rows.select_nth_unstable_by_key(half - 1, Flow::octets);
        self.too_few = Some(last.octets());
        self.rows.drain(..half).collect()
    }

    pub(super) fn rows(&self) -> &[Flow] {
        &self.rows
    }

    /// All rows; the next slice begins.
    pub(super) fn take(&mut self) -> Vec<Flow> {
        self.too_few = None;
        std::mem::take(&mut self.rows)
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Counters, Endpoint, FlowKey, Timestamp, Traffic};

    use super::*;

    fn flow(octets: u64) -> Flow {
        let end = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        let key = FlowKey { protocol: 6, vlan: None, source: end(1), destination: end(2) };
        Flow::new(key, Traffic::outbound(Counters::new(1, octets)), Timestamp(0))
    }

    /// What is kept of flows, in rising order, and what is not.
    fn parted(capacity: usize, all: impl Iterator<Item = u64>) -> (Vec<u64>, Vec<u64>) {
        let (mut parted, mut left) = (PartedFlows::new(capacity), Vec::new());
        for octets in all {
            if parted.wants(octets) {
                left.extend(parted.add(flow(octets)).iter().map(Flow::octets));
            } else {
                left.push(octets);
            }
            assert!(parted.rows().len() <= capacity);
        }
        let mut kept: Vec<u64> = parted.take().iter().map(Flow::octets).collect();
        kept.sort_unstable();
        (kept, left)
    }

    #[test]
    fn the_busiest_half_is_always_kept_and_nothing_is_lost() {
        let octets = |number: u64| 40 + number.wrapping_mul(2_654_435_761) % 100_000;
        let (kept, left) = parted(100, (0..10_000).map(octets));
        assert_eq!(kept.len() + left.len(), 10_000);
        let mut all: Vec<u64> = (0..10_000).map(octets).collect();
        all.sort_unstable();
        assert!(kept.ends_with(&all[all.len() - 50..]));
    }

    #[test]
    fn flows_of_a_flood_are_turned_away_at_once_and_without_room_all_are() {
        let (kept, left) = parted(100, std::iter::repeat_n(40, 1_000).chain([50]));
        assert_eq!((kept.len(), left.len()), (52, 949));
        assert!(parted(0, [40].into_iter()).0.is_empty());
        assert_eq!(parted(1, [40, 50, 45].into_iter()).0, [50]);
    }
}
