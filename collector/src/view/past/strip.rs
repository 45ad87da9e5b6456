//! Traffic over time, in a LAN each byte once: of every point the share counts that its flows of the time have.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Filter, Interval, Report, Strip, Timestamp, Traffic};

use super::interfaces::Found;
use super::{Ask, Fact, Kept, SEVERAL, Selection, StoreError, Tier};
use crate::report::point::{self, Share};

/// Steps of a strip, at most.
const STEPS: i64 = 300;
/// Lengths of a step in seconds, of which the first that is long enough is taken.
const STEP: [i64; 12] = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400];
/// Nanoseconds of the longest window of a part of a LAN whose flows are joined for the strip alone.
const JOINED: i64 = 3600 * SECOND;

/// What part of each point counts.
enum Shares {
    /// All of it.
    Whole,
    /// The same at all times.
    Constant(Vec<Share>),
    /// By point and step.
    Steps(HashMap<(usize, i64), Share>),
}

impl Shares {
    fn at(&self, point: usize, step: i64) -> Share {
        match self {
            Self::Whole => Share::default(),
            Self::Constant(shares) => shares.get(point).copied().unwrap_or_default(),
            Self::Steps(shares) => shares.get(&(point, step)).copied().unwrap_or_default(),
        }
    }
}

impl Ask<'_> {
    /// Octets over time around the window, from what is kept by the second or the minute. The report's rate follows.
    pub(super) async fn strip(
        &self,
        report: &mut Report,
        interfaces: &std::collections::BTreeMap<usize, Found>,
        kept: Kept,
        nanos: i64,
    ) -> Result<Strip, StoreError> {
        let covered = report.interval;
        let to = covered.to.seconds() + i64::from(covered.to.0 % SECOND != 0);
        let from = covered.from.seconds().min(to - STEPS);
        let mut step = STEP.into_iter().find(|step| (to - from) / step <= STEPS).unwrap_or((to - from) / STEPS + 1);
        let seconds = Timestamp::from_seconds(from) >= kept.second;
        let tier = if step >= 60 || !seconds { Tier::Minute } else { Tier::Second };
        if tier == Tier::Minute {
            step = step.max(60);
        }
        let from = from - from.rem_euclid(step);
        let count = usize::try_from((to - from + step - 1) / step).unwrap_or(0);
        let interval = Interval::new(Timestamp::from_seconds(from), Timestamp::from_seconds(to));
        let selection = Selection { interval, sensors: self.selection.sensors.clone() };
        let shares = self.shares(report, &selection, kept, (from, step)).await?;
        self.rate(report, interfaces, &shares, nanos, (from, step));
        let mut sums: HashMap<(usize, i64), u64> = HashMap::new();
        let mut take = |place, at: i64, fact| {
            if let (Fact::Class(_, traffic), Some(point)) = (fact, self.places.get(&place)) {
                let sum = sums.entry((*point, (at - from).div_euclid(step))).or_default();
                *sum = sum.saturating_add(traffic.total().octets);
            }
        };
        self.view.store.classes(tier, &selection, &mut take).await?;
        let mut octets: Vec<Option<u64>> = vec![None; count];
        for slice in self.view.store.slices(&selection).await? {
            let first = (slice.interval.from.seconds() - from).div_euclid(step).max(0);
            let last = (Timestamp(slice.interval.to.0 - 1).seconds() - from).div_euclid(step).min(count as i64 - 1);
            (first..=last).for_each(|place| octets[place as usize] = Some(0));
        }
        for ((point, place), sum) in sums {
            if let Some(place_of) = usize::try_from(place).ok().and_then(|place| octets.get_mut(place)) {
                let part = shares.at(point, place).of(sum);
                *place_of = place_of.map(|octets| octets.saturating_add(part)).or(Some(part));
            }
        }
        Ok(point::strip(interval.from, step * SECOND, &octets))
    }

    async fn shares(
        &self,
        report: &mut Report,
        selection: &Selection,
        kept: Kept,
        (from, step): (i64, i64),
    ) -> Result<Shares, StoreError> {
        if !self.several() {
            return Ok(Shares::Whole);
        }
        if report.interval.from < kept.flow || (!self.whole && self.selection.interval.nanos() > JOINED) {
            report.notes.push(format!("of rate and strip: {SEVERAL}"));
            return Ok(Shares::Whole);
        }
        if !self.whole {
            return Ok(Shares::Constant(self.counted(&Filter::default(), false).await?.counted.shares));
        }
        let mut shares: HashMap<(usize, i64), Share> = HashMap::new();
        for (place, rows) in self.view.store.counted(selection).await? {
            let Some(point) = self.places.get(&place) else { continue };
            let first = (rows.interval.from.seconds() - from).div_euclid(step);
            let last = (Timestamp(rows.interval.to.0 - 1).seconds() - from).div_euclid(step);
            for place in first..=last {
                let share = Share { counted: rows.counted, seen: rows.seen };
                shares.entry((*point, place)).or_default().add(share);
            }
        }
        Ok(Shares::Steps(shares))
    }

    /// The rate of the scope, without our own traffic.
    fn rate(
        &self,
        report: &mut Report,
        interfaces: &std::collections::BTreeMap<usize, Found>,
        shares: &Shares,
        nanos: i64,
        (from, step): (i64, i64),
    ) {
        for (point, found) in interfaces {
            let mut part = Share::default();
            for (at, octets) in &found.steps {
                let share = shares.at(*point, (at - from).div_euclid(step));
                part.add(Share { counted: share.of(*octets), seen: *octets });
            }
            let traffic: Traffic = part.of_traffic(found.all - found.stats.own);
            report.rate += traffic.per_second(nanos);
        }
    }
}
