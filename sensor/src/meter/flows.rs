//! Flows: every IP packet is counted in one slot of the table, and leaves it through one function.
//!
//! [`Flows::fold`] takes what a slot counted since the slice began and adds it to the facilities. It is called when a
//! flow leaves (pushed out, or its key begun anew), and for every flow when a slice closes; so each packet passes it
//! once, and the facilities add up whatever the table did.

mod seal;
mod silent;
mod tags;

use std::time::Duration;

use traf_model::{Class, Counted, Counters, Evidence, Filter, Flow, Half, Timestamp, Traffic};

use super::aggregated_flows::AggregatedFlows;
use super::coalesced::{CoalescedPackets, Estimate};
use super::connection_events::{self, ConnectionChange, DirectionCounts, EventQueue};
use super::evidence;
use super::facilities::Facilities;
use super::flow_delta::FlowDelta;
use super::flow_rates::LeftFlows;
use super::flow_state;
use super::flow_table::{FlowTable, Position};
use super::other_flows::OtherFlows;
use super::parted_flows::PartedFlows;
use super::slot::{Hot, Slot};
use super::tables::Tables;
use crate::parse::packet::{PackedKey, Packet};

/// The flows of one interface.
pub(super) struct Flows {
    pub(super) table: FlowTable,
    /// Counts of all packets.
    pub(super) tables: Tables,
    pub(super) coalesced: CoalescedPackets,
    /// Events for a text log; `None` without one.
    pub(super) events: Option<Box<EventQueue>>,
    idle: i64,
    history: usize,
    /// Our own connections, without their VLANs.
    own: Vec<PackedKey>,
    /// Rows of flows that left within the slice.
    pub(super) parted: PartedFlows,
    /// A flow has more than one row in `parted`.
    spilled: bool,
    /// Start of this slice.
    pub(super) opened: i64,
    /// Without a row, in this slice.
    pub(super) other: OtherFlows,
    /// The same by the ends of the flows.
    pub(super) aggregated: AggregatedFlows,
    /// Everything that left the table.
    pub(super) gone: OtherFlows,
    /// What left it lately.
    pub(super) left: LeftFlows,
}

impl Flows {
    pub(super) fn new(config: &super::MeterConfig, mtu: Option<u32>, started: i64) -> Self {
        let capacity = |facility: Counted| config.keys.unwrap_or(facility.capacity);
        let facilities = Facilities::new(mtu, capacity, config.history_keys);
        Self {
            table: FlowTable::new(config.flows, started),
            tables: Tables::new(Filter::default(), Timestamp(started), facilities),
            coalesced: CoalescedPackets::default(),
            events: None,
            idle: nanos(config.idle),
            history: config.history_flows,
            own: Vec::new(),
            parted: PartedFlows::new(config.parted),
            spilled: false,
            opened: started,
            other: OtherFlows::default(),
            aggregated: AggregatedFlows::default(),
            gone: OtherFlows::default(),
            left: LeftFlows::default(),
        }
    }

    /// Counts a packet and says in which slot.
    #[inline(always)]
    pub(super) fn packet(&mut self, position: Position, packet: &Packet) -> usize {
        let tick = self.table.tick(packet.at);
        let (slot, new) = match self.table.find(position, &packet.key) {
            Some(slot) => (slot, self.renews(slot, position, packet, tick)),
            None => self.in_any_vlan(position, packet, tick),
        };
        let Slot { hot, warm, cold } = &mut self.table.flows[slot];
        let before = warm.state;
        let half_full = hot.count(usize::from(packet.reverse), packet.octets, packet.flags, packet.window);
        evidence::add(&mut warm.evidence, packet, new, warm.last);
        flow_state::follow(packet, warm, cold);
        let (packets, answered, over) = (hot.packets(), flow_state::is_answered(warm), flow_state::is_over(warm));
        self.table.seen(slot, tick, packets, answered, over);
        if let Some(events) = &mut self.events
            && packet.key.protocol() == 6
        {
            events.packet(packet, before, new, &mut self.table, slot);
        }
        if half_full {
            self.spill(slot);
        }
        slot
    }

    /// Adds packets that offload hid.
    pub(super) fn hidden(&mut self, slot: usize, packet: &Packet, extra: u64) {
        let way = usize::from(packet.reverse);
        if self.coalesced.add(slot, way, extra) {
            self.table.flows[slot].warm.state |= flow_state::COALESCED;
        } else {
            let counters = Counters { coalesced: extra, ..Counters::default() };
            self.other.add(packet.class, Traffic::outbound(counters), 0);
        }
    }

