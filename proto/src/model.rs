//! Traffic and its keys.

use super::WireError;
use super::field::{Field, fields, messages};
use crate as wire;
use traf_model::{
    AggregatedFlow, Class, Classes, Counters, Endpoint, Flow, FlowKey, Half, Interface, Learnt, Ledger, Loss, Nic,
    Traffic,
};

/// Addresses of an interface that are kept, the first ones: of a machine that serves thousands a sensor sends them all.
const ADDRESSES: usize = 128;

messages! {
    optional Counters = Counters { packets, octets, coalesced };
    optional Traffic = Traffic { inbound, outbound };
    required Class = Class { family, transport, cast };
    required Endpoint = Endpoint { address, port };
    required FlowKey = FlowKey { protocol, vlan, source, destination };
    optional Half = Half { flags, last_flags, window, size, mac, word };
    required Flow = Flow { key, traffic, first, last, forward, reverse, state, complete, own, evidence };
    required AggregatedFlow = AggregatedFlow { key, traffic, flows };
    required Learnt = Learnt { address, first, last };
    required Interface = Interface { name, index, mac, addresses, mtu, speed, link, loopback, mirror }
        check |mut wire: wire::Interface| {
            wire.addresses.truncate(ADDRESSES);
            Ok::<_, WireError>(wire)
        };
    required Nic = Nic { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped };
    required Ledger = Ledger {
        received, parsed, malformed, unsupported, dropped, bad_checksum, unparsed_octets, nic, kernel_received, clock_step
    };
    required Loss = Loss { reason, records, interface; interval = (from, to), counted = (packets, octets) };
}

fields! {
    (Class, Traffic, u64) as wire::ClassTraffic: |row| {
        wire::ClassTraffic { class: row.0.to_wire(), traffic: row.1.to_wire(), keys: row.2 }
    }, |row, _| Ok((Class::of_wire(row.class, "class")?, Traffic::of_wire(row.traffic, "traffic")?, row.keys));
    // The classes that have traffic; they have no keys.
    Classes as Vec<wire::ClassTraffic>: |classes| {
        classes.rows().map(|(class, traffic)| (class, traffic, 0).to_wire()).collect()
    }, |rows, name| {
        let row = |row| <(Class, Traffic, u64)>::of_wire(row, name).map(|(class, traffic, _)| (class, traffic));
        rows.into_iter().map(row).collect()
    };
}
