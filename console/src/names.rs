//! Names for what is otherwise a number: addresses, ports, vendors of network cards, and what people call their machines.
//!
//! All of it is a help to read, nothing is counted by it. Host names come late: [`Names::ask`] notes which are wanted,
//! the edge ([`resolver`]) asks for them, and until an answer is there the address is shown. No name ever waits.

pub mod dns;
pub mod ethers;
mod host_names;
pub mod resolver;
mod service_names;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use traf_model::{Endpoint, GroupKey, Item, Key, Mac, PacketEnd, Report, Service, Timestamp};

pub use ethers::{Descriptions, EthersError};
pub use host_names::{HostNames, Known};
pub use service_names::ServiceNames;

/// Everything that has a name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of addresses.
    pub addresses: HostNames,
    /// Of ports.
    pub ports: Arc<ServiceNames>,
    /// Of MAC addresses, by people.
    pub descriptions: Descriptions,
    /// Host names are asked for and shown.
    pub resolve: bool,
    /// Service names are shown.
    pub name_services: bool,
    /// Reason why names are missing; empty when they are not.
    pub trouble: String,
}

impl Names {
    /// With nothing asked yet.
    pub fn new(ports: ServiceNames, descriptions: Descriptions) -> Self {
        Self { ports: Arc::new(ports), descriptions, ..Self::default() }
    }

    /// The name of a host, where host names are shown and this one is known.
    pub fn address(&self, address: IpAddr) -> Option<&str> {
        self.resolve.then(|| self.addresses.name(address))?
    }

    /// The name of a port, where service names are shown and this one has one. TCP is 6, UDP is 17.
    pub fn service(&self, protocol: u8, port: u16) -> Option<&str> {
        self.name_services.then(|| self.ports.name(protocol, port))?
    }

    /// The same where it does not matter which of the two; port 0 has none.
    pub fn port(&self, port: u16) -> Option<&str> {
        self.service(6, port).or_else(|| self.service(17, port))
    }

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
        let name = self.service(service.protocol, service.port);
        format!("{protocol}/{}", name.map_or_else(|| service.port.to_string(), str::to_owned))
    }

    /// The description of a MAC address by people, or the maker of the card.
    pub fn station_label(&self, mac: Mac) -> Option<&str> {
        self.descriptions.get(mac).or_else(|| vendor(mac))
    }

    /// An end of a packet that belongs to no flow.
    pub fn line_end_label(&self, end: PacketEnd) -> String {
        match end {
            PacketEnd::Host(end) => self.endpoint_label(end),
            other => other.to_string(),
        }
    }

    /// A name of this host would be shown now.
    pub fn ask(&mut self, address: IpAddr, now: Timestamp) {
        if self.resolve {
            self.addresses.ask(address, now);
        }
    }

    /// Names of all addresses in an answer would be shown now.
    pub fn ask_of(&mut self, report: &Report, now: Timestamp) {
        let host = |end| if let PacketEnd::Host(end) = end { Some(end.address) } else { None };
        for row in &report.rows {
            let [first, second] = match &row.item {
                Item::Flow(flow) => [flow.key.source, flow.key.destination].map(|end| Some(end.address)),
                Item::Counted(_, Key::Address(address), _) | Item::Group(GroupKey::Address(address), ..) => {
                    [Some(*address), None]
                }
                Item::Group(GroupKey::Pair(source, destination), ..) => [source, destination].map(|end| Some(*end)),
                Item::Packet(line) => [line.source, line.destination].map(host),
                _ => [None, None],
            };
            first.into_iter().chain(second).for_each(|address| self.ask(address, now));
        }
    }

    /// For the line of notes.
    pub fn note(&self) -> Option<&str> {
        (self.resolve && !self.trouble.is_empty()).then_some(&self.trouble)
    }
}

/// At most `most` octets of a file, as text.
fn text_of(path: impl AsRef<Path>, most: u64) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// The bit of the first octet that says that an address was not given by a manufacturer (IEEE 802, 8.2.2).
const LOCAL: u8 = 0x02;

/// Maker of a network card; `broadcast` and `multicast` for groups.
pub fn vendor(mac: Mac) -> Option<&'static str> {
    match mac.0[0] {
        _ if mac == Mac::BROADCAST => Some("broadcast"),
        _ if mac.is_group() => Some("multicast"),
        first if first & LOCAL != 0 => Some("local"),
        _ => registered(mac),
    }
}

#[cfg(feature = "vendors")]
fn registered(mac: Mac) -> Option<&'static str> {
    oui_data::lookup(&mac.to_string()).map(|record| record.organization())
}

#[cfg(not(feature = "vendors"))]
const fn registered(_: Mac) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_have_a_vendor_unless_the_address_was_chosen_on_the_spot() {
        let named = |first: [u8; 3]| vendor(Mac([first[0], first[1], first[2], 1, 2, 3]));
        if cfg!(feature = "vendors") {
            assert_eq!(named([0x00, 0x0c, 0x29]), Some("VMware, Inc."));
        }
        assert_eq!(named([0x02, 0x42, 0xac]), Some("local"));
        assert_eq!(named([0x01, 0x00, 0x5e]), Some("multicast"));
        assert_eq!(vendor(Mac::BROADCAST), Some("broadcast"));
    }

    #[test]
    fn names_are_shown_only_where_they_are_wanted() {
        let (now, host): (_, IpAddr) = (Timestamp(0), [10, 0, 0, 3].into());
        let mut names = Names::default();
        names.ask(host, now);
        assert!(names.addresses.questions().is_empty());
        names.resolve = true;
        names.ask(host, now);
        assert_eq!((names.addresses.questions(), names.address(host)), (vec![host], None));
        names.addresses.answer(host, Known::named("lionel-pc.lan", 300), now);
        assert_eq!(names.address(host), Some("lionel-pc.lan"));
        names.resolve = false;
        assert_eq!(names.address(host), None);
        assert_eq!(names.service(6, 443), None);
        names.name_services = true;
        assert_eq!(names.service(6, 443), Some("https"));
    }
}
