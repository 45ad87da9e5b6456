//! The flow table: sets of eight slots, each set with one cache line for look-up, ageing and the choice of a victim.
//!
//! The number of places is fixed. A newcomer to a full set takes the place of, in this order: a flow that is over; the
//! flow in probation that was silent for longest. Two places of eight at least are not protected. A flow that was
//! answered, or sent four packets, is protected; where six are, the one of the fewest packets and the longest silence
//! loses its protection. So a scan or a flood pushes out itself, and nobody can lock the table.

use zerocopy::FromZeros;

use super::keyed_hash::{KeyedHash, spread};
use super::large_counts::LargeCounts;
use super::slot::Slot;
use crate::parse::packet::PackedKey;
use crate::system::machine::{Pages, prefetch};

/// Places of a set.
const WAYS: usize = 8;

/// Of which may be protected.
const PROTECTED_WAYS: u32 = 6;

/// Somebody is here.
const OCCUPIED: u8 = 0x80;
/// Not to be pushed out directly.
const PROTECTED: u8 = 0x40;
/// The first to be pushed out.
const OVER: u8 = 0x20;
/// Logarithm of the packets seen, one less after each slice.
const CLASS: u8 = 0x0f;

/// One line for eight places.
#[derive(Clone, Copy, FromZeros)]
#[repr(C, align(64))]
struct Set {
    /// Part of the hash; never zero where somebody is.
    tags: [u16; WAYS],
    /// Time of the last packet of each, in ticks.
    last: [u32; WAYS],
    states: [u8; WAYS],
    /// Not zero if the flow had a packet in this slice.
    touched: [u8; WAYS],
}

impl Set {
    #[inline(always)]
    fn matches(&self, tag: u16) -> u32 {
        self.tags.iter().enumerate().fold(0, |mask, (way, &other)| mask | u32::from(other == tag) << way)
    }

    /// One bit, of value `bit`, in each way's state.
    #[inline(always)]
    fn states_with(&self, bit: u8) -> u64 {
        u64::from_ne_bytes(self.states) & u64::from_ne_bytes([bit; WAYS])
    }

    /// The way of the lowest rank among those for which `wanted` holds.
    #[inline(always)]
    fn weakest(&self, now: u32, by_class: bool, wanted: impl Fn(u8) -> bool) -> usize {
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
    fn victim(&self, now: u32) -> usize {
        if let Some(way) = self.states.iter().position(|state| state & OCCUPIED == 0) {
            return way;
        }
        match self.states.iter().position(|state| state & OVER != 0) {
            Some(way) => way,
            None => self.weakest(now, false, |state| state & PROTECTED == 0),
        }
    }
}

/// Set and tag of a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    set: u32,
    tag: u16,
}

/// The places, and what is kept of each flow.
pub(super) struct FlowTable {
    sets: Pages<Set>,
    /// By slot: as many as there is room for.
    pub(super) flows: Pages<Slot>,
    /// Of flows that carried very much.
    pub(super) large: LargeCounts,
    seed: KeyedHash,
    started: i64,
    /// Flows that are here.
    pub(super) occupied: usize,
}

