//! Rows of a report, and what is in them.

use std::net::IpAddr;

use super::WireError;
use super::counted;
use super::field::{Field, fields};
use crate as wire;
use traf_model::{Class, Counted, GroupKey, Item, Mac, PacketEnd, Row, Traffic};

fields! {
    Row as wire::Row: |row| {
        use wire::row::Item as Wire;
        let mut facility = 0;
        let item = match &row.item {
            Item::Flow(flow) => Wire::Flow(flow.into()),
            Item::Interface(stats) => Wire::Interface((&**stats).into()),
            Item::Counted(counted, key, counts) => {
                facility = counted.to_wire();
                Wire::Counted(counted::to_row(Some(key), counts))
            }
            Item::Group(key, traffic, flows) => {
                Wire::Group(wire::GroupTraffic { key: key.to_wire(), traffic: traffic.to_wire(), flows: *flows })
            }
            Item::Packet(packet) => Wire::Packet(packet.into()),
            Item::Other(class, traffic, keys) => Wire::Other((*class, *traffic, *keys).to_wire()),
        };
        let (observed_by, rate, site) = (row.observed_by.to_wire(), row.rate.to_wire(), row.site.clone());
        wire::Row { observed_by, rate, site, facility, item: Some(item) }
    }, |row, _| {
        use wire::row::Item as Wire;
        let item = match row.item.ok_or(WireError::Missing("item"))? {
            Wire::Flow(flow) => Item::Flow(flow.try_into()?),
            Wire::Interface(stats) => Item::Interface(Box::new(stats.try_into()?)),
            Wire::Counted(counted) => {
                let facility = Counted::of_wire(row.facility, "facility")?;
                let (key, counts) = counted::of_row(facility, counted)?;
                Item::Counted(facility, key.ok_or(WireError::Missing("key"))?, counts)
            }
            Wire::Group(group) => Item::Group(
                GroupKey::of_wire(group.key, "key")?,
                Traffic::of_wire(group.traffic, "traffic")?,
                group.flows,
            ),
            Wire::Packet(packet) => Item::Packet(packet.try_into()?),
            Wire::Other(other) => {
                let (class, traffic, keys) = <(Class, Traffic, u64)>::of_wire(other, "other")?;
                Item::Other(class, traffic, keys)
            }
        };
        let observed_by = Field::of_wire(row.observed_by, "observed_by")?;
        let (site, rate) = (Field::of_wire(row.site, "site")?, Field::of_wire(row.rate, "rate")?);
        Ok(Self { site, observed_by, rate, item })
    };
    GroupKey as Option<wire::group_traffic::Key>: |key| {
        use wire::group_traffic::Key as Wire;
        Some(match key {
            GroupKey::Address(host) => Wire::Address(host.to_wire()),
            GroupKey::Port(protocol, port) => {
                Wire::Port(wire::PortKey { protocol: protocol.to_wire(), port: port.to_wire() })
            }
            GroupKey::Pair(initiator, responder) => {
                Wire::Pair(wire::PairKey { initiator: initiator.to_wire(), responder: responder.to_wire() })
            }
            GroupKey::Sensor(name) => Wire::Sensor(name.clone()),
        })
    }, |key, name| {
        use wire::group_traffic::Key as Wire;
        let address = |octets| IpAddr::of_wire(octets, "address");
        Ok(match key.ok_or(WireError::Missing(name))? {
            Wire::Address(octets) => Self::Address(address(octets)?),
            Wire::Port(key) => {
                Self::Port(Field::of_wire(key.protocol, "protocol")?, Field::of_wire(key.port, "port")?)
            }
            Wire::Pair(key) => Self::Pair(address(key.initiator)?, address(key.responder)?),
            Wire::Sensor(name) => Self::Sensor(Field::of_wire(name, "sensor")?),
        })
    };
    PacketEnd as Option<wire::PacketEnd>: |end| {
        use wire::packet_end::End as Wire;
        let end = match end {
            PacketEnd::Host(end) => Wire::Host(end.into()),
            PacketEnd::Station(mac) => Wire::Mac(mac.to_wire()),
            PacketEnd::Nobody => return None,
        };
        Some(wire::PacketEnd { end: Some(end) })
    }, |end, _| {
        use wire::packet_end::End as Wire;
        Ok(match end.and_then(|end| end.end) {
            Some(Wire::Host(end)) => Self::Host(end.try_into()?),
            Some(Wire::Mac(octets)) => Self::Station(Mac::of_wire(octets, "mac")?),
            None => Self::Nobody,
        })
    };
}
