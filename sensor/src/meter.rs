//! Meters the frames of one interface: what was counted in a slice, and the present state.
//!
//! ```text
//! frame ─► parse ─► line (classes, ledger)
//!                └► facilities counted per frame
//!                └► batch of 32 ─► flows ─► fold ─► facilities counted from flows
//! ```
//!
//! IP packets wait in a batch, so that the flow table can hash and ask for all their cache lines before it updates the
//! first. Memory is fixed: every table is bounded, and what finds no place stands in an `other` of its own. Time is an
//! argument; nothing here captures, stores or sends.

mod aggregated_flows;
mod coalesced;
pub(crate) mod connection_events;
mod counter;
mod evidence;
mod facilities;
mod filtered;
mod flow_delta;
mod flow_rates;
mod flow_state;
mod flow_table;
mod flows;
mod fragments;
mod interface_counters;
mod keyed_hash;
mod large_counts;
mod live;
mod local_addresses;
mod other_flows;
pub(crate) mod packet_log;
mod parted_flows;
mod ranked;
mod rates;
mod sizes;
mod slot;
mod stations;
mod tables;
mod threshold;

#[cfg(test)]
mod tests;

use std::time::Duration;

use traf_model::settings::IDLE_SECONDS;
use traf_model::{
    Answer, Endpoint, FlowKey, Interface, InterfaceSnapshot, InterfaceStats, InterfaceSummary, Interval, PortRange,
    Ports, Timestamp, Transport, Wish,
};

use crate::digest_key::DigestKey;
use crate::parse::link_type::LinkType;
use crate::parse::packet::{Fragment, PackedKey, Packet};
use crate::parse::{self, Parser};
use connection_events::{ConnectionEvent, EventQueue};
use filtered::{FilterTable, SelectedFilters};
use flow_rates::FlowRates;
use flows::Flows;
use fragments::Fragments;
pub(crate) use live::batches;
use live::sealed::SealedAnswers;
use local_addresses::LocalAddresses;
use packet_log::{PacketLog, PacketRecord};
use rates::AverageRates;
use tables::FlowFacts;

/// Packets that are hashed before the first of them is counted.
const BATCH: usize = 32;

/// Capacities of a meter's tables, and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterConfig {
    /// Flows in the table.
    pub flows: usize,
    /// Idle timeout: flows that were silent for longer are over.
    pub idle: Duration,
    /// Count what tunnels carry instead of the tunnels.
    pub tunnels: bool,
    /// Flow rows of one summary; the rest goes to its `other_flows`.
    pub history_flows: usize,
    /// Flows that left the table within a slice and are kept one by one: twice `history_flows`, so that the busiest have their row.
    pub parted: usize,
    /// Rows of each counted facility in one summary; the rest goes to its `other`.
    pub history_keys: usize,
    /// Keys of each counted facility that are kept apart; `None` for as many as the facility says.
    pub keys: Option<usize>,
}

impl Default for MeterConfig {
    fn default() -> Self {
        Self {
            flows: 262_144,
            idle: Duration::from_secs(IDLE_SECONDS.into()),
            tunnels: false,
            history_flows: 6_000,
            parted: 12_288,
            history_keys: 4_096,
            keys: None,
        }
    }
}

/// Records for a text log, in the order of capture.
#[derive(Debug, Default)]
pub(crate) struct LogRecords {
    /// Events of TCP connections.
    pub events: Vec<ConnectionEvent>,
    /// Packets other than TCP.
    pub packets: Vec<PacketRecord>,
    /// Number of records that had no room.
    pub lost: u64,
}

