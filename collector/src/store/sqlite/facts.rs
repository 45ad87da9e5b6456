//! The tables of facts: each row by the names of its columns, made from the model and turned into a [`Fact`].

use std::net::IpAddr;

use traf_model::{
    Class, Counters, Endpoint, Flow, FlowKey, FlowState, Half, InterfaceSummary, Ledger, Mac, Nic, Timestamp, Traffic,
};

use super::columns::{Joined, Named, columns};
use super::dictionary::Dictionary;
use super::pack;
use super::table::SliceTable;
use crate::store::{Fact, StoreError};

/// A row that says a fact.
pub(super) trait FactRow: SliceTable {
    /// The fact.
    fn fact(self) -> Result<Fact, StoreError>;
}

columns! {
    /// A conversation in one slice.
    FlowRow {
        start: Joined<i64> = "s.ts",
        protocol: u8,
        vlan: Option<u16>,
        source: Named<IpAddr> = "a.ip",
        source_port: u16,
        destination: Named<IpAddr> = "b.ip",
        destination_port: u16,
        forward: Counters,
        reverse: Counters,
        first_us: i64,
        last_us: i64,
        status: i64,
        windows: i64,
        forward_size: u32,
        reverse_size: u32,
        forward_mac: Named<Mac> = "m.mac",
        reverse_mac: Named<Mac> = "n.mac",
        prim: bool,
    }
}

/// Bits of a flow's key that number the flows of one slice.
pub(super) const FLOW_BITS: u32 = 20;

impl SliceTable for FlowRow {
    const TABLE: &'static str = "flow";
    const KEY: &'static str = "id";
    const ON: &'static str = "f.id between s.id << 20 and s.id << 20 | 1048575";
    const JOINS: &'static str = "left join address a on a.id = f.source left join address b on b.id = f.destination \
        left join mac m on m.id = f.forward_mac left join mac n on n.id = f.reverse_mac";
}

impl FlowRow {
    /// Of a slice that begins at `start`, in seconds.
    pub(super) fn new(start: i64, flow: &Flow, primary: bool, dictionary: &Dictionary) -> Result<Self, StoreError> {
        let after = |time: Timestamp| time.0.div_euclid(1_000) - start * 1_000_000;
        Ok(Self {
            start: Joined(start),
            protocol: flow.key.protocol,
            vlan: flow.key.vlan,
            source: dictionary.address(flow.key.source.address)?,
            source_port: flow.key.source.port,
            destination: dictionary.address(flow.key.destination.address)?,
            destination_port: flow.key.destination.port,
            forward: flow.traffic.outbound,
            reverse: flow.traffic.inbound,
            first_us: after(flow.first),
            last_us: after(flow.last),
            status: pack::status(flow),
            windows: i64::from(flow.forward.window) << 16 | i64::from(flow.reverse.window),
            forward_size: flow.forward.size,
            reverse_size: flow.reverse.size,
            forward_mac: dictionary.mac(flow.forward.mac)?,
            reverse_mac: dictionary.mac(flow.reverse.mac)?,
            prim: primary,
        })
    }
}

