//! The threshold for the busiest keys of a slice: octets, and the number of keys with exactly as many that pass.
//!
//! Found in one pass with room for the busiest alone: a scan's keys must not cost memory here either.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The octets of the last that passes, and how many of exactly as many do.
pub(super) struct Threshold {
    octets: u64,
    ties: usize,
}

impl Threshold {
    /// Lets everything pass.
    pub(super) const NONE: Self = Self { octets: 0, ties: usize::MAX };

    /// For `most` out of `all`, given by their octets.
    pub(super) fn among(all: impl Iterator<Item = u64>, most: usize) -> Self {
        if most == usize::MAX {
            return Self::NONE;
        }
        let Some(last) = most.checked_sub(1) else { return Self { octets: u64::MAX, ties: 0 } };
        // The busiest so far, the least of them on top.
        let mut busiest = BinaryHeap::new();
        let mut more = false;
        for octets in all {
            if busiest.len() <= last {
                busiest.push(Reverse(octets));
                continue;
            }
            more = true;
            if let Some(mut least) = busiest.peek_mut()
                && least.0 < octets
            {
                least.0 = octets;
            }
        }
        let threshold = busiest.peek().map_or(0, |least| least.0);
        if more {
            Self { octets: threshold, ties: busiest.iter().filter(|octets| octets.0 == threshold).count() }
        } else {
            Self::NONE
        }
    }

    /// True if the next one passes.
    pub(super) fn passes(&mut self, octets: u64) -> bool {
        if octets == self.octets && self.ties > 0 {
            self.ties -= 1;
            return true;
        }
        octets > self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(all: &[u64], most: usize) -> Vec<u64> {
        let mut threshold = Threshold::among(all.iter().copied(), most);
        all.iter().copied().filter(|octets| threshold.passes(*octets)).collect()
    }

    #[test]
    fn the_busiest_pass_and_no_more_of_equals_than_there_is_room() {
        assert_eq!(passed(&[5, 1, 5, 9, 5, 0], 3), [5, 5, 9]);
        assert_eq!(passed(&[5, 1, 5], 3), [5, 1, 5]);
        assert_eq!(passed(&[0, 0, 0], 2), [0, 0]);
        assert_eq!(passed(&[5, 1], 0), [0u64; 0]);
    }
}