    /// An ICMP error says that the end which a packet of this key and direction was sent to cannot be reached.
    pub(super) fn unreachable(&mut self, key: &PackedKey, reverse: bool) {
        // It comes as the answer comes, and with its tag.
        if let Some(slot) = self.answered_by(key, usize::from(!reverse)) {
            flow_state::unreachable(&mut self.table.flows[slot].warm);
        }
    }

    /// Flows that are silent for longer are over from now on.
    pub(super) fn set_idle(&mut self, idle: Duration) {
        self.idle = nanos(idle);
    }

    /// Our own connections from now on.
    pub(super) fn set_own(&mut self, keys: Vec<PackedKey>) {
        self.own = keys;
        for key in &self.own {
            for slot in self.table.of_ends(self.table.position(key), key) {
                self.table.flows[slot].warm.state |= flow_state::OWN;
            }
        }
    }

    /// Tells of a connection that may still send that something else became of it.
    #[cold]
    fn tell_end(&mut self, slot: usize, at: i64, what: fn(DirectionCounts, DirectionCounts) -> ConnectionChange) {
        let Slot { hot, warm, .. } = &self.table.flows[slot];
        if let Some(events) = &mut self.events
            && hot.key.protocol() == 6
            && !flow_state::is_over(warm)
        {
            let initiator = usize::from(flow_state::second_began(warm));
            events.push(connection_events::connection(at, initiator, what, &self.table, slot));
        }
    }

    /// Begins a flow in the place of the slot's, if that is over for this packet; true if so.
    #[inline(always)]
    fn renews(&mut self, slot: usize, position: Position, packet: &Packet, tick: u32) -> bool {
        let Slot { hot, warm, cold } = &self.table.flows[slot];
        let anew = flow_state::begins_anew(packet, hot, warm, cold, self.idle);
        if anew {
            self.begin_anew(slot, position, packet, tick);
        }
        anew
    }

    #[inline(never)]
    fn begin(&mut self, position: Position, packet: &Packet, tick: u32) -> usize {
        let (slot, taken) = self.table.room(position, tick);
        if taken {
            let silent = packet.at.saturating_sub(self.table.flows[slot].warm.last);
            if self.events.is_some() && silent <= self.idle {
                self.tell_end(slot, packet.at, ConnectionChange::PushedOut);
            }
            self.leave(slot);
        }
        self.settle(slot, position, packet, tick);
        slot
    }

    #[cold]
    fn begin_anew(&mut self, slot: usize, position: Position, packet: &Packet, tick: u32) {
        let last = self.table.flows[slot].warm.last;
        let untold = self.events.as_ref().is_some_and(|events| events.has_not_told(last, self.idle));
        if untold && packet.at.saturating_sub(last) > self.idle {
            self.tell_end(slot, packet.at, ConnectionChange::TimedOut);
        }
        self.leave(slot);
        self.settle(slot, position, packet, tick);
    }

    fn settle(&mut self, slot: usize, position: Position, packet: &Packet, tick: u32) {
        self.table.place(slot, position, tick);
        let Slot { hot, warm, cold } = &mut self.table.flows[slot];
        *hot = Hot::new(packet.key);
        flow_state::begin(packet, warm, cold);
        if !self.own.is_empty() && self.own.contains(&packet.key.untagged()) {
            warm.state |= flow_state::OWN;
        }
    }

    /// The slot's flow leaves.
    fn leave(&mut self, slot: usize) {
        let (traffic, evidence) = self.fold(slot);
        if !traffic.is_empty() && !self.part(slot, traffic, evidence) {
            self.add_other(slot, traffic, 1);
        }
        self.gone.add(self.class(slot), self.whole(slot), 1);
        self.left.note(&self.table, slot);
        self.table.large.forget(slot, &self.table.flows[slot].cold);
        if self.table.flows[slot].warm.state & flow_state::COALESCED != 0 {
            self.coalesced.forget(slot);
        }
    }

    /// Empties the counters of a flow that goes on.
    #[cold]
    fn spill(&mut self, slot: usize) {
        let (traffic, evidence) = self.fold(slot);
        if self.part(slot, traffic, evidence) {
            self.spilled = true;
        } else {
            self.add_other(slot, traffic, 0);
        }
    }

    /// Keeps what the slot's flow counted apart; false if that is too little for a place.
    fn part(&mut self, slot: usize, traffic: Traffic, evidence: Evidence) -> bool {
        if !self.parted.wants(traffic.total().octets) {
            return false;
        }
        for flow in self.parted.add(Flow { evidence, ..self.row(slot, traffic, i64::MIN) }) {
            self.add_parted(&flow);
        }
        true
    }

    /// Adds a flow that left the table to those without a row.
    fn add_parted(&mut self, flow: &Flow) {
        self.other.add(flow.key.class(), flow.traffic, 1);
        self.aggregated.add(flow.key, flow.traffic, 1);
    }

