//! Reports that consoles printed as JSON, one a second.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use traf_lab::reference::truth::Facility;
use traf_lab::{Console, Process, counters};
use traf_model::{Counters, Timestamp, Traffic};

/// `traf … --watch --format json`, running.
pub(crate) struct Watch {
    /// The table that it shows.
    pub(crate) facility: Facility,
    process: Process,
    log: PathBuf,
}

/// One report.
pub(crate) struct Shown {
    /// The collector's clock, in nanoseconds since 1970.
    pub(crate) at: i64,
    /// The beginning of its window, as it is printed.
    pub(crate) from: String,
    /// In the order of the report, without those of `other`.
    pub(crate) rows: Vec<ShownRow>,
    /// Traffic without a row.
    pub(crate) other: Traffic,
    /// Traffic of everything that matched.
    pub(crate) total: Traffic,
    /// Number of rows that matched, shown or not.
    pub(crate) matched: u64,
    /// Frames that the kernels dropped.
    pub(crate) dropped: u64,
    /// Notes of the report.
    pub(crate) notes: Vec<String>,
}

/// A row.
pub(crate) struct ShownRow {
    pub(crate) key: String,
    /// Of groups: out is forward, in is reverse.
    pub(crate) traffic: Traffic,
    /// Per second.
    pub(crate) rate: Traffic,
}

impl Watch {
    /// Starts to watch.
    pub(crate) fn start(console: &Console, facility: Facility, folder: &std::path::Path) -> Result<Self> {
        let name = format!("watch-{facility:?}");
        let log = folder.join(format!("{name}.log"));
        let mut command = console.command()?;
        command.args(facility.words()).args(["--watch", "--limit", "1000", "--format", "json"]);
        Ok(Self { facility, process: Process::start(&name, command, log.clone())?, log })
    }

    /// Ends it and reads what it printed.
    pub(crate) fn stop(mut self) -> Result<Vec<Shown>> {
        self.process.kill()?;
        let text = std::fs::read_to_string(&self.log).context("reading reports")?;
        // The last line may have been cut by the end.
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let documents = lines.filter_map(|line| serde_json::from_str(line).ok());
        documents.map(|document: Value| Shown::read(self.facility, &document)).collect()
    }
}

impl Shown {
    /// Reads a document of `traf`.
    pub(crate) fn read(facility: Facility, document: &Value) -> Result<Self> {
        let text = |name: &str| document[name].as_str().with_context(|| format!("no {name} in {document}"));
        let number = |name: &str| document[name].as_u64().with_context(|| format!("no {name} in {document}"));
        let all = document["rows"].as_array().with_context(|| format!("no rows in {document}"))?;
        let (mut rows, mut other) = (Vec::new(), Traffic::default());
        for row in all {
            if row["other"] == true {
                other += traffic(row)?;
            } else {
                let (traffic, rate) = (traffic(row)?, traffic(&row["rate"])?);
                rows.push(ShownRow { key: key(facility, row), traffic, rate });
            }
        }
        Ok(Self {
            at: text("at")?.parse::<Timestamp>().context("at")?.0,
            from: text("from")?.to_owned(),
            rows,
            other,
            total: counters::of_row(&document["total"])?,
            matched: number("matched")?,
            dropped: number("dropped")?,
            notes: document["notes"].as_array().into_iter().flatten().map(Value::to_string).collect(),
        })
    }

    /// Rows by key.
    pub(crate) fn by_key(&self) -> HashMap<&str, &ShownRow> {
        self.rows.iter().map(|row| (row.key.as_str(), row)).collect()
    }

    /// The sum of all rows and `other`.
    pub(crate) fn sum(&self) -> Traffic {
        let mut sum = self.other;
        self.rows.iter().for_each(|row| sum += row.traffic);
        sum
    }
}

fn traffic(row: &Value) -> Result<Traffic> {
    if row["forward"].is_null() {
        return counters::of_row(row);
    }
    let way = |name: &str| -> Result<Counters> {
        let number = |what: &str| row[name][what].as_u64().with_context(|| format!("no {what} {name} in {row}"));
        Ok(Counters::new(number("packets")?, number("octets")?))
    };
    Ok(Traffic { outbound: way("forward")?, inbound: way("reverse")? })
}

/// The key of a row, as `Truth::name` has it.
fn key(facility: Facility, row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    match facility {
        Facility::Interfaces => format!("{}/{}", text("sensor"), text("interface")),
        Facility::Hosts | Facility::Stations => text("address").to_owned(),
        Facility::Services => format!("{}/{}", text("protocol"), row["port"]),
        Facility::Address | Facility::Port | Facility::Pair => text("key").to_owned(),
    }
}
