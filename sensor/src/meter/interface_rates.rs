//! Rates of an interface: averages of the last five seconds, or of as many as there were.

use std::collections::VecDeque;

use traf_model::time::SECOND;
use traf_model::{ClassGroup, Classes, Timestamp, Traffic};

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
}
