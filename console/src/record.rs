//! Reports as JSON: the field names of `traf-sensor read`, plus where a row was seen and how fast it is.

pub mod fields;

use serde_json::{Map, Value, json};
use traf_model::names::protocol_name;
use traf_model::record::{CountedRecord, FlowRecord};
use traf_model::{
    ClassGroup, Fleet, Gap, Group, GroupKey, Interface, InterfaceState, InterfaceStats, Item, Ledger, Loss, Nic, Point,
    Report, Row, SensorState, Timestamp,
};

use fields::{both, count, extend, forward_and_reverse, in_and_out, time, with};

/// A whole report as one document.
pub fn document(report: &Report) -> Value {
    json!({
        "table": report.facility.name(),
        "at": time(report.at),
        "live": report.live,
        "from": time(report.interval.from),
        "to": time(report.interval.to),
        "matched": report.matched,
        "total": both(report.total),
        "rate": both(report.rate),
        "dropped": report.dropped,
        "gaps": report.gaps.iter().map(gap).collect::<Vec<_>>(),
        "mtu": report.mtu,
        "largest": { "in": report.largest[0], "out": report.largest[1] },
        "notes": report.notes,
        "sensors_reporting": report.sensors_reporting,
        "sensors_known": report.sensors_known,
        "rows": rows(report),
    })
}

fn gap(gap: &Gap) -> Value {
    json!({ "point": gap.point.to_string(), "from": time(gap.interval.from), "to": time(gap.interval.to) })
}

/// The rows of a report.
pub fn rows(report: &Report) -> Vec<Value> {
    report.rows.iter().map(|one| row(one, report)).collect()
}

/// All sensors as one document.
pub fn fleet_document(fleet: &Fleet) -> Value {
    json!({ "table": "sensors", "at": time(fleet.at), "rows": fleet_rows(fleet) })
}

/// Each sensor.
pub fn fleet_rows(fleet: &Fleet) -> Vec<Value> {
    fleet.sensors.iter().map(sensor).collect()
}

fn row(row: &Row, report: &Report) -> Value {
    let mut fields = place(&row.observed_by);
    let more = match &row.item {
        Item::Flow(flow) => value(FlowRecord::detailed(flow)),
        Item::Interface(stats) => interface_fields(stats, report.interval.nanos()),
        Item::Group(key, traffic, flows) => {
            with(group(key), with(forward_and_reverse(*traffic), json!({ "flows": flows })))
        }
        Item::Packet(line) => json!({
            "number": line.number,
            "time": time(line.at),
            "kind": line.kind.name(),
            "label": line.label,
            "detail": line.detail,
            "octets": line.octets,
            "source": line.source.to_string(),
            "destination": line.destination.to_string(),
            "mac": line.mac.map(|mac| mac.to_string()),
        }),
        Item::Other(class, traffic, flows) => value(FlowRecord::other(*class, *traffic, *flows)),
        Item::Counted(facility, key, counts) => value(CountedRecord { facility: *facility, key: Some(*key), counts }),
    };
    if !row.site.is_empty() {
        fields.insert("site".to_owned(), json!(row.site));
    }
    extend(&mut fields, more);
    let rate = match &row.item {
        Item::Flow(_) | Item::Group(..) | Item::Other(..) => forward_and_reverse(row.rate),
        _ => in_and_out(row.rate),
    };
    fields.insert("rate".to_owned(), rate);
    Value::Object(fields)
}

/// Observation points: sensor and interface where there is one, and always all of them.
fn place(observed_by: &[Point]) -> Map<String, Value> {
    let one = if let [point] = observed_by { Some(point) } else { None };
    let mut fields = Map::new();
    fields.insert("sensor".to_owned(), json!(one.map(|point| &point.sensor)));
    fields.insert("interface".to_owned(), json!(one.and_then(|point| point.interface.as_ref())));
    fields.insert("observed_by".to_owned(), json!(observed_by.iter().map(ToString::to_string).collect::<Vec<_>>()));
    fields
}

