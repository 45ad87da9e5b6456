//! Answers as documents: a row of `traf-sensor read`, plus where it was seen and how fast it is.

use serde_json::{Map, Value, json};

use super::{Both, ClassRecord, CountedRecord, Directions, FlowRecord};
use crate::names::protocol_name;
use crate::{
    ClassGroup, Fleet, Gap, Group, GroupKey, InterfaceState, InterfaceStats, Interval, Item, Loss, Report, Row,
    SensorState,
};

/// A report as one document; its rows are in `rows`.
pub fn report(report: &Report) -> Value {
    let gap = |Gap { point, interval }: &Gap| json!({ "point": point, "from": interval.from, "to": interval.to });
    json!({
        "table": report.facility.name(),
        "at": report.at,
        "live": report.live,
        "from": report.interval.from,
        "to": report.interval.to,
        "matched": report.matched,
        "total": Both::from(report.total),
        "rate": Both::from(report.rate),
        "dropped": report.dropped,
        "gaps": report.gaps.iter().map(gap).collect::<Vec<_>>(),
        "mtu": report.mtu,
        "largest": { "in": report.largest[0], "out": report.largest[1] },
        "notes": report.notes,
        "sensors_reporting": report.sensors_reporting,
        "sensors_known": report.sensors_known,
        "rows": report.rows.iter().map(|one| row(one, report.interval)).collect::<Vec<_>>(),
    })
}

/// All sensors as one document; each of them is in `rows`.
pub fn fleet(fleet: &Fleet) -> Value {
    let rows: Vec<Value> = fleet.sensors.iter().map(sensor).collect();
    json!({ "table": "sensors", "at": fleet.at, "notes": fleet.notes, "rows": rows })
}

/// Sensor and interface where one observation point saw the row, and always all of them.
fn row(row: &Row, interval: Interval) -> Value {
    let one = if let [point] = &row.observed_by[..] { Some(point) } else { None };
    let seen = json!({
        "sensor": one.map(|point| &point.sensor),
        "interface": one.and_then(|point| point.interface.as_ref()),
        "observed_by": row.observed_by,
    });
    let site = if row.site.is_empty() { Value::Null } else { json!({ "site": row.site }) };
    let item = match &row.item {
        Item::Flow(flow) => json!(FlowRecord::detailed(flow)),
        Item::Interface(stats) => interface(stats, interval),
        Item::Group(key, traffic, flows) => {
            joined([group(key), json!(Directions::from(*traffic)), json!({ "flows": flows })])
        }
        Item::Packet(packet) => json!(packet),
        Item::Other(class, traffic, flows) => json!(FlowRecord::other(*class, *traffic, *flows)),
        Item::Counted(facility, key, counts) => json!(CountedRecord::new(*facility, Some(*key), counts)),
    };
    let rate = match &row.item {
        Item::Flow(_) | Item::Group(..) | Item::Other(..) => json!(Directions::from(row.rate)),
        _ => json!(row.rate),
    };
    joined([seen, site, item, json!({ "rate": rate })])
}

/// The fields of all objects.
fn joined<const N: usize>(objects: [Value; N]) -> Value {
    let fields = |object| if let Value::Object(fields) = object { fields } else { Map::new() };
    Value::Object(objects.into_iter().flat_map(fields).collect())
}

/// A group by name, and its key: as text, and in its parts.
fn group(key: &GroupKey) -> Value {
    let (group, parts) = match key {
        GroupKey::Address(address) => (Group::Address, json!({ "address": address })),
        GroupKey::Port(protocol, port) => (Group::Port, json!({ "protocol": protocol_name(*protocol), "port": port })),
        GroupKey::Pair(source, destination) => (Group::Pair, json!({ "source": source, "destination": destination })),
        GroupKey::Sensor(_) => (Group::Sensor, Value::Null),
    };
    joined([json!({ "group": group.name(), "key": key.to_string() }), parts])
}

fn interface(stats: &InterfaceStats, interval: Interval) -> Value {
    let total = stats.classes.group(ClassGroup::Total);
    let class = |group: ClassGroup| ClassRecord {
        class: group.name(),
        traffic: stats.classes.group(group).into(),
        rate: Some(stats.rates.group(group).into()),
    };
    let fields = json!({
        "classes": ClassGroup::ALL.map(class),
        "peak": Both { total: stats.peak_total, ways: stats.peak },
        "average": Both::from(total.per_second(interval.nanos())),
        "own": stats.own,
        "drops": stats.ledger.dropped,
        "ledger": stats.ledger,
        "link": stats.interface,
    });
    joined([json!(total), fields])
}

fn sensor(sensor: &SensorState) -> Value {
    json!({
        "sensor": sensor.name,
        "id": sensor.id,
        "name": sensor.name,
        "site": sensor.site,
        "presence": sensor.presence.name(),
        "connected": sensor.connected,
        "started": sensor.started,
        "last_seen": sensor.last_seen,
        "stored": sensor.stored,
        "version": sensor.version,
        "epoch": sensor.epoch,
        "clock_offset_ns": sensor.clock_offset,
        "drops": sensor.interfaces.iter().map(|state| state.ledger.dropped).sum::<u64>(),
        "spool": sensor.spool,
        "trouble": sensor.trouble,
        "settings": {
            "wanted": sensor.wanted.revision,
            "revision": sensor.settings.settings.revision,
            "refused": sensor.settings.refused,
            "trouble": sensor.settings.trouble,
        },
        "interfaces": sensor.interfaces.iter().map(interface_state).collect::<Vec<_>>(),
        "losses": sensor.losses.iter().map(loss).collect::<Vec<_>>(),
    })
}

fn interface_state(state: &InterfaceState) -> Value {
    json!({
        "interface": state.interface.name,
        "gone": state.gone,
        "rate": state.rate,
        "flows": state.flows,
        "capacity": state.capacity,
        "ledger": state.ledger,
        "link": state.interface,
    })
}

fn loss(loss: &Loss) -> Value {
    json!({
        "reason": loss.reason.name(),
        "from": loss.interval.from,
        "to": loss.interval.to,
        "records": loss.records,
        "packets": loss.counted.map(|(packets, _)| packets),
        "octets": loss.counted.map(|(_, octets)| octets),
        "interface": loss.interface,
    })
}
