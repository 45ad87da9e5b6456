//! The tables of facts: each row by the names of its columns, made from the model and turned into a [`Fact`].

use std::net::IpAddr;

use traf_model::{
    AggregatedFlow, Class, Counters, Endpoint, Evidence, Flow, FlowKey, FlowState, Half, InterfaceSummary, Ledger,
    Timestamp, Traffic,
};

use super::columns::{Station, columns};
use super::pack;
use super::table::SliceTable;
use crate::store::Fact;

columns! {
    /// Key and observation point of a conversation that is inserted.
    FlowNumber { id: i64, interface: i64 }
}

columns! {
    /// A conversation in one slice.
    FlowRow {
        start: i64 = "s.ts",
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
            start,
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

impl From<FlowRow> for Flow {
    fn from(row: FlowRow) -> Self {
        let at = |micros: i64| Timestamp((row.start * 1_000_000 + micros).saturating_mul(1_000));
        let half = |window: i64, size, Station(mac)| Half { window: window as u16, size, mac, ..Half::default() };
        let mut flow = Flow {
            key: row.key,
            traffic: Traffic { inbound: row.reverse, outbound: row.forward },
            first: at(row.first_us),
            last: at(row.last_us),
            forward: half(row.windows >> 16, row.forward_size, row.forward_mac),
            reverse: half(row.windows, row.reverse_size, row.reverse_mac),
            state: FlowState::Active,
            complete: false,
            own: false,
            evidence: Evidence::NONE,
        };
        pack::read_status(row.status, &mut flow);
        flow
    }
}

impl From<FlowRow> for Fact {
    fn from(row: FlowRow) -> Self {
        let marked = row.prim;
        Self::Flow(row.into(), marked)
    }
}

columns! {
    /// Conversations of a class that had no row in the sensor's table.
    OtherFlowsRow in "flow_other" { class: Class, traffic: Traffic, keys: u64 }
}

columns! {
    /// Conversations of the same ends that had no row in the sensor's table.
    AggregatedFlowRow in "flow_aggregated" {
        protocol: u8,
        source: IpAddr,
        destination: IpAddr,
        destination_port: u16,
        forward: Counters,
        reverse: Counters,
        flows: u64,
    }
}

impl From<&AggregatedFlow> for AggregatedFlowRow {
    fn from(aggregated: &AggregatedFlow) -> Self {
        let AggregatedFlow { key, traffic, flows } = *aggregated;
        Self {
            protocol: key.protocol,
            source: key.source.address,
            destination: key.destination.address,
            destination_port: key.destination.port,
            forward: traffic.outbound,
            reverse: traffic.inbound,
            flows,
        }
    }
}

impl From<AggregatedFlowRow> for AggregatedFlow {
    fn from(row: AggregatedFlowRow) -> Self {
        let (source, destination) =
            (Endpoint::new(row.source, 0), Endpoint::new(row.destination, row.destination_port));
        let key = FlowKey { protocol: row.protocol, vlan: None, source, destination };
        Self { key, traffic: Traffic { inbound: row.reverse, outbound: row.forward }, flows: row.flows }
    }
}

impl From<OtherFlowsRow> for Fact {
    fn from(row: OtherFlowsRow) -> Self {
        Self::OtherFlows(row.class, row.traffic, row.keys)
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

impl From<LedgerRow> for Fact {
    fn from(row: LedgerRow) -> Self {
        let own = Traffic {
            inbound: Counters::new(row.own_in_packets, row.own_in_octets),
            outbound: Counters::new(row.own_out_packets, row.own_out_octets),
        };
        Self::Ledger(Box::new(row.ledger), own, [row.largest_in, row.largest_out])
    }
}
