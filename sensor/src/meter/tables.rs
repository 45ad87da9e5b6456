//! What is counted of a set of packets: of all of an interface, or of those that a filter selects.

use traf_model::{Counters, Facility, Filter, Interface, InterfaceStats, InterfaceSummary, Interval, Timestamp, Wish};

use super::facilities::Facilities;
use super::interface_counters::InterfaceCounters;
use super::rates::{AverageRates, InterfaceRates};
use crate::parse::packet::Packet;

/// Facts of a packet that are known once it is counted in its flow.
#[derive(Clone, Copy)]
pub(super) struct FlowFacts {
    /// The second end of its key began the flow.
    pub(super) second_began: bool,
    /// It is ours.
    pub(super) own: bool,
    /// Packets that offload hid in it.
    pub(super) extra: u64,
}

/// Counts of a set of packets. What flows tell is folded into the facilities by whoever follows the flows.
pub(super) struct Tables {
    /// The filter that selects the packets.
    pub(super) filter: Filter,
    /// Nothing was counted before.
    pub(super) since: Timestamp,
    pub(super) counters: InterfaceCounters,
    pub(super) facilities: Facilities,
    averages: InterfaceRates,
    /// Rates at the last snapshot.
    pub(super) rated: AverageRates,
}

impl Tables {
    pub(super) fn new(filter: Filter, since: Timestamp, facilities: Facilities) -> Self {
        let (counters, averages) = (InterfaceCounters::new(), InterfaceRates::new(since));
        Self { filter, since, counters, facilities, averages, rated: AverageRates::default() }
    }

    /// Counts a parsed frame.
    #[inline(always)]
    pub(super) fn frame(&mut self, packet: &Packet) {
        self.counters.frame(packet);
        self.facilities.frame(packet);
    }

    /// Counts for a frame that its packet is ours, and the packets that offload hid in it.
    #[inline]
    pub(super) fn placed(&mut self, packet: &Packet, FlowFacts { own, extra, .. }: FlowFacts) {
        if own {
            let counters = Counters { coalesced: extra, ..Counters::new(1, u64::from(packet.length)) };
            self.counters.own(packet.sent, counters);
        }
        if extra > 0 {
            self.counters.coalesced(packet, extra);
            self.facilities.hidden(packet, extra);
        }
    }

    /// To be called at each snapshot: keeps what rates are made from. What this slice counted came after `began`.
    pub(super) fn roll(&mut self, now: Timestamp, began: i64, wishes: &[Wish], interface: &Interface) {
        let wished = |wish: &Wish, facility| wish.facility == Facility::Counted(facility) && wish.filter == self.filter;
        let wished = |facility| wishes.iter().any(|wish| wished(wish, facility));
        self.facilities.look(now.0, began, self.counters.frames(), wished);
        let stats = self.counters.stats(interface);
        self.rated = self.averages.rates(now, &stats.classes, stats.own);
    }

    /// Adds up what waits; to be called before the tables are read.
    pub(super) fn complete(&mut self) {
        self.facilities.complete(self.counters.frames());
    }

    /// The interface's row.
    pub(super) fn stats(&self, interface: &Interface) -> InterfaceStats {
        InterfaceStats { rates: self.rated.classes.clone(), ..self.counters.stats(interface) }
    }

    /// Ends the slice: a summary without flows.
    pub(super) fn seal(&mut self, slice: Interval, interface: &Interface) -> InterfaceSummary {
        let counted = self.facilities.seal(self.counters.frames(), interface);
        InterfaceSummary { interface: interface.clone(), counted, ..self.counters.seal(slice) }
    }
}
