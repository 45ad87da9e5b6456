//! Meters the frames of one interface.

use std::time::Duration;

use traf_proto::{Endpoint, Interface, InterfaceSnapshot, InterfaceSummary, Interval, Timestamp, Wish};

use crate::link::Link;

/// How large a meter's tables are, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterConfig {
    /// Flows in the table.
    pub flows: usize,
    /// Flows that were silent for longer are over.
    pub idle: Duration,
    /// Count what tunnels carry instead of the tunnels.
    pub tunnels: bool,
    /// Flow rows of one summary; the rest goes to its `other_flows`.
    pub history_flows: usize,
    /// Flows that left the table within a slice and keep their own row.
    pub parted: usize,
    /// Hosts with a row of their own.
    pub hosts: usize,
    /// Services with a row of their own in one summary.
    pub services: usize,
    /// Stations with a row of their own.
    pub stations: usize,
}

impl Default for MeterConfig {
    fn default() -> Self {
        Self {
            flows: 262_144,
            idle: Duration::from_secs(15 * 60),
            tunnels: false,
            history_flows: 50_000,
            parted: 4_096,
            hosts: 32_768,
            services: 16_384,
            stations: 4_096,
        }
    }
}

/// Counts one interface's frames.
pub struct Meter {
    interface: Interface,
    started: Timestamp,
}

impl Meter {
    /// For an interface whose frames begin with `link`; direction is decided from `interface`.
    #[must_use]
    pub fn new(_config: MeterConfig, interface: Interface, _link: Link, started: Timestamp) -> Self {
        Self { interface, started }
    }

    /// One captured frame: `length` octets on the wire, of which `captured` are here.
    pub fn frame(&mut self, _at: Timestamp, _length: u32, _captured: &[u8]) {}

    /// Works off the buffered frames.
    pub fn flush(&mut self) {}

    /// Our own connections to the collector.
    pub fn own(&mut self, _endpoints: &[(Endpoint, Endpoint)]) {}

    /// The interface's addresses changed.
    pub fn update_interface(&mut self, interface: Interface) {
        self.interface = interface;
    }

    /// Seals what was counted since the last close.
    pub fn close(&mut self, _slice: Interval) -> InterfaceSummary {
        InterfaceSummary { interface: self.interface.clone(), ..InterfaceSummary::default() }
    }

    /// The present state, cumulative.
    pub fn snapshot(&mut self, _now: Timestamp, _wishes: &[Wish]) -> InterfaceSnapshot {
        InterfaceSnapshot { interface: self.interface.clone(), started: self.started, ..InterfaceSnapshot::default() }
    }
}
