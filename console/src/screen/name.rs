//! What things are called on the screens: addresses, ports, stations. The number stands where there is no name.

use traf_model::{Endpoint, LineEnd, Mac, Service};

use crate::app::App;

/// An end of a flow.
pub(super) fn endpoint(app: &App, end: Endpoint) -> String {
    let port = app.names.port(end.port);
    match (app.names.address(end.address), port, end.port) {
        (None, None, _) => end.to_string(),
        (Some(name), None, 0) => name.to_owned(),
        (Some(name), None, port) => format!("{name}:{port}"),
        (Some(name), Some(service), _) => format!("{name}:{service}"),
        (None, Some(service), _) if end.address.is_ipv6() => format!("[{}]:{service}", end.address),
        (None, Some(service), _) => format!("{}:{service}", end.address),
    }
}

/// A host.
pub(super) fn host(app: &App, address: std::net::IpAddr) -> String {
    app.names.address(address).map_or_else(|| address.to_string(), str::to_owned)
}

/// A service, as IPTraf writes it.
pub(super) fn service(app: &App, service: Service) -> String {
    let protocol = if service.protocol == 6 { "TCP" } else { "UDP" };
    match app.names.service(service.protocol, service.port) {
        Some(name) => format!("{protocol}/{name}"),
        None => format!("{protocol}/{}", service.port),
    }
}

/// What is known of the one behind a MAC address: what people call it, or who made its card; empty for nothing.
pub(super) fn station(app: &App, mac: Mac) -> String {
    app.names.description(mac).or_else(|| app.names.vendor(mac)).unwrap_or_default().to_owned()
}

/// An end of a packet that belongs to no flow.
pub(super) fn line_end(app: &App, end: LineEnd) -> String {
    match end {
        LineEnd::Host(end) => endpoint(app, end),
        other => other.to_string(),
    }
}
