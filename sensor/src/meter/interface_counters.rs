//! The interface as a whole: classes by the second, largest packets, where every frame went.

use traf_model::time::SECOND;
use traf_model::{
    ClassGroup, Classes, Counters, Interface, InterfaceStats, InterfaceSummary, Interval, Ledger, Second, Timestamp,
    Traffic,
};

use crate::parse::Unparsed;
use crate::parse::packet::Packet;

/// Seconds of one slice that are kept apart; what comes later in a slice that long (a file) is added to the last.
const SECONDS: usize = 600;

/// Counts of one interface: of this slice, and of those that are sealed.
#[derive(Default)]
pub(super) struct InterfaceCounters {
    seconds: Vec<Second>,
    open: Classes,
    /// The open second, if there is one.
    from: i64,
    until: i64,
    total: Classes,
    peak: Traffic,
    peak_total: Counters,
    ledger: Ledger,
    sealed_ledger: Ledger,
    own: Traffic,
    sealed_own: Traffic,
    /// Largest packet received, and sent, in this slice and before it: without the link header.
    largest: [u32; 2],
    sealed_largest: [u32; 2],
}

impl InterfaceCounters {
    pub(super) fn new() -> Self {
        Self { from: i64::MAX, until: i64::MIN, ..Self::default() }
    }

    /// Counts a parsed frame. One that is late counts in the open second.
    #[inline(always)]
    pub(super) fn frame(&mut self, packet: &Packet) {
        if packet.at >= self.until {
            self.next_second(packet.at);
        }
        self.ledger.received += 1;
        self.ledger.parsed += 1;
        self.ledger.bad_checksum += u64::from(packet.bad_checksum);
        self.open.counters_mut(packet.class, packet.sent).count(packet.length);
        let size = packet.size();
        let largest = &mut self.largest[usize::from(packet.sent)];
        *largest = (*largest).max(size);
    }

    /// Counts packets that offload hid in a frame.
    pub(super) fn coalesced(&mut self, packet: &Packet, extra: u64) {
        let counters = Counters { coalesced: extra, ..Counters::default() };
        *self.open.counters_mut(packet.class, packet.sent) += counters;
    }

    /// Counts a frame that did not become a packet.
    pub(super) fn unparsed(&mut self, reason: Unparsed, length: u32) {
        self.ledger.received += 1;
        self.ledger.malformed += u64::from(reason == Unparsed::Malformed);
        self.ledger.unsupported += u64::from(reason == Unparsed::Unsupported);
        self.ledger.unparsed_octets = self.ledger.unparsed_octets.saturating_add(u64::from(length));
    }

    /// Counts a frame of our own connection.
    #[inline(always)]
    pub(super) fn own(&mut self, sent: bool, counters: Counters) {
        *self.own.counters_mut(sent) += counters;
    }

    /// Ends the slice: a summary with its counts, without rows.
    pub(super) fn seal(&mut self, slice: Interval) -> InterfaceSummary {
        self.end_second();
        (self.from, self.until) = (i64::MAX, i64::MIN);
        let (ledger, own) = (std::mem::take(&mut self.ledger), std::mem::take(&mut self.own));
        self.sealed_ledger.merge(&ledger);
        self.sealed_own += own;
        let seconds = within(std::mem::take(&mut self.seconds), slice);
        self.sealed_largest = self.largest_packets();
        let [largest_inbound, largest_outbound] = std::mem::take(&mut self.largest);
        InterfaceSummary { seconds, ledger, own, largest_inbound, largest_outbound, ..InterfaceSummary::default() }
    }

    /// Everything since the start, and the busiest seconds, the open one too; rates are left to [`super::rates`].
    pub(super) fn stats(&self, interface: &Interface) -> InterfaceStats {
        let (mut classes, mut ledger) = (self.total.clone(), self.sealed_ledger);
        classes.merge(&self.open);
        ledger.merge(&self.ledger);
        let open = self.open.group(ClassGroup::Total);
        InterfaceStats {
            interface: interface.clone(),
            ledger,
            classes,
            rates: Classes::default(),
            peak: busier_each(self.peak, open),
            peak_total: busier(self.peak_total, open.total()),
            own: self.sealed_own + self.own,
        }
    }

    /// All parsed frames since the start.
    pub(super) fn frames(&self) -> Traffic {
        self.total.group(ClassGroup::Total) + self.open.group(ClassGroup::Total)
    }

    /// Largest packet received, and sent, since the start, in octets without the link header.
    pub(super) fn largest_packets(&self) -> [u32; 2] {
        [0, 1].map(|way| self.largest[way].max(self.sealed_largest[way]))
    }

    #[cold]
    fn next_second(&mut self, at: i64) {
        self.end_second();
        self.from = Timestamp(at).floor(SECOND).0;
        self.until = self.from.saturating_add(SECOND);
    }

    /// Puts the open second aside.
    fn end_second(&mut self) {
        let classes = std::mem::take(&mut self.open);
        if self.until == i64::MIN {
            return;
        }
        self.total.merge(&classes);
        let total = classes.group(ClassGroup::Total);
        self.peak = busier_each(self.peak, total);
        self.peak_total = busier(self.peak_total, total.total());
        let full = self.seconds.len() >= SECONDS;
        match self.seconds.last_mut() {
            Some(last) if full || last.at.0 == self.from => last.classes.merge(&classes),
            _ => self.seconds.push(Second { at: Timestamp(self.from), classes }),
        }
    }
}

/// The greater of both, each direction.
fn busier_each(a: Traffic, b: Traffic) -> Traffic {
    Traffic { inbound: busier(a.inbound, b.inbound), outbound: busier(a.outbound, b.outbound) }
}

fn busier(a: Counters, b: Counters) -> Counters {
    if b.octets > a.octets { b } else { a }
}

/// Seconds of late and of early packets belong to the slice that counted them.
fn within(seconds: Vec<Second>, slice: Interval) -> Vec<Second> {
    let last = Timestamp(slice.to.0.saturating_sub(1)).floor(SECOND).max(slice.from);
    let mut inside: Vec<Second> = Vec::with_capacity(seconds.len());
    for mut second in seconds {
        second.at = second.at.clamp(slice.from, last);
        match inside.last_mut() {
            Some(before) if before.at >= second.at => before.classes.merge(&second.classes),
            _ => inside.push(second),
        }
    }
    inside
}
