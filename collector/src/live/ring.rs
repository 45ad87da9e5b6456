//! Octets by the second of one observation point, for the last five minutes.

use traf_model::Interval;
use traf_model::time::SECOND;

/// Seconds kept.
pub(super) const STEPS: usize = 300;

/// A place for each second; an old one is overwritten.
pub(super) struct Ring {
    places: Box<[(i64, u64); STEPS]>,
}

impl Default for Ring {
    fn default() -> Self {
        Self { places: Box::new([(i64::MIN, 0); STEPS]) }
    }
}

impl Ring {
    /// Spreads octets evenly over the seconds that `covered` begins in: a report stands for the second before it.
    pub(super) fn add(&mut self, covered: Interval, octets: u64) {
        let rounded = |at: i64| (at + SECOND / 2).div_euclid(SECOND);
        let to = rounded(covered.to.0);
        let from = rounded(covered.from.0).min(to - 1).max(to - STEPS as i64);
        let (steps, mut left) = ((to - from).unsigned_abs(), octets);
        for second in from..to {
            let share = if second == to - 1 { left } else { octets / steps };
            left -= share;
            let place = &mut self.places[second.rem_euclid(STEPS as i64) as usize];
            *place = if place.0 == second { (second, place.1.saturating_add(share)) } else { (second, share) };
        }
    }

    /// Octets of a second; `None` if no report covered it.
    pub(super) fn octets(&self, second: i64) -> Option<u64> {
        let (at, octets) = self.places[second.rem_euclid(STEPS as i64) as usize];
        (at == second).then_some(octets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use traf_model::Timestamp;

    use super::*;

    proptest! {
        #[test]
        fn what_is_spread_adds_up(from in 0i64..1_000_000_000_000, nanos in 0i64..250_000_000_000, octets: u32) {
            let mut ring = Ring::default();
            let covered = Interval::new(Timestamp(from), Timestamp(from + nanos));
            ring.add(covered, u64::from(octets));
            let first = from / SECOND - 1;
            let sum: u64 = (first..first + 260).filter_map(|second| ring.octets(second)).sum();
            prop_assert_eq!(sum, u64::from(octets));
        }
    }
}
