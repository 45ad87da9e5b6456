//! Filter to text: what parses to the same filter again.

use std::fmt;

use super::{End, Expression, Filter, Test};
use crate::PortRange;
use crate::names::protocol_name;

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.as_ref().map_or(Ok(()), |expression| expression.fmt(f))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The left side needs no brackets: both operators bind alike, from the left.
        let (written, last) = match self {
            Self::And(a, b) => (write!(f, "{a} and "), b),
            Self::Or(a, b) => (write!(f, "{a} or "), b),
            Self::Not(a) => (f.write_str("not "), a),
            Self::Test(test) => return test.fmt(f),
        };
        written?;
        match **last {
            Self::And(..) | Self::Or(..) => write!(f, "({last})"),
            _ => last.fmt(f),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Either => "",
            Self::Source => "src ",
            Self::Destination => "dst ",
            Self::Both => "src and dst ",
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(end, address) => write!(f, "{end}host {address}"),
            Self::Net(end, address, length) => write!(f, "{end}net {address}/{length}"),
            Self::Mask(end, address, mask) => write!(f, "{end}net {address} mask {mask}"),
            Self::Port(end, protocol, from, to) => {
                if let Some(number) = protocol {
                    write!(f, "{} ", protocol_name(*number))?;
                }
                let range = PortRange { from: *from, to: *to };
                write!(f, "{end}{} {range}", if from == to { "port" } else { "portrange" })
            }
            Self::Ether(end, mac) => write!(f, "ether {end}host {mac}"),
            Self::Vlan(None) => f.write_str("vlan"),
            Self::Vlan(Some(id)) => write!(f, "vlan {id}"),
            // Those that tcpdump has a word for.
            Self::Protocol(number @ (2 | 6 | 17 | 47 | 50 | 51 | 132)) => f.write_str(&protocol_name(*number)),
            Self::Protocol(number) => write!(f, "proto {number}"),
            Self::Ipv4 => f.write_str("ip"),
            Self::Ipv6 => f.write_str("ip6"),
            Self::Icmp => f.write_str("icmp"),
            Self::Icmpv6 => f.write_str("icmp6"),
            Self::Arp => f.write_str("arp"),
            Self::Rarp => f.write_str("rarp"),
            Self::Broadcast => f.write_str("broadcast"),
            Self::Multicast => f.write_str("multicast"),
            Self::Sensor(name) => write!(f, "sensor {name}"),
            Self::Interface(name) => write!(f, "iface {name}"),
            Self::App(name) => write!(f, "app {name}"),
        }
    }
}