impl FlowTable {
    /// Room for `capacity` flows, rounded up to a multiple of eight. The memory is touched as flows come.
    pub(super) fn new(capacity: usize, started: i64) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1);
        Self {
            sets: Pages::new(sets),
            flows: Pages::new(sets * WAYS),
            large: LargeCounts::default(),
            seed: KeyedHash::random(),
            started,
            occupied: 0,
        }
    }

    /// The time in ticks of about a millisecond, which wrap around after fifty days: good enough to tell old from new.
    #[inline(always)]
    pub(super) fn tick(&self, at: i64) -> u32 {
        (at.wrapping_sub(self.started) >> 20) as u32
    }

    /// Set and tag of a key; prefetches the cache line of its set.
    #[inline(always)]
    pub(super) fn position(&self, key: &PackedKey) -> Position {
        let hash = self.seed.flow(key);
        let set = spread(hash, self.sets.len());
        prefetch(&self.sets, set, size_of::<Set>());
        Position { set: set as u32, tag: hash as u16 | 1 }
    }

    /// Asks for the lines of the flow that is probably meant, or of the one that would have to go for it.
    #[inline(always)]
    pub(super) fn prefetch(&self, position: Position, tick: u32) {
        let set = &self.sets[position.set as usize];
        let found = set.matches(position.tag);
        let way = if found != 0 { found.trailing_zeros() as usize } else { set.victim(tick) };
        let slot = position.set as usize * WAYS + way;
        prefetch(&self.flows, slot, if found != 0 { Slot::OFTEN } else { size_of::<Slot>() });
    }

    /// The slot of a key.
    #[inline(always)]
    pub(super) fn find(&self, position: Position, key: &PackedKey) -> Option<usize> {
        let mut found = self.sets[position.set as usize].matches(position.tag);
        while found != 0 {
            let slot = position.set as usize * WAYS + found.trailing_zeros() as usize;
            if self.flows[slot].hot.key.is(key) {
                return Some(slot);
            }
            found &= found - 1;
        }
        None
    }

    /// Packets and octets of the slot's flow one way before this slice.
    pub(super) fn before(&self, slot: usize, way: usize) -> (u64, u64) {
        self.large.counted(slot, &self.flows[slot].cold, way)
    }

    /// The slot for a newcomer, and whether somebody has to leave it first.
    pub(super) fn room(&self, position: Position, tick: u32) -> (usize, bool) {
        let set = &self.sets[position.set as usize];
        let way = set.victim(tick);
        (position.set as usize * WAYS + way, set.states[way] & OCCUPIED != 0)
    }

    /// Gives the slot to a new flow, in probation.
    pub(super) fn place(&mut self, slot: usize, position: Position, tick: u32) {
        let (set, way) = self.at(slot);
        let newly = set.states[way] & OCCUPIED == 0;
        set.tags[way] = position.tag;
        set.last[way] = tick;
        set.states[way] = OCCUPIED;
        set.touched[way] = 1;
        self.occupied += usize::from(newly);
    }

    /// Frees a slot.
    pub(super) fn free(&mut self, slot: usize) {
        let (set, way) = self.at(slot);
        let occupied = set.states[way] & OCCUPIED != 0;
        (set.tags[way], set.states[way], set.touched[way]) = (0, 0, 0);
        self.occupied -= usize::from(occupied);
    }

    /// A packet of the flow: `packets` in this slice so far. `answered` says that both ends spoke, `over` that nothing
    /// more is expected.
    #[inline(always)]
    pub(super) fn seen(&mut self, slot: usize, tick: u32, packets: u32, answered: bool, over: bool) {
        let (set, way) = self.at(slot);
        set.last[way] = tick;
        set.touched[way] = 1;
        let state = set.states[way];
        if over {
            set.states[way] = state & !PROTECTED | OVER;
        } else if state & (PROTECTED | OVER) == 0 && (answered || packets >= 4) {
            if set.states_with(PROTECTED).count_ones() >= PROTECTED_WAYS {
                let weakest = set.weakest(tick, true, |state| state & PROTECTED != 0);
                set.states[weakest] &= !PROTECTED;
            }
            set.states[way] |= PROTECTED;
        }
        if packets.is_power_of_two() {
            let class = (packets.trailing_zeros() as u8).min(CLASS);
            let state = set.states[way];
            set.states[way] = state & !CLASS | (state & CLASS).max(class);
        }
    }

    /// Number of sets: the bound of the argument of [`FlowTable::slots`] and [`FlowTable::touched`].
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// The slots of a set's flows.
    pub(super) fn slots(&self, set: usize) -> impl Iterator<Item = usize> + use<> {
        slots(set, self.ways(set, |line, way| line.states[way] & OCCUPIED != 0))
    }

    /// The slots of a set's flows that were seen in this slice.
    pub(super) fn touched(&self, set: usize) -> impl Iterator<Item = usize> + use<> {
        slots(set, self.ways(set, |line, way| line.touched[way] != 0))
    }

    /// The slots of a set's flows that were last seen at most `ticks` before `now`: all, or the protected among them.
    pub(super) fn recent(
        &self,
        set: usize,
        now: u32,
        ticks: u32,
        protected: bool,
    ) -> impl Iterator<Item = usize> + use<> {
        let wanted = if protected { OCCUPIED | PROTECTED } else { OCCUPIED };
        let recent = |line: &Set, way: usize| {
            line.states[way] & wanted == wanted && now.wrapping_sub(line.last[way]) as i32 <= ticks as i32
        };
        slots(set, self.ways(set, recent))
    }

    /// The slots of a set's flows that were last seen more than `ticks` before `now`.
    pub(super) fn silent(&self, set: usize, now: u32, ticks: u32) -> impl Iterator<Item = usize> + use<> {
        let silent = |line: &Set, way: usize| {
            line.states[way] & OCCUPIED != 0 && now.wrapping_sub(line.last[way]) as i32 > ticks as i32
        };
        slots(set, self.ways(set, silent))
    }

    /// Begins a slice: nobody is touched, and everybody's class is one less.
    pub(super) fn next_slice(&mut self) {
        for set in self.sets.iter_mut() {
            set.touched = [0; WAYS];
            set.states.iter_mut().filter(|state| **state & CLASS != 0).for_each(|state| *state -= 1);
        }
    }

    #[inline(always)]
    fn at(&mut self, slot: usize) -> (&mut Set, usize) {
        (&mut self.sets[slot / WAYS], slot % WAYS)
    }

    /// One bit for each way of a set that is wanted.
    #[inline(always)]
    fn ways(&self, set: usize, wanted: impl Fn(&Set, usize) -> bool) -> u32 {
        let line = &self.sets[set];
        (0..WAYS).fold(0, |mask, way| mask | u32::from(wanted(line, way)) << way)
    }
}

