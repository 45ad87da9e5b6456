//! Counts of stations at the last snapshots, for their rates. Kept while there is a wish for stations.

use std::collections::{HashMap, VecDeque};

use traf_model::time::SECOND;
use traf_model::{Mac, Traffic};

/// Snapshots that an average goes back.
const SECONDS: usize = 5;

/// Seconds without a look after which nothing is kept: six marks of 2,048 stations are 0.8 MB.
const ATTENTION: i64 = 10 * SECOND;

/// The last marks, oldest first.
#[derive(Default)]
pub(super) struct StationRates {
    marks: VecDeque<(i64, HashMap<Mac, Traffic>)>,
    wished: i64,
}

impl StationRates {
    /// Nothing is kept yet, or no longer.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// To be called once a second, with what each station has counted.
    pub(super) fn roll(&mut self, now: i64, wished: bool, totals: impl Iterator<Item = (Mac, Traffic)>) {
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
        self.marks.push_back((now, totals.collect()));
    }

    /// Per second up to the last mark. Who was not there at the first has counted nothing then.
    pub(super) fn rate(&self, mac: Mac) -> Traffic {
        let (Some((then, before)), Some((now, after))) = (self.marks.front(), self.marks.back()) else {
            return Traffic::default();
        };
        let counted = |mark: &HashMap<Mac, Traffic>| mark.get(&mac).copied().unwrap_or_default();
        (counted(after) - counted(before)).per_second(now.saturating_sub(*then))
    }
}

#[cfg(test)]
mod tests {
    use traf_model::Counters;

    use super::*;

    #[test]
    fn a_station_has_the_rate_of_the_last_five_seconds_while_somebody_looks() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let mut station_rates = StationRates::default();
        let mut rates = Vec::new();
        for second in 0..9i64 {
            let octets = 1000 * u64::try_from(second).unwrap_or_default().min(3);
            let total = Traffic::inbound(Counters::new(second.unsigned_abs(), octets));
            station_rates.roll(second * SECOND, true, [(mac, total)].into_iter());
            station_rates.roll(second * SECOND + SECOND / 5, true, std::iter::empty());
            rates.push(station_rates.rate(mac).inbound.octets);
        }
        assert_eq!(rates, [0, 1000, 1000, 1000, 750, 600, 400, 200, 0]);
        assert_eq!(station_rates.marks.len(), SECONDS + 1);
        station_rates.roll(30 * SECOND, false, std::iter::empty());
        assert!(station_rates.marks.is_empty());
    }
}
