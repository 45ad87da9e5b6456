//! Marks of the sensors of one transaction: read at its begin, moved by deliveries, written at its end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;

use super::columns::columns;
use super::number;
use super::sensors::KnownSensor;
use super::table::{read, select};
use crate::store::{Delivery, Mark, Outcome, StoreError};

columns! {
    /// A sensor by its number.
    SensorRow { id: i64, known: KnownSensor }
}

static SENSORS: LazyLock<String> =
    LazyLock::new(|| select::<SensorRow>("sensor f", "where f.id in (select value from json_each(?))"));

/// Sensors by the store's number.
pub(super) struct Progress(BTreeMap<i64, SensorProgress>);

/// A sensor, and what deliveries change about it.
pub(super) struct SensorProgress {
    pub(super) name: String,
    pub(super) site: String,
    mark: Mark,
    moved: bool,
    stored: u64,
    lost: u64,
    longest: i64,
    /// End of its newest slice; of one with a suspect clock, when it came.
    newest: i64,
    ahead: i64,
    suspect: u64,
}

impl Progress {
    /// Reads the sensors of deliveries.
    pub(super) async fn read(connection: &mut SqliteConnection, deliveries: &[Delivery]) -> Result<Self, StoreError> {
        let mut sensors: Vec<i64> = deliveries.iter().map(|delivery| delivery.sensor).collect();
        sensors.sort_unstable();
        sensors.dedup();
        let mut known = BTreeMap::new();
        let mut rows = sqlx::query(SENSORS.as_str()).bind(json(sensors.iter().map(i64::to_string))).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let SensorRow { id, known: KnownSensor { mark, name, site, .. } } = read(&row)?;
            known.insert(id, SensorProgress::new(mark, name, site));
        }
        Ok(Self(known))
    }

    /// The sensor of a delivery.
    pub(super) fn of(&mut self, delivery: &Delivery) -> Result<&mut SensorProgress, StoreError> {
        let unknown = || StoreError::Damaged(format!("no sensor of number {}", delivery.sensor));
        self.0.get_mut(&delivery.sensor).ok_or_else(unknown)
    }

    /// The deliveries that will be stored: of each sensor the next ones, without a gap.
    pub(super) fn next<'d>(&self, deliveries: &'d [Delivery]) -> Vec<&'d Delivery> {
        let mut marks: BTreeMap<i64, u64> = self.0.iter().map(|(id, sensor)| (*id, sensor.mark.seq)).collect();
        let next = |delivery: &&Delivery| {
            let Some(mark) = marks.get_mut(&delivery.sensor) else { return false };
            let next = delivery.to_seq > *mark && delivery.from_seq == *mark + 1;
            if next {
                *mark = delivery.to_seq;
            }
            next
        };
        deliveries.iter().filter(next).collect()
    }

    /// Writes the marks that have moved.
    pub(super) async fn store(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let moved = self.0.into_iter().filter(|(_, sensor)| sensor.moved);
        let moved = json(moved.map(|(id, sensor)| sensor.to_json(id)));
        sqlx::query(
            "update sensor set mark_epoch = value ->> 1, mark_seq = value ->> 2, \
             stored_records = stored_records + (value ->> 3), lost_records = lost_records + (value ->> 4), \
             longest = max(longest, value ->> 5), stored_ns = max(coalesce(stored_ns, value ->> 6), value ->> 6), \
             clock_ahead = value ->> 7, suspect_slices = suspect_slices + (value ->> 8) \
             from json_each(?) where sensor.id = value ->> 0",
        )
        .bind(moved)
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl SensorProgress {
    fn new(mark: Mark, name: String, site: String) -> Self {
        let (moved, stored, lost, longest, newest, ahead, suspect) = Default::default();
        Self { name, site, mark, moved, stored, lost, longest, newest, ahead, suspect }
    }

    /// Outcome of a delivery that is not the next one; `None` if it is.
    pub(super) fn refuses(&self, delivery: &Delivery) -> Option<Outcome> {
        if delivery.to_seq <= self.mark.seq {
            return Some(Outcome::Stored(self.mark));
        }
        (delivery.from_seq != self.mark.seq + 1).then_some(Outcome::Gap(self.mark))
    }

    /// Moves the mark behind a delivery, whose slice ends `ahead` nanoseconds after the collector's time if its clock is suspect.
    pub(super) fn advance(&mut self, delivery: &Delivery, lost: u64, ahead: i64) -> Outcome {
        let slice = delivery.summary.slice;
        let end = slice.to.0.saturating_sub(ahead);
        self.newest = if self.moved { self.newest.max(end) } else { end };
        self.mark = Mark { epoch: delivery.epoch, seq: delivery.to_seq };
        self.stored += delivery.to_seq - delivery.from_seq + 1 - lost;
        self.lost += lost;
        self.longest = self.longest.max(slice.nanos());
        self.ahead = ahead;
        self.suspect += u64::from(ahead > 0);
        self.moved = true;
        Outcome::Stored(self.mark)
    }

    fn to_json(&self, id: i64) -> String {
        let Mark { epoch, seq } = self.mark;
        let [epoch, seq, stored, lost, suspect] = [epoch, seq, self.stored, self.lost, self.suspect].map(number);
        format!("[{id},{epoch},{seq},{stored},{lost},{},{},{},{suspect}]", self.longest, self.newest, self.ahead)
    }
}

/// A list of values.
pub(super) fn json(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}
