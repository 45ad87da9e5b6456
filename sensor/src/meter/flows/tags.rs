//! Flows whose directions carry different VLAN tags.
//!
//! A tag belongs to a link, not to a conversation: a mirror port may tag what it received and not what it sent, and a router may answer
//! through another VLAN. A packet that has no flow under its own tag continues, in this order:
//!
//! 1. the flow of the same ends whose packets of this direction came with this tag before;
//! 2. the flow of the same ends that was seen in the other direction only: the packet is its answer;
//! 3. the flow of the same ends whose packets of this direction came with a third tag.
//!
//! Else it begins a flow. So flows of the same ends that have both directions under one tag stay apart: the address plans of two
//! VLANs may overlap, and a router on a trunk passes each packet through two of them. A packet whose flow has its own tag is found
//! before.
//!
//! The key of a flow keeps the first tag. A flow that began without a tag takes that of its answer, unless a slice with a row of it was
//! sealed before.
//!
//! Left out: nothing tells the answer of a one-way flow from the first packet of another conversation that has the same ends, runs
//! the other way, and is in a VLAN where none of its flows is known. It counts as the answer. And of ends that have flows in
//! several VLANs only the first is continued under other tags.

use super::Flows;
use crate::meter::flow_state;
use crate::meter::flow_table::{OtherTag, Position, Slots};
use crate::meter::slot::Slot;
use crate::parse::packet::{NO_VLAN, PackedKey, Packet, flag};

impl Flows {
    /// The slot of a packet that has no flow at its position, and whether a flow begins with it.
    #[inline(never)]
    pub(super) fn in_any_vlan(&mut self, position: Position, packet: &Packet, tick: u32) -> (usize, bool) {
        if position.apart {
            // The flow of its ends in another VLAN may have left since the position was found.
            let position = self.table.position(&packet.key);
            if let Some(slot) = self.table.find(position, &packet.key) {
                return (slot, self.renews(slot, position, packet, tick));
            }
            return self.in_any_vlan(position, packet, tick);
        }
        let known = self.table.of_ends(position, &packet.key);
        let other = OtherTag::of(packet);
        if let Some(slot) = known.clone().find(|slot| self.table.other_tag(*slot) == other) {
            return (slot, self.renews(slot, position, packet, tick));
        }
        if let Some(slot) = self.table.find_apart(&packet.key) {
            return (slot, self.renews(slot, self.table.position_apart(&packet.key), packet, tick));
        }
        if known.is_empty() {
            return (self.begin(position, packet, tick), true);
        }
        if let Some(slot) = self.waits(known.clone(), usize::from(packet.reverse)) {
            let anew = self.renews(slot, position, packet, tick);
            if !anew {
                self.retag(slot, position, packet);
            }
            return (slot, anew);
        }
        let initiator = self.initiator(known, packet);
        let slot = self.begin(self.table.position_apart(&packet.key), packet, tick);
        if let Some(second_began) = initiator {
            flow_state::set_initiator(&mut self.table.flows[slot].warm, second_began);
        }
        (slot, true)
    }

    /// The slot of the flow that a packet of the direction `way`, with the tag of this key, belongs to.
    pub(super) fn answered_by(&self, key: &PackedKey, way: usize) -> Option<usize> {
        let position = self.table.position(key);
        let found = self.table.find(position, key).or_else(|| self.table.find_apart(key));
        found.or_else(|| self.waits(self.table.of_ends(position, key), way))
    }

    /// Of these flows the one that packets of the direction `way` continue under a tag that is not theirs.
    fn waits(&self, known: Slots, way: usize) -> Option<usize> {
        let rank = |slot: usize| {
            let warm = &self.table.flows[slot].warm;
            let unanswered = !flow_state::spoke(warm.state, way);
            (unanswered || self.table.other_tag(slot).is_of(way)).then_some((unanswered, warm.last))
        };
        known.filter_map(|slot| Some((rank(slot)?, slot))).max().map(|(_, slot)| slot)
    }

    /// Notes that the packet continues the slot's flow under another tag.
    fn retag(&mut self, slot: usize, position: Position, packet: &Packet) {
        let way = usize::from(packet.reverse);
        let Slot { hot, warm, cold } = &self.table.flows[slot];
        let answer = !flow_state::spoke(warm.state, way);
        if answer && hot.key.vlan() == NO_VLAN && cold.first >= self.opened {
            self.table.rename(slot, position, packet.key);
            self.table.set_other_tag(slot, OtherTag::new(1 - way, NO_VLAN));
        } else {
            self.table.set_other_tag(slot, OtherTag::new(way, packet.key.vlan()));
        }
    }

    /// True if the second end began the conversation that a packet goes on with under a new tag; `None` where the packet itself
    /// says who begins. Without it, the port of a client would become a service.
    fn initiator(&self, known: Slots, packet: &Packet) -> Option<bool> {
        let (source, destination) = packet.ports();
        if source == destination || packet.flags & flag::SYN != 0 {
            return None;
        }
        let latest = known.map(|slot| &self.table.flows[slot].warm).max_by_key(|warm| warm.last)?;
        (packet.at.saturating_sub(latest.last) <= self.idle).then(|| flow_state::second_began(latest))
    }
}
