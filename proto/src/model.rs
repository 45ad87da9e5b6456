//! Traffic and its keys.

use super::{WireError, address, address_octets, each, from_each, narrow, need, pick, place, time};
use crate as wire;
use traf_model::flow::Word;
use traf_model::{
    Cast, Class, Counters, Endpoint, Family, Flow, FlowKey, FlowState, Half, Interface, Learnt, Ledger, Loss,
    LossReason, Mac, Nic, Traffic, Transport,
};

impl From<&Counters> for wire::Counters {
    fn from(counters: &Counters) -> Self {
        let Counters { packets, octets, coalesced } = *counters;
        Self { packets, octets, coalesced }
    }
}

impl From<wire::Counters> for Counters {
    fn from(wire: wire::Counters) -> Self {
        Self { packets: wire.packets, octets: wire.octets, coalesced: wire.coalesced }
    }
}

impl From<&Traffic> for wire::Traffic {
    fn from(traffic: &Traffic) -> Self {
        let some = |counters: &Counters| (!counters.is_empty()).then(|| counters.into());
        Self { inbound: some(&traffic.inbound), outbound: some(&traffic.outbound) }
    }
}

impl From<wire::Traffic> for Traffic {
    fn from(wire: wire::Traffic) -> Self {
        Self { inbound: wire.inbound.unwrap_or_default().into(), outbound: wire.outbound.unwrap_or_default().into() }
    }
}

/// Absent traffic is none.
pub(super) fn traffic(wire: Option<wire::Traffic>) -> Traffic {
    wire.map(Traffic::from).unwrap_or_default()
}

const FAMILIES: [Family; 3] = [Family::Ipv4, Family::Ipv6, Family::NonIp];
const TRANSPORTS: [Transport; 4] = [Transport::Tcp, Transport::Udp, Transport::Icmp, Transport::Other];
const CASTS: [Cast; 3] = [Cast::Unicast, Cast::Broadcast, Cast::Multicast];

impl From<&Class> for wire::Class {
    fn from(class: &Class) -> Self {
        Self {
            family: place(&FAMILIES, &class.family),
            transport: place(&TRANSPORTS, &class.transport),
            cast: place(&CASTS, &class.cast),
        }
    }
}

impl TryFrom<wire::Class> for Class {
    type Error = WireError;

    fn try_from(wire: wire::Class) -> Result<Self, WireError> {
        Ok(Self {
            family: pick(&FAMILIES, wire.family, "family")?,
            transport: pick(&TRANSPORTS, wire.transport, "transport")?,
            cast: pick(&CASTS, wire.cast, "cast")?,
        })
    }
}

impl From<&(Class, Traffic, u64)> for wire::ClassTraffic {
    fn from((class, traffic, keys): &(Class, Traffic, u64)) -> Self {
        Self { class: Some(class.into()), traffic: Some(traffic.into()), keys: *keys }
    }
}

impl TryFrom<wire::ClassTraffic> for (Class, Traffic, u64) {
    type Error = WireError;

    fn try_from(wire: wire::ClassTraffic) -> Result<Self, WireError> {
        Ok((need(wire.class, "class")?.try_into()?, traffic(wire.traffic), wire.keys))
    }
}

impl From<&Endpoint> for wire::Endpoint {
    fn from(end: &Endpoint) -> Self {
        Self { address: address_octets(end.address), port: u32::from(end.port) }
    }
}

impl TryFrom<wire::Endpoint> for Endpoint {
    type Error = WireError;

    fn try_from(wire: wire::Endpoint) -> Result<Self, WireError> {
        Ok(Self { address: address(&wire.address)?, port: narrow(wire.port, "port")? })
    }
}

impl From<&FlowKey> for wire::FlowKey {
    fn from(key: &FlowKey) -> Self {
        Self {
            protocol: u32::from(key.protocol),
            vlan: key.vlan.map(u32::from),
            source: Some((&key.source).into()),
            destination: Some((&key.destination).into()),
        }
    }
}

impl TryFrom<wire::FlowKey> for FlowKey {
    type Error = WireError;

    fn try_from(wire: wire::FlowKey) -> Result<Self, WireError> {
        Ok(Self {
            protocol: narrow(wire.protocol, "protocol")?,
            vlan: wire.vlan.map(|vlan| narrow(vlan, "vlan")).transpose()?,
            source: need(wire.source, "source")?.try_into()?,
            destination: need(wire.destination, "destination")?.try_into()?,
        })
    }
}

const WORDS: [Option<Word>; 5] = [None, Some(Word::Done), Some(Word::Closed), Some(Word::Reset), Some(Word::TimedOut)];

impl From<&Half> for wire::Half {
    fn from(half: &Half) -> Self {
        Self {
            flags: u32::from(half.flags),
            last_flags: u32::from(half.last_flags),
            window: u32::from(half.window),
            size: half.size,
            mac: mac_octets(half.mac),
            word: place(&WORDS, &half.word),
        }
    }
}

impl TryFrom<wire::Half> for Half {
    type Error = WireError;

    fn try_from(wire: wire::Half) -> Result<Self, WireError> {
        Ok(Self {
            flags: narrow(wire.flags, "flags")?,
            last_flags: narrow(wire.last_flags, "last_flags")?,
            window: narrow(wire.window, "window")?,
            size: wire.size,
            mac: mac(&wire.mac)?,
            word: pick(&WORDS, wire.word, "word")?,
        })
    }
}

pub(super) fn mac_octets(mac: Option<Mac>) -> Vec<u8> {
    mac.map(|mac| mac.0.to_vec()).unwrap_or_default()
}

