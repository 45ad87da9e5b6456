//! Figures of a run: how fast, how much memory, and how far from the truth.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use traf_model::Counters;

use super::truth::difference;
use crate::process::Memory;

/// Figures of a run of a fleet.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Slices that the fleet delivered, without the one after the restart.
    pub slices: usize,
    /// Flow rows that the fleet delivered with them, without those of live sensors.
    pub rows: u64,
    /// Time that they cover.
    pub covered: Duration,
    /// From the first delivery to the last acknowledgement.
    pub elapsed: Duration,
    /// The time that each slice took until every sensor had its acknowledgement; empty if all slices waited in the spools.
    pub slice_times: Vec<Duration>,
    /// From the sealing of a slice to its acknowledgement, of sensors without a backlog.
    pub latencies: Vec<Duration>,
    /// The collector's; `None` if it was started by others.
    pub collector: Option<CollectorFigures>,
}

/// Figures of the collector, and its answers.
#[derive(Clone, Debug)]
pub struct CollectorFigures {
    /// CPU time while the fleet delivered.
    pub cpu: Duration,
    /// Flow rows that it stored in this time, those of live sensors too.
    pub rows: u64,
    /// Memory when all was stored.
    pub memory: Memory,
    /// Memory after a restart and one slice more of each sensor.
    pub restarted: Option<Memory>,
    /// From the restart until every sensor's next slice was acknowledged.
    pub recovery: Option<Duration>,
    /// Sums of the LAN: in SQL, and in truth. IP octets.
    pub lan: [Counters; 2],
    /// Sums over all rows of the sensors: in SQL, and in truth.
    pub sensors: Vec<(String, [Counters; 2])>,
    /// Hosts with the most octets in truth: as `traf hosts` shows them, and in truth.
    pub hosts: Vec<(IpAddr, [Counters; 2])>,
    /// The report of `traf-collector verify`, if it was asked for.
    pub verified: Option<Result<String, String>>,
}

impl Figures {
    /// Flow rows a second.
    pub fn rows_a_second(&self) -> f64 {
        self.rows as f64 / self.elapsed.as_secs_f64()
    }

