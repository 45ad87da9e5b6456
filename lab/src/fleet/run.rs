//! A run: sensors join, their slices gather or go out as they end, and what the collector made of them is compared with the truth.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use traf_model::{Counters, Interval, Summary, Timestamp};
use traf_peer::CollectorUrl;

use super::clock::{Clock, SLICE, now};
use super::collector::LocalCollector;
use super::figures::{CollectorFigures, Figures};
use super::live_sensor::{LiveDeliveries, LiveSensor};
use super::network::{Network, NetworkConfig};
use super::plan::{Order, Plan};
use super::random::Random;
use super::sensor::{Sensor, WaitingSensor, join_all};
use super::slice::summary;
use super::truth::Truth;
use crate::process::Memory;
use crate::wait::{Deadline, Probe, Stopwatch, eventually};

/// Time without an acknowledgement after which a run has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// Pause in which the sensors connect to a collector that cannot be asked how many are there.
const CONNECTING: Duration = Duration::from_secs(3);
/// Hosts that are compared.
const HOSTS: usize = 20;

/// Runs a fleet. Figures of the collector are there if it is one of our own.
pub fn run(plan: &Plan) -> Result<Figures> {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let folder = tempfile::Builder::new().prefix("traf-fleet-").tempdir().context("making a folder for the run")?;
    let data = plan.data.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
    let spools = spools(plan)?;
    let figures = runtime.block_on(async {
        let mut fleet = Fleet::join(plan, data, spools.path()).await?;
        let outcome = fleet.deliver().await;
        let log = || fleet.collector.as_ref().map(LocalCollector::log).unwrap_or_default();
        outcome.with_context(|| format!("the run failed; the collector's log ends with: {}", log()))
    });
    // Export streams that wait for a reply end with the runtime.
    runtime.shutdown_timeout(Duration::from_secs(1));
    figures
}

/// Lets this process open as many files as it may: each sensor holds a few.
fn raise_open_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        eprintln!("traf-lab: the limit of open files cannot be raised: {error}");
    }
}

fn spools(plan: &Plan) -> Result<tempfile::TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("traf-fleet-");
    let made = match &plan.spools {
        Some(folder) => builder.tempdir_in(folder),
        None if memory.exists() => builder.tempdir_in(memory),
        None => builder.tempdir(),
    };
    made.context("making a folder for the spools")
}

/// The sensors, their network, and the collector.
pub(super) struct Fleet<'a> {
    pub(super) plan: &'a Plan,
    collector: Option<LocalCollector>,
    pub(super) waiting: Vec<WaitingSensor>,
    live: Vec<LiveSensor>,
    pub(super) network: Network,
    truth: Truth,
    /// Start of the first slice.
    begin: Timestamp,
}

impl<'a> Fleet<'a> {
    async fn join(plan: &'a Plan, data: &Path, spools: &Path) -> Result<Self> {
        let (count, live) = (usize::from(plan.sensors), plan.live_sensors());
        let collector = match plan.join {
            Some(_) => None,
            None => Some(LocalCollector::start(data)?),
        };
        let (url, token) = match (&collector, &plan.join, &plan.token_file) {
            (Some(collector), ..) => (collector.join_url(), collector.token("sensor", count + live)?),
            (None, Some(url), Some(file)) => {
                (url.clone(), std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?)
            }
            _ => bail!("a collector to join needs a token"),
        };
        let names: Vec<String> = (0..count + live).map(|number| format!("sensor-{number:03}")).collect();
        let credentials = join_all(&CollectorUrl::parse(&url, 7441)?, &token.trim().parse()?, names.clone()).await?;
        let mut random = Random::new(plan.seed);
        let mut waiting = Vec::new();
        for (number, (name, credentials)) in names.into_iter().zip(credentials).enumerate() {
            let clock = if number < count { Clock::new(&mut random, plan.fault(number)) } else { Clock::default() };
            // At the pace of time nothing gathers.
            let order = if number < count && plan.speed.is_none() { plan.order } else { Order::Together };
            waiting.push(WaitingSensor::new(spools, name, clock, credentials, order)?);
        }
        // Sensors that are a day late or a year ahead share nothing: nobody else has slices of their time.
        let alone =
            (0..count).filter(|number| plan.fault(*number).is_some_and(|fault| !fault.is_set_aside())).collect();
        let network = Network::new(config(plan, 0, count), alone);
        let mut fleet = Self {
            plan,
            collector,
            waiting,
            live: Vec::new(),
            network,
            truth: Truth::default(),
            begin: plan.begin(now()),
        };
        for (place, sensor) in fleet.waiting.split_off(count).into_iter().enumerate() {
            let number = count + place;
            let network = Network::new(config(plan, number, 1), vec![number]);
            fleet.live.push(LiveSensor::new(sensor.start(fleet.begin).await?, number, network));
        }
        Ok(fleet)
    }

