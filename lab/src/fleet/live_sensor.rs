//! A sensor without a backlog: it delivers a slice every ten seconds while others catch up.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use traf_model::{Interval, Timestamp};

use super::clock::{SLICE, now};
use super::network::Network;
use super::sensor::Sensor;
use super::slice::summary;
use super::truth::Truth;

/// A sensor with a network of its own.
#[derive(Debug)]
pub(super) struct LiveSensor {
    sensor: Sensor,
    number: usize,
    network: Network,
    deliveries: LiveDeliveries,
}

/// What a live sensor has delivered.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveDeliveries {
    /// From the sealing of each slice to its acknowledgement.
    pub(super) latencies: Vec<Duration>,
    /// Flow rows.
    pub(super) rows: u64,
    pub(super) truth: Truth,
    /// End of the last slice.
    pub(super) until: Timestamp,
}

impl LiveSensor {
    /// A sensor that is alone in its network. Its clock shows the true time, so that no packet falls into a slice that it does not
    /// deliver.
    pub(super) fn new(sensor: Sensor, number: usize, network: Network) -> Self {
        Self { sensor, number, network, deliveries: LiveDeliveries::default() }
    }

    /// Delivers, first `after` some time, until `stop`.
    #[allow(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    pub(super) async fn run(mut self, after: Duration, stop: CancellationToken) -> Result<LiveDeliveries> {
        self.sensor.open();
        let mut from = Timestamp(now().floor(SLICE).0 - SLICE);
        let mut ticks = interval_at(Instant::now() + after, Duration::from_nanos(SLICE.unsigned_abs()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let slice = Interval::new(from, Timestamp(from.0 + SLICE));
            self.network.advance(slice, 0);
            let summary = summary(&self.network, &self.network.by_sensor()[0], self.number, self.sensor.clock(), slice);
            self.deliveries.truth.add(&self.network, |_| true);
            self.deliveries.rows += summary.interfaces[0].flows.len() as u64;
            self.deliveries.latencies.push(self.sensor.deliver(summary).await?);
            (from, self.deliveries.until) = (slice.to, slice.to);
        }
        self.sensor.end().await?;
        Ok(self.deliveries)
    }
}

impl LiveDeliveries {
    /// Adds those of another sensor.
    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.rows += other.rows;
        self.truth.merge(&other.truth);
        self.until = self.until.max(other.until);
    }
}
