//! A keyed hash: whoever sends the packets picks the keys, so they must not know where the keys fall.
//!
//! Folded 64-bit multiplication with four random words, drawn when the meter starts. It is keyed, but no proven
//! pseudo-random function; SipHash would cost 5 to 7 ns more a packet.

use crate::packet::Key;

/// The random words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed([u64; 4]);

impl Seed {
    /// New words from the operating system.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// Of a flow key.
    #[inline(always)]
    pub(super) fn flow(&self, key: &Key) -> u64 {
        let ([a, b, c, d, e], [s, t, u, v]) = (key.0, self.0);
        let first = multiply(a ^ s, b ^ t);
        let second = multiply(c ^ u, d ^ v);
        multiply(first ^ t, second ^ e ^ s)
    }

    /// Of a small key.
    #[inline(always)]
    pub(super) fn pair(&self, a: u64, b: u64) -> u64 {
        let [s, t, u, _] = self.0;
        multiply(multiply(a ^ s, b ^ t) ^ u, t)
    }
}

#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Spreads a hash over `sets`, by its high half; the low half is left for tags.
#[inline(always)]
pub(super) fn spread(hash: u64, sets: usize) -> usize {
    (((hash >> 32) * sets as u64) >> 32) as usize
}
