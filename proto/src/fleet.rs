//! Sensors as consoles see them.

use super::model::traffic;
use super::{WireError, each, from_each, need, pick, place, time};
use crate as wire;
use traf_model::{Fleet, InterfaceState, Presence, SensorState};

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