/// Counts one interface's frames.
pub struct Meter {
    interface: Interface,
    link: LinkType,
    parser: Parser,
    local: LocalAddresses,
    started: Timestamp,
    /// Time of the latest frame.
    latest: i64,
    batch: Box<[Packet; BATCH]>,
    /// Filters that select each packet of the batch.
    selected: [SelectedFilters; BATCH],
    waiting: usize,
    /// Flows and directions that ICMP errors of this batch speak of, and which of its packets that were.
    unreachable: Vec<(usize, (PackedKey, bool))>,
    packet_log: PacketLog,
    flows: Flows,
    fragments: Fragments,
    rates: FlowRates,
    filtered: FilterTable,
    /// Key of the digests in this slice, and from the next on.
    digest_key: Option<DigestKey>,
    next_digest_key: Option<DigestKey>,
    /// Start of the running slice.
    slice: Timestamp,
    /// Wishes for slices, and their answers of slices that were sealed lately.
    sealed: SealedAnswers,
}

impl Meter {
    /// For an interface whose frames begin with `link`; direction is decided from `interface`.
    pub fn new(config: MeterConfig, interface: Interface, link: LinkType, started: Timestamp) -> Self {
        Self {
            link,
            parser: Parser { tunnels: config.tunnels },
            local: LocalAddresses::new(&interface),
            started,
            latest: i64::MIN,
            batch: Box::new([Packet::new(0); BATCH]),
            selected: [0; BATCH],
            waiting: 0,
            unreachable: Vec::with_capacity(BATCH),
            packet_log: PacketLog::default(),
            flows: Flows::new(&config, interface.mtu, started.0),
            fragments: Fragments::new(),
            rates: FlowRates::default(),
            filtered: FilterTable::default(),
            digest_key: None,
            next_digest_key: None,
            slice: started,
            sealed: SealedAnswers::default(),
            interface,
        }
    }

    /// Frames begin with another link header from now on: a file may hold several kinds.
    pub fn set_link(&mut self, link: LinkType) {
        self.link = link;
    }

    /// One captured frame: `length` octets on the wire, of which `captured` are here. Nothing is allocated.
    #[inline]
    pub fn frame(&mut self, at: Timestamp, length: u32, captured: &[u8]) {
        self.latest = self.latest.max(at.0);
        let packet = &mut self.batch[self.waiting];
        match self.parser.parse(self.link, length, captured, packet) {
            Ok(()) => {
                packet.at = at.0;
                packet.sent = self.local.sent(packet);
                self.flows.tables.frame(packet);
                if packet.key.protocol() != 6 {
                    self.packet_log.packet(packet, captured);
                    if matches!(packet.key.protocol(), 0 | 58) && packet.macs != [0; 12] {
                        learn(&mut self.flows, packet, captured);
                    }
                }
                let selected = self.filtered.frame(packet, &self.interface.name);
                if packet.is_ip() {
                    if packet.fragment != Fragment::Whole {
                        self.fragments.follow(packet);
                    } else if packet.class.transport == Transport::Icmp {
                        note_unreachable(&mut self.unreachable, self.waiting, packet, captured);
                    }
                    if let Some(key) = &self.digest_key
                        && packet.key.protocol() != 6
                    {
                        packet.sequence = evidence::half(packet, captured, key);
                    }
                    self.selected[self.waiting] = selected;
                    self.waiting += 1;
                    if self.waiting == BATCH {
                        self.flush();
                    }
                }
            }
            Err(reason) => self.flows.tables.counters.unparsed(reason, length),
        }
    }

