//! Deliveries become rows, in the transaction that moves the mark.

use std::sync::LazyLock;

use sqlx::Transaction;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use traf_model::Timestamp;

use super::marks::Marks;
use super::rows::Rows;
use super::sensors::KnownSensor;
use super::table::{read, select};
use super::{Memory, Store, number};
use crate::live::committed::{Committed, CommittedSlice};
use crate::report::primary::FLOW_BITS;
use crate::store::{Delivery, Mark, Outcome, StoreError};

impl Store {
    /// Writes deliveries in one transaction, each with its sensor's mark; what is at or below the mark is left out.
    pub async fn apply(&self, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        Ok(self.commit(deliveries, now).await?.0)
    }

    /// The same; says besides which rows count.
    pub(crate) async fn commit(
        &self,
        deliveries: &[Delivery],
        now: Timestamp,
    ) -> Result<(Vec<Outcome>, Committed), StoreError> {
        let mut memory = self.memory.lock().await;
        let transaction = self.writer.begin_with("begin immediate").await?;
        let written = write(transaction, &mut memory, deliveries, (now, now.after(self.clock_ahead))).await;
        if written.is_err() {
            *memory = Memory::default();
        }
        written
    }
}

async fn write(
    mut transaction: Transaction<'_, Sqlite>,
    memory: &mut Memory,
    deliveries: &[Delivery],
    (now, latest): (Timestamp, Timestamp),
) -> Result<(Vec<Outcome>, Committed), StoreError> {
    let connection = &mut *transaction;
    let Memory { dictionary, marks, last_slice } = memory;
    dictionary.make_room();
    marks.recall(connection, now).await?;
    let mut slice = match *last_slice {
        Some(last) => last,
        None => sqlx::query_scalar("select coalesce(max(id), 0) from slice").fetch_one(&mut *connection).await?,
    };
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    let mut committed = Committed::default();
    for delivery in deliveries {
        let known = sqlx::query(SENSOR.as_str()).bind(delivery.sensor).fetch_one(&mut *connection).await?;
        let KnownSensor { mark, name, site, .. } = read(&known)?;
        if delivery.to_seq <= mark.seq {
            outcomes.push(Outcome::Stored(mark));
        } else if delivery.from_seq != mark.seq + 1 {
            outcomes.push(Outcome::Gap(mark));
        } else {
            dictionary.learn(connection, delivery.sensor, &delivery.summary).await?;
            slice += 1;
            // A clock that far ahead cannot be right: nobody else's marks are moved by it.
            let marked = match delivery.summary.slice.to > latest {
                true => Marks::set_aside(delivery, dictionary)?,
                false => marks.decide(connection, (slice, delivery), &site, dictionary, now).await?,
            };
            let (lost, decisions) = rows.add((slice, delivery), dictionary, &marked, now)?;
            let ahead = if marked.suspect { delivery.summary.slice.to.since(now) } else { 0 };
            let (summary, first_row) = (delivery.summary.clone(), slice << FLOW_BITS);
            committed.slices.push(CommittedSlice { sensor: name, site, summary, first_row, decisions });
            outcomes.push(Outcome::Stored(advance(connection, delivery, lost, ahead).await?));
        }
    }
    rows.insert(connection, dictionary).await?;
    committed.changes = marks.store(connection).await?;
    *last_slice = Some(slice);
    transaction.commit().await?;
    Ok((outcomes, committed))
}

static SENSOR: LazyLock<String> = LazyLock::new(|| select::<KnownSensor>("sensor f", "where f.id = ?"));

/// Moves the mark of a sensor behind a delivery, whose slice ends `ahead` nanoseconds after the collector's time if its clock is
/// suspect.
async fn advance(
    connection: &mut SqliteConnection,
    delivery: &Delivery,
    lost: u64,
    ahead: i64,
) -> Result<Mark, StoreError> {
    sqlx::query(
        "update sensor set mark_epoch = ?, mark_seq = ?, stored_records = stored_records + ?, \
         lost_records = lost_records + ?, longest = max(longest, ?), stored_ns = max(coalesce(stored_ns, ?6), ?6), \
         clock_ahead = ?7, suspect_slices = suspect_slices + (?7 > 0) where id = ?8",
    )
    .bind(number(delivery.epoch))
    .bind(number(delivery.to_seq))
    .bind(number(delivery.to_seq - delivery.from_seq + 1 - lost))
    .bind(number(lost))
    .bind(delivery.summary.slice.nanos())
    .bind(delivery.summary.slice.to.0.saturating_sub(ahead))
    .bind(ahead)
    .bind(delivery.sensor)
    .execute(connection)
    .await?;
    Ok(Mark { epoch: delivery.epoch, seq: delivery.to_seq })
}
