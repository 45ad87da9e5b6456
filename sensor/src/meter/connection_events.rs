//! Events of TCP connections, one by one, for a text log: IPTraf's events.
//!
//! Nobody collects them while there is no log: then a packet costs one comparison more. They wait in a bounded list until the
//! capture thread hands them on; what finds no place there is counted.

use traf_model::{Endpoint, Mac, Timestamp};

use super::flow_state;
use super::flow_table::FlowTable;
use super::slot::Slot;
use crate::parse::packet::{Fragment, Packet, flag};

/// Events that wait at once: more than a round of the capture brings, even if each packet of it opened a connection.
const WAITING: usize = 8_192;

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionEvent {
    /// Time.
    pub at: Timestamp,
    /// Sender of the packet that caused the event; without a packet, the initiator.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// IP octets of that packet.
    pub octets: u32,
    /// MAC address that it came from; `None` where the link has none, or none is wanted.
    pub mac: Option<Mac>,
    /// Kind of event.
    pub what: ConnectionChange,
}

/// Kind of event, with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionChange {
    /// The first packet of this direction, with SYN or without.
    First {
        /// It carried SYN.
        syn: bool,
    },
    /// The source has nothing more to send.
    Fin(DirectionCounts),
    /// The destination's FIN was acknowledged by the source.
    Acknowledged,
    /// The source ended it at once; then its direction and the opposite one.
    Reset(DirectionCounts, DirectionCounts),
    /// Nothing came for the idle timeout; the source's direction and the opposite one.
    TimedOut(DirectionCounts, DirectionCounts),
    /// It is open, and a newer flow has taken its place in the full table; the source's direction and the opposite one.
    PushedOut(DirectionCounts, DirectionCounts),
    /// It is open, and somebody asked; the source's direction.
    Active(DirectionCounts),
    /// Packets of this direction came from another MAC address before.
    Moved(Mac),
}

/// Counts of one direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectionCounts {
    /// Packets.
    pub packets: u64,
    /// IP octets.
    pub octets: u64,
    /// Nanoseconds since the connection's first packet.
    pub nanos: i64,
}

/// The events that wait, while there is a log.
#[derive(Debug)]
pub(super) struct EventQueue {
    mac: bool,
    waiting: Vec<ConnectionEvent>,
    lost: u64,
    /// Up to when flows were looked at that fell silent.
    silence: i64,
}

impl EventQueue {
    /// From `now` on, with MAC addresses or without.
    pub(super) fn new(mac: bool, now: i64) -> Self {
        Self { mac, waiting: Vec::new(), lost: 0, silence: now }
    }

    /// Takes the records since the last call.
    pub(super) fn take(&mut self) -> (Vec<ConnectionEvent>, u64) {
        (std::mem::take(&mut self.waiting), std::mem::take(&mut self.lost))
    }

    /// A TCP packet was counted and followed, which began the flow (`new`), or found it in the state `before`.
    #[cold]
    pub(super) fn packet(&mut self, packet: &Packet, before: u16, new: bool, table: &mut FlowTable, slot: usize) {
        let way = usize::from(packet.reverse);
        // A FIN that belongs to no connection begins none (IPTraf); it only counts.
        let stray = new && packet.flags & (flag::FIN | flag::SYN) == flag::FIN;
        if stray || packet.fragment == Fragment::Later {
            return;
        }
        let key = packet.key.flow(packet.reverse);
        let mac = Some(packet.source_mac()).filter(|_| self.mac && packet.macs != [0; 12]);
        let event = |what: ConnectionChange| ConnectionEvent {
            at: Timestamp(packet.at),
            source: key.source,
            destination: key.destination,
            octets: packet.octets,
            mac,
            what,
        };
        let spoke = flow_state::spoke(before, way);
        if let Some(mac) = mac
            && spoke
            && let Some(known) = table.flows[slot].cold.mac(way)
            && known != mac
        {
            table.flows[slot].cold.macs[way] = mac.0;
            self.push(event(ConnectionChange::Moved(known)));
        }
        if !spoke && packet.flags & flag::RST == 0 {
            self.push(event(ConnectionChange::First { syn: packet.flags & flag::SYN != 0 }));
        }
        let turned = flow_state::turned(before, &table.flows[slot].warm, way);
        if turned.acknowledged {
            self.push(event(ConnectionChange::Acknowledged));
        }
        let counted = |way| counted(way, table, slot, packet.at);
        if turned.fin {
            self.push(event(ConnectionChange::Fin(counted(way))));
        }
        if turned.reset {
            self.push(event(ConnectionChange::Reset(counted(way), counted(1 - way))));
        }
    }

    /// Flows whose silence reached its end after the last time that this was asked, and until `now`, have just timed out.
    pub(super) fn silent_since(&mut self, now: i64, idle: i64) -> std::ops::RangeInclusive<i64> {
        let from = self.silence;
        self.silence = from.max(now);
        from.saturating_sub(idle)..=now.saturating_sub(idle).saturating_sub(1)
    }

    /// A flow that was last seen then, and has been silent for too long, was not told of.
    pub(super) fn has_not_told(&self, last: i64, idle: i64) -> bool {
        last.saturating_add(idle) >= self.silence
    }

    /// Adds an event; without room it is counted as lost.
    pub(super) fn push(&mut self, event: ConnectionEvent) {
        if self.waiting.len() < WAITING {
            self.waiting.push(event);
        } else {
            self.lost += 1;
        }
    }
}

/// An event of one direction of a connection that no packet speaks of.
pub(super) fn connection(
    at: i64,
    way: usize,
    what: impl Fn(DirectionCounts, DirectionCounts) -> ConnectionChange,
    table: &FlowTable,
    slot: usize,
) -> ConnectionEvent {
    let key = table.flows[slot].hot.key.flow(way == 1);
    ConnectionEvent {
        at: Timestamp(at),
        source: key.source,
        destination: key.destination,
        octets: 0,
        mac: None,
        what: what(counted(way, table, slot, at), counted(1 - way, table, slot, at)),
    }
}

fn counted(way: usize, table: &FlowTable, slot: usize, at: i64) -> DirectionCounts {
    let Slot { hot, cold, .. } = &table.flows[slot];
    let (now, before) = (hot.counted(way), table.before(slot, way));
    DirectionCounts {
        packets: now.0.saturating_add(before.0),
        octets: now.1.saturating_add(before.1),
        nanos: at.saturating_sub(cold.first),
    }
}
