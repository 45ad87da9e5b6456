//! Filters where there is no flow to test: what is known of the sensor, the interface or the class decides, or nothing does.

use traf_model::filter::{Expression, Test};
use traf_model::{Cast, Class, Family, Filter, Flow, Traffic, Transport};

/// The rest of a filter on one sensor, which does not know the name it has here; `None` when it selects nothing there.
pub(crate) fn specialise(filter: &Filter, sensor: &str) -> Option<Filter> {
    let decide = |test: &Test| match test {
        Test::Sensor(name) => Some(name == sensor),
        _ => None,
    };
    match filter.expression().map(|expression| fold(expression, &decide)) {
        None | Some(Ok(true)) => Some(Filter::default()),
        Some(Ok(false)) => None,
        Some(Err(rest)) => Some(Filter::new(rest)),
    }
}

/// True if a filter selects traffic of a sensor and an interface of which `decide` says what else is known; `None` if that
/// does not decide.
pub(crate) fn selects(
    filter: &Filter,
    (sensor, interface): (&str, &str),
    decide: impl Fn(&Test) -> Option<bool>,
) -> Option<bool> {
    let decide = |test: &Test| match test {
        Test::Sensor(name) => Some(name == sensor),
        Test::Interface(name) => Some(name == interface),
        test => decide(test),
    };
    filter.expression().map_or(Some(true), |expression| fold(expression, &decide).ok())
}

/// True if anything that an interface sees may be selected.
pub(crate) fn concerns(filter: &Filter, sensor: &str, interface: &str) -> bool {
    selects(filter, (sensor, interface), |_| None) != Some(false)
}

/// The directions of a flow that a filter selects; `None` when neither has anything in it.
pub(crate) fn masked(filter: &Filter, mut flow: Flow, sensor: &str, interface: &str) -> Option<Flow> {
    let (forward, reverse) = filter.directions(&flow, sensor, interface);
    if !forward {
        flow.traffic.outbound = Default::default();
    }
    if !reverse {
        flow.traffic.inbound = Default::default();
    }
    ((forward || reverse) && flow.traffic != Traffic::default()).then_some(flow)
}

/// True if observers of the same packet may disagree about a filter: each knows its own name, VLANs and MAC addresses.
pub(crate) fn depends_on_observer(filter: &Filter) -> bool {
    tests_macs(filter) || any(filter, &|test| matches!(test, Test::Sensor(_) | Test::Interface(_) | Test::Vlan(_)))
}

/// True if a filter says something of MAC addresses.
pub(crate) fn tests_macs(filter: &Filter) -> bool {
    any(filter, &|test| matches!(test, Test::Ether(..) | Test::Broadcast | Test::Multicast))
}

/// True if any test of a filter is one of those.
fn any(filter: &Filter, is: &dyn Fn(&Test) -> bool) -> bool {
    fn holds(expression: &Expression, is: &dyn Fn(&Test) -> bool) -> bool {
        match expression {
            Expression::And(a, b) | Expression::Or(a, b) => holds(a, is) || holds(b, is),
            Expression::Not(inner) => holds(inner, is),
            Expression::Test(test) => is(test),
        }
    }
    filter.expression().is_some_and(|expression| holds(expression, is))
}

