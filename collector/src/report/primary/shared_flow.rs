//! The key under which observers may see the same flow.

use std::net::{IpAddr, Ipv4Addr};

use traf_model::{Flow, FlowKey, Interface, Mac};

/// Scope in which addresses mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum AddressScope {
    /// A site, by its number.
    Site(i64),
    /// One sensor: what never leaves its host.
    Sensor(i64),
    /// One link of a site, by the stations at the flow's two ends in the order of its key: what no router forwards. RFC 4007.
    Stations(i64, [Mac; 2]),
    /// One interface of a sensor: a link without MAC addresses.
    Interface(i64, i64),
}

/// A flow as all observers of its scope know it: the smaller end first, whatever VLAN they see it in. Of a flow with a
/// link-scope address the stations are a part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SharedFlow {
    scope: AddressScope,
    pub(crate) flow: FlowKey,
}

impl SharedFlow {
    /// Of a flow seen at an interface (its sensor's number and its own) of a sensor that stands at a site.
    pub(crate) fn new(site: i64, (sensor, number): (i64, i64), interface: &Interface, flow: &Flow) -> Self {
        let key = flow.key.canonical();
        let ends = [key.source, key.destination].map(|end| end.address.to_canonical());
        let macs = [flow.forward.mac, flow.reverse.mac];
        let macs = if key.source == flow.key.source { macs } else { [macs[1], macs[0]] };
        let scope = if interface.loopback || ends.iter().any(IpAddr::is_loopback) {
            // What never leaves its host: such flows of two machines have nothing in common.
            AddressScope::Sensor(sensor)
        } else if ends.into_iter().any(is_of_a_link) {
            match macs {
                [Some(one), Some(other)] => AddressScope::Stations(site, [one, other]),
                _ => AddressScope::Interface(sensor, number),
            }
        } else {
            AddressScope::Site(site)
        };
        Self { scope, flow: FlowKey { vlan: None, ..key } }
    }

    /// A number of the flow within its site: the same in every run of the program. Never zero.
    pub(crate) fn fingerprint(&self) -> u32 {
        let mac = |Mac(octets): Mac| octets.into_iter().fold(0, |number, octet| number << 8 | u64::from(octet));
        // Numbers of sites are not the same in every run; a table is of one site.
        let [one, other] = match self.scope {
            AddressScope::Site(_) => [1, 0],
            AddressScope::Sensor(sensor) => [2, sensor.cast_unsigned()],
            AddressScope::Stations(_, [one, other]) => [mac(one) << 8 | 3, mac(other)],
            AddressScope::Interface(sensor, number) => [number.cast_unsigned() << 8 | 4, sensor.cast_unsigned()],
        };
        let FlowKey { protocol, source, destination, .. } = self.flow;
        let ports = u64::from(source.port) << 32 | u64::from(destination.port) << 8 | u64::from(protocol);
        let ([a, b], [c, d]) = (halves(source.address), halves(destination.address));
        let mixed =
            [a ^ KEYS[0], b ^ KEYS[1], c ^ KEYS[2], d ^ KEYS[3], ports ^ KEYS[4], one ^ KEYS[5], other ^ KEYS[6]]
                .into_iter()
                .fold(KEYS[7], |sum, part| fold(sum ^ part, KEYS[0]).rotate_left(23) ^ part);
        let mixed = fold(mixed, KEYS[1]);
        ((mixed ^ mixed >> 32) as u32).max(1)
    }
}

/// Digits of pi.
const KEYS: [u64; 8] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6d,
    0xc0ac_29b7_c97c_50dd,
    0x3f84_d5b5_b547_0917,
];

/// Both halves of a product, one upon the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn halves(address: IpAddr) -> [u64; 2] {
    let number = match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    };
    [(number >> 64) as u64, number as u64]
}

