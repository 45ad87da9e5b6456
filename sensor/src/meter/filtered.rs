//! Traffic that a filter selects, counted from the packets themselves since a console set it.
//!
//! Classes and keys cannot be told apart after they were added up; so while somebody looks at
//! them through a filter, each packet that the filter selects is counted once more, into tables of its own. Several that look
//! through one filter share them, and ten seconds after the last of them they are gone. Without filters nothing is done.
//!
//! Memory: the tables of a filter grow with what it selects, up to about 0.9 MB: 2,048 addresses of 144 octets, 1,024 ports of
//! 112, 512 MAC addresses of 250 with what is behind them. With all eight filters full that is 7 MB.

use traf_model::{Counters, Facility, Filter, Interface, Interval, Ports, Timestamp, Traffic, Wish};

use super::facilities::Facilities;
use super::flow_delta::FlowDelta;
use super::tables::{FlowFacts, Tables};
use crate::parse::packet::Packet;

/// Filters at once.
pub(super) const FILTERS: usize = 8;

/// A filter keeps this part of the keys that an interface keeps.
const PART: usize = 4;

/// Time for which a filter is kept without a wish for it.
const ATTENTION: i64 = 10 * traf_model::time::SECOND;

/// All filters of one interface.
#[derive(Default)]
pub(super) struct FilterTable {
    counts: Vec<FilterCounters>,
}

/// Counts of the packets that one filter selected.
struct FilterCounters {
    wished: Timestamp,
    tables: Tables,
}

/// One bit for each filter that selects a packet.
pub(super) type SelectedFilters = u8;

impl FilterTable {
    /// Counts a frame for the filters that select it, and returns these. Fragments are judged by their own headers.
    #[inline]
    pub(super) fn frame(&mut self, packet: &Packet, interface: &str) -> SelectedFilters {
        if self.counts.is_empty() { 0 } else { self.select(packet, interface) }
    }

    fn select(&mut self, packet: &Packet, interface: &str) -> SelectedFilters {
        let subject = packet.subject(interface);
        let mut selected = 0;
        for (place, counted) in self.counts.iter_mut().enumerate() {
            if counted.tables.filter.matches(&subject) {
                selected |= 1 << place;
                counted.tables.frame(packet);
            }
        }
        selected
    }

    /// Counts an IP packet for its hosts and its service.
    #[cold]
    pub(super) fn packet(&mut self, selected: SelectedFilters, packet: &Packet, placed: FlowFacts) {
        let counters = Counters { coalesced: placed.extra, ..Counters::new(1, u64::from(packet.octets)) };
        let mac = (packet.macs != [0; 12]).then(|| packet.source_mac());
        let (traffic, macs) = if packet.reverse == placed.second_began {
            (Traffic::outbound(counters), [mac, None])
        } else {
            (Traffic::inbound(counters), [None, mac])
        };
        let key = packet.key.flow(placed.second_began);
        let folded = FlowDelta { key, traffic, macs, first: packet.at, last: packet.at };
        let chosen = self.counts.iter_mut().enumerate().filter(|(place, _)| selected & 1 << place != 0);
        for (_, counted) in chosen {
            counted.tables.facilities.fold(&folded);
            counted.tables.placed(packet, placed);
        }
    }

    /// Takes up new filters and forgets those that nobody looks through; to be called at each snapshot. A filter for which
    /// there is no room is not counted. The slice was opened at `opened`.
    pub(super) fn roll(&mut self, now: Timestamp, opened: i64, wishes: &[Wish], interface: &Interface, ports: &Ports) {
        for wish in wishes.iter().filter(|wish| counts(wish)) {
            if let Some(counted) = self.counts.iter_mut().find(|counted| counted.tables.filter == wish.filter) {
                counted.wished = now;
            } else {
                self.begin(now, &wish.filter, interface, ports);
            }
        }
        self.counts.retain(|counted| now.since(counted.wished) <= ATTENTION);
        for tables in self.counts.iter_mut().map(|counted| &mut counted.tables) {
            tables.roll(now, opened.max(tables.since.0), wishes, interface);
        }
    }

    fn begin(&mut self, now: Timestamp, filter: &Filter, interface: &Interface, ports: &Ports) {
        if self.counts.len() >= FILTERS {
            let idle = self.counts.iter().position(|counted| counted.wished < now);
            let Some(idle) = idle else { return };
            self.counts.remove(idle);
        }
        // Nothing of it goes into the history.
        let mut facilities = Facilities::new(interface.mtu, |facility| facility.capacity / PART, 0);
        facilities.ports = ports.clone();
        self.counts.push(FilterCounters { wished: now, tables: Tables::new(filter.clone(), now, facilities) });
    }

    /// Other ports are served from now on.
    pub(super) fn set_ports(&mut self, ports: &Ports) {
        self.counts.iter_mut().for_each(|counted| counted.tables.facilities.ports = ports.clone());
    }

    /// Adds up what waits.
    pub(super) fn complete(&mut self) {
        self.counts.iter_mut().for_each(|counted| counted.tables.complete());
    }

    /// Ends the slice: what it counted is part of the whole, and of no history.
    pub(super) fn seal(&mut self, slice: Interval, interface: &Interface) {
        self.counts.iter_mut().for_each(|counted| drop(counted.tables.seal(slice, interface)));
    }

    /// Counts of a filter, if it has any.
    pub(super) fn of(&self, filter: &Filter) -> Option<&Tables> {
        self.counts.iter().map(|counted| &counted.tables).find(|tables| tables.filter == *filter)
    }
}

/// True if a wish can only be answered by counting.
fn counts(wish: &Wish) -> bool {
    !wish.filter.is_all() && !matches!(wish.facility, Facility::Traffic | Facility::Packets)
}
