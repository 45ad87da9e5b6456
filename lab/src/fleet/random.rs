//! Numbers that are the same in every run.

/// A generator, by xorshift64*.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

/// Spreads a number over all of its bits (the finaliser of splitmix64). Different numbers give different results.
pub(super) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

impl Random {
    /// A generator; another `seed` gives other numbers.
    pub(super) const fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(mix(seed) | 1)
    }

    /// Any number.
    pub(super) const fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below 1.
    pub(super) const fn fraction(&mut self) -> f64 {
        (self.number() >> 16) as f64 / (1u64 << 48) as f64
    }

    /// From 0 to below `end`.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        (self.fraction() * end as f64) as u64
    }

    /// True in `percent` of 100 cases.
    pub(super) const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Puts `all` into another order.
    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for place in (1..all.len()).rev() {
            all.swap(place, self.below(place as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_everything_and_a_seed_gives_the_same_order() {
        let shuffled = |seed| {
            let mut all: Vec<u32> = (0..1_000).collect();
            Random::new(seed).shuffle(&mut all);
            all
        };
        let mut sorted = shuffled(7);
        assert_ne!(sorted, (0..1_000).collect::<Vec<_>>());
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1_000).collect::<Vec<_>>());
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
    }
}
