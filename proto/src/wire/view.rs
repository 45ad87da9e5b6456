//! Questions and reports.

use std::time::Duration;

use super::model::{class_rows, classes, mac, mac_octets, traffic};
use super::{WireError, address, address_octets, each, from_each, narrow, need, pick, place, time};
use crate::{
    Facility, Fleet, Gap, Group, GroupKey, Host, InterfaceState, InterfaceStats, Interval, Item, Line, LineEnd,
    LineKind, Mac, Order, OrderBy, Point, Presence, Query, Report, Row, Scope, SensorState, Station, Strip, Window,
    wire,
};

impl From<Facility> for wire::Facility {
    fn from(facility: Facility) -> Self {
        match facility {
            Facility::Traffic => Self::Traffic,
            Facility::Interfaces => Self::Interfaces,
            Facility::Sizes => Self::Sizes,
            Facility::Services => Self::Services,
            Facility::Stations => Self::Stations,
            Facility::Hosts => Self::Hosts,
            Facility::Lines => Self::Lines,
        }
    }
}

pub(super) fn facility(number: i32) -> Result<Facility, WireError> {
    match u32::try_from(number) {
        Ok(number) if number > 0 => pick(&Facility::ALL, number - 1, "facility"),
        _ => Err(WireError::Missing("facility")),
    }
}

impl From<&Order> for wire::Order {
    fn from(order: &Order) -> Self {
        Self { by: place(&OrderBy::ALL, &order.by), ascending: order.ascending }
    }
}

impl TryFrom<wire::Order> for Order {
    type Error = WireError;

    fn try_from(wire: wire::Order) -> Result<Self, WireError> {
        Ok(Self { by: pick(&OrderBy::ALL, wire.by, "by")?, ascending: wire.ascending })
    }
}

impl From<&Window> for wire::Window {
    fn from(window: &Window) -> Self {
        Self {
            window: Some(match window {
                Window::Live => wire::window::Window::Live(wire::Live {}),
                Window::Last(length) => {
                    wire::window::Window::Last(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
                }
                Window::Past(Interval { from, to }) => {
                    wire::window::Window::Past(wire::Past { from: from.0, to: to.0 })
                }
            }),
        }
    }
}

impl TryFrom<wire::Window> for Window {
    type Error = WireError;

    fn try_from(wire: wire::Window) -> Result<Self, WireError> {
        Ok(match need(wire.window, "window")? {
            wire::window::Window::Live(_) => Self::Live,
            wire::window::Window::Last(nanos) => match u64::try_from(nanos) {
                Ok(nanos) if nanos > 0 => Self::Last(Duration::from_nanos(nanos)),
                _ => return Err(WireError::Range("last", nanos as u64)),
            },
            wire::window::Window::Past(past) if past.from < past.to => {
                Self::Past(Interval::new(time(past.from), time(past.to)))
            }
            wire::window::Window::Past(past) => return Err(WireError::Range("to", past.to as u64)),
        })
    }
}

impl From<&Point> for wire::ScopePoint {
    fn from(point: &Point) -> Self {
        Self { sensor: point.sensor.clone(), interface: point.interface.clone().unwrap_or_default() }
    }
}

impl From<wire::ScopePoint> for Point {
    fn from(wire: wire::ScopePoint) -> Self {
        Self { sensor: wire.sensor, interface: (!wire.interface.is_empty()).then_some(wire.interface) }
    }
}

fn points(wire: Vec<wire::ScopePoint>) -> Vec<Point> {
    wire.into_iter().map(Point::from).collect()
}

/// Observation points that one query may name.
const MAX_POINTS: usize = 1_000;

impl From<&Query> for wire::Query {
    fn from(query: &Query) -> Self {
        Self {
            facility: wire::Facility::from(query.facility).into(),
            window: Some((&query.window).into()),
            scope: from_each(&query.scope.0),
            filter: query.filter.to_string(),
            order: Some((&query.order).into()),
            limit: query.limit,
            group: place(&Group::ALL, &query.group),
        }
    }
}

impl TryFrom<wire::Query> for Query {
    type Error = WireError;

    fn try_from(wire: wire::Query) -> Result<Self, WireError> {
        if wire.scope.len() > MAX_POINTS {
            return Err(WireError::TooMany("scope", wire.scope.len()));
        }
        Ok(Self {
            facility: facility(wire.facility)?,
            window: need(wire.window, "window")?.try_into()?,
            scope: Scope(points(wire.scope)),
            filter: wire.filter.parse()?,
            group: pick(&Group::ALL, wire.group, "group")?,
            order: wire.order.unwrap_or_default().try_into()?,
            limit: match wire.limit {
                0 => 200,
                limit if limit <= Self::LIMIT => limit,
                limit => return Err(WireError::Range("limit", u64::from(limit))),
            },
        })
    }
}

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

impl From<&Strip> for wire::Strip {
    fn from(strip: &Strip) -> Self {
        Self { from: strip.from.0, step: strip.step, octets: strip.octets.clone(), gaps: strip.gaps.clone() }
    }
}

impl From<wire::Strip> for Strip {
    fn from(wire: wire::Strip) -> Self {
        Self { from: time(wire.from), step: wire.step, octets: wire.octets, gaps: wire.gaps }
    }
}

impl From<&Gap> for wire::Gap {
    fn from(gap: &Gap) -> Self {
        Self { from: gap.interval.from.0, to: gap.interval.to.0, point: Some((&gap.point).into()) }
    }
}

impl TryFrom<wire::Gap> for Gap {
    type Error = WireError;

