//! Networks: an address and how many of its bits count.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `10`, `192.168`: the octets that are written are the network.
pub(super) fn short(text: &str) -> Option<(IpAddr, u8)> {
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut octets = [0; 4];
    octets.get_mut(..parts.len())?.copy_from_slice(&parts);
    Some((Ipv4Addr::from(octets).into(), u8::try_from(parts.len() * 8).ok()?))
}

/// `address` with all bits beyond `length` cleared.
pub fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    }
}
