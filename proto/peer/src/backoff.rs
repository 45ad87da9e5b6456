//! Waits between attempts to reach the collector: full jitter below a ceiling that doubles.
//!
//! Pure: the caller brings the random number and does the waiting.

use std::time::Duration;

/// Waits between attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Ceiling of the first wait.
    pub const FIRST: Duration = Duration::from_millis(200);
    /// Shortest wait, so that a fleet that is refused at once does not spin.
    pub const SHORTEST: Duration = Duration::from_millis(100);
    /// Duration of a connection after which the waits begin again at [`Backoff::FIRST`].
    pub const STABLE: Duration = Duration::from_secs(60);

    /// Waits of at most `longest`.
    pub const fn up_to(longest: Duration) -> Self {
        Self { longest, failures: 0 }
    }

    /// The wait after one more failure; `random` lies in `[0, 1)`.
    pub fn next(&mut self, random: f64) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(random.clamp(0.0, 1.0)).max(Self::SHORTEST)
    }

    /// Notes that a connection ended that had `lasted` so long.
    pub fn connected(&mut self, lasted: Duration) {
        if lasted >= Self::STABLE {
            self.reset();
        }
    }

    /// Begins again at [`Backoff::FIRST`].
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The longest that the next wait can be.
    pub fn ceiling(&self) -> Duration {
        Self::FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest)
    }
}

/// For a sensor: half a minute at most.
impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ceiling_doubles_from_a_fifth_of_a_second_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<u128> = (0..10)
            .map(|_| {
                let ceiling = backoff.ceiling().as_millis();
                backoff.next(0.5);
                ceiling
            })
            .collect();
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn only_a_connection_that_lasted_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..6 {
            let _ = backoff.next(0.9);
        }
        backoff.connected(Duration::from_secs(59));
        assert_eq!(backoff.ceiling(), Duration::from_millis(12_800));
        backoff.connected(Backoff::STABLE);
        assert_eq!(backoff.ceiling(), Backoff::FIRST);
    }

    proptest! {
        #[test]
        fn every_wait_lies_between_the_shortest_and_its_ceiling(randoms in prop::collection::vec(0.0..1.0f64, 1..80)) {
            let mut backoff = Backoff::default();
            for random in randoms {
                let ceiling = backoff.ceiling();
                let wait = backoff.next(random);
                prop_assert!(Backoff::SHORTEST <= wait && wait <= ceiling && ceiling <= Duration::from_secs(30));
                prop_assert!(backoff.ceiling() >= ceiling);
            }
        }
    }
}
