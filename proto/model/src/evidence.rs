//! Evidence of the packets behind a flow row: two observation points saw the same ones only where their evidence says so.

use std::fmt;

/// What a flow row says of its packets in one slice, in 64 bits; two halves of 32 bits each. Zero stands for nothing.
///
/// * TCP: the highest sequence number behind a segment (RFC 9293, 3.4) of each direction: forward, then reverse. RST counts for
///   nothing.
/// * All else: the two least keyed digests of packets of both directions, each as its complement.
///
/// Later fragments say nothing, and packets of which too little was captured.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Evidence(pub u64);

impl Evidence {
    /// Nothing that proves anything.
    pub const NONE: Self = Self(0);

    /// Of its halves.
    pub const fn new(halves: [u32; 2]) -> Self {
        Self(halves[0] as u64 | (halves[1] as u64) << 32)
    }

    /// The halves.
    pub const fn halves(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    /// True if it proves nothing.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = self.halves();
        write!(f, "Evidence({one:08x} {other:08x})")
    }
}
