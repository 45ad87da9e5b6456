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
    /// Octets on the wire: of the frame for interfaces, of the IP packet for flows; a counted facility says which.
    pub octets: u64,
    /// Packets that offload hid: on the wire beyond the frames captured, estimated from payload and MSS.
    pub coalesced: u64,
}

impl Counters {
    /// `packets` with `octets` in all, none of them coalesced.
    pub const fn new(packets: u64, octets: u64) -> Self {
        Self { packets, octets, coalesced: 0 }
    }

    /// Counts a packet of so many octets.
    #[inline(always)]
    pub fn count(&mut self, octets: u32) {
        // Counted one by one, packets do not come to the end of the range.
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.saturating_add(u64::from(octets));
    }

    /// Packets on the wire: those captured and those that offload hid.
    pub const fn wire_packets(self) -> u64 {
        self.packets.saturating_add(self.coalesced)
    }

    /// Nothing counted.
    #[inline]
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

/// Sums and differences, field by field. A difference is to an earlier value.
macro_rules! arithmetic {
    ($type:ident { $($field:ident),* }, $add:path, $sub:path) => {
        impl AddAssign for $type {
            #[inline]
            fn add_assign(&mut self, other: Self) {
                $(self.$field = $add(self.$field, other.$field);)*
            }
        }

        impl Add for $type {
            type Output = Self;

            #[inline]
            fn add(mut self, other: Self) -> Self {
                self += other;
                self
            }
        }

        impl Sub for $type {
            type Output = Self;

            #[inline]
            fn sub(self, earlier: Self) -> Self {
                Self { $($field: $sub(self.$field, earlier.$field)),* }
            }
        }
    };
}

// A sum stays at the largest number, a difference at zero.
arithmetic! { Counters { packets, octets, coalesced }, u64::saturating_add, u64::saturating_sub }
arithmetic! { Traffic { inbound, outbound }, Add::add, Sub::sub }

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

    /// The counters of what was sent or received.
    #[inline(always)]
    pub fn counters_mut(&mut self, sent: bool) -> &mut Counters {
        if sent { &mut self.outbound } else { &mut self.inbound }
    }

    /// Both directions together.
    pub fn total(self) -> Counters {
        self.inbound + self.outbound
    }

    /// Nothing counted.
    #[inline]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Inbound and outbound exchanged: the same traffic seen from the other end.
    #[inline]
    pub fn reversed(self) -> Self {
        Self { inbound: self.outbound, outbound: self.inbound }
    }

    /// Per second, of traffic over `nanos`.
    pub fn per_second(self, nanos: i64) -> Self {
        Self { inbound: self.inbound.per_second(nanos), outbound: self.outbound.per_second(nanos) }
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
