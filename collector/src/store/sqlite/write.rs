//! Deliveries become rows, in the transaction that moves the mark.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use traf_model::Timestamp;

use super::rows::Rows;
use super::{Memory, Store, count, number};
use crate::store::{Delivery, Mark, Outcome, StoreError};

impl Store {
    /// Writes deliveries in one transaction, each with its sensor's mark; what is at or below the mark is left out.
    pub async fn apply(&self, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let mut memory = self.memory.lock().await;
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let written = write(&mut transaction, &mut memory, deliveries, now).await;
        let outcome = match written {
            Ok(outcomes) => transaction.commit().await.map(|()| outcomes).map_err(StoreError::from),
            Err(error) => {
                drop(transaction);
                Err(error)
            }
        };
        if outcome.is_err() {
            *memory = Memory::default();
        }
        outcome
    }
}

async fn write(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    deliveries: &[Delivery],
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let Memory { dictionary, marks } = memory;
    marks.recall(connection).await?;
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let (mark, site) = mark(connection, delivery.sensor).await?;
        if delivery.to_seq <= mark.seq {
            outcomes.push(Outcome::Known(mark));
        } else if delivery.from_seq != mark.seq + 1 {
            outcomes.push(Outcome::Gap(mark));
        } else {
            dictionary.learn(connection, delivery.sensor, &delivery.summary).await?;
            if marks.is_late(delivery.summary.slice) {
                // What is decided from the table must find there what came in this group.
                std::mem::take(&mut rows).insert(connection).await?;
                marks.look_around(connection, delivery.summary.slice).await?;
            }
            let lost = rows.add(delivery, &site, dictionary, marks, now)?;
            outcomes.push(Outcome::Stored(advance(connection, delivery, lost).await?));
        }
    }
    rows.insert(connection).await?;
    marks.correct(connection).await?;
    Ok(outcomes)
}

/// What is stored of a sensor, and its site.
async fn mark(connection: &mut SqliteConnection, sensor: i64) -> Result<(Mark, String), StoreError> {
    let sql = "select mark_epoch, mark_seq, site from sensor where id = ?";
    let row = sqlx::query(sql).bind(sensor).fetch_one(connection).await?;
    Ok((Mark { epoch: count(&row, 0)?, seq: count(&row, 1)? }, row.try_get(2)?))
}

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
