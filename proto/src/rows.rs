//! Rows of a report, and what is in them.

use super::model::{class_rows, classes, mac, mac_octets, traffic};
use super::query::points;
use super::{WireError, address, address_octets, from_each, narrow, need, pick, place, time};
use crate as wire;
use traf_model::{GroupKey, Host, InterfaceStats, Item, Line, LineEnd, LineKind, Mac, Row, Station};

impl From<&Row> for wire::Row {
    fn from(row: &Row) -> Self {
        use wire::row::Item as Wire;
        Self {
            observed_by: from_each(&row.observed_by),
            rate: Some((&row.rate).into()),
            site: row.site.clone(),
            item: Some(match &row.item {
                Item::Flow(flow) => Wire::Flow(flow.into()),
                Item::Interface(stats) => Wire::Interface((&**stats).into()),
                Item::Size(bracket, traffic) => Wire::Size((&(*bracket, *traffic)).into()),
                Item::Service(service, traffic) => Wire::Service((service, traffic).into()),
                Item::Station(mac, station) => Wire::Station((Some(*mac), station).into()),
                Item::Host(address, host) => Wire::Host(wire::HostTraffic {
                    peers: host.peers,
                    flows: host.flows,
                    ..(address, &host.traffic).into()
                }),
                Item::Group(key, traffic, flows) => Wire::Group(wire::GroupTraffic {
                    key: Some(key.into()),
                    traffic: Some(traffic.into()),
                    flows: *flows,
                }),
                Item::Line(line) => Wire::Line(line.into()),
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
            Wire::Size(size) => {
                let (bracket, traffic) = size.try_into()?;
                Item::Size(bracket, traffic)
            }
            Wire::Service(service) => {
                let (service, traffic) = service.try_into()?;
                Item::Service(service, traffic)
            }
            Wire::Station(station) => {
                let (mac, station): (Option<Mac>, Station) = station.try_into()?;
                Item::Station(need(mac, "mac")?, station)
            }
            Wire::Host(host) => {
                let (peers, flows) = (host.peers, host.flows);
                let (address, traffic) = host.try_into()?;
                Item::Host(address, Host { traffic, peers, flows })
            }
            Wire::Group(group) => Item::Group(need(group.key, "key")?.try_into()?, traffic(group.traffic), group.flows),
            Wire::Line(line) => Item::Line(line.try_into()?),
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

impl From<&Line> for wire::Line {
    fn from(line: &Line) -> Self {
        let end = |end: LineEnd| {
            let end = match end {
                LineEnd::Host(end) => wire::line_end::End::Host((&end).into()),
                LineEnd::Station(mac) => wire::line_end::End::Mac(mac.0.to_vec()),
                LineEnd::Nobody => return None,
            };
            Some(wire::LineEnd { end: Some(end) })
        };
        Self {
            number: line.number,
            at: line.at.0,
            kind: place(&LineKind::ALL, &line.kind),
            label: line.label.clone(),
            detail: line.detail.clone(),
            octets: line.octets,
            source: end(line.source),
            destination: end(line.destination),
            mac: mac_octets(line.mac),
        }
    }
}

impl TryFrom<wire::Line> for Line {
    type Error = WireError;

    fn try_from(wire: wire::Line) -> Result<Self, WireError> {
        let end = |end: Option<wire::LineEnd>| -> Result<LineEnd, WireError> {
            Ok(match end.and_then(|end| end.end) {
                Some(wire::line_end::End::Host(end)) => LineEnd::Host(end.try_into()?),
                Some(wire::line_end::End::Mac(octets)) => LineEnd::Station(need(mac(&octets)?, "mac")?),
                None => LineEnd::Nobody,
            })
        };
        Ok(Self {
            number: wire.number,
            at: time(wire.at),
            kind: pick(&LineKind::ALL, wire.kind, "kind")?,
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
