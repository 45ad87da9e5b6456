//! Time for answers to the consoles' wishes: while they are made nothing is captured, and the ring must hold what comes meanwhile.

use std::time::{Duration, Instant};

use traf_model::Timestamp;

/// Time of each second in which answers are made.
const ANSWERING: Duration = Duration::from_millis(200);

/// Time that was spent in a second: answers about the present and those about a slice that is sealed share it.
#[derive(Debug, Default)]
pub(super) struct AnsweringTime {
    /// Since 1970.
    second: i64,
    spent: Duration,
}

impl AnsweringTime {
    /// Makes answers; `make` is told each time that it asks if there is more time for them in the second of `now`.
    #[allow(clippy::disallowed_methods, reason = "the time that the answers take is a matter of this thread")]
    pub(super) fn spend<T>(&mut self, now: Timestamp, make: impl FnOnce(&mut dyn FnMut() -> bool) -> T) -> T {
        let (began, left) = (Instant::now(), self.left(now));
        let made = make(&mut || began.elapsed() < left);
        self.note(now, began.elapsed());
        made
    }

    fn left(&self, now: Timestamp) -> Duration {
        if now.seconds() == self.second { ANSWERING.saturating_sub(self.spent) } else { ANSWERING }
    }

    fn note(&mut self, now: Timestamp, took: Duration) {
        let before = if now.seconds() == self.second { self.spent } else { Duration::ZERO };
        (self.second, self.spent) = (now.seconds(), before.saturating_add(took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_of_a_second_share_its_time_and_each_second_has_its_own() {
        let millis = Duration::from_millis;
        let at = |tenths: i64| Timestamp(1_800_000_000_000_000_000 + tenths * 100_000_000);
        let mut time = AnsweringTime::default();
        assert_eq!(time.left(at(0)), ANSWERING);
        time.note(at(0), millis(150));
        assert_eq!(time.left(at(3)), millis(50));
        time.note(at(4), millis(300));
        assert_eq!(time.left(at(9)), Duration::ZERO);
        assert_eq!(time.left(at(10)), ANSWERING);
        time.note(at(10), millis(10));
        assert_eq!(time.left(at(19)), millis(190));
        // A clock that was put back begins a second, too.
        assert_eq!(time.left(at(5)), ANSWERING);
    }

    #[test]
    fn answers_that_are_made_are_told_when_the_time_is_over() {
        let (mut time, now) = (AnsweringTime::default(), Timestamp(1_800_000_000_000_000_000));
        assert!(time.spend(now, |more| more()));
        time.note(now, ANSWERING);
        assert!(!time.spend(now, |more| more()));
    }
}