    async fn deliver(&mut self) -> Result<Figures> {
        let slices = self.plan.slice_count();
        let mut figures = Figures {
            slices,
            covered: Duration::from_nanos(SLICE.unsigned_abs()) * u32::try_from(slices)?,
            ..Figures::default()
        };
        if self.plan.speed.is_none() {
            figures.rows = self.gather()?;
        }
        let mut sensors = Vec::new();
        for sensor in std::mem::take(&mut self.waiting) {
            sensors.push(sensor.start(self.begin).await?);
        }
        self.connected(sensors.len() + self.live.len()).await?;

        let stop = CancellationToken::new();
        let mut live = JoinSet::new();
        let pause = Duration::from_nanos(SLICE.unsigned_abs()) / u32::try_from(self.live.len().max(1))?;
        for (place, sensor) in std::mem::take(&mut self.live).into_iter().enumerate() {
            live.spawn(sensor.run(pause * u32::try_from(place)?, stop.clone()));
        }
        let cpu = self.collector.as_ref().map(LocalCollector::cpu).transpose()?;
        let watch = Stopwatch::start();
        match self.plan.speed {
            Some(speed) => self.keep_pace(&mut sensors, speed, &mut figures).await?,
            None if self.plan.order == Order::In => figures.slice_times = self.one_by_one(&mut sensors).await?,
            None => self.catch_up(&mut sensors).await?,
        }
        figures.elapsed = watch.elapsed();
        let cpu = match (&self.collector, cpu) {
            (Some(collector), Some(before)) => Some((collector.cpu()? - before, collector.memory()?)),
            _ => None,
        };
        stop.cancel();
        let mut lively = LiveDeliveries { until: self.begin, ..LiveDeliveries::default() };
        while let Some(one) = live.join_next().await {
            lively.add(one.context("a live sensor")??);
        }
        figures.latencies.extend(&lively.latencies);

        let restarted = if self.restarts() { Some(self.restart(&sensors).await?) } else { None };
        for sensor in sensors {
            sensor.end().await?;
        }
        if let (Some(collector), Some((cpu, memory))) = (&self.collector, cpu) {
            let rows = figures.rows + lively.rows;
            figures.collector = Some(self.compare(collector, cpu, rows, memory, restarted, &lively)?);
        }
        Ok(figures)
    }

    /// Goes on to a slice. The last one ends early, so that nothing of it falls into a slice that nobody delivers.
    pub(super) fn advance(&mut self, number: usize) -> Interval {
        let from = Timestamp(self.begin.0 + number as i64 * SLICE);
        let slice = Interval::new(from, Timestamp(from.0 + SLICE));
        let last = self.plan.slice_count() + usize::from(self.restarts()) - 1;
        self.network.advance(slice, if number == last { SLICE / 10 } else { 0 });
        let plan = self.plan;
        self.truth.add(&self.network, |sensor| plan.fault(sensor).is_none());
        slice
    }

    fn restarts(&self) -> bool {
        self.collector.is_some() && !self.plan.no_restart
    }

    /// Waits until all sensors are connected.
    async fn connected(&self, count: usize) -> Result<()> {
        let Some(collector) = &self.collector else {
            tokio::time::sleep(CONNECTING).await;
            return Ok(());
        };
        eventually("the sensors to connect", Deadline::seconds(60), || {
            let there = collector.sensors()?;
            Ok(Probe::when(there >= count, || format!("{there} of {count}")))
        })
    }

