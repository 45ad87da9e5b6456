//! Deliveries become rows, in the transaction that moves the mark.

use sqlx::Transaction;
use sqlx::sqlite::Sqlite;
use traf_model::Timestamp;

use super::marks::Marks;
use super::progress::Progress;
use super::rows::Rows;
use super::{Memory, Store};
use crate::live::committed::{Committed, CommittedSlice};
use crate::report::primary::FLOW_BITS;
use crate::store::{Delivery, Outcome, StoreError};

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
    let mut progress = Progress::read(connection, deliveries).await?;
    dictionary.learn(connection, &progress.next(deliveries)).await?;
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    let mut committed = Committed::default();
    for delivery in deliveries {
        let sensor = progress.of(delivery)?;
        if let Some(outcome) = sensor.refuses(delivery) {
            outcomes.push(outcome);
            continue;
        }
        slice += 1;
        // A clock that far ahead cannot be right: nobody else's marks are moved by it.
        let marked = match delivery.summary.slice.to > latest {
            true => Marks::set_aside(delivery, dictionary)?,
            false => marks.decide(connection, (slice, delivery), &sensor.site, dictionary, now).await?,
        };
        let (lost, decisions) = rows.add((slice, delivery), dictionary, &marked, now)?;
        let ahead = if marked.suspect { delivery.summary.slice.to.since(now) } else { 0 };
        let (summary, first_row) = (delivery.summary.clone(), slice << FLOW_BITS);
        let (name, site) = (sensor.name.clone(), sensor.site.clone());
        committed.slices.push(CommittedSlice { sensor: name, site, summary, first_row, decisions });
        outcomes.push(sensor.advance(delivery, lost, ahead));
    }
    rows.insert(connection, dictionary).await?;
    committed.changes = marks.store(connection, dictionary).await?;
    progress.store(connection).await?;
    *last_slice = Some(slice);
    transaction.commit().await?;
    Ok((outcomes, committed))
}
