//! Fields that several kinds of rows share.

use serde_json::{Map, Value, json};
use traf_model::{Counters, Timestamp, Traffic};

/// A moment in RFC 3339.
pub fn time(at: Timestamp) -> String {
    at.to_string()
}

/// Packets and octets; the packets on the wire where offload joined some.
pub fn count(counters: Counters) -> Value {
    let mut count = json!({ "packets": counters.packets, "octets": counters.octets });
    if counters.coalesced > 0 {
        count["wire_packets"] = json!(counters.wire_packets());
    }
    count
}

/// Each direction.
pub fn in_and_out(traffic: Traffic) -> Value {
    json!({ "in": count(traffic.inbound), "out": count(traffic.outbound) })
}

/// Each direction of a flow.
pub fn forward_and_reverse(traffic: Traffic) -> Value {
    json!({ "forward": count(traffic.outbound), "reverse": count(traffic.inbound) })
}

/// Both directions: their sum, and each.
pub fn both(traffic: Traffic) -> Value {
    with(count(traffic.total()), in_and_out(traffic))
}

/// The fields of both objects.
pub fn with(mut fields: Value, more: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        extend(fields, more);
    }
    fields
}

/// Adds the fields of an object.
pub fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}