    /// Adds what has no row of its own.
    fn add_other(&mut self, slot: usize, traffic: Traffic, flows: u64) {
        self.other.add(self.class(slot), traffic, flows);
        let Slot { hot, warm, .. } = &self.table.flows[slot];
        self.aggregated.add(hot.key.flow(flow_state::second_began(warm)), traffic, flows);
    }

    /// Takes what the slot counted since the slice began: to the facilities, and to its cumulative counts. Gives it too, and its
    /// evidence.
    fn fold(&mut self, slot: usize) -> (Traffic, Evidence) {
        let evidence = evidence::of(&self.table.flows[slot]);
        let Slot { hot, warm, cold } = &mut self.table.flows[slot];
        let hidden = if warm.state & flow_state::COALESCED != 0 { self.coalesced.take(slot) } else { [0; 2] };
        let second_began = flow_state::second_began(warm);
        let ways = [usize::from(second_began), usize::from(!second_began)];
        let [outbound, inbound] = ways.map(|way| {
            let (packets, octets) = hot.counted(way);
            self.table.large.add(slot, cold, way, (packets, octets));
            Counters { packets, octets, coalesced: hidden[way] }
        });
        hot.empty();
        warm.evidence = [0; 2];
        let macs = ways.map(|way| cold.mac(way).filter(|_| flow_state::spoke(warm.state, way)));
        // What came before this slice was told at its end.
        let first = if cold.first >= self.opened { cold.first } else { warm.last };
        let traffic = Traffic { outbound, inbound };
        if outbound.packets + inbound.packets > 0 {
            let key = hot.key.flow(second_began);
            self.tables.facilities.fold(&FlowDelta { key, traffic, macs, first, last: warm.last });
        }
        (traffic, evidence)
    }

    /// The class of the slot's flow.
    pub(super) fn class(&self, slot: usize) -> Class {
        let Slot { hot, warm, .. } = &self.table.flows[slot];
        hot.key.class(flow_state::cast(warm))
    }

    /// Everything the slot's flow counted since it began; outbound is forward.
    pub(super) fn whole(&self, slot: usize) -> Traffic {
        self.counted(slot, |_, hidden, way| (self.table.before(slot, way), hidden.before[way])) + self.slice(slot)
    }

    /// Traffic of the slot's flow in this slice, not yet added to the facilities; outbound is forward.
    pub(super) fn slice(&self, slot: usize) -> Traffic {
        self.counted(slot, |flow, hidden, way| (flow.hot.counted(way), hidden.slice[way]))
    }

    /// Traffic of a slot by packets, octets and hidden packets of each way; outbound is forward.
    fn counted(&self, slot: usize, counts: impl Fn(&Slot, &Estimate, usize) -> ((u64, u64), u64)) -> Traffic {
        let flow = &self.table.flows[slot];
        let has = flow.warm.state & flow_state::COALESCED != 0;
        let hidden = if has { self.coalesced.get(slot) } else { Estimate::default() };
        let [outbound, inbound] = [0, 1].map(|way| {
            let ((packets, octets), coalesced) = counts(flow, &hidden, way);
            Counters { packets, octets, coalesced }
        });
        let traffic = Traffic { outbound, inbound };
        if flow_state::second_began(&flow.warm) { traffic.reversed() } else { traffic }
    }

    /// The slot's flow as the model has it, with this traffic, and with the evidence of this slice.
    pub(super) fn row(&self, slot: usize, traffic: Traffic, now: i64) -> Flow {
        let flow @ Slot { hot, warm, cold } = &self.table.flows[slot];
        // A flow whose key was begun anew after a silence is over as well.
        let state = flow_state::state(hot, warm, now.max(warm.last), self.idle);
        let half = |way: usize| Half {
            flags: hot.flags(way),
            last_flags: warm.last_flags[way],
            window: hot.window(way),
            size: u32::from(warm.last_sizes[way]),
            mac: cold.mac(way),
            word: flow_state::word(warm, way, state),
        };
        let second_began = flow_state::second_began(warm);
        let (forward, reverse) = if second_began { (half(1), half(0)) } else { (half(0), half(1)) };
        Flow {
            key: hot.key.flow(second_began),
            traffic,
            first: Timestamp(cold.first),
            last: Timestamp(warm.last),
            forward,
            reverse,
            state,
            complete: flow_state::is_complete(warm),
            own: warm.state & flow_state::OWN != 0,
            evidence: evidence::of(flow),
        }
    }
}

fn nanos(idle: Duration) -> i64 {
    i64::try_from(idle.as_nanos()).unwrap_or(flow_state::NEVER)
}