    fn try_from(wire: wire::Gap) -> Result<Self, WireError> {
        let interval = Interval::new(time(wire.from), time(wire.to));
        Ok(Self { interval, point: need(wire.point, "point")?.into() })
    }
}

impl From<&Report> for wire::Report {
    fn from(report: &Report) -> Self {
        Self {
            facility: wire::Facility::from(report.facility).into(),
            at: report.at.0,
            live: report.live,
            from: report.interval.from.0,
            to: report.interval.to.0,
            rows: from_each(&report.rows),
            matched: report.matched,
            total: Some((&report.total).into()),
            dropped: report.dropped,
            strip: Some((&report.strip).into()),
            notes: report.notes.clone(),
            rate: Some((&report.rate).into()),
            sensors_reporting: report.sensors_reporting,
            sensors_known: report.sensors_known,
            gaps: from_each(&report.gaps),
            largest_inbound: report.largest[0],
            largest_outbound: report.largest[1],
            mtu: report.mtu,
        }
    }
}

impl TryFrom<wire::Report> for Report {
    type Error = WireError;

    fn try_from(wire: wire::Report) -> Result<Self, WireError> {
        Ok(Self {
            facility: facility(wire.facility)?,
            at: time(wire.at),
            live: wire.live,
            interval: Interval::new(time(wire.from), time(wire.to)),
            rows: each(wire.rows)?,
            matched: wire.matched,
            total: traffic(wire.total),
            rate: traffic(wire.rate),
            dropped: wire.dropped,
            strip: wire.strip.unwrap_or_default().into(),
            gaps: each(wire.gaps)?,
            largest: [wire.largest_inbound, wire.largest_outbound],
            mtu: wire.mtu,
            notes: wire.notes,
            sensors_reporting: wire.sensors_reporting,
            sensors_known: wire.sensors_known,
        })
    }
}

impl From<&Fleet> for wire::FleetState {
    fn from(fleet: &Fleet) -> Self {
        Self { at: fleet.at.0, sensors: from_each(&fleet.sensors) }
    }
}

impl TryFrom<wire::FleetState> for Fleet {
    type Error = WireError;

    fn try_from(wire: wire::FleetState) -> Result<Self, WireError> {
        Ok(Self { at: time(wire.at), sensors: each(wire.sensors)? })
    }
}

impl From<&SensorState> for wire::SensorState {
    fn from(sensor: &SensorState) -> Self {
        Self {
            id: sensor.id.clone(),
            name: sensor.name.clone(),
            presence: place(&Presence::ALL, &sensor.presence),
            connected: sensor.connected.map(|time| time.0),
            started: sensor.started.map(|time| time.0),
            last_seen: sensor.last_seen.map(|time| time.0),
            stored: sensor.stored.map(|time| time.0),
            version: sensor.version.clone(),
            epoch: sensor.epoch,
            clock_offset: sensor.clock_offset,
            spool: Some((&sensor.spool).into()),
            interfaces: from_each(&sensor.interfaces),
            losses: from_each(&sensor.losses),
            trouble: sensor.trouble.clone(),
            site: sensor.site.clone(),
            settings: Some((&sensor.settings).into()),
            wanted: (sensor.wanted.revision > 0).then(|| (&sensor.wanted).into()),
        }
    }
}

impl TryFrom<wire::SensorState> for SensorState {
    type Error = WireError;

    fn try_from(wire: wire::SensorState) -> Result<Self, WireError> {
        Ok(Self {
            id: wire.id,
            name: wire.name,
            site: wire.site,
            presence: pick(&Presence::ALL, wire.presence, "presence")?,
            connected: wire.connected.map(time),
            started: wire.started.map(time),
            last_seen: wire.last_seen.map(time),
            stored: wire.stored.map(time),
            version: wire.version,
            epoch: wire.epoch,
            clock_offset: wire.clock_offset,
            spool: wire.spool.unwrap_or_default().into(),
            interfaces: each(wire.interfaces)?,
            losses: each(wire.losses)?,
            trouble: wire.trouble,
            settings: wire.settings.unwrap_or_default().try_into()?,
            wanted: wire.wanted.unwrap_or_default().try_into()?,
        })
    }
}

impl From<&InterfaceState> for wire::InterfaceState {
    fn from(state: &InterfaceState) -> Self {
        Self {
            interface: Some((&state.interface).into()),
            ledger: Some((&state.ledger).into()),
            rate: Some((&state.rate).into()),
            gone: state.gone,
            flows: state.flows,
            capacity: state.capacity,
        }
    }
}

impl TryFrom<wire::InterfaceState> for InterfaceState {
    type Error = WireError;

    fn try_from(wire: wire::InterfaceState) -> Result<Self, WireError> {
        Ok(Self {
            interface: need(wire.interface, "interface")?.try_into()?,
            ledger: wire.ledger.unwrap_or_default().into(),
            rate: traffic(wire.rate),
            gone: wire.gone,
            flows: wire.flows,
            capacity: wire.capacity,
        })
    }
}
