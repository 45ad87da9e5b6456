//! Flows: every IP packet is counted in one slot of the table, and leaves it through one function.
//!
//! [`Flows::fold`] takes what a slot counted since the slice began and adds it to hosts and services. It is called when a
//! flow leaves (pushed out, or its key begun anew), and for every flow when a slice closes; so each packet passes it
//! once, and the facilities add up whatever the table did.

use std::collections::HashMap;
use std::time::Duration;

use traf_proto::{Counters, Flow, Half, Mac, Timestamp, Traffic};

use super::bar::Bar;
use super::coalesced::{Coalesced, Estimate};
use super::events::{self, Before, Event, Events, What};
use super::facilities::{Facilities, Folded};
use super::memory;
use super::others::Others;
use super::table::{Home, Table};
use crate::packet::{Key, NO_VLAN, Packet};

/// Packets that make a flow worth a row of its own when it is pushed out.
const WORTH: u64 = 4;

/// How long a flow that is over, or timed out, is still shown.
const SHOWN: i64 = 60 * traf_proto::time::SECOND;

/// The flows of one interface.
pub(super) struct Flows {
    pub(super) table: Table,
    pub(super) facilities: Facilities,
    pub(super) coalesced: Coalesced,
    /// What a text log wants to know; `None` without one.
    pub(super) events: Option<Box<Events>>,
    idle: i64,
    history: usize,
    own: Vec<Key>,
    /// Rows of flows that left within the slice.
    parted: Vec<Flow>,
    parted_capacity: usize,
    /// A flow has more than one row in `parted`.
    spilled: bool,
    /// When this slice began.
    opened: i64,
    /// Without a row, in this slice.
    other: Others,
    /// Everything that left the table.
    pub(super) gone: Others,
}

impl Flows {
    pub(super) fn new(config: &super::MeterConfig, started: i64) -> Self {
        Self {
            table: Table::new(config.flows, started),
            facilities: Facilities::new(config),
            coalesced: Coalesced::default(),
            events: None,
            idle: nanos(config.idle),
            history: config.history_flows,
            own: Vec::new(),
            parted: Vec::new(),
            parted_capacity: config.parted,
            spilled: false,
            opened: started,
            other: Others::default(),
            gone: Others::default(),
        }
    }

    /// Counts a packet and says in which slot.
    #[inline(always)]
    pub(super) fn packet(&mut self, home: Home, packet: &Packet) -> usize {
        let tick = self.table.tick(packet.at);
        let (slot, new) = match self.table.find(home, &packet.key) {
            Some(slot) => {
                let table = &self.table;
                let anew =
                    memory::begins_anew(packet, &table.hot[slot], &table.warm[slot], &table.cold[slot], self.idle);
                if anew {
                    self.begin_anew(slot, home, packet, tick);
                }
                (slot, anew)
            }
            None => (self.begin(home, packet, tick), true),
        };
        let before = Before { state: self.table.warm[slot].state, new };
        let (hot, warm) = (&mut self.table.hot[slot], &mut self.table.warm[slot]);
        let half_full = hot.count(usize::from(packet.reverse), packet.octets, packet.flags, packet.window);
        memory::follow(packet, warm, &mut self.table.cold[slot]);
        let (packets, answered, over) = (hot.packets(), memory::is_answered(warm), memory::is_over(warm));
        self.table.seen(slot, tick, packets, answered, over);
        if self.events.is_some() && packet.key.protocol() == 6 {
            self.tell(slot, packet, before);
        }
        if half_full {
            self.spill(slot);
        }
        slot
    }

    /// Whether the slot's flow is our own connection.
    #[inline(always)]
    pub(super) fn is_own(&self, slot: usize) -> bool {
        self.table.warm[slot].state & memory::OWN != 0
    }

    /// Adds packets that offload hid.
    pub(super) fn hidden(&mut self, slot: usize, packet: &Packet, extra: u64) {
        let way = usize::from(packet.reverse);
        if self.coalesced.add(slot, way, extra) {
            self.table.warm[slot].state |= memory::COALESCED;
        } else {
            let counters = Counters { coalesced: extra, ..Counters::default() };
            self.other.add(packet.class, Traffic::outbound(counters), 0);
        }
    }

