//! Traffic over time, in a LAN each byte once: of every point the share counts that its flows of the time have.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use traf_model::time::SECOND;
use traf_model::{Interval, Strip, Timestamp, Traffic};

use super::interfaces::Found;
use super::point::{Share, strip};

/// Steps of a strip, at most.
const STEPS: i64 = 300;
/// Lengths of a step in seconds, of which the first that is long enough is taken.
const STEP: [i64; 12] = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400];

/// The part of each point that counts; all of it where nothing is said.
#[derive(Default)]
pub(crate) struct Shares {
    /// By point, the same at all times.
    pub(crate) constant: Vec<Share>,
    /// By point and step.
    pub(crate) steps: HashMap<(usize, i64), Share>,
}

impl Shares {
    fn at(&self, point: usize, step: i64) -> Share {
        self.steps.get(&(point, step)).or_else(|| self.constant.get(point)).copied().unwrap_or_default()
    }
}

/// The steps of a strip.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    from: i64,
    to: i64,
    step: i64,
    /// True if the steps are made of whole minutes.
    pub(crate) minutes: bool,
}

impl Steps {
    /// Steps around a window; seconds are stored since `seconds`.
    pub(crate) fn around(covered: Interval, seconds: Timestamp) -> Self {
        let to = covered.to.seconds() + i64::from(covered.to.0 % SECOND != 0);
        let from = covered.from.seconds().min(to - STEPS);
        let step = STEP.into_iter().find(|step| (to - from) / step <= STEPS).unwrap_or((to - from) / STEPS + 1);
        let minutes = step >= 60 || Timestamp::from_seconds(from) < seconds;
        let step = if minutes { step.max(60) } else { step };
        Self { from: from - from.rem_euclid(step), to, step, minutes }
    }

    pub(crate) fn interval(self) -> Interval {
        Interval::new(Timestamp::from_seconds(self.from), Timestamp::from_seconds(self.to))
    }

    /// The number of the step that a second lies in.
    pub(crate) fn number(self, at: i64) -> i64 {
        (at - self.from).div_euclid(self.step)
    }

    /// The numbers of the steps that a slice lies in.
    pub(crate) fn numbers(self, slice: Interval) -> RangeInclusive<i64> {
        self.number(slice.from.seconds())..=self.number(Timestamp(slice.to.0 - 1).seconds())
    }

    /// The strip of octets by point and step; steps without a slice are gaps.
    pub(crate) fn strip(
        self,
        sums: HashMap<(usize, i64), u64>,
        slices: impl Iterator<Item = Interval>,
        shares: &Shares,
    ) -> Strip {
        let count = usize::try_from((self.to - self.from + self.step - 1) / self.step).unwrap_or(0);
        let mut octets: Vec<Option<u64>> = vec![None; count];
        for slice in slices {
            let numbers = self.numbers(slice);
            let (first, last) = ((*numbers.start()).max(0), (*numbers.end()).min(count as i64 - 1));
            (first..=last).for_each(|number| octets[number as usize] = Some(0));
        }
        for ((point, number), sum) in sums {
            if let Some(octets) = usize::try_from(number).ok().and_then(|number| octets.get_mut(number)) {
                let part = shares.at(point, number).of(sum);
                *octets = octets.map(|octets| octets.saturating_add(part)).or(Some(part));
            }
        }
        strip(Timestamp::from_seconds(self.from), self.step * SECOND, &octets)
    }

    /// The rate of the scope over `nanos`, without the traffic of our own streams.
    pub(crate) fn rate(self, interfaces: &BTreeMap<usize, Found>, shares: &Shares, nanos: i64) -> Traffic {
        let rate = |(point, found): (&usize, &Found)| {
            let mut part = Share::default();
            for (at, octets) in &found.steps {
                let share = shares.at(*point, self.number(*at));
                part.add(Share { counted: share.of(*octets), seen: *octets });
            }
            part.of_traffic(found.all - found.stats.own).per_second(nanos)
        };
        interfaces.iter().map(rate).sum()
    }
}
