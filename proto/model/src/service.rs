//! TCP and UDP services.

use std::fmt;

use crate::PortRange;
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
    /// `None` if the protocol is neither TCP nor UDP.
    pub const fn new(protocol: u8, port: u16) -> Option<Self> {
        match protocol {
            6 | 17 => Some(Self { protocol, port }),
            _ => None,
        }
    }
}

/// Ports that count as services: those below 1024, and what an administrator adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// First and last, in order, apart from each other.
    ranges: Vec<PortRange>,
}

impl Ports {
    /// Those below 1024 and `extra`, in any order; a range that ends before it begins is empty.
    pub fn new(extra: &[PortRange]) -> Self {
        let mut sorted: Vec<PortRange> = extra.iter().copied().filter(|range| range.from <= range.to).collect();
        sorted.sort_unstable();
        let mut ranges: Vec<PortRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match ranges.last_mut() {
                Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
                _ => ranges.push(range),
            }
        }
        Self { ranges }
    }

    /// True if a port is a service.
    #[inline]
    pub fn holds(&self, port: u16) -> bool {
        port < 1024 || !self.ranges.is_empty() && self.added(port)
    }

    fn added(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|range| range.from <= port);
        self.ranges[..after].last().is_some_and(|range| port <= range.to)
    }

    /// True if the source's port is the service, of two that a flow has: it is where only that one counts as a service; in
    /// any other case the initiator asked for the destination's. Port 0 serves nobody: it stands for those of aggregated flows.
    #[inline]
    pub fn serves_source(&self, source: u16, destination: u16) -> bool {
        source != 0 && self.holds(source) && !self.holds(destination)
    }
}

/// `tcp/22`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", protocol_name(self.protocol), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_below_1024_and_those_added_are_services() {
        let range = |(from, to)| PortRange { from, to };
        let ranges = [(9000, 9010), (8080, 8080), (9005, 9100), (9101, 9101), (7000, 6000), (65535, 65535)].map(range);
        let ports = Ports::new(&ranges);
        assert_eq!(ports.ranges, [(8080, 8080), (9000, 9101), (65535, 65535)].map(range));
        for port in [0, 80, 1023, 8080, 9000, 9101, 65535] {
            assert!(ports.holds(port), "{port}");
        }
        for port in [1024, 6500, 8079, 8081, 8999, 9102, 65534] {
            assert!(!ports.holds(port), "{port}");
        }
        assert!(!Ports::default().holds(8080));
    }

    #[test]
    fn an_added_port_is_the_service_also_where_the_initiator_was_not_seen() {
        let ports = Ports::new(&[PortRange { from: 8080, to: 8080 }]);
        assert!(ports.serves_source(8080, 40000) && !ports.serves_source(40000, 8080));
        assert!(!ports.serves_source(8080, 80) && !ports.serves_source(40000, 50000));
        assert!(!Ports::default().serves_source(8080, 40000));
    }
}
