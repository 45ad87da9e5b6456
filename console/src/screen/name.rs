//! What things are called on the screens: addresses, ports, stations.

use traf_proto::{Endpoint, LineEnd, Mac, Service};

use crate::app::App;

/// An end of a flow.
pub(super) fn endpoint(_app: &App, end: Endpoint) -> String {
    end.to_string()
}

/// A host.
pub(super) fn host(_app: &App, address: std::net::IpAddr) -> String {
    address.to_string()
}

/// A service, as IPTraf writes it.
pub(super) fn service(_app: &App, service: Service) -> String {
    format!("{}/{}", if service.protocol == 6 { "TCP" } else { "UDP" }, service.port)
}

/// What is known of the one behind a MAC address, in a word or two; empty for nothing.
pub(super) fn station(_app: &App, mac: Mac) -> String {
    match mac {
        Mac::BROADCAST => "broadcast".to_owned(),
        mac if mac.is_group() => "multicast".to_owned(),
        _ => String::new(),
    }
}

/// An end of a packet that belongs to no flow.
pub(super) fn line_end(app: &App, end: LineEnd) -> String {
    match end {
        LineEnd::Host(end) => endpoint(app, end),
        other => other.to_string(),
    }
}
