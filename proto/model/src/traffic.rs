//! Packets and octets: the value under every key.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::Serialize;

use crate::Merge;

/// Packets and octets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    /// Packets as captured: what the kernel and tshark count.
    pub packets: u64,
    /// Octets on the wire: of the frame for interfaces, sizes and stations, of the IP packet for flows, services and hosts.
    pub octets: u64,
    /// Packets that offload hid: on the wire beyond the frames captured, estimated from payload and MSS.
    pub coalesced: u64,
}

impl Counters {
    /// `packets` with `octets` in all, none of them coalesced.
    pub const fn new(packets: u64, octets: u64) -> Self {
        Self { packets, octets, coalesced: 0 }
    }

    /// Packets on the wire: those captured and those that offload hid.
    pub const fn wire_packets(self) -> u64 {
        self.packets.saturating_add(self.coalesced)
    }

    /// Nothing counted.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Per second, of a count over `nanos`; zero over no time.
    pub fn per_second(self, nanos: i64) -> Self {
        let rate = |count: u64| match u128::try_from(nanos) {
            Ok(nanos) if nanos > 0 => {
                u64::try_from((u128::from(count) * 1_000_000_000 + nanos / 2) / nanos).unwrap_or(u64::MAX)
            }
            _ => 0,
        };
        Self { packets: rate(self.packets), octets: rate(self.octets), coalesced: rate(self.coalesced) }
    }
}

impl Add for Counters {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.octets = self.octets.saturating_add(other.octets);
        self.coalesced = self.coalesced.saturating_add(other.coalesced);
    }
}

/// The difference to an earlier value, never below zero.
impl Sub for Counters {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            octets: self.octets.saturating_sub(earlier.octets),
            coalesced: self.coalesced.saturating_sub(earlier.coalesced),
        }
    }
}

/// Traffic of a key, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Traffic {
    /// Towards the key: received by the interface, sent to the host, station or service; of a flow, its reverse direction.
    #[serde(rename = "in")]
    pub inbound: Counters,
    /// From the key; of a flow, its forward direction: what the initiator sent (RFC 5103).
    #[serde(rename = "out")]
    pub outbound: Counters,
}

impl Traffic {
    /// Towards the key only.
    pub fn inbound(counters: Counters) -> Self {
        Self { inbound: counters, ..Self::default() }
    }

    /// From the key only.
    pub fn outbound(counters: Counters) -> Self {
        Self { outbound: counters, ..Self::default() }
    }

    /// Both directions together.
    pub fn total(self) -> Counters {
        self.inbound + self.outbound
    }

    /// Nothing counted.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Inbound and outbound exchanged: the same traffic seen from the other end.
    pub fn reversed(self) -> Self {
        Self { inbound: self.outbound, outbound: self.inbound }
    }

    /// Per second, of traffic over `nanos`.
    pub fn per_second(self, nanos: i64) -> Self {
        Self { inbound: self.inbound.per_second(nanos), outbound: self.outbound.per_second(nanos) }
    }
}

impl Add for Traffic {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.inbound += other.inbound;
        self.outbound += other.outbound;
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { inbound: self.inbound - earlier.inbound, outbound: self.outbound - earlier.outbound }
    }
}

impl Sum for Traffic {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

impl Merge for Traffic {
    fn merge(&mut self, other: Self) {
        *self += other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_over_no_time_is_zero_and_a_huge_one_does_not_overflow() {
        let all = Counters { packets: u64::MAX, octets: u64::MAX, coalesced: 0 };
        assert_eq!(all.per_second(0), Counters::default());
        assert_eq!(all.per_second(1).octets, u64::MAX);
        assert_eq!(Counters::new(10, 1000).per_second(2_000_000_000), Counters::new(5, 500));
    }
}
