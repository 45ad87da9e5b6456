//! A keyed hash: whoever sends the packets picks the keys, so they must not know where the keys fall.
//!
//! Folded 64-bit multiplication with four random words, drawn when the meter starts. It is keyed, but no proven
//! pseudo-random function; SipHash would cost 5 to 7 ns more a packet.

use crate::parse::packet::PackedKey;

/// The random words.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyedHash([u64; 4]);

impl KeyedHash {
    /// New words from the operating system.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// Of a flow key, whatever its VLAN.
    #[inline(always)]
    pub(super) fn flow(&self, key: &PackedKey) -> u64 {
        let ([a, b, c, d, e], [s, t, u, v]) = (key.untagged().0, self.0);
        let first = multiply(a ^ s, b ^ t);
        let second = multiply(c ^ u, d ^ v);
        // Keys that differ only in their ports have one factor in common: after this product alone they lie at even distances,
        // which for one seed in a hundred puts too many of 20,000 into the same few sets, at worst most.
        let all = multiply(first ^ t, second ^ e ^ s);
        multiply(all ^ u, v)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::packet::NO_VLAN;

    #[test]
    fn flows_that_differ_only_in_a_port_or_an_address_fall_evenly_whatever_the_seed() {
        const SETS: usize = 32_768;
        let (client, server) = (0x0a00_0001_u128, 0xc633_6409);
        let port = |number: u16| PackedKey::new(4, 6, NO_VLAN, (client, number), (server, 53)).0;
        let asked = |number: u16| PackedKey::new(4, 6, NO_VLAN, (client, 53), (server, number)).0;
        let address = |number: u16| PackedKey::new(4, 6, NO_VLAN, (client + u128::from(number), 53), (server, 53)).0;
        let mut word = 0_u64;
        let mut next = || {
            word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
            multiply(word, word ^ 0xbf58_476d_1ce4_e5b9)
        };
        for _ in 0..200 {
            let seed = KeyedHash([next(), next(), next(), next()]);
            for keys in [&port as &dyn Fn(u16) -> PackedKey, &asked, &address] {
                let mut sets = vec![0_u16; SETS];
                for number in 0..20_000 {
                    sets[spread(seed.flow(&keys(number)), SETS)] += 1;
                }
                // By chance one of 32,768 sets has more than 10 of 20,000 flows in fewer than one case of 100,000.
                let fullest = sets.iter().max().copied().unwrap_or_default();
                assert!(fullest <= 10, "{fullest} flows in one set with {seed:?}");
            }
        }
    }
}
