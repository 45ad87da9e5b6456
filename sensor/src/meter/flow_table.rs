//! The flow table: sets of eight slots, each set with one cache line for look-up, ageing and the choice of a victim.
//!
//! The number of places is fixed. A newcomer to a full set takes the place of, in this order: a flow that is over; the
//! flow in probation that was silent for longest. Two places of eight at least are not protected. A flow that was
//! answered, or sent four packets, is protected; where six are, the one of the fewest packets and the longest silence
//! loses its protection. So a scan or a flood pushes out itself, and nobody can lock the table.
//!
//! The set of a flow depends on its ends alone, so that it is found under any VLAN tag ([`super::flows`]). Where several VLANs have flows
//! of the same ends, those after the first stand *apart*, in sets that depend on the VLAN too: else they would crowd into one set.

mod set;

use super::keyed_hash::{KeyedHash, spread};
use super::large_counts::LargeCounts;
use super::slot::Slot;
use crate::parse::packet::{PackedKey, Packet};
use crate::system::machine::{Pages, prefetch};
use set::{APART, CLASS, OCCUPIED, OVER, PROTECTED, PROTECTED_WAYS, Set, TOUCHED, VLAN_BITS, WAYS};
pub(super) use set::{OtherTag, Slots};

/// Sets between the one that is looked at and the one whose flows are asked for.
const AHEAD: usize = 4;

