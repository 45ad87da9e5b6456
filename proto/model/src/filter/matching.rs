//! Selection of packets and flows by a filter.

use std::net::IpAddr;

use super::network::masked;
use super::{End, Expression, Filter, Test};
use crate::names::service_port;
use crate::{Endpoint, Flow, FlowKey, Mac};

/// A packet, or one direction of a flow, as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the sensor that saw it.
    pub sensor: &'a str,
    /// The interface that saw it.
    pub interface: &'a str,
    /// Ether type; 0x0800 and 0x86dd are IP.
    pub ether_type: u16,
    /// IP protocol number; `None` when it is not IP.
    pub protocol: Option<u8>,
    /// IP ends, or those that ARP and RARP speak of; `None` for anything else.
    pub ends: Option<(Endpoint, Endpoint)>,
    /// Outermost VLAN.
    pub vlan: Option<u16>,
    /// Source and destination MAC.
    pub macs: (Option<Mac>, Option<Mac>),
}

impl Filter {
    /// True if a packet is selected.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.expression.as_ref().is_none_or(|expression| expression.matches(subject))
    }

    /// The directions of a flow that are selected: forward, reverse.
    pub fn directions(&self, flow: &Flow, sensor: &str, interface: &str) -> (bool, bool) {
        self.directions_of(&flow.key, (flow.forward.mac, flow.reverse.mac), sensor, interface)
    }

    /// The same of a flow of this key, with the MAC addresses of its source and its destination.
    pub fn directions_of(
        &self,
        key: &FlowKey,
        macs: (Option<Mac>, Option<Mac>),
        sensor: &str,
        interface: &str,
    ) -> (bool, bool) {
        if self.is_all() {
            return (true, true);
        }
        let forward = Subject {
            sensor,
            interface,
            ether_type: if key.source.address.is_ipv4() { 0x0800 } else { 0x86dd },
            protocol: Some(key.protocol),
            ends: Some((key.source, key.destination)),
            vlan: key.vlan,
            macs,
        };
        let reverse = Subject { ends: Some((key.destination, key.source)), macs: (macs.1, macs.0), ..forward };
        (self.matches(&forward), self.matches(&reverse))
    }
}

impl Expression {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::And(a, b) => a.matches(subject) && b.matches(subject),
            Self::Or(a, b) => a.matches(subject) || b.matches(subject),
            Self::Not(a) => !a.matches(subject),
            Self::Test(test) => test.matches(subject),
        }
    }
}

impl End {
    fn holds<T: Copy>(self, source: T, destination: T, test: impl Fn(T) -> bool) -> bool {
        match self {
            Self::Either => test(source) || test(destination),
            Self::Source => test(source),
            Self::Destination => test(destination),
            Self::Both => test(source) && test(destination),
        }
    }
}

impl Test {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let addresses = |end: End, test: &dyn Fn(IpAddr) -> bool| {
            subject.ends.is_some_and(|(a, b)| end.holds(a.address, b.address, test))
        };
        let has_ports = || matches!(subject.protocol, Some(6 | 17 | 132));
        let ports = |end: End, from: u16, to: u16| {
            subject.ends.is_some_and(|(a, b)| end.holds(a.port, b.port, |port| (from..=to).contains(&port)))
        };
        match self {
            Self::Host(end, host) => addresses(*end, &|address| address == *host),
            Self::Net(end, net, length) => {
                addresses(*end, &|address| address.is_ipv4() == net.is_ipv4() && masked(address, *length) == *net)
            }
            Self::Mask(end, net, mask) => {
                addresses(*end, &|address| matches!(address, IpAddr::V4(v4) if v4 & *mask == *net))
            }
            Self::Port(end, protocol, from, to) => {
                has_ports() && protocol.is_none_or(|p| subject.protocol == Some(p)) && ports(*end, *from, *to)
            }
            Self::Ether(end, mac) => end.holds(subject.macs.0, subject.macs.1, |other| other == Some(*mac)),
            Self::Vlan(id) => subject.vlan.is_some() && (id.is_none() || subject.vlan == *id),
            Self::Ipv4 => subject.ether_type == 0x0800,
            Self::Ipv6 => subject.ether_type == 0x86dd,
            Self::Protocol(number) => subject.protocol == Some(*number),
            Self::Icmp => subject.ether_type == 0x0800 && subject.protocol == Some(1),
            Self::Icmpv6 => subject.ether_type == 0x86dd && subject.protocol == Some(58),
            Self::Arp => subject.ether_type == 0x0806,
            Self::Rarp => subject.ether_type == 0x8035,
            Self::Broadcast => subject.macs.1 == Some(Mac::BROADCAST),
            Self::Multicast => subject.macs.1.is_some_and(Mac::is_group),
            Self::Sensor(name) => subject.sensor == name,
            Self::Interface(name) => subject.interface == name,
            Self::App(name) => has_ports() && service_port(name).is_some_and(|port| ports(End::Either, port, port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Subject<'static> {
        let end = |address: &str, port| Endpoint::new(address.parse().unwrap(), port);
        Subject {
            sensor: "web1",
            interface: "eth0",
            ether_type: 0x0800,
            protocol: Some(6),
            ends: Some((end("10.0.0.3", 49197), end("192.168.1.9", 443))),
            vlan: Some(7),
            macs: (Some(Mac([2, 0, 0, 0, 0, 1])), Some(Mac::BROADCAST)),
        }
    }

    #[test]
    fn each_test_selects_what_its_words_say() {
        for (text, selected) in [
            ("", true),
            ("host 10.0.0.3", true),
            ("dst host 10.0.0.3", false),
            ("src net 10/8 and dst net 192.168/16", true),
            ("src and dst net 10/8", false),
            ("net ::/0", false),
            ("src net 10.0.0.3 mask 255.0.0.255", true),
            ("dst net 10.0.0.3 mask 255.0.0.255", false),
            ("net 0.0.0.1 mask 0.0.0.1", true),
            ("src and dst net 0.0.0.1 mask 0.0.0.1", true),
            ("tcp dst port 443", true),
            ("udp port 443", false),
            ("portrange 400-500", true),
            ("ether src 2:0:0:0:0:1 and broadcast and multicast", true),
            ("vlan and vlan 7 and not vlan 8", true),
            ("ip and tcp and not (ip6 or icmp or arp)", true),
            ("sensor web1 and iface eth0 and app https", true),
            ("sensor web2", false),
        ] {
            assert_eq!(text.parse::<Filter>().unwrap().matches(&web()), selected, "{text}");
        }
    }

    #[test]
    fn what_is_not_ip_has_no_hosts_and_no_ports() {
        let arp = Subject { ether_type: 0x0806, protocol: None, ends: None, ..web() };
        for (text, selected) in [("arp", true), ("net 0/0", false), ("port 443", false), ("not host 10.0.0.3", true)] {
            assert_eq!(text.parse::<Filter>().unwrap().matches(&arp), selected, "{text}");
        }
    }
}
