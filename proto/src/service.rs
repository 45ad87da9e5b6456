//! TCP and UDP services.

use std::fmt;

use crate::names::protocol_name;

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