    /// Seals each slice at its end, at all sensors.
    async fn keep_pace(&mut self, sensors: &mut [Sensor], speed: f64, figures: &mut Figures) -> Result<()> {
        sensors.iter_mut().for_each(Sensor::open);
        let watch = Stopwatch::start();
        let step = Duration::from_nanos(SLICE.unsigned_abs()).div_f64(speed);
        for number in 0..self.plan.slice_count() {
            let slice = self.advance(number);
            let summaries = self.summaries(sensors, slice);
            figures.rows += summaries.iter().map(|summary| summary.interfaces[0].flows.len() as u64).sum::<u64>();
            let end = step * u32::try_from(number + 1)?;
            tokio::time::sleep(end.saturating_sub(watch.elapsed())).await;
            let latencies = deliver_all(sensors, summaries).await?;
            figures.slice_times.extend(latencies.iter().max());
            figures.latencies.extend(latencies);
        }
        Ok(())
    }

    fn summaries(&self, sensors: &[Sensor], slice: Interval) -> Vec<Summary> {
        let by_sensor = self.network.by_sensor();
        let each = sensors.iter().zip(&by_sensor).enumerate();
        each.map(|(number, (sensor, places))| summary(&self.network, places, number, sensor.clock(), slice)).collect()
    }

    /// Kills the collector, starts it again, and delivers one slice more; returns its memory, and how long that took.
    async fn restart(&mut self, sensors: &[Sensor]) -> Result<(Memory, Duration)> {
        let slice = self.advance(self.plan.slice_count());
        let summaries = self.summaries(sensors, slice);
        let collector = self.collector.as_mut().context("no collector of our own")?;
        let watch = Stopwatch::start();
        collector.restart()?;
        deliver_all(sensors, summaries).await?;
        Ok((collector.memory()?, watch.elapsed()))
    }

    fn compare(
        &self,
        collector: &LocalCollector,
        cpu: Duration,
        rows: u64,
        memory: Memory,
        restarted: Option<(Memory, Duration)>,
        live: &LiveDeliveries,
    ) -> Result<CollectorFigures> {
        let slices = self.plan.slice_count() + usize::from(restarted.is_some());
        let end = Timestamp(self.begin.0 + slices as i64 * SLICE).max(live.until);
        // Slices of wrong clocks lie before or behind.
        let window = Interval::new(self.begin, end);
        let mut truth = self.truth.clone();
        truth.merge(&live.truth);
        let lan = [collector.lan(window)?, truth.lan];
        let ever = Interval::new(Timestamp(0), Timestamp(i64::MAX));
        let stored = collector.by_sensor(ever)?;
        let sum = |name: &String| stored.get(name).copied().unwrap_or_default();
        let sensors = truth.sensors.iter().map(|(number, truth)| {
            let name = format!("sensor-{number:03}");
            let stored = sum(&name);
            (name, [stored, *truth])
        });
        let shown = collector.hosts(window)?;
        let host = |(host, truth): (std::net::IpAddr, Counters)| {
            (host, [shown.get(&host).copied().unwrap_or_default(), truth])
        };
        Ok(CollectorFigures {
            cpu,
            rows,
            memory,
            restarted: restarted.map(|(memory, _)| memory),
            recovery: restarted.map(|(_, recovery)| recovery),
            lan,
            sensors: sensors.collect(),
            hosts: truth.busiest(HOSTS).into_iter().map(host).collect(),
            verified: self.plan.verify.then(|| collector.verify().map_err(|error| format!("{error:#}"))),
        })
    }
}

fn config(plan: &Plan, first: usize, sensors: usize) -> NetworkConfig {
    let Plan { flows, shared, lookalikes, .. } = *plan;
    NetworkConfig { first, sensors, flows, shared, lookalikes, seed: plan.seed.wrapping_add(first as u64) }
}

/// Delivers a slice of each sensor at once; returns the time until the acknowledgement of each.
async fn deliver_all(sensors: &[Sensor], summaries: Vec<Summary>) -> Result<Vec<Duration>> {
    let each = sensors.iter().zip(summaries).map(|(sensor, summary)| sensor.deliver(summary));
    let all = futures_util::future::try_join_all(each);
    tokio::time::timeout(PATIENCE, all).await.context("a slice is not acknowledged")?
}
