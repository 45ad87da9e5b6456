//! A LAN under watch: a collector on the tower, a sensor on each host, a console beside the collector.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::collector::Collector;
use crate::console::Console;
use crate::counters::{Count, Counters};
use crate::lan::Lan;
use crate::sensor::Sensor;
use crate::wait::{Deadline, Probe, eventually};

/// How long a slice may take from its end to the store, beyond its own length.
const DELIVERY: Duration = Duration::from_secs(20);

/// Everything that runs, until it is dropped.
#[derive(Debug)]
pub struct MonitoredLan {
    /// One for each host, in their order.
    pub sensors: Vec<Sensor>,
    /// The console, joined.
    pub console: Console,
    /// The collector on the tower.
    pub collector: Collector,
    /// What the kernels had counted when the sensors opened.
    pub before: BTreeMap<String, Counters>,
    /// What it stands on; named last, so that it goes last.
    pub lan: Lan,
}

impl MonitoredLan {
    /// A LAN of these hosts with a sensor on each and, where wanted, one at the mirror port; all of it reports and nothing
    /// moves. `words` go to every `traf-sensor run`.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn new(names: &[&str], mirror: bool, words: &[&str]) -> Result<Self> {
        let lan = Lan::new(names)?;
        let collector = Collector::start(&lan.tower, &lan.tower_address(), &lan.folder.join("collector"))?;
        let console = Console::join(&lan.tower, &collector, &lan.folder)?;
        let before = lan.rest()?;
        let mut sensors = Vec::new();
        for host in &lan.hosts {
            sensors.push(Sensor::start(host, &collector, &lan.folder, &["eth0"], words)?);
        }
        if mirror {
            let words = [&["--mirror", "mon0"], words].concat();
            sensors.push(Sensor::start(&lan.watch, &collector, &lan.folder, &["mon0"], &words)?);
        }
        console.wait_for_sensors(sensors.len())?;
        anyhow::ensure!(lan.rest()? == before, "the LAN did not rest while the sensors started");
        Ok(Self { sensors, console, collector, before, lan })
    }

    /// What the kernels counted since the sensors opened, once all is at rest; only of hosts with a sensor.
    ///
    /// # Errors
    /// When the LAN does not come to rest.
    pub fn kernel(&self) -> Result<BTreeMap<String, Counters>> {
        let watched = |name: &String| self.sensors.iter().any(|sensor| sensor.host().name() == name);
        let after = self.lan.rest()?.into_iter().filter(|(name, _)| watched(name));
        Ok(after.map(|(name, counters)| (name.clone(), counters - self.before[&name])).collect())
    }

    /// What SQL answers of each sensor.
    ///
    /// # Errors
    /// When the view is not as documented.
    pub fn stored(&self) -> Result<BTreeMap<String, Counters>> {
        let query = "select sensor, in_packets, in_octets, out_packets, out_octets from interfaces order by sensor";
        self.collector.sql(query)?.iter().map(|row| counters(row)).collect()
    }

    /// Waits until the store holds what the kernel counted, and gives what it holds then, or when time is up.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn stored_like(&self, kernel: &BTreeMap<String, Counters>) -> Result<BTreeMap<String, Counters>> {
        settle("the store", Deadline::after(DELIVERY), kernel, || self.stored())
    }

    /// The same for `traf interfaces`.
    ///
    /// # Errors
    /// When the console cannot ask.
    pub fn shown_like(&self, kernel: &BTreeMap<String, Counters>) -> Result<BTreeMap<String, Counters>> {
        settle("the console", Deadline::seconds(10), kernel, || self.console.interfaces())
    }

    /// Sequence numbers that a sensor has stored so far.
    ///
    /// # Errors
    /// When the view is not as documented.
    pub fn records(&self, sensor: &str) -> Result<i64> {
        self.collector.number(&format!("select stored_records from sensors where sensor = '{sensor}'"))
    }

    /// Waits until the store takes another slice of a sensor: the next one has just begun.
    ///
    /// # Errors
    /// When none comes.
    pub fn next_slice(&self, sensor: &str) -> Result<()> {
        let before = self.records(sensor)?;
        eventually("the next slice", Deadline::after(DELIVERY), || {
            let now = self.records(sensor)?;
            Ok(Probe::at((now > before).then_some(()), || format!("{now} records")))
        })
    }
}

fn settle<T: PartialEq + Clone>(what: &str, deadline: Deadline, wanted: &T, read: impl Fn() -> Result<T>) -> Result<T> {
    let settled = eventually(what, deadline, || {
        let same = read()? == *wanted;
        Ok(Probe::at(same.then_some(()), || "something else".into()))
    });
    if settled.is_ok() { Ok(wanted.clone()) } else { read() }
}

fn counters(row: &str) -> Result<(String, Counters)> {
    let fields: Vec<&str> = row.split('|').collect();
    let number = |at: usize| -> Result<u64> {
        let field = fields.get(at).with_context(|| format!("{row:?} is short"))?;
        field.parse().with_context(|| format!("{field:?} in {row:?}"))
    };
    let count = |at: usize| -> Result<Count> { Ok(Count { frames: number(at)?, octets: number(at + 1)? }) };
    Ok((fields[0].to_owned(), Counters { rx: count(1)?, tx: count(3)? }))
}
