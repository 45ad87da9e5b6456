//! A LAN with a collector on the tower, a sensor on each machine, and a console beside the collector.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use traf_model::{Counters, Traffic};

use crate::collector::Collector;
use crate::console::Console;
use crate::lan::Lan;
use crate::sensor::Sensor;
use crate::wait::{Deadline, Probe, eventually};

/// Longest time from the end of a slice to its rows in the store, with the slice's own length.
const DELIVERY: Duration = Duration::from_secs(20);

/// A LAN and the programs on it, until it is dropped.
#[derive(Debug)]
pub struct MonitoredLan {
    /// One for each machine, in their order, and one at the mirror port where wanted.
    pub sensors: Vec<Sensor>,
    /// The console, joined.
    pub console: Console,
    /// The collector on the tower.
    pub collector: Collector,
    /// The kernels' counters when the sensors opened.
    pub before: BTreeMap<String, Traffic>,
    /// The LAN; named last, so that it ends last.
    pub lan: Lan,
}

impl MonitoredLan {
    /// Builds a LAN of these machines with a sensor on each and, where wanted, one at the mirror port; returns when all of
    /// them report and the LAN is at rest. `words` go to every `traf-sensor run`.
    pub fn new(names: &[&str], mirror: bool, words: &[&str]) -> Result<Self> {
        let lan = Lan::new(names)?;
        let collector = lan.start_collector()?;
        let console = Console::join("viewer", &lan.tower, &collector, &lan.folder)?;
        let before = lan.rest()?;
        let mut sensors = Vec::new();
        for machine in &lan.machines {
            sensors.push(Sensor::start(machine, &collector, &lan.folder, "eth0", words)?);
        }
        if mirror {
            let words = [&["--mirror", "mon0"], words].concat();
            sensors.push(Sensor::start(&lan.watch, &collector, &lan.folder, "mon0", &words)?);
        }
        console.wait_for_sensors(sensors.len())?;
        ensure!(lan.rest()? == before, "the LAN did not rest while the sensors started");
        Ok(Self { sensors, console, collector, before, lan })
    }

    /// The kernels' counts since the sensors opened, by machine with a sensor, once the LAN is at rest.
    pub fn kernel(&self) -> Result<BTreeMap<String, Traffic>> {
        let mut after = self.lan.rest()?;
        after.retain(|name, _| self.sensors.iter().any(|sensor| sensor.machine.name == *name));
        after.iter_mut().for_each(|(name, counters)| *counters = *counters - self.before[name]);
        Ok(after)
    }

    /// The counts of the view `interfaces` in SQL, by sensor.
    pub fn stored(&self) -> Result<BTreeMap<String, Traffic>> {
        let query = "select sensor, in_packets, in_octets, out_packets, out_octets from interfaces";
        let rows = self.collector.sql(query)?;
        rows.iter().map(|row| counters(row).with_context(|| format!("reading {row:?}"))).collect()
    }

    /// Waits until the store holds these counts; returns what it holds then, or at the deadline.
    pub fn stored_like(&self, kernel: &BTreeMap<String, Traffic>) -> Result<BTreeMap<String, Traffic>> {
        wait_for_equal("the store", Deadline::after(DELIVERY), kernel, || self.stored())
    }

    /// Waits until `traf interfaces` shows these counts; returns what it shows then, or at the deadline.
    pub fn shown_like(&self, kernel: &BTreeMap<String, Traffic>) -> Result<BTreeMap<String, Traffic>> {
        wait_for_equal("the console", Deadline::seconds(10), kernel, || self.console.interfaces())
    }

    /// Waits until the store takes another slice of a sensor: the next one has just begun.
    pub fn next_slice(&self, sensor: &str) -> Result<()> {
        let query = format!("select stored_records from sensors where sensor = '{sensor}'");
        let before = self.collector.number(&query)?;
        eventually("the next slice", Deadline::after(DELIVERY), || {
            let now = self.collector.number(&query)?;
            Ok(Probe::when(now > before, || format!("{now} records")))
        })
    }
}

fn wait_for_equal<T: PartialEq>(what: &str, by: Deadline, wanted: &T, read: impl Fn() -> Result<T>) -> Result<T> {
    let mut last = read()?;
    let waited = eventually(what, by, || {
        last = read()?;
        Ok(Probe::when(last == *wanted, || "something else".into()))
    });
    waited.or_else(|error| if by.passed() { Ok(()) } else { Err(error) })?;
    Ok(last)
}

fn counters(row: &str) -> Result<(String, Traffic)> {
    let fields: Vec<&str> = row.split('|').collect();
    let [sensor, numbers @ ..] = &fields[..] else { unreachable!("a split has a first part") };
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [rx, rx_octets, tx, tx_octets] = numbers[..] else { anyhow::bail!("{} numbers, not 4", numbers.len()) };
    let (inbound, outbound) = (Counters::new(rx, rx_octets), Counters::new(tx, tx_octets));
    Ok(((*sensor).to_owned(), Traffic { inbound, outbound }))
}