    /// An ICMP error says that the end which a packet was sent to cannot be reached.
    pub(super) fn unreachable(&mut self, key: &Key) {
        let home = self.table.home(key);
        if let Some(slot) = self.table.find(home, key) {
            memory::unreachable(&mut self.table.warm[slot]);
        }
    }

    /// Flows that are silent for longer are over from now on.
    pub(super) fn set_idle(&mut self, idle: Duration) {
        self.idle = nanos(idle);
    }

    /// Our own connections from now on.
    pub(super) fn set_own(&mut self, keys: Vec<Key>) {
        self.own = keys;
        for key in &self.own {
            let home = self.table.home(key);
            if let Some(slot) = self.table.find(home, key) {
                self.table.warm[slot].state |= memory::OWN;
            }
        }
    }

    #[cold]
    fn tell(&mut self, slot: usize, packet: &Packet, before: Before) {
        let table = &mut self.table;
        if let Some(events) = &mut self.events {
            events.packet(packet, before, &table.hot[slot], &table.warm[slot], &mut table.cold[slot]);
        }
    }

    /// Tells of a connection that may still send that something else became of it.
    #[cold]
    fn tell_end(&mut self, slot: usize, at: i64, what: impl Fn(events::Way, events::Way) -> What) {
        let table = &self.table;
        if let Some(events) = &mut self.events
            && table.hot[slot].key.protocol() == 6
            && !memory::is_over(&table.warm[slot])
        {
            events.connection(at, what, &table.hot[slot], &table.warm[slot], &table.cold[slot]);
        }
    }

    /// Tells of the connections that timed out since this was asked last.
    pub(super) fn tell_silent(&mut self, now: i64) {
        let Some(events) = &mut self.events else { return };
        let range = events.silent_since(now, self.idle);
        // The ticks of the table wrap: a silence that they cannot measure is none.
        let Ok(ticks) = u32::try_from(self.idle >> 20) else { return };
        if ticks > i32::MAX as u32 {
            return;
        }
        let tick = self.table.tick(now);
        for set in 0..self.table.sets() {
            for slot in self.table.silent(set, tick, ticks.saturating_sub(1)) {
                if range.contains(&self.table.warm[slot].last) {
                    self.tell_end(slot, now, What::TimedOut);
                }
            }
        }
    }

    /// Connections that are open at `now`, each direction by itself, at most `limit`; and how many more there are.
    pub(super) fn open(&self, now: i64, limit: usize) -> (Vec<Event>, u64) {
        let (mut open, mut more) = (Vec::new(), 0);
        let table = &self.table;
        for slot in (0..table.sets()).flat_map(|set| table.slots(set)) {
            let (hot, warm) = (&table.hot[slot], &table.warm[slot]);
            if hot.key.protocol() != 6 || now.saturating_sub(warm.last) > self.idle {
                continue;
            }
            let second = usize::from(memory::second_began(warm));
            for way in [second, 1 - second].into_iter().filter(|&way| memory::spoke(warm, way)) {
                if !memory::may_send(warm, way) {
                    continue;
                }
                if open.len() >= limit {
                    more += 1;
                    continue;
                }
                let event = events::connection(
                    now,
                    |initiator, other| What::Active(if way == second { initiator } else { other }),
                    hot,
                    warm,
                    &table.cold[slot],
                );
                open.push(if way == second { event } else { event.reversed() });
            }
        }
        (open, more)
    }

    #[inline(never)]
    fn begin(&mut self, home: Home, packet: &Packet, tick: u32) -> usize {
        let (slot, taken) = self.table.room(home, tick);
        if taken {
            let silent = packet.at.saturating_sub(self.table.warm[slot].last);
            if self.events.is_some() && silent <= self.idle {
                self.tell_end(slot, packet.at, What::PushedOut);
            }
            self.leave(slot, WORTH);
        }
        self.settle(slot, home, packet, tick);
        slot
    }

    #[cold]
    fn begin_anew(&mut self, slot: usize, home: Home, packet: &Packet, tick: u32) {
        let last = self.table.warm[slot].last;
        let untold = self.events.as_ref().is_some_and(|events| events.has_not_told(last, self.idle));
        if untold && packet.at.saturating_sub(last) > self.idle {
            self.tell_end(slot, packet.at, What::TimedOut);
        }
        self.leave(slot, 1);
        self.settle(slot, home, packet, tick);
    }

