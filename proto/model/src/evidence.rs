//! Evidence of the packets behind a flow row: two observation points saw the same ones only where their evidence says so.

use std::fmt;

/// What a flow row says of its packets in one slice, in 64 bits; two halves of 32 bits each. Zero stands for nothing.
///
/// * TCP: the highest sequence number behind a segment (RFC 9293, 3.4) of each direction: forward, then reverse; 2^32 - 1 in
///   place of 0. RST counts for nothing.
/// * All else: keyed digests of two packets of both directions, each as its complement. First the least digest of those that the
///   flow was silent for longest before; the three bits before it are the length of the silence, in classes. Then the least digest of
///   all. Two halves are of the same packet if the bits of [`Evidence::DIGEST`] are equal.
///
/// Later fragments say nothing, and packets of which too little was captured.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Evidence(pub u64);

impl Evidence {
    /// Nothing that proves anything.
    pub const NONE: Self = Self(0);

    /// Bits of a half that are of a digest alone, of all protocols but TCP.
    pub const DIGEST: u32 = (1 << 29) - 1;

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

    /// Evidence of a flow of this `protocol` in a slice, of this part of its packets and of a `later` one.
    #[must_use]
    pub fn and_later(self, later: Self, protocol: u8) -> Self {
        let (ours, theirs) = (self.halves(), later.halves());
        if protocol == 6 {
            return Self::new([0, 1].map(|way| if theirs[way] == 0 { ours[way] } else { theirs[way] }));
        }
        Self::new([0, 1].map(|place| ours[place].max(theirs[place])))
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = self.halves();
        write!(f, "Evidence({one:08x} {other:08x})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_part_has_the_later_sequence_numbers_where_it_has_any() {
        let (earlier, later) = (Evidence::new([u32::MAX - 5, 7]), Evidence::new([3, 0]));
        assert_eq!(earlier.and_later(later, 6), Evidence::new([3, 7]));
        assert_eq!(Evidence::NONE.and_later(later, 6), later);
    }

    #[test]
    fn two_parts_together_have_the_greatest_of_each_half() {
        for (ours, theirs, both) in
            [([9, 5], [8, 7], [9, 7]), ([7, 6], [9, 8], [9, 8]), ([9, 0], [0, 0], [9, 0]), ([0, 0], [0, 0], [0, 0])]
        {
            assert_eq!(Evidence::new(ours).and_later(Evidence::new(theirs), 17), Evidence::new(both));
        }
    }
}
