//! A flow in memory: 64 octets that every packet touches, 32 that nearly every packet touches, 56 that few do, side
//! by side, because the page is dearer than the line: of a table of this size the processor knows few pages at a time. With
//! its 8 octets of [`super::flow_table`] a flow costs 160 octets.

use traf_model::Mac;
use zerocopy::FromZeros;

use crate::parse::packet::PackedKey;

/// A flow's place.
#[derive(Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) hot: Hot,
    pub(super) warm: Warm,
    pub(super) cold: Cold,
}

impl Slot {
    /// Octets at its beginning that a packet of a known flow touches.
    pub(super) const OFTEN: usize = size_of::<Hot>() + size_of::<Warm>();
}

/// Fields that every packet touches: the key, and the counts since the slice began.
///
/// `[0]` is from the key's first end to its second, `[1]` the other way.
#[derive(Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Hot {
    pub(super) key: PackedKey,
    packets: [u32; 2],
    /// Octets (40 bits), TCP flags seen since the flow began (8), last window (16).
    words: [u64; 2],
}

const OCTETS: u64 = (1 << 40) - 1;

impl Hot {
    /// For a new flow.
    #[inline(always)]
    pub(super) fn new(key: PackedKey) -> Self {
        Self { key, packets: [0; 2], words: [0; 2] }
    }

    /// Counts a packet. True when a counter is half full: then it must be emptied before the next.
    #[inline(always)]
    pub(super) fn count(&mut self, way: usize, octets: u32, flags: u8, window: u16) -> bool {
        let (packets, word) = (&mut self.packets[way], &mut self.words[way]);
        *packets += 1;
        *word = ((*word & 0xffff_ffff_ffff) + u64::from(octets)) | (u64::from(flags) << 40) | (u64::from(window) << 48);
        (*packets >> 31) as u64 | (*word >> 39) & 1 != 0
    }

    /// Packets and octets one way since the slice began.
    #[inline(always)]
    pub(super) fn counted(&self, way: usize) -> (u64, u64) {
        (u64::from(self.packets[way]), self.words[way] & OCTETS)
    }

    /// Packets both ways since the slice began.
    #[inline(always)]
    pub(super) fn packets(&self) -> u32 {
        self.packets[0].saturating_add(self.packets[1])
    }

    /// Begins a slice.
    pub(super) fn empty(&mut self) {
        self.packets = [0; 2];
        self.words.iter_mut().for_each(|word| *word &= !OCTETS);
    }

    /// TCP flags seen one way since the flow began.
    #[inline(always)]
    pub(super) fn flags(&self, way: usize) -> u8 {
        (self.words[way] >> 40) as u8
    }

    /// Last window one way.
    pub(super) fn window(&self, way: usize) -> u16 {
        (self.words[way] >> 48) as u16
    }
}

/// Fields that nearly every packet touches.
#[derive(Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Warm {
    /// Time of the last packet.
    pub(super) last: i64,
    /// Until an end sends its FIN: the segment size it announced, or zero. From then on: the sequence number that
    /// acknowledges the FIN. (No end sends data behind its FIN, so nobody misses the segment size.)
    pub(super) marks: [u32; 2],
    /// Evidence of the packets since the slice began ([`super::evidence`]): for TCP `[0]` is of the first end's; else of both ends'.
    pub(super) evidence: [u32; 2],
    /// IP octets of the last packet each way, as far as they fit.
    pub(super) last_sizes: [u16; 2],
    /// TCP flags of the last packet each way.
    pub(super) last_flags: [u8; 2],
    /// Bits of [`super::flow_state`].
    pub(super) state: u16,
}

/// Fields that few packets touch.
#[derive(Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Cold {
    /// Time of the first packet.
    pub(super) first: i64,
    /// Sequence number of the SYN it began with.
    pub(super) isn: u32,
    /// MAC address that the packets of each way came from; until there are any, the one that those of the other way go to.
    pub(super) macs: [[u8; 6]; 2],
    /// Cumulative counts when rates were last sampled: octets modulo 2^40, packets modulo 2^24.
    pub(super) sampled: [u64; 2],
    /// Counted before this slice: packets and octets each way, as far as they fit ([`super::large_counts`]).
    pub(super) low: [[u32; 2]; 2],
}

impl Cold {
    /// The MAC address that the packets of one way come from, if it is known.
    pub(super) fn mac(&self, way: usize) -> Option<Mac> {
        (self.macs[way] != [0; 6]).then_some(Mac(self.macs[way]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_costs_152_octets_beside_its_place() {
        assert_eq!((size_of::<Slot>(), Slot::OFTEN), (152, 96));
    }

    #[test]
    fn a_hot_counter_asks_to_be_emptied_before_it_overflows() {
        let mut hot = Hot::new(PackedKey([0; 5]));
        let mut octets = 0u64;
        while !hot.count(1, u32::MAX, 0xff, 0xffff) {
            octets += u64::from(u32::MAX);
            assert_eq!(hot.counted(1).1, octets);
        }
        assert_eq!(hot.counted(1).1, octets + u64::from(u32::MAX));
        hot.empty();
        assert_eq!((hot.counted(1), hot.flags(1), hot.window(1)), ((0, 0), 0xff, 0xffff));
    }
}