    fn settle(&mut self, slot: usize, home: Home, packet: &Packet, tick: u32) {
        self.table.place(slot, home, tick);
        self.table.hot[slot] = super::slot::Hot::new(packet.key);
        let warm = &mut self.table.warm[slot];
        memory::begin(packet, warm, &mut self.table.cold[slot]);
        if !self.own.is_empty() && self.own.iter().any(|key| same_but_vlan(key, &packet.key)) {
            warm.state |= memory::OWN;
        }
    }

    /// The slot's flow leaves: it gets a row if it has sent `worth` packets and there is room.
    fn leave(&mut self, slot: usize, worth: u64) {
        let folded = self.fold(slot);
        let traffic = folded.traffic();
        let class = folded.key.class(memory::cast(&self.table.warm[slot]));
        let whole = self.whole(slot);
        if !traffic.is_empty() {
            if whole.total().packets >= worth && self.parted.len() < self.parted_capacity {
                self.parted.push(self.row(slot, traffic, i64::MIN));
            } else {
                self.other.add(class, traffic, 1);
            }
        }
        self.gone.add(class, whole, 1);
        if self.table.warm[slot].state & memory::COALESCED != 0 {
            self.coalesced.forget(slot);
        }
    }

    /// Empties the counters of a flow that goes on.
    #[cold]
    fn spill(&mut self, slot: usize) {
        let traffic = self.fold(slot).traffic();
        if self.parted.len() < self.parted_capacity {
            self.parted.push(self.row(slot, traffic, i64::MIN));
            self.spilled = true;
        } else {
            let class = self.table.hot[slot].key.class(memory::cast(&self.table.warm[slot]));
            self.other.add(class, traffic, 0);
        }
    }

    /// Takes what the slot counted since the slice began: to the facilities, and to its cumulative counts.
    fn fold(&mut self, slot: usize) -> Folded {
        let (hot, warm, cold) = (&mut self.table.hot[slot], &self.table.warm[slot], &mut self.table.cold[slot]);
        let hidden = if warm.state & memory::COALESCED != 0 { self.coalesced.take(slot) } else { [0; 2] };
        let counters = [0, 1].map(|way| {
            let (packets, octets) = hot.counted(way);
            cold.add(way, packets, octets);
            Counters { packets, octets, coalesced: hidden[way] }
        });
        hot.empty();
        let macs = [0, 1].map(|way| if memory::spoke(warm, way) { mac(cold.macs[way]) } else { None });
        let second_began = memory::second_began(warm);
        // What came before this slice was told at its end.
        let first = if cold.first >= self.opened { cold.first } else { warm.last };
        let folded = Folded { key: hot.key, second_began, counters, macs, first, last: warm.last };
        if counters[0].packets + counters[1].packets > 0 {
            self.facilities.fold(&folded);
        }
        folded
    }

    /// Everything the slot's flow counted since it began; outbound is forward.
    pub(super) fn whole(&self, slot: usize) -> Traffic {
        let hidden = self.hidden_of(slot);
        let [first, second] = [0, 1].map(|way| {
            let (packets, octets) = self.table.cold[slot].counted(way);
            Counters { packets, octets, coalesced: hidden.before[way] }
        });
        self.oriented(slot, first, second) + self.slice(slot)
    }

    /// What the slot's flow counted in this slice, which the facilities have not heard of; outbound is forward.
    pub(super) fn slice(&self, slot: usize) -> Traffic {
        let hidden = self.hidden_of(slot);
        let [first, second] = [0, 1].map(|way| {
            let (packets, octets) = self.table.hot[slot].counted(way);
            Counters { packets, octets, coalesced: hidden.slice[way] }
        });
        self.oriented(slot, first, second)
    }

    fn hidden_of(&self, slot: usize) -> Estimate {
        let has = self.table.warm[slot].state & memory::COALESCED != 0;
        if has { self.coalesced.get(slot) } else { Estimate::default() }
    }

    fn oriented(&self, slot: usize, first: Counters, second: Counters) -> Traffic {
        let traffic = Traffic { outbound: first, inbound: second };
        if memory::second_began(&self.table.warm[slot]) { traffic.reversed() } else { traffic }
    }