/// True if an address means something on its link only: equal ones of two links have nothing in common.
fn is_of_a_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let local_multicast = v4.octets()[..3] == [224, 0, 0];
            v4.is_unspecified() || v4.is_link_local() || local_multicast || v4 == Ipv4Addr::BROADCAST
        }
        IpAddr::V6(v6) => {
            let multicast_scope = v6.segments()[0] & 0xff0f;
            v6.is_unspecified() || v6.is_unicast_link_local() || matches!(multicast_scope, 0xff01 | 0xff02)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use traf_model::{Endpoint, Evidence, FlowState, Half, Timestamp, Traffic};

    use super::*;

    fn flow(a: &str, b: &str, macs: [u8; 2]) -> Flow {
        let end = |address: &str| Endpoint::new(address.parse().unwrap(), 80);
        let half = |last| Half { mac: (last > 0).then_some(Mac([2, 0, 0, 0, 0, last])), ..Half::default() };
        Flow {
            key: FlowKey { protocol: 17, vlan: Some(7), source: end(a), destination: end(b) },
            traffic: Traffic::default(),
            first: Timestamp(0),
            last: Timestamp(0),
            forward: half(macs[0]),
            reverse: half(macs[1]),
            state: FlowState::Active,
            complete: true,
            own: false,
            evidence: Evidence::NONE,
        }
    }

    fn key(site: i64, sensor: i64, flow: &Flow) -> SharedFlow {
        SharedFlow::new(site, (sensor, 1), &Interface::default(), flow)
    }

    #[test]
    fn what_never_leaves_a_host_is_its_own_and_sites_are_apart() {
        let home = Interface { loopback: true, ..Interface::default() };
        let lan = flow("10.0.0.1", "10.0.0.2", [1, 2]);
        let turned = Flow { key: FlowKey { vlan: None, ..lan.key.reversed() }, ..lan };
        assert_eq!(key(1, 1, &lan), key(1, 2, &turned));
        assert_eq!(key(1, 1, &lan).fingerprint(), key(2, 2, &turned).fingerprint());
        assert_ne!(key(1, 1, &lan), key(2, 2, &lan));
        let local = flow("127.0.0.1", "127.0.0.1", [0, 0]);
        assert_ne!(key(1, 1, &local).fingerprint(), key(1, 2, &local).fingerprint());
        let at_home = |sensor| SharedFlow::new(1, (sensor, 1), &home, &lan).fingerprint();
        assert_ne!(at_home(1), at_home(2));
    }

    #[test]
    fn addresses_of_a_link_are_the_same_only_between_equal_stations() {
        for (a, b, link) in [
            ("fe80::1", "fe80::2", true),
            ("fe80::1", "2001:db8::1", true),
            ("169.254.1.1", "10.0.0.1", true),
            ("0.0.0.0", "255.255.255.255", true),
            ("::", "ff02::16", true),
            ("2001:db8::1", "ff01::1", true),
            ("2001:db8::1", "ff32::1", true),
            ("10.0.0.1", "224.0.0.251", true),
            ("10.0.0.1", "224.0.1.1", false),
            ("2001:db8::1", "ff05::1", false),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            let of = |macs| flow(a, b, macs);
            let turned = Flow { key: of([1, 2]).key.reversed(), ..of([2, 1]) };
            assert_eq!(key(1, 1, &of([1, 2])), key(1, 2, &turned), "{a} {b}: equal stations");
            assert_eq!(key(1, 1, &of([1, 2])) != key(1, 2, &of([1, 3])), link, "{a} {b}: other stations");
            assert_eq!(key(1, 1, &of([0, 0])) != key(1, 2, &of([0, 0])), link, "{a} {b}: no stations");
        }
    }

    #[test]
    fn fingerprints_of_neighbours_differ() {
        let mut seen = HashSet::new();
        for number in 0..100_000u32 {
            let mut flow = flow("10.0.0.1", "10.0.0.2", [1, 2]);
            flow.key.source.address = Ipv4Addr::from(0x0a00_0000 + (number >> 8)).into();
            flow.key.source.port = (number & 0xff) as u16;
            seen.insert(key(1, 1, &flow).fingerprint());
        }
        // By chance about one pair of 100,000 in 2^32.
        assert!(seen.len() > 99_990, "{}", seen.len());
    }
}
