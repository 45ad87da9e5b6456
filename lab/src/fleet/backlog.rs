//! A backlog: slices gather in the spools of the sensors, and go out in one order or another.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use traf_model::{Interval, Summary};

use super::plan::Order;
use super::random::Random;
use super::run::{Fleet, PATIENCE};
use super::sensor::{Sensor, WaitingSensor};
use super::slice::summary;
use crate::wait::Stopwatch;

/// Threads that make slices and seal them.
const MAKERS: usize = 2;
/// Between two looks at what waits.
const LOOK: Duration = Duration::from_millis(10);
/// Part of the fleet that begins at once where each sensor begins at a moment of its own: one of so many.
const EARLY: usize = 8;
/// The part of all records after which the last sensor begins at the latest.
const BEGUN: f64 = 0.7;

impl Fleet<'_> {
    /// Puts all slices into the spools; returns the number of flow rows.
    pub(super) fn gather(&mut self) -> Result<u64> {
        let mut rows = 0;
        for number in 0..self.plan.slice_count() {
            let slice = self.advance(number);
            rows += self.each(slice, |sensor, summary| sensor.seal(summary))?;
        }
        let seed = self.plan.seed;
        let parts = self.waiting.chunks_mut(usize::from(self.plan.sensors).div_ceil(MAKERS));
        std::thread::scope(|scope| {
            let threads = parts.enumerate().map(|(part, sensors)| {
                scope.spawn(move || {
                    let mut random = Random::new(seed ^ (part as u64 + 1) << 32);
                    sensors.iter_mut().try_for_each(|sensor| sensor.seal_rest(Random::new(random.number())))
                })
            });
            threads.collect::<Vec<_>>().into_iter().try_for_each(joined)
        })?;
        Ok(rows)
    }

    /// Makes the slice of every waiting sensor, and hands it over; returns the number of flow rows.
    fn each(
        &mut self,
        slice: Interval,
        take: impl Fn(&mut WaitingSensor, Summary) -> Result<()> + Sync,
    ) -> Result<u64> {
        let (by_sensor, network, take) = (self.network.by_sensor(), &self.network, &take);
        let part = by_sensor.len().div_ceil(MAKERS);
        std::thread::scope(|scope| {
            let parts = self.waiting.chunks_mut(part).zip(by_sensor.chunks(part)).enumerate();
            let threads = parts.map(|(number, (sensors, places))| {
                scope.spawn(move || {
                    let mut rows = 0;
                    for (place, (sensor, places)) in sensors.iter_mut().zip(places).enumerate() {
                        let summary = summary(network, places, number * part + place, sensor.clock, slice);
                        rows += summary.interfaces[0].flows.len() as u64;
                        take(sensor, summary)?;
                    }
                    Ok(rows)
                })
            });
            threads.collect::<Vec<_>>().into_iter().map(joined).sum()
        })
    }

    /// Lets the sensors deliver what has gathered slice by slice: none begins with the next but one before all have delivered
    /// theirs. Returns the time between two slices of all.
    pub(super) async fn one_by_one(&self, sensors: &mut [Sensor]) -> Result<Vec<Duration>> {
        sensors.iter_mut().for_each(Sensor::open);
        let (mut times, slices) = (Vec::new(), self.plan.slice_count());
        for number in 0..slices {
            let watch = Stopwatch::start();
            try_join_all(sensors.iter_mut().map(Sensor::seal_next)).await?;
            let on_their_way = usize::from(number + 1 < slices);
            while sensors.iter().any(|sensor| sensor.waiting() > on_their_way) {
                ensure!(watch.elapsed() < PATIENCE, "slice {number} of {slices} is not acknowledged");
                tokio::time::sleep(LOOK).await;
            }
            times.push(watch.elapsed());
        }
        Ok(times)
    }

    /// Lets the sensors deliver what has gathered, in the order of the plan.
    pub(super) async fn catch_up(&self, sensors: &mut [Sensor]) -> Result<()> {
        let all: usize = sensors.iter().map(Sensor::waiting).sum();
        let mut random = Random::new(self.plan.seed ^ 7);
        // By how many records must be acknowledged before each sensor begins.
        let mut moments: Vec<(usize, usize)> = (0..sensors.len()).map(|place| (0, place)).collect();
        if self.plan.order != Order::Together {
            random.shuffle(&mut moments);
            let early = sensors.len().div_ceil(EARLY);
            let later = moments.iter_mut().skip(early);
            later.for_each(|(moment, _)| *moment = (all as f64 * BEGUN * random.fraction()) as usize);
        }
        moments.sort_unstable();
        let (mut moments, mut last) = (moments.into_iter().peekable(), (all, Stopwatch::start()));
        loop {
            let left: usize = sensors.iter().map(Sensor::waiting).sum();
            let idle = sensors.iter().all(|sensor| sensor.is_held() || sensor.waiting() == 0);
            let mut first = idle;
            while let Some((_, place)) = moments.next_if(|(moment, _)| first || *moment <= all - left) {
                sensors[place].open();
                first = false;
            }
            if left == 0 {
                return Ok(());
            }
            if left != last.0 {
                last = (left, Stopwatch::start());
            }
            ensure!(last.1.elapsed() < PATIENCE, "{left} of {all} records are not acknowledged");
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))?
}