    /// The slot's flow as the model has it, with this traffic.
    pub(super) fn row(&self, slot: usize, traffic: Traffic, now: i64) -> Flow {
        let (hot, warm, cold) = (&self.table.hot[slot], &self.table.warm[slot], &self.table.cold[slot]);
        // A flow whose key was begun anew after a silence is over as well.
        let state = memory::state(hot, warm, now.max(warm.last), self.idle);
        let half = |way: usize| Half {
            flags: hot.flags(way),
            last_flags: warm.last_flags[way],
            window: hot.window(way),
            size: u32::from(warm.sizes[way]),
            mac: mac(cold.macs[way]),
            word: memory::word(warm, way, state),
        };
        let second_began = memory::second_began(warm);
        let (forward, reverse) = if second_began { (half(1), half(0)) } else { (half(0), half(1)) };
        Flow {
            key: hot.key.flow(second_began),
            traffic,
            first: Timestamp(cold.first),
            last: Timestamp(warm.last),
            forward,
            reverse,
            state,
            complete: memory::is_complete(warm),
            own: warm.state & memory::OWN != 0,
        }
    }

    /// Ends the slice: rows of the busiest flows, and the others by class. Flows that were over long ago are forgotten.
    pub(super) fn seal(&mut self, now: i64) -> (Vec<Flow>, Others) {
        self.facilities.flush_pairs();
        let parted = std::mem::take(&mut self.parted);
        let mut bar = self.bar(&parted);
        let mut rows = Vec::new();
        for flow in parted {
            if bar.passes(flow.traffic.total().octets) {
                rows.push(flow);
            } else {
                let (key, _) = Key::of(&flow.key);
                self.other.add(key.class(traf_proto::Cast::Unicast), flow.traffic, 1);
            }
        }
        for set in 0..self.table.sets() {
            for slot in self.table.touched(set) {
                let folded = self.fold(slot);
                let traffic = folded.traffic();
                if traffic.is_empty() {
                    continue;
                }
                if bar.passes(traffic.total().octets) {
                    rows.push(self.row(slot, traffic, now));
                } else {
                    self.other.add(folded.key.class(memory::cast(&self.table.warm[slot])), traffic, 1);
                }
            }
        }
        if std::mem::take(&mut self.spilled) {
            rows = merged(rows);
        }
        self.table.next_slice();
        self.opened = now;
        self.expire(now);
        (rows, std::mem::take(&mut self.other))
    }

    /// What a flow needs to get a row.
    fn bar(&self, parted: &[Flow]) -> Bar {
        let octets = |slot: usize| self.table.hot[slot].counted(0).1 + self.table.hot[slot].counted(1).1;
        let all = parted.iter().map(|flow| flow.traffic.total().octets);
        Bar::among(all.chain((0..self.table.sets()).flat_map(|set| self.table.touched(set)).map(octets)), self.history)
    }

    /// Frees the slots of flows that ended, or fell silent, long enough ago.
    fn expire(&mut self, now: i64) {
        let tick = self.table.tick(now);
        for set in 0..self.table.sets() {
            for slot in self.table.silent(set, tick, (SHOWN >> 20) as u32) {
                let warm = &self.table.warm[slot];
                let silent = now.saturating_sub(warm.last);
                let over = memory::is_over(warm) && silent > SHOWN;
                if over || silent.saturating_sub(SHOWN) > self.idle {
                    self.leave(slot, 1);
                    self.table.free(slot);
                }
            }
        }
    }
}

/// One row for each flow: its counts added up, the rest from the latest.
fn merged(rows: Vec<Flow>) -> Vec<Flow> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut sums: Vec<Flow> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&(row.key, row.first)) {
            Some(&place) => sums[place] = Flow { traffic: sums[place].traffic + row.traffic, ..row },
            None => {
                places.insert((row.key, row.first), sums.len());
                sums.push(row);
            }
        }
    }
    sums
}

fn nanos(idle: Duration) -> i64 {
    i64::try_from(idle.as_nanos()).unwrap_or(memory::NEVER)
}

/// Our own connection is known without its VLAN.
fn same_but_vlan(own: &Key, key: &Key) -> bool {
    const VLAN: u64 = (NO_VLAN as u64) << 40;
    own.0[..4] == key.0[..4] && (own.0[4] | VLAN) == (key.0[4] | VLAN)
}

/// A MAC address; zeros are none.
pub(super) fn mac(octets: [u8; 6]) -> Option<Mac> {
    (octets != [0; 6]).then_some(Mac(octets))
}
