//! The live plane.

use super::model::{class_rows, classes, traffic};
use super::{WireError, each, from_each, need, pick, place, time};
use crate as wire;
use traf_model::{Answer, Group, InterfaceSnapshot, Snapshot, SpoolState, Wish};

impl From<&Snapshot> for wire::Snapshot {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            at: snapshot.at.0,
            started: snapshot.started.0,
            epoch: snapshot.epoch,
            version: snapshot.version.clone(),
            name: snapshot.name.clone(),
            interfaces: from_each(&snapshot.interfaces),
            spool: Some((&snapshot.spool).into()),
            site: snapshot.site.clone(),
            settings: Some((&snapshot.settings).into()),
        }
    }
}

impl TryFrom<wire::Snapshot> for Snapshot {
    type Error = WireError;

    fn try_from(wire: wire::Snapshot) -> Result<Self, WireError> {
        Ok(Self {
            at: time(wire.at),
            started: time(wire.started),
            epoch: wire.epoch,
            version: wire.version,
            name: wire.name,
            site: wire.site,
            interfaces: each(wire.interfaces)?,
            spool: wire.spool.unwrap_or_default().into(),
            settings: wire.settings.unwrap_or_default().try_into()?,
        })
    }
}

impl From<&InterfaceSnapshot> for wire::InterfaceSnapshot {
    fn from(snapshot: &InterfaceSnapshot) -> Self {
        Self {
            interface: Some((&snapshot.interface).into()),
            started: snapshot.started.0,
            ledger: Some((&snapshot.ledger).into()),
            classes: class_rows(&snapshot.classes),
            rate: Some((&snapshot.rate).into()),
            peak: Some((&snapshot.peak).into()),
            own_rate: Some((&snapshot.own_rate).into()),
            own: Some((&snapshot.own).into()),
            answers: from_each(&snapshot.answers),
            flows: snapshot.flows,
            capacity: snapshot.capacity,
            gone: snapshot.gone,
            rates: class_rows(&snapshot.rates),
            peak_total: Some((&snapshot.peak_total).into()),
        }
    }
}

impl TryFrom<wire::InterfaceSnapshot> for InterfaceSnapshot {
    type Error = WireError;

    fn try_from(wire: wire::InterfaceSnapshot) -> Result<Self, WireError> {
        Ok(Self {
            interface: need(wire.interface, "interface")?.try_into()?,
            started: time(wire.started),
            ledger: need(wire.ledger, "ledger")?.into(),
            classes: classes(wire.classes)?,
            rate: traffic(wire.rate),
            rates: classes(wire.rates)?,
            peak: traffic(wire.peak),
            peak_total: wire.peak_total.unwrap_or_default().into(),
            own_rate: traffic(wire.own_rate),
            own: traffic(wire.own),
            answers: each(wire.answers)?,
            flows: wire.flows,
            capacity: wire.capacity,
            gone: wire.gone,
        })
    }
}

impl From<&SpoolState> for wire::Spool {
    fn from(spool: &SpoolState) -> Self {
        let SpoolState { records, octets, limit, oldest, lost } = *spool;
        Self { records, octets, limit, oldest: oldest.map(|time| time.0), lost }
    }
}

impl From<wire::Spool> for SpoolState {
    fn from(wire: wire::Spool) -> Self {
        let wire::Spool { records, octets, limit, oldest, lost } = wire;
        Self { records, octets, limit, oldest: oldest.map(time), lost }
    }
}

impl From<&Wish> for wire::Wish {
    fn from(wish: &Wish) -> Self {
        Self {
            id: wish.id,
            facility: wish.facility.number(),
            filter: wish.filter.to_string(),
            order: Some((&wish.order).into()),
            limit: wish.limit,
            group: place(&Group::ALL, &wish.group),
        }
    }
}

impl TryFrom<wire::Wish> for Wish {
    type Error = WireError;

    fn try_from(wire: wire::Wish) -> Result<Self, WireError> {
        Ok(Self {
            id: wire.id,
            facility: super::query::facility(wire.facility)?,
            filter: wire.filter.parse()?,
            group: pick(&Group::ALL, wire.group, "group")?,
            order: wire.order.unwrap_or_default().try_into()?,
            limit: match wire.limit {
                limit if limit <= Self::LIMIT => limit,
                limit => return Err(WireError::Range("limit", u64::from(limit))),
            },
        })
    }
}

impl From<&Answer> for wire::Answer {
    fn from(answer: &Answer) -> Self {
        Self {
            id: answer.id,
            matched: answer.matched,
            total: Some((&answer.total).into()),
            rows: from_each(&answer.rows),
            largest_inbound: answer.largest[0],
            largest_outbound: answer.largest[1],
            since: answer.since.map(|since| since.0),
        }
    }
}

impl TryFrom<wire::Answer> for Answer {
    type Error = WireError;

    fn try_from(wire: wire::Answer) -> Result<Self, WireError> {
        if wire.rows.len() > Wish::LIMIT as usize {
            return Err(WireError::TooMany("rows", wire.rows.len()));
        }
        Ok(Self {
            id: wire.id,
            matched: wire.matched,
            total: traffic(wire.total),
            largest: [wire.largest_inbound, wire.largest_outbound],
            since: wire.since.map(time),
            rows: each(wire.rows)?,
        })
    }
}