/// True if a test selects packets of a class; `None` if it asks for more.
pub(crate) fn of_class(test: &Test, class: Class) -> Option<bool> {
    let ip = class.family != Family::NonIp;
    let transport = |wanted: Transport| ip && class.transport == wanted;
    match test {
        Test::Ipv4 => Some(class.family == Family::Ipv4),
        Test::Ipv6 => Some(class.family == Family::Ipv6),
        Test::Icmp => Some(class.family == Family::Ipv4 && class.transport == Transport::Icmp),
        Test::Icmpv6 => Some(class.family == Family::Ipv6 && class.transport == Transport::Icmp),
        Test::Protocol(6) => Some(transport(Transport::Tcp)),
        Test::Protocol(17) => Some(transport(Transport::Udp)),
        Test::Protocol(1 | 58) if !transport(Transport::Icmp) => Some(false),
        Test::Protocol(number) if Transport::of(*number) == Transport::Other && !transport(Transport::Other) => {
            Some(false)
        }
        Test::Broadcast => Some(class.cast == Cast::Broadcast),
        // In tcpdump, too, broadcast is multicast: the group bit is set.
        Test::Multicast => Some(class.cast != Cast::Unicast),
        Test::Arp | Test::Rarp if ip => Some(false),
        Test::Host(..) | Test::Net(..) | Test::Mask(..) | Test::App(_) if !ip => Some(false),
        Test::Host(_, address) | Test::Net(_, address, _) if address.is_ipv4() != (class.family == Family::Ipv4) => {
            Some(false)
        }
        Test::Mask(..) if class.family != Family::Ipv4 => Some(false),
        Test::Port(_, Some(6), ..) if !transport(Transport::Tcp) => Some(false),
        Test::Port(_, Some(17), ..) if !transport(Transport::Udp) => Some(false),
        Test::Port(..) if !ip || class.transport == Transport::Icmp => Some(false),
        _ => None,
    }
}

/// The value of an expression of which some tests are decided, or else the rest of it.
fn fold(expression: &Expression, decide: &dyn Fn(&Test) -> Option<bool>) -> Result<bool, Expression> {
    match expression {
        Expression::Test(test) => decide(test).ok_or_else(|| expression.clone()),
        Expression::Not(inner) => {
            fold(inner, decide).map(|decided| !decided).map_err(|rest| Expression::Not(rest.into()))
        }
        Expression::And(a, b) | Expression::Or(a, b) => {
            let or = matches!(expression, Expression::Or(..));
            match (fold(a, decide), fold(b, decide)) {
                (Ok(one), _) | (_, Ok(one)) if one == or => Ok(or),
                (Ok(_), rest) | (rest, Ok(_)) => rest,
                (Err(a), Err(b)) if or => Err(Expression::Or(a.into(), b.into())),
                (Err(a), Err(b)) => Err(Expression::And(a.into(), b.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_sensor_is_asked_only_for_what_is_left_of_the_filter_there() {
        for (text, on_web1, on_db1) in [
            ("", Some(""), Some("")),
            ("sensor web1", Some(""), None),
            ("not sensor web1", None, Some("")),
            ("sensor web1 and tcp", Some("tcp"), None),
            ("(sensor web1 and tcp) or udp", Some("tcp or udp"), Some("udp")),
        ] {
            let filter: Filter = text.parse().unwrap();
            for (sensor, left) in [("web1", on_web1), ("db1", on_db1)] {
                assert_eq!(specialise(&filter, sensor).map(|left| left.to_string()), left.map(str::to_owned), "{text}");
            }
        }
    }

    #[test]
    fn a_class_decides_what_it_can_and_no_more() {
        let tcp = Class { family: Family::Ipv4, transport: Transport::Tcp, cast: Cast::Unicast };
        let arp = Class { family: Family::NonIp, transport: Transport::Other, cast: Cast::Broadcast };
        for (text, of_tcp, of_arp) in [
            ("tcp", Some(true), Some(false)),
            ("not tcp", Some(false), Some(true)),
            ("ip6 or udp", Some(false), Some(false)),
            ("port 80", None, Some(false)),
            ("host 10.0.0.1 or net 10.0.0.7 mask 255.0.0.255", None, Some(false)),
            ("net 2001:db8::/32", Some(false), Some(false)),
            ("udp port 80", Some(false), Some(false)),
            ("host 10.0.0.1 and tcp", None, Some(false)),
            ("arp", Some(false), None),
            ("broadcast", Some(false), Some(true)),
            ("iface eth0 and tcp", Some(true), Some(false)),
            ("vlan 7", None, None),
        ] {
            let filter: Filter = text.parse().unwrap();
            let found = [tcp, arp].map(|class| selects(&filter, ("web1", "eth0"), |test| of_class(test, class)));
            assert_eq!(found, [of_tcp, of_arp], "{text}");
        }
    }
}