    /// Time covered, divided by the time needed.
    pub fn times_real_time(&self) -> f64 {
        self.covered.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// Checks that the sums of the LAN and of its busiest hosts are off by at most `percent` of the truth, that every sensor's sum
    /// is exact, and that the invariants hold where that was looked at.
    pub fn check(&self, percent: f64) -> Result<()> {
        let Some(collector) = &self.collector else { return Ok(()) };
        let off = octets_off(collector.lan).abs().max(packets_off(collector.lan).abs());
        ensure!(off <= percent, "the LAN is off by {off:.2} %: {:?}", collector.lan);
        for (name, sums) in &collector.sensors {
            ensure!(sums[0] == sums[1], "{name} is off: {sums:?}");
        }
        for (host, sums) in &collector.hosts {
            ensure!(octets_off(*sums).abs() <= percent, "{host} is off by {:.2} %: {sums:?}", octets_off(*sums));
        }
        if let Some(Err(words)) = &collector.verified {
            anyhow::bail!("{words}");
        }
        Ok(())
    }
}

impl CollectorFigures {
    /// The difference of the host that is off the most, in per cent of its octets.
    pub fn worst_host(&self) -> f64 {
        worst(self.hosts.iter().map(|(_, sums)| octets_off(*sums)))
    }
}

fn octets_off([measured, truth]: [Counters; 2]) -> f64 {
    difference(measured.octets, truth.octets)
}

fn packets_off([measured, truth]: [Counters; 2]) -> f64 {
    difference(measured.packets, truth.packets)
}

fn worst(all: impl Iterator<Item = f64>) -> f64 {
    all.fold(0.0, |worst: f64, one| if one.abs() > worst.abs() { one } else { worst })
}

/// The middle one and the worst.
fn middle_and_worst(times: &[Duration]) -> Option<(Duration, Duration)> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

/// A line for each figure: its name, two tabs' worth of room, its value.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(
            f,
            "rows              {} in {seconds:.2} s: {:.0} a second, {:.1} x real time",
            self.rows,
            self.rows_a_second(),
            self.times_real_time()
        )?;
        let each = self.elapsed / u32::try_from(self.slices.max(1)).unwrap_or(u32::MAX);
        write!(f, "a slice of all    {:.3} s", each.as_secs_f64())?;
        match middle_and_worst(&self.slice_times) {
            Some((middle, worst)) => {
                writeln!(f, "; median {middle:.0?}, worst {worst:.0?} until the last acknowledgement")?;
            }
            None => writeln!(f)?,
        }
        if let Some((middle, worst)) = middle_and_worst(&self.latencies) {
            let count = self.latencies.len();
            writeln!(f, "acknowledgements  median {middle:.0?}, worst {worst:.0?}, of {count} live slices")?;
        }
        let Some(collector) = &self.collector else { return Ok(()) };
        let each = collector.cpu.as_secs_f64() * 1e6 / collector.rows.max(1) as f64;
        writeln!(f, "CPU               {each:.1} us a flow row, of {} rows", collector.rows)?;
        writeln!(f, "memory            {}", megabytes(&collector.memory))?;
        if let (Some(memory), Some(recovery)) = (&collector.restarted, collector.recovery) {
            writeln!(f, "after a restart   {}; {recovery:.1?} until a slice of all", megabytes(memory))?;
        }
        let (octets, packets) = (octets_off(collector.lan), packets_off(collector.lan));
        let truth = collector.lan[1].octets;
        writeln!(f, "LAN               {octets:+.3} % of {truth} octets, {packets:+.3} % of the packets")?;
        let wrong = collector.sensors.iter().filter(|(_, sums)| sums[0] != sums[1]).count();
        writeln!(f, "sensors           {} of {} exact", collector.sensors.len() - wrong, collector.sensors.len())?;
        let hosts = collector.hosts.len();
        writeln!(f, "hosts             {:+.3} % at most, of the {hosts} busiest", collector.worst_host())?;
        if let Some(verified) = &collector.verified {
            let words = verified.as_ref().map_or_else(String::clone, |_| "all totals add up".to_owned());
            writeln!(f, "verify            {words}")?;
        }
        Ok(())
    }
}

fn megabytes(memory: &Memory) -> String {
    let now = memory.own + memory.files + memory.shared;
    format!("{} MB resident, {} MB at most", now >> 20, memory.peak >> 20)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn figures(lan: [u64; 2], host: [u64; 2], sensor: [u64; 2]) -> Figures {
        let counters = |octets: [u64; 2]| octets.map(|octets| Counters::new(1, octets));
        let memory = Memory { peak: 9 << 20, own: 5 << 20, files: 2 << 20, shared: 0 };
        let collector = CollectorFigures {
            cpu: Duration::from_millis(500),
            rows: 10_000,
            memory,
            restarted: None,
            recovery: None,
            lan: counters(lan),
            sensors: vec![("sensor-0".to_owned(), counters(sensor))],
            hosts: vec![([10, 0, 0, 1].into(), counters(host))],
            verified: None,
        };
        Figures {
            slices: 4,
            rows: 8_000,
            covered: Duration::from_secs(40),
            elapsed: Duration::from_secs(2),
            collector: Some(collector),
            ..Figures::default()
        }
    }

    #[test]
    fn sums_that_are_off_are_told() {
        assert!(figures([1_004, 1_000], [7, 7], [5, 5]).check(0.5).is_ok());
        for wrong in
            [figures([1_006, 1_000], [7, 7], [5, 5]), figures([1, 1], [0, 7], [5, 5]), figures([1, 1], [7, 7], [4, 5])]
        {
            assert!(wrong.check(0.5).is_err());
        }
        let words = figures([1_004, 1_000], [6, 8], [5, 5]).to_string();
        for part in [
            "4000 a second, 20.0 x real time",
            "0.500 s",
            "50.0 us a flow row",
            "7 MB resident",
            "+0.400 %",
            "-25.000 %",
        ] {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
}