    /// Works off the waiting packets; to be called when no more frames are at hand.
    pub fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let batch = &self.batch[..waiting];
        let mut positions = [flow_table::Position::default(); BATCH];
        for (position, packet) in positions.iter_mut().zip(batch) {
            *position = self.flows.table.position(&packet.key);
        }
        let table = &self.flows.table;
        let mut apart = false;
        for (position, packet) in positions.iter_mut().zip(batch) {
            if !table.prefetch(*position, packet, table.tick(packet.at)) {
                (*position, apart) = (table.position_apart(&packet.key), true);
            }
        }
        if apart {
            for (position, packet) in positions.iter().zip(batch).filter(|(position, _)| position.apart) {
                table.prefetch(*position, packet, table.tick(packet.at));
            }
        }
        let mut unreachable = self.unreachable.drain(..).peekable();
        for (place, (position, packet)) in positions.iter().zip(batch).enumerate() {
            let slot = self.flows.packet(*position, packet);
            if let Some((_, (key, reverse))) = unreachable.next_if(|(at, _)| *at == place) {
                self.flows.unreachable(&key, reverse);
            }
            let warm = &self.flows.table.flows[slot].warm;
            let (second_began, own) = (flow_state::second_began(warm), warm.state & flow_state::OWN != 0);
            let mut facts = FlowFacts { second_began, own, extra: 0 };
            if coalesced::suspects(self.interface.mtu, packet) {
                let segment = flow_state::segment_size(packet, warm);
                facts.extra = coalesced::extra(self.interface.mtu, packet, segment);
                if facts.extra > 0 {
                    self.flows.hidden(slot, packet, facts.extra);
                }
            }
            if facts.own || facts.extra > 0 {
                self.flows.tables.placed(packet, facts);
            }
            if self.selected[place] != 0 {
                self.filtered.packet(self.selected[place], packet, facts);
            }
        }
    }

    /// Our own connections to the collector; their flows are marked from now on.
    pub fn own(&mut self, endpoints: &[(Endpoint, Endpoint)]) {
        let key = |&(source, destination): &(Endpoint, Endpoint)| {
            PackedKey::of(&FlowKey { protocol: 6, vlan: None, source, destination }).0
        };
        self.flush();
        self.flows.set_own(endpoints.iter().map(key).collect());
    }

    /// Ports and ranges that count as served beside those below 1024, from now on.
    pub fn set_ports(&mut self, extra: &[PortRange]) {
        self.flush();
        self.flows.tables.facilities.ports = Ports::new(extra);
        self.filtered.set_ports(&self.flows.tables.facilities.ports);
    }

    /// Flows that are silent for longer are over, from now on.
    pub fn set_idle(&mut self, idle: Duration) {
        self.flush();
        self.flows.set_idle(idle);
    }

    /// Digests packets with this key, from the next slice on; at once before the first frame. Without a key, evidence is of TCP
    /// only.
    pub fn set_digest_key(&mut self, key: DigestKey) {
        self.next_digest_key = Some(key);
        if self.latest == i64::MIN {
            self.digest_key = self.next_digest_key;
        }
    }

    /// Generation of the key that this slice's packets are digested with; zero for none.
    pub(crate) fn generation(&self) -> u32 {
        self.digest_key.map_or(0, |key| key.generation())
    }

    /// Notes for a text log, from `now` on, the events of TCP connections, with MAC addresses or without, and every other packet.
    /// A bounded number of them waits for [`Meter::take_log`]. `None` ends it.
    pub(crate) fn log(&mut self, mac: Option<bool>, now: Timestamp) {
        self.flush();
        self.flows.events = mac.map(|mac| Box::new(EventQueue::new(mac, now.0)));
        self.packet_log.keep(mac.is_some());
    }

    /// Takes the records for a text log since the last call.
    pub(crate) fn take_log(&mut self) -> LogRecords {
        let (events, lost) = self.flows.events.as_mut().map(|events| events.take()).unwrap_or_default();
        let (packets, more) = self.packet_log.take();
        LogRecords { events, packets, lost: lost + more }
    }

    /// Each direction of the TCP connections that are open at `now`, at most `limit`, and how many more there are.
    pub(crate) fn open_connections(&mut self, now: Timestamp, limit: usize) -> LogRecords {
        self.flush();
        let (events, lost) = self.flows.open(now.0, limit);
        LogRecords { events, packets: Vec::new(), lost }
    }

    /// The interface's addresses or its MTU changed.
    pub(crate) fn update_interface(&mut self, interface: Interface) {
        self.flush();
        self.local = LocalAddresses::new(&interface);
        self.interface = interface;
    }

    /// Seals what was counted since the last close. The caller knows what the kernel dropped.
    pub fn close(&mut self, slice: Interval) -> InterfaceSummary {
        self.close_within(slice, || true)
    }

    /// The same, with answers to the wishes about this slice as long as there is `time`, but to one of them at least.
    pub(crate) fn close_within(&mut self, slice: Interval, time: impl FnMut() -> bool) -> InterfaceSummary {
        self.flush();
        let now = slice.to.0.max(self.latest);
        self.answer_slice(slice, Timestamp(now), time);
        let (flows, other, aggregated_flows) = self.flows.seal(now);
        self.filtered.seal(slice, &self.interface);
        self.digest_key = self.next_digest_key;
        let counted = self.flows.tables.seal(slice, &self.interface);
        InterfaceSummary { flows, other_flows: other.rows(), aggregated_flows, ..counted }
    }

    fn answer_slice(&mut self, slice: Interval, now: Timestamp, time: impl FnMut() -> bool) {
        if self.sealed.are_wished() {
            self.flows.tables.complete();
            self.filtered.complete();
        }
        let mut sealed = std::mem::take(&mut self.sealed);
        let view = live::LiveView { meter: self, now, slice: slice.from };
        sealed.seal(slice, |wishes| view.answers(wishes), time);
        self.sealed = sealed;
    }

    /// The present state, cumulative, and the answers to the wishes. Called once a second, it also keeps the rates.
    pub fn snapshot(&mut self, now: Timestamp, wishes: &[Wish]) -> InterfaceSnapshot {
        let state = self.state(now, wishes);
        InterfaceSnapshot { answers: self.answers(now, &wishes.iter().collect::<Vec<_>>()), ..state }
    }

    /// The answers to some of the wishes that the last [`Meter::state`] was for, in their order.
    pub(crate) fn answers(&self, now: Timestamp, wishes: &[&Wish]) -> Vec<Answer> {
        live::LiveView { meter: self, now, slice: self.slice }.answers(wishes)
    }

    /// The present state without answers. Called once a second, it also keeps the rates that the wishes need.
    pub(crate) fn state(&mut self, now: Timestamp, wishes: &[Wish]) -> InterfaceSnapshot {
        self.flush();
        let opened = self.flows.opened;
        self.flows.tables.roll(now, opened, wishes, &self.interface);
        self.filtered.roll(now, opened, wishes, &self.interface, &self.flows.tables.facilities.ports);
        self.flows.tell_silent(now.0);
        let Flows { table, left, .. } = &mut self.flows;
        self.rates.roll(now.0, opened, !wishes.is_empty(), (table, left));
        self.sealed.look(wishes);
        let AverageRates { total: rate, own: own_rate, .. } = self.flows.tables.rated;
        let stats = self.flows.tables.stats(&self.interface);
        let InterfaceStats { interface, ledger, classes, rates, peak, peak_total, own } = stats;
        InterfaceSnapshot {
            interface,
            started: self.started,
            ledger,
            classes,
            rate,
            rates,
            peak,
            peak_total,
            own_rate,
            own,
            answers: Vec::new(),
            flows: self.flows.table.occupied as u64,
            capacity: self.flows.table.flows.len() as u64,
            gone: false,
        }
    }

    /// The slice that runs from now on, for the answers to wishes for slices.
    pub(crate) fn begin_slice(&mut self, from: Timestamp) {
        self.slice = from;
    }

    /// Answers to wishes for slices, of slices that were sealed less than three seconds before `now`: all that was in them.
    pub(crate) fn sealed_answers(&mut self, now: Timestamp) -> Vec<Answer> {
        self.sealed.answers(now)
    }
}

/// Notes the address that the sender of a frame says is its own.
#[cold]
fn learn(flows: &mut Flows, packet: &Packet, captured: &[u8]) {
    if let Some(address) = parse::proven(packet, captured) {
        flows.tables.facilities.stations.prove(packet, address);
    }
}

/// Notes the flow that an ICMP error speaks of, which is at a place of the batch.
#[cold]
fn note_unreachable(unreachable: &mut Vec<(usize, (PackedKey, bool))>, place: usize, packet: &Packet, captured: &[u8]) {
    if unreachable.len() < BATCH
        && let Some(quoted) = parse::unreachable(packet, captured)
    {
        unreachable.push((place, quoted));
    }
}
