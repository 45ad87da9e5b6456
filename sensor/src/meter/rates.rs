//! Rates of an interface and of the keys of a facility: averages of the last five seconds, or of as many as there were.

use std::collections::{HashMap, VecDeque};

use traf_model::time::SECOND;
use traf_model::{ClassGroup, Classes, Key, Timestamp, Traffic};

/// Snapshots that an average goes back.
const SECONDS: usize = 5;

/// Cumulative counts at the last snapshots: frames by class, and our own among them.
pub(super) struct InterfaceRates {
    marks: VecDeque<(Timestamp, Classes, Traffic)>,
}

/// Per second.
#[derive(Clone, Debug, Default)]
pub(super) struct AverageRates {
    pub(super) total: Traffic,
    pub(super) classes: Classes,
    pub(super) own: Traffic,
}

impl InterfaceRates {
    /// Counts are zero at `started`.
    pub(super) fn new(started: Timestamp) -> Self {
        Self { marks: VecDeque::from([(started, Classes::default(), Traffic::default())]) }
    }

    /// Since the oldest mark; to be asked once a second with what was counted up to `now`.
    pub(super) fn rates(&mut self, now: Timestamp, classes: &Classes, own: Traffic) -> AverageRates {
        while self.marks.len() > SECONDS {
            self.marks.pop_front();
        }
        let rated = self.marks.front().map_or_else(AverageRates::default, |(then, before, own_before)| {
            let nanos = now.since(*then);
            let grown = classes.since(before);
            AverageRates {
                total: grown.group(ClassGroup::Total).per_second(nanos),
                classes: grown.rows().map(|(class, traffic)| (class, traffic.per_second(nanos))).collect(),
                own: (own - *own_before).per_second(nanos),
            }
        });
        // A snapshot between the seconds leaves no mark: the average stays one of five seconds.
        if self.marks.back().is_none_or(|(last, ..)| now.since(*last) >= SECOND / 2) {
            self.marks.push_back((now, classes.clone(), own));
        }
        rated
    }
}

/// Seconds without a look after which nothing is kept: six marks of 2,048 keys are 0.8 MB.
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
    use traf_model::{Class, Counters};

    use super::*;

    #[test]
    fn each_class_has_the_average_of_the_last_five_seconds_and_of_fewer_at_the_start() {
        let tcp = Class::at(0).unwrap_or_else(|| unreachable!());
        let arp = Class::at(Class::COUNT - 1).unwrap_or_else(|| unreachable!());
        let mut averages = InterfaceRates::new(Timestamp(0));
        let mut classes = Classes::default();
        for second in 1..=12 {
            classes.add(tcp, Traffic::inbound(Counters::new(10, 1000)));
            if second <= 2 {
                classes.add(arp, Traffic::outbound(Counters::new(1, 60)));
            }
            let own = Traffic::outbound(Counters::new(second, second * 100));
            let rated = averages.rates(Timestamp(second as i64 * SECOND), &classes, own);
            let rate = |wanted| rated.classes.rows().find(|(class, _)| *class == wanted).map(|(_, traffic)| traffic);
            assert_eq!(rate(tcp), Some(Traffic::inbound(Counters::new(10, 1000))), "second {second}");
            assert_eq!(rated.own, Traffic::outbound(Counters::new(1, 100)));
            let expected = match second {
                1..=2 => Some(60),
                3..=5 => Some(120 / second),
                6 => Some(12),
                _ => None,
            };
            assert_eq!(rate(arp).map(|traffic| traffic.outbound.octets), expected, "second {second}");
            // Who looks between the seconds changes nothing.
            averages.rates(Timestamp(second as i64 * SECOND + SECOND / 5), &classes, own);
        }
    }

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
