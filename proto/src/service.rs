//! TCP and UDP services.

use std::fmt;

/// A transport protocol and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// 6 TCP or 17 UDP.
    pub protocol: u8,
    /// The port that is served.
    pub port: u16,
}

impl Service {
    /// `None` for protocols other than TCP and UDP.
    #[must_use]
    pub const fn new(protocol: u8, port: u16) -> Option<Self> {
        match protocol {
            6 | 17 => Some(Self { protocol, port }),
            _ => None,
        }
    }
}

/// `tcp/22`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", protocol_name(self.protocol), self.port)
    }
}

/// The IANA keyword of an IP protocol in lower case, or its number.
#[must_use]
pub fn protocol_name(protocol: u8) -> String {
    let name = match protocol {
        0 => "hopopt",
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        8 => "egp",
        9 => "igp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmp6",
        88 => "eigrp",
        89 => "ospf",
        94 => "ipip",
        103 => "pim",
        108 => "ipcomp",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        137 => "mpls",
        number => return number.to_string(),
    };
    name.to_owned()
}
