//! Reports as JSON: the field names of `traf-sensor read`, plus where a row was seen and how fast it is.

use serde_json::{Map, Value, json};
use traf_model::names::protocol_name;
use traf_model::{
    ClassGroup, Counters, Family, Fleet, Flow, Gap, Group, GroupKey, Half, Interface, InterfaceState, InterfaceStats,
    Item, Ledger, Loss, Nic, Point, Report, Row, SensorState, Timestamp, Traffic, Transport,
};

/// A whole report as one document.
#[must_use]
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
#[must_use]
pub fn rows(report: &Report) -> Vec<Value> {
    report.rows.iter().map(|one| row(one, report)).collect()
}

/// All sensors as one document.
#[must_use]
pub fn fleet_document(fleet: &Fleet) -> Value {
    json!({ "table": "sensors", "at": time(fleet.at), "rows": fleet_rows(fleet) })
}

/// Each sensor.
#[must_use]
pub fn fleet_rows(fleet: &Fleet) -> Vec<Value> {
    fleet.sensors.iter().map(sensor).collect()
}

fn row(row: &Row, report: &Report) -> Value {
    let mut fields = place(&row.observed_by);
    let more = match &row.item {
        Item::Flow(flow) => flow_fields(flow),
        Item::Interface(stats) => interface_fields(stats, report.interval.nanos()),
        Item::Size(bracket, traffic) => with(json!({ "from": bracket.from, "to": bracket.to }), both(*traffic)),
        Item::Service(service, traffic) => {
            with(json!({ "protocol": protocol_name(service.protocol), "port": service.port }), both(*traffic))
        }
        Item::Station(mac, station) => json!({
            "address": mac.to_string(),
            "in": count(station.traffic.inbound),
            "out": count(station.traffic.outbound),
            "ip": { "in": count(station.ip.inbound), "out": count(station.ip.outbound) },
            "ips": station.addresses.iter().map(|learnt| learnt.address.to_string()).collect::<Vec<_>>(),
            "learnt": station.addresses.iter().map(|learnt| json!({
                "address": learnt.address.to_string(), "first": time(learnt.first), "last": time(learnt.last),
            })).collect::<Vec<_>>(),
        }),
        Item::Host(address, host) => json!({
            "address": address.to_string(),
            "in": count(host.traffic.inbound),
            "out": count(host.traffic.outbound),
            "peers": host.peers,
            "flows": host.flows,
        }),
        Item::Group(key, traffic, flows) => with(
            group(key),
            json!({ "forward": count(traffic.outbound), "reverse": count(traffic.inbound), "flows": flows }),
        ),
        Item::Line(line) => json!({
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
        Item::Other(class, traffic, keys) => {
            let protocol = match (class.family, class.transport) {
                (Family::NonIp, _) => "non_ip",
                (_, Transport::Tcp) => "tcp",
                (_, Transport::Udp) => "udp",
                (Family::Ipv6, Transport::Icmp) => "icmp6",
                (_, Transport::Icmp) => "icmp",
                (_, Transport::Other) => "other",
            };
            json!({
                "protocol": protocol,
                "forward": count(traffic.outbound),
                "reverse": count(traffic.inbound),
                "other": true,
                "keys": keys,
            })
        }
    };
    if !row.site.is_empty() {
        fields.insert("site".to_owned(), json!(row.site));
    }
    extend(&mut fields, more);
    let rate = match &row.item {
        Item::Flow(_) | Item::Group(..) | Item::Other(..) => {
            json!({ "forward": count(row.rate.outbound), "reverse": count(row.rate.inbound) })
        }
        _ => json!({ "in": count(row.rate.inbound), "out": count(row.rate.outbound) }),
    };
    fields.insert("rate".to_owned(), rate);
    Value::Object(fields)
}

/// Who saw it: sensor and interface where that was one, and always all of them.
fn place(observed_by: &[Point]) -> Map<String, Value> {
    let one = if let [point] = observed_by { Some(point) } else { None };
    let mut fields = Map::new();
    fields.insert("sensor".to_owned(), json!(one.map(|point| &point.sensor)));
    fields.insert("interface".to_owned(), json!(one.and_then(|point| point.interface.as_ref())));
    fields.insert("observed_by".to_owned(), json!(observed_by.iter().map(ToString::to_string).collect::<Vec<_>>()));
    fields
}

fn flow_fields(flow: &Flow) -> Value {
    let half = |half: &Half| json!({ "mac": half.mac.map(|mac| mac.to_string()), "label": half.label(), "window": half.window, "size": half.size });
    json!({
        "protocol": protocol_name(flow.key.protocol),
        "vlan": flow.key.vlan,
        "source": flow.key.source.address.to_string(),
        "source_port": flow.key.source.port,
        "destination": flow.key.destination.address.to_string(),
        "destination_port": flow.key.destination.port,
        "forward": count(flow.traffic.outbound),
        "reverse": count(flow.traffic.inbound),
        "first": time(flow.first),
        "last": time(flow.last),
        "state": flow.state.name(),
        "complete": flow.complete,
        "other": false,
        "own": flow.own,
        "source_end": half(&flow.forward),
        "destination_end": half(&flow.reverse),
    })
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
    json!({
        "in": count(total.inbound),
        "out": count(total.outbound),
        "classes": ClassGroup::ALL.iter().map(class).collect::<Vec<_>>(),
        "peak": with(count(stats.peak_total), json!({ "in": count(stats.peak.inbound), "out": count(stats.peak.outbound) })),
        "average": both(total.per_second(nanos)),
        "own": { "in": count(stats.own.inbound), "out": count(stats.own.outbound) },
        "drops": stats.ledger.dropped,
        "ledger": ledger(&stats.ledger),
        "link": interface(&stats.interface),
    })
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
        "reason": loss.reason.words(),
        "from": time(loss.interval.from),
        "to": time(loss.interval.to),
        "records": loss.records,
        "packets": loss.counted.map(|(packets, _)| packets),
        "octets": loss.counted.map(|(_, octets)| octets),
        "interface": loss.interface,
    })
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn count(counters: Counters) -> Value {
    let mut count = json!({ "packets": counters.packets, "octets": counters.octets });
    if counters.coalesced > 0 {
        count["wire_packets"] = json!(counters.wire_packets());
    }
    count
}

/// Both directions: their sum, and each.
fn both(traffic: Traffic) -> Value {
    with(count(traffic.total()), json!({ "in": count(traffic.inbound), "out": count(traffic.outbound) }))
}

fn with(mut fields: Value, more: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        extend(fields, more);
    }
    fields
}

fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}
