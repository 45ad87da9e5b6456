//! Arguments of a run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use traf_model::Timestamp;

use super::clock::{Fault, SLICE};

/// A fleet and its deliveries.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Number of sensors
    #[arg(value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub sensors: u16,
    /// Flows that each sensor sees in a slice of ten seconds
    #[arg(long, default_value_t = 500)]
    pub flows: usize,
    /// Slices to deliver
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    pub slices: u16,
    /// An outage of so many minutes: the slices of that time have gathered, and four more sensors without a backlog go on
    /// meanwhile
    #[arg(long, value_name = "MIN", conflicts_with_all = ["slices", "speed"])]
    pub outage: Option<u16>,
    /// Sensors without a backlog that deliver a slice every ten seconds meanwhile [default: 4 after an outage, else 0]
    #[arg(long, value_name = "N", conflicts_with = "speed")]
    pub live: Option<u16>,
    /// Order in which the slices that have gathered arrive
    #[arg(long, value_enum, default_value_t = Order::In)]
    pub order: Order,
    /// Deliver each slice at its end, time going so many times as fast; 1 is real time [default: all have gathered before]
    #[arg(long, value_name = "TIMES")]
    pub speed: Option<f64>,
    /// Flows of 100 that two or three sensors see: of four of them, three are seen by two
    #[arg(long, value_name = "PERCENT", default_value_t = 80)]
    pub shared: u64,
    /// New flows of 100 with a lookalike at another sensor: equal ends and counts, but different packets
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    pub lookalikes: u64,
    /// The clock of one sensor is two minutes ahead
    #[arg(long)]
    pub ahead: bool,
    /// The clock of one sensor is a year ahead
    #[arg(long)]
    pub year: bool,
    /// One sensor delivers slices of a day ago
    #[arg(long)]
    pub late: bool,
    /// Another seed makes other traffic
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Do not kill the collector afterwards to see what a restart needs
    #[arg(long)]
    pub no_restart: bool,
    /// Run `traf-collector verify`, too; it takes long over many rows
    #[arg(long)]
    pub verify: bool,
    /// Fail if a sum of the LAN or of one of its busiest hosts is off by more, or a sensor's by anything
    #[arg(long, value_name = "PERCENT")]
    pub within: Option<f64>,
    /// Folder for the spools, which are not the collector's disk [default: /dev/shm]
    #[arg(long, value_name = "DIR")]
    pub spools: Option<PathBuf>,
    /// Folder for the collector's data, kept afterwards [default: a temporary one]
    #[arg(long, value_name = "DIR", conflicts_with = "join")]
    pub data: Option<PathBuf>,
    /// Join this collector instead of starting one; then only what the sensors notice is measured
    #[arg(long, value_name = "URL", requires = "token_file")]
    pub join: Option<String>,
    /// File with a token for as many sensors
    #[arg(long, value_name = "FILE", requires = "join")]
    pub token_file: Option<PathBuf>,
}

/// Order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Slice by slice: the next but one of any sensor only after all have delivered theirs
    In,
    /// All sensors begin at once, each with its oldest slice
    Together,
    /// Each sensor delivers in the order of time, but begins at a moment of its own: some end before others begin
    Random,
    /// The slices of each sensor are in an order of their own, too
    Shuffled,
}

impl Plan {
    /// Sensors without a backlog.
    pub fn live_sensors(&self) -> usize {
        self.live.map_or(if self.outage.is_some() { 4 } else { 0 }, usize::from)
    }

    /// Slices to deliver before the restart.
    pub fn slice_count(&self) -> usize {
        self.outage.map_or(usize::from(self.slices), |minutes| usize::from(minutes) * 6)
    }

    /// Start of the first slice of a run that begins now: no slice ends later than it is delivered.
    pub(super) fn begin(&self, now: Timestamp) -> Timestamp {
        let slices = self.slice_count() as i64 + 2;
        match self.speed {
            // The next slice begins with the run.
            Some(speed) => {
                Timestamp(now.0 - (slices as f64 * SLICE as f64 * (1.0 - 1.0 / speed).max(0.0)) as i64).floor(SLICE)
            }
            None => Timestamp(now.floor(SLICE).0 - slices * SLICE),
        }
    }

    /// The wrong clock of a sensor; `None` if it is right.
    pub(super) fn fault(&self, sensor: usize) -> Option<Fault> {
        let faults = [(self.ahead, Fault::Ahead), (self.year, Fault::Year), (self.late, Fault::Late)];
        // From the last sensor on, so that the first one is right.
        let place = usize::from(self.sensors).checked_sub(sensor + 1)?;
        faults.into_iter().filter_map(|(asked, fault)| asked.then_some(fault)).nth(place)
    }

    /// A line that says what is run.
    pub fn title(&self) -> String {
        let mut title = format!("fleet {} x {} flows, {} slices", self.sensors, self.flows, self.slice_count());
        match self.speed {
            Some(speed) => title += &format!(", at {speed} x real time"),
            None => title += self.order.words(),
        }
        let notes = [
            (self.ahead, ", one 120 s ahead"),
            (self.year, ", one a year ahead"),
            (self.late, ", one a day late"),
            (self.lookalikes > 0, ", with lookalikes"),
        ];
        notes.into_iter().filter(|(asked, _)| *asked).for_each(|(_, words)| title += words);
        title
    }
}

impl Order {
    fn words(self) -> &'static str {
        match self {
            Self::In => ", in order",
            Self::Together => ", together",
            Self::Random => ", random order",
            Self::Shuffled => ", shuffled",
        }
    }
}
