//! Counts of a facility at the last snapshots: the source of its rates. Kept while a console looks at it.

use std::collections::{HashMap, VecDeque};

use traf_model::time::SECOND;
use traf_model::{Key, Traffic};

/// Snapshots that an average goes back.
const SECONDS: usize = 5;

/// Seconds without a look after which nothing is kept: six marks of 2,048 stations are 0.8 MB.
const ATTENTION: i64 = 10 * SECOND;

/// The last marks, oldest first.
#[derive(Default)]
pub(super) struct KeyRates {
    marks: VecDeque<(i64, HashMap<Key, Traffic>)>,
    wished: i64,
}

impl KeyRates {
    /// Nothing is kept yet, or no longer.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// To be called once a second, with the counts of each key.
    pub(super) fn roll(&mut self, now: i64, wished: bool, totals: impl FnOnce() -> HashMap<Key, Traffic>) {
        if wished {
            self.wished = now;
        }
        if !wished && now.saturating_sub(self.wished) > ATTENTION {
            self.marks.clear();
            return;
        }
        // Two looks within a blink share a mark.
        if self.marks.back().is_some_and(|(last, _)| now.saturating_sub(*last) < SECOND / 2) {
            return;
        }
        while self.marks.len() > SECONDS {
            self.marks.pop_front();
        }
        self.marks.push_back((now, totals()));
    }

    /// Per second up to the last mark. A key that was not there at the first had counted nothing.
    pub(super) fn rate(&self, key: Key) -> Traffic {
        let (Some((then, before)), Some((now, after))) = (self.marks.front(), self.marks.back()) else {
            return Traffic::default();
        };
        let counted = |mark: &HashMap<Key, Traffic>| mark.get(&key).copied().unwrap_or_default();
        (counted(after) - counted(before)).per_second(now.saturating_sub(*then))
    }
}

#[cfg(test)]
mod tests {
    use traf_model::Counters;

    use super::*;

    #[test]
    fn a_station_has_the_rate_of_the_last_five_seconds_while_somebody_looks() {
        let key = Key::Number(1);
        let mut key_rates = KeyRates::default();
        let mut rates = Vec::new();
        for second in 0..9i64 {
            let octets = 1000 * u64::try_from(second).unwrap_or_default().min(3);
            let total = Traffic::inbound(Counters::new(second.unsigned_abs(), octets));
            key_rates.roll(second * SECOND, true, || HashMap::from([(key, total)]));
            key_rates.roll(second * SECOND + SECOND / 5, true, HashMap::new);
            rates.push(key_rates.rate(key).inbound.octets);
        }
        assert_eq!(rates, [0, 1000, 1000, 1000, 750, 600, 400, 200, 0]);
        assert_eq!(key_rates.marks.len(), SECONDS + 1);
        key_rates.roll(30 * SECOND, false, HashMap::new);
        assert!(key_rates.marks.is_empty());
    }
}