/// Set and tag of a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    set: u32,
    tag: u16,
    /// The set depends on the VLAN.
    pub(super) apart: bool,
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
    /// Flows among them that stand apart.
    apart: usize,
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
            apart: 0,
        }
    }

    /// The time in ticks of about a millisecond, which wrap around after fifty days: good enough to tell old from new.
    #[inline(always)]
    pub(super) fn tick(&self, at: i64) -> u32 {
        (at.wrapping_sub(self.started) >> 20) as u32
    }

    /// Set and tag of a key; prefetches the cache line of its set. The set is the same for all VLANs.
    #[inline(always)]
    pub(super) fn position(&self, key: &PackedKey) -> Position {
        self.position_of(self.seed.flow(key), key, false)
    }

    /// Set and tag of a key that stands apart.
    pub(super) fn position_apart(&self, key: &PackedKey) -> Position {
        self.position_of(self.seed.pair(self.seed.flow(key), key.vlan().into()), key, true)
    }

    #[inline(always)]
    fn position_of(&self, hash: u64, key: &PackedKey, apart: bool) -> Position {
        let set = spread(hash, self.sets.len());
        prefetch(&self.sets, set, size_of::<Set>());
        Position { set: set as u32, tag: (hash as u16 ^ key.vlan() << 1 & VLAN_BITS) | 1, apart }
    }

    /// Asks for the lines of the flow that is probably meant, or of the one that would have to go for it. `false` if it may stand
    /// apart.
    #[inline(always)]
    pub(super) fn prefetch(&self, position: Position, packet: &Packet, tick: u32) -> bool {
        let set = &self.sets[position.set as usize];
        let mut found = set.matches(position.tag);
        if found == 0 {
            found = set.matches_ends(position.tag);
            if found != 0 && self.apart > 0 {
                let first = position.set as usize * WAYS + found.trailing_zeros() as usize;
                if self.other_tag(first) != OtherTag::of(packet) {
                    return false;
                }
            }
        }
        let way = if found != 0 { found.trailing_zeros() as usize } else { set.victim(tick) };
        let slot = position.set as usize * WAYS + way;
        prefetch(&self.flows, slot, if found != 0 { Slot::OFTEN } else { size_of::<Slot>() });
        true
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

    /// The slots of flows with the ends of a key, in any VLAN.
    pub(super) fn of_ends(&self, position: Position, key: &PackedKey) -> Slots {
        let (set, key) = (position.set as usize, key.untagged());
        let mut ways = self.sets[set].matches_ends(position.tag);
        for slot in (Slots { set, ways }) {
            if !self.flows[slot].hot.key.untagged().is(&key) {
                ways &= !(1 << (slot % WAYS));
            }
        }
        Slots { set, ways }
    }

    /// The slot of a key that stands apart.
    pub(super) fn find_apart(&self, key: &PackedKey) -> Option<usize> {
        if self.apart == 0 { None } else { self.find(self.position_apart(key), key) }
    }

    /// The direction of the slot's flow whose packets carry another tag than its key.
    pub(super) fn other_tag(&self, slot: usize) -> OtherTag {
        OtherTag(self.sets[slot / WAYS].marks[slot % WAYS] & !TOUCHED)
    }

    /// Notes the direction of the slot's flow whose packets carry another tag than its key.
    pub(super) fn set_other_tag(&mut self, slot: usize, other: OtherTag) {
        let (set, way) = self.at(slot);
        set.marks[way] = set.marks[way] & TOUCHED | other.0;
    }

    /// Gives the slot's flow this key, which differs from its own in the VLAN only.
    pub(super) fn rename(&mut self, slot: usize, position: Position, key: PackedKey) {
        self.flows[slot].hot.key = key;
        let (set, way) = self.at(slot);
        set.tags[way] = position.tag;
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
        self.free(slot);
        let (set, way) = self.at(slot);
        set.tags[way] = position.tag;
        set.last[way] = tick;
        set.states[way] = if position.apart { OCCUPIED | APART } else { OCCUPIED };
        set.marks[way] = TOUCHED;
        self.occupied += 1;
        self.apart += usize::from(position.apart);
    }

    /// Frees a slot.
    pub(super) fn free(&mut self, slot: usize) {
        let (set, way) = self.at(slot);
        let state = std::mem::take(&mut set.states[way]);
        (set.tags[way], set.marks[way]) = (0, 0);
        self.occupied -= usize::from(state & OCCUPIED != 0);
        self.apart -= usize::from(state & APART != 0);
    }

    /// A packet of the flow: `packets` in this slice so far. `answered` says that both ends spoke, `over` that nothing
    /// more is expected.
    #[inline(always)]
    pub(super) fn seen(&mut self, slot: usize, tick: u32, packets: u32, answered: bool, over: bool) {
        let (set, way) = self.at(slot);
        set.last[way] = tick;
        set.marks[way] |= TOUCHED;
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
    pub(super) fn slots(&self, set: usize) -> Slots {
        Slots { set, ways: self.ways(set, |line, way| line.states[way] & OCCUPIED != 0) }
    }

    /// The slots of all flows, in their order. What stands some sets ahead is asked for meanwhile: else more than half of a pass
    /// is waiting for memory.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        (0..self.sets()).flat_map(|set| {
            if set + AHEAD < self.sets() {
                self.slots(set + AHEAD).for_each(|slot| prefetch(&self.flows, slot, size_of::<Slot>()));
            }
            self.slots(set)
        })
    }

    /// The slots of a set's flows that were seen in this slice.
    pub(super) fn touched(&self, set: usize) -> Slots {
        Slots { set, ways: self.ways(set, |line, way| line.marks[way] & TOUCHED != 0) }
    }

    /// The slots of a set's flows that were last seen at most `ticks` before `now`: all, or the protected among them.
    pub(super) fn recent(&self, set: usize, now: u32, ticks: u32, protected: bool) -> Slots {
        let wanted = if protected { OCCUPIED | PROTECTED } else { OCCUPIED };
        let recent = |line: &Set, way: usize| {
            line.states[way] & wanted == wanted && now.wrapping_sub(line.last[way]) as i32 <= ticks as i32
        };
        Slots { set, ways: self.ways(set, recent) }
    }

    /// The slots of a set's flows that were last seen more than `ticks` before `now`.
    pub(super) fn silent(&self, set: usize, now: u32, ticks: u32) -> Slots {
        let silent = |line: &Set, way: usize| {
            line.states[way] & OCCUPIED != 0 && now.wrapping_sub(line.last[way]) as i32 > ticks as i32
        };
        Slots { set, ways: self.ways(set, silent) }
    }

    /// Begins a slice: nobody is touched, and everybody's class is one less.
    pub(super) fn next_slice(&mut self) {
        for set in self.sets.iter_mut() {
            set.marks.iter_mut().for_each(|mark| *mark &= !TOUCHED);
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
