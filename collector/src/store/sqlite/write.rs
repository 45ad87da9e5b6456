//! Deliveries become rows, in the transaction that moves the mark.

use std::sync::LazyLock;

use sqlx::Transaction;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use traf_model::Timestamp;

use super::rows::Rows;
use super::sensors::KnownSensor;
use super::table::{read, select};
use super::{Memory, Store, number};
use crate::store::{Delivery, Mark, Outcome, StoreError};

impl Store {
    /// Writes deliveries in one transaction, each with its sensor's mark; what is at or below the mark is left out.
    pub async fn apply(&self, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let mut memory = self.memory.lock().await;
        let transaction = self.writer.begin_with("begin immediate").await?;
        let written = write(transaction, &mut memory, deliveries, now).await;
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
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let connection = &mut *transaction;
    let Memory { dictionary, marks, last_slice } = memory;
    dictionary.make_room();
    marks.recall(connection).await?;
    let mut slice = match *last_slice {
        Some(last) => last,
        None => sqlx::query_scalar("select coalesce(max(id), 0) from slice").fetch_one(&mut *connection).await?,
    };
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let known = sqlx::query(SENSOR.as_str()).bind(delivery.sensor).fetch_one(&mut *connection).await?;
        let KnownSensor { mark, site, .. } = read(&known)?;
        if delivery.to_seq <= mark.seq {
            outcomes.push(Outcome::Stored(mark));
        } else if delivery.from_seq != mark.seq + 1 {
            outcomes.push(Outcome::Gap(mark));
        } else {
            dictionary.learn(connection, delivery.sensor, &delivery.summary).await?;
            if marks.is_late(delivery.summary.slice) {
                // What is decided from the table must find there what came in this group.
                std::mem::take(&mut rows).insert(connection, dictionary).await?;
                marks.look_around(connection, delivery.summary.slice).await?;
            }
            slice += 1;
            let lost = rows.add((slice, delivery), &site, dictionary, marks, now)?;
            outcomes.push(Outcome::Stored(advance(connection, delivery, lost).await?));
        }
    }
    rows.insert(connection, dictionary).await?;
    marks.correct(connection).await?;
    *last_slice = Some(slice);
    transaction.commit().await?;
    Ok(outcomes)
}

static SENSOR: LazyLock<String> = LazyLock::new(|| select::<KnownSensor>("sensor f", "where f.id = ?"));

async fn advance(connection: &mut SqliteConnection, delivery: &Delivery, lost: u64) -> Result<Mark, StoreError> {
    sqlx::query(
        "update sensor set mark_epoch = ?, mark_seq = ?, stored_records = stored_records + ?, \
         lost_records = lost_records + ?, longest = max(longest, ?) where id = ?",
    )
    .bind(number(delivery.epoch))
    .bind(number(delivery.to_seq))
    .bind(number(delivery.to_seq - delivery.from_seq + 1 - lost))
    .bind(number(lost))
    .bind(delivery.summary.slice.nanos())
    .bind(delivery.sensor)
    .execute(connection)
    .await?;
    Ok(Mark { epoch: delivery.epoch, seq: delivery.to_seq })
}