impl FactRow for FlowRow {
    fn fact(self) -> Result<Fact, StoreError> {
        let at = |micros: i64| Timestamp((self.start.0 * 1_000_000 + micros).saturating_mul(1_000));
        let half = |window: i64, size: u32, mac: Named<Mac>| Half {
            window: window as u16,
            size,
            mac: mac.value,
            ..Half::default()
        };
        let mut flow = Flow {
            key: FlowKey {
                protocol: self.protocol,
                vlan: self.vlan,
                source: Endpoint::new(self.source.address()?, self.source_port),
                destination: Endpoint::new(self.destination.address()?, self.destination_port),
            },
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
        Ok(Fact::Flow(flow, self.prim))
    }
}

columns! {
    /// Conversations of a class that had no row in the sensor's table.
    OtherFlowsRow { class: Class, traffic: Traffic, keys: u64 }
}

impl SliceTable for OtherFlowsRow {
    const TABLE: &'static str = "flow_other";
}

impl FactRow for OtherFlowsRow {
    fn fact(self) -> Result<Fact, StoreError> {
        Ok(Fact::OtherFlows(self.class, self.traffic, self.keys))
    }
}

columns! {
    /// Traffic of an observation point by the second and class.
    SecondRow { at: i64, class: Class, traffic: Traffic }
}

impl SliceTable for SecondRow {
    const TABLE: &'static str = "second";
}

columns! {
    /// The same by the minute; `ts` is its start.
    MinuteRow { ts: i64, sensor: i64, interface: i64, class: Class, traffic: Traffic }
}

columns! {
    /// Ledger of an observation point: the fate of every frame.
    LedgerRow {
        received: u64,
        parsed: u64,
        malformed: u64,
        unsupported: u64,
        dropped: u64,
        bad_checksum: u64,
        unparsed_octets: u64,
        nic_rx_packets: Option<u64>,
        nic_rx_octets: Option<u64>,
        nic_tx_packets: Option<u64>,
        nic_tx_octets: Option<u64>,
        nic_rx_dropped: Option<u64>,
        nic_tx_dropped: Option<u64>,
        kernel_received: Option<u64>,
        clock_step: i64,
        own_in_packets: u64,
        own_in_octets: u64,
        own_out_packets: u64,
        own_out_octets: u64,
        largest_in: u32,
        largest_out: u32,
    }
}

impl SliceTable for LedgerRow {
    const TABLE: &'static str = "slice_ledger";
}

impl LedgerRow {
    pub(super) fn new(summary: &InterfaceSummary) -> Self {
        let (ledger, own, nic) = (&summary.ledger, summary.own, summary.ledger.nic.as_ref());
        Self {
            received: ledger.received,
            parsed: ledger.parsed,
            malformed: ledger.malformed,
            unsupported: ledger.unsupported,
            dropped: ledger.dropped,
            bad_checksum: ledger.bad_checksum,
            unparsed_octets: ledger.unparsed_octets,
            nic_rx_packets: nic.map(|nic| nic.rx_packets),
            nic_rx_octets: nic.map(|nic| nic.rx_octets),
            nic_tx_packets: nic.map(|nic| nic.tx_packets),
            nic_tx_octets: nic.map(|nic| nic.tx_octets),
            nic_rx_dropped: nic.map(|nic| nic.rx_dropped),
            nic_tx_dropped: nic.map(|nic| nic.tx_dropped),
            kernel_received: ledger.kernel_received,
            clock_step: ledger.clock_step,
            own_in_packets: own.inbound.packets,
            own_in_octets: own.inbound.octets,
            own_out_packets: own.outbound.packets,
            own_out_octets: own.outbound.octets,
            largest_in: summary.largest_inbound,
            largest_out: summary.largest_outbound,
        }
    }
}

impl FactRow for LedgerRow {
    fn fact(self) -> Result<Fact, StoreError> {
        let nic = self.nic_rx_packets.map(|rx_packets| Nic {
            rx_packets,
            rx_octets: self.nic_rx_octets.unwrap_or(0),
            tx_packets: self.nic_tx_packets.unwrap_or(0),
            tx_octets: self.nic_tx_octets.unwrap_or(0),
            rx_dropped: self.nic_rx_dropped.unwrap_or(0),
            tx_dropped: self.nic_tx_dropped.unwrap_or(0),
        });
        let ledger = Ledger {
            received: self.received,
            parsed: self.parsed,
            malformed: self.malformed,
            unsupported: self.unsupported,
            dropped: self.dropped,
            bad_checksum: self.bad_checksum,
            unparsed_octets: self.unparsed_octets,
            nic,
            kernel_received: self.kernel_received,
            clock_step: self.clock_step,
        };
        let own = Traffic {
            inbound: Counters::new(self.own_in_packets, self.own_in_octets),
            outbound: Counters::new(self.own_out_packets, self.own_out_octets),
        };
        Ok(Fact::Ledger(Box::new(ledger), own, [self.largest_in, self.largest_out]))
    }
}
