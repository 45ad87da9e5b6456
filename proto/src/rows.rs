//! Rows of a report, and what is in them.

use super::counted;
use super::model::{class_rows, classes, mac, mac_octets, traffic};
use super::query::points;
use super::{WireError, address, address_octets, from_each, narrow, need, pick, place, time};
use crate as wire;
use traf_model::{Counted, GroupKey, InterfaceStats, Item, PacketEnd, PacketKind, Row, SinglePacket};

impl From<&Row> for wire::Row {
    fn from(row: &Row) -> Self {
        use wire::row::Item as Wire;
        Self {
            observed_by: from_each(&row.observed_by),
            rate: Some((&row.rate).into()),
            site: row.site.clone(),
            facility: match &row.item {
                Item::Counted(facility, ..) => u32::from(facility.number),
                _ => 0,
            },
            item: Some(match &row.item {
                Item::Flow(flow) => Wire::Flow(flow.into()),
                Item::Interface(stats) => Wire::Interface((&**stats).into()),
                Item::Counted(_, key, counts) => Wire::Counted((Some(key), counts).into()),
                Item::Group(key, traffic, flows) => Wire::Group(wire::GroupTraffic {
                    key: Some(key.into()),
                    traffic: Some(traffic.into()),
                    flows: *flows,
                }),
                Item::Packet(packet) => Wire::Packet(packet.into()),
                Item::Other(class, traffic, keys) => Wire::Other((&(*class, *traffic, *keys)).into()),
            }),
        }
    }
}

impl TryFrom<wire::Row> for Row {
    type Error = WireError;

    fn try_from(wire: wire::Row) -> Result<Self, WireError> {
        use wire::row::Item as Wire;
        let item = match need(wire.item, "item")? {
            Wire::Flow(flow) => Item::Flow(flow.try_into()?),
            Wire::Interface(stats) => Item::Interface(Box::new(stats.try_into()?)),
            Wire::Counted(row) => {
                let facility = Counted::of_number(wire.facility);
                let facility = facility.ok_or(WireError::Range("facility", u64::from(wire.facility)))?;
                let (key, counts) = counted::row(facility, row)?;
                Item::Counted(facility, need(key, "key")?, counts)
            }
            Wire::Group(group) => Item::Group(need(group.key, "key")?.try_into()?, traffic(group.traffic), group.flows),
            Wire::Packet(packet) => Item::Packet(packet.try_into()?),
            Wire::Other(other) => {
                let (class, traffic, keys) = other.try_into()?;
                Item::Other(class, traffic, keys)
            }
        };
        Ok(Self { site: wire.site, observed_by: points(wire.observed_by), rate: traffic(wire.rate), item })
    }
}

impl From<&GroupKey> for wire::group_traffic::Key {
    fn from(key: &GroupKey) -> Self {
        match key {
            GroupKey::Address(host) => Self::Address(address_octets(*host)),
            GroupKey::Port(protocol, port) => {
                Self::Port(wire::PortKey { protocol: u32::from(*protocol), port: u32::from(*port) })
            }
            GroupKey::Pair(initiator, responder) => Self::Pair(wire::PairKey {
                initiator: address_octets(*initiator),
                responder: address_octets(*responder),
            }),
            GroupKey::Sensor(name) => Self::Sensor(name.clone()),
        }
    }
}

impl TryFrom<wire::group_traffic::Key> for GroupKey {
    type Error = WireError;

    fn try_from(wire: wire::group_traffic::Key) -> Result<Self, WireError> {
        use wire::group_traffic::Key as Wire;
        Ok(match wire {
            Wire::Address(octets) => Self::Address(address(&octets)?),
            Wire::Port(key) => Self::Port(narrow(key.protocol, "protocol")?, narrow(key.port, "port")?),
            Wire::Pair(key) => Self::Pair(address(&key.initiator)?, address(&key.responder)?),
            Wire::Sensor(name) => Self::Sensor(name),
        })
    }
}

impl From<&SinglePacket> for wire::SinglePacket {
    fn from(packet: &SinglePacket) -> Self {
        let end = |end: PacketEnd| {
            let end = match end {
                PacketEnd::Host(end) => wire::packet_end::End::Host((&end).into()),
                PacketEnd::Station(mac) => wire::packet_end::End::Mac(mac.0.to_vec()),
                PacketEnd::Nobody => return None,
            };
            Some(wire::PacketEnd { end: Some(end) })
        };
        Self {
            number: packet.number,
            at: packet.at.0,
            kind: place(&PacketKind::ALL, &packet.kind),
            label: packet.label.clone(),
            detail: packet.detail.clone(),
            octets: packet.octets,
            source: end(packet.source),
            destination: end(packet.destination),
            mac: mac_octets(packet.mac),
        }
    }
}

impl TryFrom<wire::SinglePacket> for SinglePacket {
    type Error = WireError;

    fn try_from(wire: wire::SinglePacket) -> Result<Self, WireError> {
        let end = |end: Option<wire::PacketEnd>| -> Result<PacketEnd, WireError> {
            Ok(match end.and_then(|end| end.end) {
                Some(wire::packet_end::End::Host(end)) => PacketEnd::Host(end.try_into()?),
                Some(wire::packet_end::End::Mac(octets)) => PacketEnd::Station(need(mac(&octets)?, "mac")?),
                None => PacketEnd::Nobody,
            })
        };
        Ok(Self {
            number: wire.number,
            at: time(wire.at),
            kind: pick(&PacketKind::ALL, wire.kind, "kind")?,
            label: wire.label,
            detail: wire.detail,
            octets: wire.octets,
            source: end(wire.source)?,
            destination: end(wire.destination)?,
            mac: mac(&wire.mac)?,
        })
    }
}

impl From<&InterfaceStats> for wire::InterfaceStats {
    fn from(stats: &InterfaceStats) -> Self {
        Self {
            interface: Some((&stats.interface).into()),
            ledger: Some((&stats.ledger).into()),
            classes: class_rows(&stats.classes),
            peak: Some((&stats.peak).into()),
            own: Some((&stats.own).into()),
            rates: class_rows(&stats.rates),
            peak_total: Some((&stats.peak_total).into()),
        }
    }
}

impl TryFrom<wire::InterfaceStats> for InterfaceStats {
    type Error = WireError;

    fn try_from(wire: wire::InterfaceStats) -> Result<Self, WireError> {
        Ok(Self {
            interface: need(wire.interface, "interface")?.try_into()?,
            ledger: wire.ledger.unwrap_or_default().into(),
            classes: classes(wire.classes)?,
            rates: classes(wire.rates)?,
            peak: traffic(wire.peak),
            peak_total: wire.peak_total.unwrap_or_default().into(),
            own: traffic(wire.own),
        })
    }
}
