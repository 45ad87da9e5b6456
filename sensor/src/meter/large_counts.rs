//! Counts of flows that carry more than fits into their slots: 2^32 - 1 octets one way before this slice. Few do, so these counts
//! stand in a table of their own.

use std::collections::HashMap;

use super::slot::Cold;

/// Directions of flows with such counts; of those beyond, the count stays at 2^32 - 1. Together they have carried 64 TB.
const DIRECTIONS: usize = 16_384;

/// An end of what a slot holds; as a number of octets it says that the counts are here.
const END: u32 = u32::MAX;

/// Packets and octets before this slice, by slot and way.
#[derive(Default)]
pub(super) struct LargeCounts(HashMap<(usize, usize), (u64, u64)>);

impl LargeCounts {
    /// Packets and octets one way before this slice, of the flow in `slot`.
    pub(super) fn counted(&self, slot: usize, cold: &Cold, way: usize) -> (u64, u64) {
        let [packets, octets] = cold.low[way];
        let here = if octets == END { self.0.get(&(slot, way)) } else { None };
        here.copied().unwrap_or((u64::from(packets), u64::from(octets)))
    }

    /// Adds a slice's counts one way.
    pub(super) fn add(&mut self, slot: usize, cold: &mut Cold, way: usize, (packets, octets): (u64, u64)) {
        let before = self.counted(slot, cold, way);
        let sum = (before.0.saturating_add(packets), before.1.saturating_add(octets));
        let [low_packets, low_octets] = [sum.0, sum.1].map(|sum| u32::try_from(sum).unwrap_or(END));
        let large = low_packets == END || low_octets == END;
        if large && (self.0.len() < DIRECTIONS || self.0.contains_key(&(slot, way))) {
            self.0.insert((slot, way), sum);
        }
        cold.low[way] = [low_packets, if large { END } else { low_octets }];
    }

    /// Number of directions that have such counts.
    #[cfg(test)]
    pub(super) fn directions(&self) -> usize {
        self.0.len()
    }

    /// Forgets the flow in `slot`.
    pub(super) fn forget(&mut self, slot: usize, cold: &Cold) {
        for way in [0, 1].into_iter().filter(|&way| cold.low[way][1] == END) {
            self.0.remove(&(slot, way));
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn counts_add_up_beyond_what_a_slot_holds_and_are_forgotten_with_their_flow() {
        let (mut large, mut cold) = (LargeCounts::default(), Cold::new_zeroed());
        let mut expected = (0, 0);
        for octets in [0, 1, 0x7fff_ffff, 0x7fff_ffff, 0, 1, 0xff_ffff_ffff, 0xff_ffff_ffff] {
            large.add(7, &mut cold, 1, (3, octets));
            expected = (expected.0 + 3, expected.1 + octets);
            assert_eq!((large.counted(7, &cold, 1), large.counted(7, &cold, 0)), (expected, (0, 0)));
        }
        large.add(7, &mut cold, 0, (u64::from(u32::MAX), 5));
        assert_eq!((large.counted(7, &cold, 0), large.0.len()), ((u64::from(u32::MAX), 5), 2));
        large.add(7, &mut cold, 1, (u64::MAX, u64::MAX));
        assert_eq!(large.counted(7, &cold, 1), (u64::MAX, u64::MAX));
        large.forget(7, &cold);
        assert!(large.0.is_empty());
    }

    #[test]
    fn without_room_a_count_stays_at_its_end_and_those_that_have_room_go_on() {
        let mut large = LargeCounts::default();
        let mut slots = vec![Cold::new_zeroed(); DIRECTIONS + 1];
        for _ in 0..2 {
            for (slot, cold) in slots.iter_mut().enumerate() {
                large.add(slot, cold, 0, (1, 3 << 30));
            }
        }
        assert_eq!(large.counted(0, &slots[0], 0), (2, 6 << 30));
        assert_eq!(large.counted(DIRECTIONS, &slots[DIRECTIONS], 0), (2, u64::from(END)));
        assert_eq!(large.0.len(), DIRECTIONS);
    }
}