fn value(record: impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

/// A group by name, and its key: as text, and in its parts.
fn group(key: &GroupKey) -> Value {
    let name = match key {
        GroupKey::Address(_) => Group::Address,
        GroupKey::Port(..) => Group::Port,
        GroupKey::Pair(..) => Group::Pair,
        GroupKey::Sensor(_) => Group::Sensor,
    };
    let parts = match key {
        GroupKey::Address(address) => json!({ "address": address.to_string() }),
        GroupKey::Port(protocol, port) => json!({ "protocol": protocol_name(*protocol), "port": port }),
        GroupKey::Pair(source, destination) => {
            json!({ "source": source.to_string(), "destination": destination.to_string() })
        }
        GroupKey::Sensor(_) => json!({}),
    };
    with(json!({ "group": name.name(), "key": key.to_string() }), parts)
}

/// `nanos` is the time that the counts cover.
fn interface_fields(stats: &InterfaceStats, nanos: i64) -> Value {
    let total = stats.classes.group(ClassGroup::Total);
    let class = |group: &ClassGroup| {
        let rate = both(stats.rates.group(*group));
        with(json!({ "class": group.name() }), with(both(stats.classes.group(*group)), json!({ "rate": rate })))
    };
    let fields = json!({
        "classes": ClassGroup::ALL.iter().map(class).collect::<Vec<_>>(),
        "peak": with(count(stats.peak_total), in_and_out(stats.peak)),
        "average": both(total.per_second(nanos)),
        "own": { "in": count(stats.own.inbound), "out": count(stats.own.outbound) },
        "drops": stats.ledger.dropped,
        "ledger": ledger(&stats.ledger),
        "link": interface(&stats.interface),
    });
    with(in_and_out(total), fields)
}

fn interface(interface: &Interface) -> Value {
    json!({
        "name": interface.name,
        "index": interface.index,
        "mac": interface.mac.map(|mac| mac.to_string()),
        "addresses": interface.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mtu": interface.mtu,
        "speed": interface.speed,
        "type": interface.link,
        "loopback": interface.loopback,
        "mirror": interface.mirror,
    })
}

fn ledger(ledger: &Ledger) -> Value {
    let nic = |nic: &Nic| {
        json!({
            "rx_packets": nic.rx_packets,
            "rx_octets": nic.rx_octets,
            "tx_packets": nic.tx_packets,
            "tx_octets": nic.tx_octets,
            "rx_dropped": nic.rx_dropped,
            "tx_dropped": nic.tx_dropped,
        })
    };
    json!({
        "received": ledger.received,
        "parsed": ledger.parsed,
        "malformed": ledger.malformed,
        "unsupported": ledger.unsupported,
        "dropped": ledger.dropped,
        "bad_checksum": ledger.bad_checksum,
        "nic": ledger.nic.as_ref().map(nic),
    })
}

fn sensor(sensor: &SensorState) -> Value {
    let maybe = |at: Option<Timestamp>| at.map(time);
    json!({
        "sensor": sensor.name,
        "id": sensor.id,
        "name": sensor.name,
        "site": sensor.site,
        "presence": sensor.presence.name(),
        "connected": maybe(sensor.connected),
        "started": maybe(sensor.started),
        "last_seen": maybe(sensor.last_seen),
        "stored": maybe(sensor.stored),
        "version": sensor.version,
        "epoch": sensor.epoch,
        "clock_offset_ns": sensor.clock_offset,
        "drops": sensor.interfaces.iter().map(|state| state.ledger.dropped).sum::<u64>(),
        "spool": {
            "records": sensor.spool.records,
            "octets": sensor.spool.octets,
            "limit": sensor.spool.limit,
            "oldest": maybe(sensor.spool.oldest),
            "lost": sensor.spool.lost,
        },
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
        "rate": { "in": count(state.rate.inbound), "out": count(state.rate.outbound) },
        "flows": state.flows,
        "capacity": state.capacity,
        "ledger": ledger(&state.ledger),
        "link": interface(&state.interface),
    })
}

fn loss(loss: &Loss) -> Value {
    json!({
        "reason": loss.reason.name(),
        "from": time(loss.interval.from),
        "to": time(loss.interval.to),
        "records": loss.records,
        "packets": loss.counted.map(|(packets, _)| packets),
        "octets": loss.counted.map(|(_, octets)| octets),
        "interface": loss.interface,
    })
}
