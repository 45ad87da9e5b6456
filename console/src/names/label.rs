//! Names of addresses, ports and stations as they are shown. The number stands where there is no name.

use std::net::IpAddr;

use traf_model::{Endpoint, Mac, PacketEnd, Service};

use super::Names;

impl Names {
    /// An end of a flow.
    pub fn endpoint_label(&self, end: Endpoint) -> String {
        match (self.address(end.address), self.port(end.port), end.port) {
            (None, None, _) => end.to_string(),
            (Some(name), None, 0) => name.to_owned(),
            (Some(name), None, port) => format!("{name}:{port}"),
            (Some(name), Some(service), _) => format!("{name}:{service}"),
            (None, Some(service), _) if end.address.is_ipv6() => format!("[{}]:{service}", end.address),
            (None, Some(service), _) => format!("{}:{service}", end.address),
        }
    }

    /// A host.
    pub fn host_label(&self, address: IpAddr) -> String {
        self.address(address).map_or_else(|| address.to_string(), str::to_owned)
    }

    /// A service, as IPTraf writes it.
    pub fn service_label(&self, service: Service) -> String {
        let protocol = if service.protocol == 6 { "TCP" } else { "UDP" };
        match self.service(service.protocol, service.port) {
            Some(name) => format!("{protocol}/{name}"),
            None => format!("{protocol}/{}", service.port),
        }
    }

    /// The description of a MAC address by people, or the maker of the card; empty where neither is known.
    pub fn station_label(&self, mac: Mac) -> String {
        self.description(mac).or_else(|| self.vendor(mac)).unwrap_or_default().to_owned()
    }

    /// An end of a packet that belongs to no flow.
    pub fn line_end_label(&self, end: PacketEnd) -> String {
        match end {
            PacketEnd::Host(end) => self.endpoint_label(end),
            other => other.to_string(),
        }
    }
}
