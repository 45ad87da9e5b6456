//! The host's interfaces as the system tells them, and which of them to capture.
//!
//! Asked once a second instead of listening to netlink: one `getifaddrs` tells names, flags and all addresses in a consistent
//! picture, cannot overflow and lose an event, and is well inside the two seconds in which a returning interface is attached.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use traf_model::{Interface, Mac, Nic};

/// An interface of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// Facts of the interface. Its link type is known once it is opened.
    pub interface: Interface,
    /// Can carry frames.
    pub up: bool,
}

/// Reason why interfaces cannot be listed or chosen.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// The system said no.
    #[error("listing the interfaces: {0}")]
    List(#[source] std::io::Error),
    /// None of that name.
    #[error("there is no interface `{name}`; there are: {known}")]
    Unknown {
        /// As it was given.
        name: String,
        /// Those that exist.
        known: String,
    },
}

/// All interfaces, by name. Facts that take a file to read come from [`facts`].
pub(crate) fn list() -> Result<BTreeMap<String, Device>, InterfaceError> {
    let mut devices: BTreeMap<String, Device> = BTreeMap::new();
    for entry in getifaddrs().map_err(|errno| InterfaceError::List(errno.into()))? {
        let device = devices.entry(entry.interface_name.clone()).or_default();
        device.interface.name = entry.interface_name;
        device.interface.loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        device.up = entry.flags.contains(InterfaceFlags::IFF_UP);
        let Some(address) = entry.address else { continue };
        if let Some(link) = address.as_link_addr() {
            device.interface.index = u32::try_from(link.ifindex()).unwrap_or(0);
            device.interface.mac = link.addr().map(Mac).filter(|_| link.halen() == 6 && !device.interface.loopback);
        } else if let Some(v4) = address.as_sockaddr_in() {
            device.interface.addresses.push(v4.ip().into());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            device.interface.addresses.push(IpAddr::from(v6.ip()));
        }
    }
    // An alias such as eth0:1 is an address, not a device; it has no index of its own.
    devices.retain(|_, device| device.interface.index != 0);
    for device in devices.values_mut() {
        device.interface.addresses.sort_unstable();
        device.interface.addresses.dedup();
    }
    Ok(devices)
}

/// Adds what takes files to read: MTU and speed.
pub(crate) fn facts(interface: &mut Interface) {
    let read = |path: String| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let number = |path: String| read(path).and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
    let system = |name: &str| format!("/sys/class/net/{}/{name}", interface.name);
    // In a network namespace /sys may still show the devices of another one; /proc never does.
    let same_index = number(system("ifindex")) == Some(u64::from(interface.index));
    let same_mac = interface.mac.is_none_or(|mac| read(system("address")) == Some(mac.to_string()));
    let ours = same_index && same_mac;
    let mtu = number(if ours { system("mtu") } else { format!("/proc/sys/net/ipv6/conf/{}/mtu", interface.name) });
    // In Mbit/s; negative where the device does not know.
    let speed = if ours { number(system("speed")) } else { None };
    interface.mtu = mtu.and_then(|mtu| u32::try_from(mtu).ok());
    interface.speed = speed.and_then(|speed| speed.checked_mul(1_000_000));
}

/// The names that were chosen and do not exist are refused, with the list of those that do.
pub(crate) fn check<'a>(
    mut names: impl Iterator<Item = &'a String>,
    devices: &BTreeMap<String, Device>,
) -> Result<(), InterfaceError> {
    let Some(name) = names.find(|name| !devices.contains_key(*name)) else { return Ok(()) };
    let known = devices.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(InterfaceError::Unknown { name: name.clone(), known })
}

/// The interface's own counters, from one line each of `/proc/net/dev`.
pub(crate) fn counters() -> BTreeMap<String, Nic> {
    std::fs::read_to_string("/proc/net/dev").map(|text| parse_counters(&text)).unwrap_or_default()
}

/// One interface's own counters.
pub(crate) fn counters_of(name: &str) -> Option<Nic> {
    counters().remove(name)
}

fn parse_counters(text: &str) -> BTreeMap<String, Nic> {
    text.lines()
        .filter_map(|line| {
            let (name, numbers) = line.rsplit_once(':')?;
            let numbers: Vec<u64> = numbers.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
            let &[rx_octets, rx_packets, _, rx_dropped, _, _, _, _, tx_octets, tx_packets, _, tx_dropped, ..] =
                numbers.as_slice()
            else {
                return None;
            };
            let nic = Nic { rx_packets, rx_octets, tx_packets, tx_octets, rx_dropped, tx_dropped };
            Some((name.trim().to_owned(), nic))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_loopback_is_there_with_its_address_and_its_counters() {
        let devices = list().unwrap();
        let lo = &devices["lo"];
        assert!(lo.interface.loopback && lo.interface.index > 0 && lo.interface.mac.is_none());
        assert!(counters_of("lo").is_some());
        let mut interface = lo.interface.clone();
        facts(&mut interface);
        assert!(interface.mtu.is_some());
    }

    #[test]
    fn an_unknown_interface_is_refused_with_those_that_exist() {
        let devices = [("eth0", 1), ("lo", 2)].map(|(name, _)| (name.to_owned(), Device::default())).into();
        assert!(check(["lo".to_owned()].iter(), &devices).is_ok());
        let error = check(["lo".to_owned(), "eht0".to_owned()].iter(), &devices).unwrap_err().to_string();
        assert_eq!(error, "there is no interface `eht0`; there are: eth0, lo");
    }

    #[test]
    fn the_kernels_table_is_read_whatever_the_columns_are_padded_to() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes ...\n\
                    eth0.7:1500 3 0 2 0 0 0 0 900 4 0 1 0 0 0 0\n   lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n broken: 1 2\n";
        let all = parse_counters(text);
        let eth = Nic { rx_packets: 3, rx_octets: 1500, tx_packets: 4, tx_octets: 900, rx_dropped: 2, tx_dropped: 1 };
        assert_eq!(all.get("eth0.7"), Some(&eth));
        assert_eq!(all.keys().collect::<Vec<_>>(), ["eth0.7", "lo"]);
    }
}