/// The slots of these ways of a set.
#[inline(always)]
fn slots(set: usize, mut ways: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let way = (ways != 0).then(|| ways.trailing_zeros() as usize)?;
        ways &= ways - 1;
        Some(set * WAYS + way)
    })
}

#[cfg(test)]
mod tests {
    use super::super::slot::Hot;
    use super::*;
    use crate::parse::packet::NO_VLAN;

    fn key(number: u32) -> PackedKey {
        PackedKey::new(4, 17, NO_VLAN, (u128::from(number), 1), (1 << 33, 2)).0
    }

    fn insert(table: &mut FlowTable, number: u32, tick: u32) -> usize {
        let position = table.position(&key(number));
        let (slot, _) = table.room(position, tick);
        table.place(slot, position, tick);
        table.flows[slot].hot = Hot::new(key(number));
        slot
    }

    fn holds(table: &FlowTable, number: u32) -> bool {
        table.find(table.position(&key(number)), &key(number)).is_some()
    }

    #[test]
    fn a_flood_of_newcomers_never_pushes_out_the_protected() {
        let mut table = FlowTable::new(8, 0);
        for number in 0..6 {
            let slot = insert(&mut table, number, number);
            table.seen(slot, number, 2, true, false);
        }
        for number in 100..200 {
            insert(&mut table, number, number);
        }
        assert!((0..6).all(|number| holds(&table, number)));
        assert!(holds(&table, 198) && holds(&table, 199) && !holds(&table, 197));
        assert_eq!(table.occupied, 8);
    }

    #[test]
    fn nobody_can_lock_the_table() {
        let mut table = FlowTable::new(8, 0);
        for number in 0..1000 {
            let slot = insert(&mut table, number, number);
            table.seen(slot, number, 2, true, false);
            assert!(holds(&table, number));
        }
        assert_eq!(table.sets[0].states_with(PROTECTED).count_ones(), PROTECTED_WAYS);
    }

    #[test]
    fn a_late_packet_pushes_out_the_oldest_too() {
        let mut table = FlowTable::new(8, 0);
        for number in 0..8 {
            insert(&mut table, number, 100 + number);
        }
        insert(&mut table, 100, 103);
        assert!(!holds(&table, 0) && (1..8).all(|number| holds(&table, number)));
    }

    #[test]
    fn what_is_over_goes_first() {
        let mut table = FlowTable::new(8, 0);
        for number in 0..8 {
            insert(&mut table, number, number);
        }
        let slot = table.find(table.position(&key(7)), &key(7)).unwrap_or_default();
        table.seen(slot, 9, 9, true, true);
        insert(&mut table, 100, 10);
        assert!(!holds(&table, 7) && holds(&table, 0));
    }
}
