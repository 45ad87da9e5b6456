//! One set of the flow table: the cache line that tells its flows apart, and the choice of a victim.

use zerocopy::FromZeros;

use crate::parse::packet::Packet;

/// Places of a set.
pub(super) const WAYS: usize = 8;

/// Of which may be protected.
pub(super) const PROTECTED_WAYS: u32 = 6;

/// Somebody is here.
pub(super) const OCCUPIED: u8 = 0x80;
/// Not to be pushed out directly.
pub(super) const PROTECTED: u8 = 0x40;
/// The first to be pushed out.
pub(super) const OVER: u8 = 0x20;
/// It stands where its VLAN puts it, not in the set of its ends.
pub(super) const APART: u8 = 0x10;
/// Logarithm of the packets seen, one less after each slice.
pub(super) const CLASS: u8 = 0x0f;

/// The flow had a packet in this slice. The other bits of a mark are its [`OtherTag`].
pub(super) const TOUCHED: u8 = 1;

/// Bits of a tag that depend on the VLAN.
pub(super) const VLAN_BITS: u16 = 0x1e;

/// One line for eight places.
#[derive(Clone, Copy, FromZeros)]
#[repr(C, align(64))]
pub(super) struct Set {
    /// Part of the hash; never zero where somebody is.
    pub(super) tags: [u16; WAYS],
    /// Time of the last packet of each, in ticks.
    pub(super) last: [u32; WAYS],
    pub(super) states: [u8; WAYS],
    /// Of each, [`TOUCHED`] and its [`OtherTag`].
    pub(super) marks: [u8; WAYS],
}

impl Set {
    /// One bit for each way that has this tag.
    #[inline(always)]
    pub(super) fn matches(&self, tag: u16) -> u32 {
        self.tags.iter().enumerate().fold(0, |mask, (way, &other)| mask | u32::from(other == tag) << way)
    }

    /// One bit for each way that has this tag, or differs in the bits of the VLAN.
    #[inline(always)]
    pub(super) fn matches_ends(&self, tag: u16) -> u32 {
        let same = |other: u16| (other ^ tag) & !VLAN_BITS == 0;
        self.tags.iter().enumerate().fold(0, |mask, (way, &other)| mask | u32::from(same(other)) << way)
    }

    /// One bit, of value `bit`, in each way's state.
    #[inline(always)]
    pub(super) fn states_with(&self, bit: u8) -> u64 {
        u64::from_ne_bytes(self.states) & u64::from_ne_bytes([bit; WAYS])
    }

    /// The way of the lowest rank among those for which `wanted` holds.
    #[inline(always)]
    pub(super) fn weakest(&self, now: u32, by_class: bool, wanted: impl Fn(u8) -> bool) -> usize {
        let rank = |way: usize| {
            let state = self.states[way];
            let class = if by_class { u64::from(state & CLASS) } else { 0 };
            // Who was seen after a late packet is not old.
            let age = (now.wrapping_sub(self.last[way]) as i32).max(0) as u32;
            let freshness = u64::from(u32::MAX - age);
            u64::from(!wanted(state)) << 62 | class << 32 | freshness
        };
        (0..WAYS).min_by_key(|&way| rank(way)).unwrap_or_default()
    }

    /// The way that a new flow takes: a free one, else that of the victim.
    #[inline(always)]
    pub(super) fn victim(&self, now: u32) -> usize {
        if let Some(way) = self.states.iter().position(|state| state & OCCUPIED == 0) {
            return way;
        }
        match self.states.iter().position(|state| state & OVER != 0) {
            Some(way) => way,
            None => self.weakest(now, false, |state| state & PROTECTED == 0),
        }
    }
}

/// The direction of a flow whose packets carry another VLAN tag than its key, and five bits of that tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::meter) struct OtherTag(pub(super) u8);

impl OtherTag {
    /// The packets of the direction of this one have its tag.
    #[inline(always)]
    pub(in crate::meter) fn of(packet: &Packet) -> Self {
        Self::new(usize::from(packet.reverse), packet.key.vlan())
    }

    /// The packets of the direction `way` come in this VLAN.
    #[inline(always)]
    pub(in crate::meter) fn new(way: usize, vlan: u16) -> Self {
        Self(1 << 1 | (way as u8) << 2 | (vlan as u8) << 3)
    }

    /// True if it is of this direction.
    pub(in crate::meter) fn is_of(self, way: usize) -> bool {
        self.0 & 0b110 == Self::new(way, 0).0
    }
}

/// Slots of one set.
#[derive(Clone)]
pub(in crate::meter) struct Slots {
    pub(super) set: usize,
    /// One bit for each of its ways.
    pub(super) ways: u32,
}

impl Slots {
    pub(in crate::meter) fn is_empty(&self) -> bool {
        self.ways == 0
    }
}

impl Iterator for Slots {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let way = (self.ways != 0).then(|| self.ways.trailing_zeros() as usize)?;
        self.ways &= self.ways - 1;
        Some(self.set * WAYS + way)
    }
}