/// No octets: the link has no addresses.
pub(super) fn mac(octets: &[u8]) -> Result<Option<Mac>, WireError> {
    match octets {
        [] => Ok(None),
        octets => octets.try_into().map(|octets| Some(Mac(octets))).map_err(|_| WireError::Mac(octets.len())),
    }
}

impl From<&Flow> for wire::Flow {
    fn from(flow: &Flow) -> Self {
        Self {
            key: Some((&flow.key).into()),
            traffic: Some((&flow.traffic).into()),
            first: flow.first.0,
            last: flow.last.0,
            forward: Some((&flow.forward).into()),
            reverse: Some((&flow.reverse).into()),
            state: place(&FlowState::ALL, &flow.state),
            complete: flow.complete,
            own: flow.own,
        }
    }
}

impl TryFrom<wire::Flow> for Flow {
    type Error = WireError;

    fn try_from(wire: wire::Flow) -> Result<Self, WireError> {
        Ok(Self {
            key: need(wire.key, "key")?.try_into()?,
            traffic: traffic(wire.traffic),
            first: time(wire.first),
            last: time(wire.last),
            forward: wire.forward.unwrap_or_default().try_into()?,
            reverse: wire.reverse.unwrap_or_default().try_into()?,
            state: pick(&FlowState::ALL, wire.state, "state")?,
            complete: wire.complete,
            own: wire.own,
        })
    }
}

impl From<&Learnt> for wire::Learnt {
    fn from(learnt: &Learnt) -> Self {
        Self { address: address_octets(learnt.address), first: learnt.first.0, last: learnt.last.0 }
    }
}

impl TryFrom<wire::Learnt> for Learnt {
    type Error = WireError;

    fn try_from(wire: wire::Learnt) -> Result<Self, WireError> {
        Ok(Self { address: address(&wire.address)?, first: time(wire.first), last: time(wire.last) })
    }
}

impl From<&Interface> for wire::Interface {
    fn from(interface: &Interface) -> Self {
        Self {
            name: interface.name.clone(),
            index: interface.index,
            mac: mac_octets(interface.mac),
            addresses: interface.addresses.iter().map(|address| address_octets(*address)).collect(),
            mtu: interface.mtu,
            speed: interface.speed,
            link: interface.link.clone(),
            loopback: interface.loopback,
            mirror: interface.mirror,
        }
    }
}

impl TryFrom<wire::Interface> for Interface {
    type Error = WireError;

    fn try_from(wire: wire::Interface) -> Result<Self, WireError> {
        Ok(Self {
            name: wire.name,
            index: wire.index,
            mac: mac(&wire.mac)?,
            addresses: wire.addresses.iter().map(|octets| address(octets)).collect::<Result<_, _>>()?,
            mtu: wire.mtu,
            speed: wire.speed,
            link: wire.link,
            loopback: wire.loopback,
            mirror: wire.mirror,
        })
    }
}

impl From<&Nic> for wire::Nic {
    fn from(nic: &Nic) -> Self {
        let Nic { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped } = *nic;
        Self { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped }
    }
}

impl From<wire::Nic> for Nic {
    fn from(wire: wire::Nic) -> Self {
        let wire::Nic { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped } = wire;
        Self { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped }
    }
}

impl From<&Ledger> for wire::Ledger {
    fn from(ledger: &Ledger) -> Self {
        Self {
            received: ledger.received,
            parsed: ledger.parsed,
            malformed: ledger.malformed,
            unsupported: ledger.unsupported,
            dropped: ledger.dropped,
            bad_checksum: ledger.bad_checksum,
            unparsed_octets: ledger.unparsed_octets,
            nic: ledger.nic.as_ref().map(Into::into),
            kernel_received: ledger.kernel_received,
            clock_step: ledger.clock_step,
        }
    }
}

impl From<wire::Ledger> for Ledger {
    fn from(wire: wire::Ledger) -> Self {
        Self {
            received: wire.received,
            parsed: wire.parsed,
            malformed: wire.malformed,
            unsupported: wire.unsupported,
            dropped: wire.dropped,
            bad_checksum: wire.bad_checksum,
            unparsed_octets: wire.unparsed_octets,
            nic: wire.nic.map(Into::into),
            kernel_received: wire.kernel_received,
            clock_step: wire.clock_step,
        }
    }
}

impl From<&Loss> for wire::Loss {
    fn from(loss: &Loss) -> Self {
        Self {
            reason: place(&LossReason::ALL, &loss.reason) + 1,
            from: loss.interval.from.0,
            to: loss.interval.to.0,
            records: loss.records,
            packets: loss.counted.map(|(packets, _)| packets),
            octets: loss.counted.map(|(_, octets)| octets),
            interface: loss.interface.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::Loss> for Loss {
    type Error = WireError;

    fn try_from(wire: wire::Loss) -> Result<Self, WireError> {
        Ok(Self {
            reason: pick(&LossReason::ALL, wire.reason.wrapping_sub(1), "reason")?,
            interval: traf_model::Interval::new(time(wire.from), time(wire.to)),
            records: wire.records,
            counted: wire.packets.zip(wire.octets),
            interface: (!wire.interface.is_empty()).then_some(wire.interface),
        })
    }
}

/// Without keys: what classes of an interface need.
pub(super) fn classes(all: Vec<wire::ClassTraffic>) -> Result<traf_model::Classes, WireError> {
    let rows: Vec<(Class, Traffic, u64)> = each(all)?;
    Ok(rows.into_iter().map(|(class, traffic, _)| (class, traffic)).collect())
}

/// The classes that have traffic.
pub(super) fn class_rows(classes: &traf_model::Classes) -> Vec<wire::ClassTraffic> {
    let rows: Vec<(Class, Traffic, u64)> = classes.rows().map(|(class, traffic)| (class, traffic, 0)).collect();
    from_each(&rows)
}
