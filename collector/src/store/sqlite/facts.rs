//! The tables of facts: each row by the names of its columns, made from the model and turned into a [`Fact`].

use traf_model::{Class, Counters, Flow, FlowKey, FlowState, Half, InterfaceSummary, Ledger, Timestamp, Traffic};

use super::columns::{Joined, Station, columns};
use super::pack;
use super::table::SliceTable;
use crate::store::Fact;

/// A row that says a fact.
pub(super) trait FactRow: SliceTable {
    /// The fact.
    fn fact(self) -> Fact;
}

columns! {
    /// A conversation in one slice.
    FlowRow {
        start: Joined<i64> = "s.ts",
        key: FlowKey,
        forward: Counters,
        reverse: Counters,
        first_us: i64,
        last_us: i64,
        status: i64,
        windows: i64,
        forward_size: u32,
        reverse_size: u32,
        forward_mac: Station,
        reverse_mac: Station,
        prim: bool,
    }
}

/// Bits of a flow's key that number the flows of one slice.
pub(super) const FLOW_BITS: u32 = 20;

impl SliceTable for FlowRow {
    const TABLE: &'static str = "flow";
    const KEY: &'static str = "id";
    const ON: &'static str = "f.id between s.id << 20 and s.id << 20 | 1048575";
}

impl FlowRow {
    /// Of a slice that begins at `start`, in seconds.
    pub(super) fn new(start: i64, flow: &Flow, prim: bool) -> Self {
        let after = |time: Timestamp| time.0.div_euclid(1_000) - start * 1_000_000;
        Self {
            start: Joined(start),
            key: flow.key,
            forward: flow.traffic.outbound,
            reverse: flow.traffic.inbound,
            first_us: after(flow.first),
            last_us: after(flow.last),
            status: pack::status(flow),
            windows: i64::from(flow.forward.window) << 16 | i64::from(flow.reverse.window),
            forward_size: flow.forward.size,
            reverse_size: flow.reverse.size,
            forward_mac: Station(flow.forward.mac),
            reverse_mac: Station(flow.reverse.mac),
            prim,
        }
    }
}

impl FactRow for FlowRow {
    fn fact(self) -> Fact {
        let at = |micros: i64| Timestamp((self.start.0 * 1_000_000 + micros).saturating_mul(1_000));
        let half = |window: i64, size, Station(mac)| Half { window: window as u16, size, mac, ..Half::default() };
        let mut flow = Flow {
            key: self.key,
            traffic: Traffic { inbound: self.reverse, outbound: self.forward },
            first: at(self.first_us),
            last: at(self.last_us),
            forward: half(self.windows >> 16, self.forward_size, self.forward_mac),
            reverse: half(self.windows, self.reverse_size, self.reverse_mac),
            state: FlowState::Active,
            complete: false,
            own: false,
        };
        pack::read_status(self.status, &mut flow);
        Fact::Flow(flow, self.prim)
    }
}

columns! {
    /// Conversations of a class that had no row in the sensor's table.
    OtherFlowsRow in "flow_other" { class: Class, traffic: Traffic, keys: u64 }
}

impl FactRow for OtherFlowsRow {
    fn fact(self) -> Fact {
        Fact::OtherFlows(self.class, self.traffic, self.keys)
    }
}

columns! {
    /// Traffic of an observation point by the second and class.
    SecondRow in "second" { at: i64, class: Class, traffic: Traffic }
}

columns! {
    /// The same by the minute; `ts` is its start.
    MinuteRow { ts: i64, sensor: i64, interface: i64, class: Class, traffic: Traffic }
}

columns! {
    /// Ledger of an observation point: the fate of every frame, the traffic of our own stream, and the largest packets.
    LedgerRow in "slice_ledger" {
        ledger: Ledger,
        own_in_packets: u64,
        own_in_octets: u64,
        own_out_packets: u64,
        own_out_octets: u64,
        largest_in: u32,
        largest_out: u32,
    }
}

impl LedgerRow {
    pub(super) fn new(summary: &InterfaceSummary) -> Self {
        let Traffic { inbound, outbound } = summary.own;
        Self {
            ledger: summary.ledger,
            own_in_packets: inbound.packets,
            own_in_octets: inbound.octets,
            own_out_packets: outbound.packets,
            own_out_octets: outbound.octets,
            largest_in: summary.largest_inbound,
            largest_out: summary.largest_outbound,
        }
    }
}

impl FactRow for LedgerRow {
    fn fact(self) -> Fact {
        let own = Traffic {
            inbound: Counters::new(self.own_in_packets, self.own_in_octets),
            outbound: Counters::new(self.own_out_packets, self.own_out_octets),
        };
        Fact::Ledger(Box::new(self.ledger), own, [self.largest_in, self.largest_out])
    }
}
