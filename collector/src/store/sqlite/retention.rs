//! Old rows leave in small transactions, and their space is given back.

use sqlx::Row;
use traf_model::Timestamp;

use super::Store;
use crate::store::{Kept, StoreError, Tier};

/// Seconds of the past that one transaction retires: a minute of a hundred sensors is deleted in some ten milliseconds.
const STEP: i64 = 60;
/// Pages given back with each: 8 MiB.
const PAGES: &str = "pragma incremental_vacuum(1024)";

const fn tables(tier: Tier) -> &'static [(&'static str, &'static str)] {
    match tier {
        Tier::Flow => &[
            ("select min(ts) from flow", "delete from flow where ts < ?"),
            ("select min(ts) from flow_other", "delete from flow_other where ts < ?"),
            ("select min(ts) from host", "delete from host where ts < ?"),
            ("select min(ts) from service", "delete from service where ts < ?"),
            ("select min(ts) from station", "delete from station where ts < ?"),
            ("select min(ts) from size", "delete from size where ts < ?"),
        ],
        Tier::Second => &[("select min(ts) from second", "delete from second where ts < ?")],
        Tier::Minute => &[("select min(ts) from minute", "delete from minute where ts < ?")],
        Tier::Ledger => &[
            ("select min(ts) from slice_ledger", "delete from slice_ledger where ts < ?"),
            ("select min(ts) from slice", "delete from slice where ts < ?"),
            ("select min(ts) from loss", "delete from loss where ts < ?"),
        ],
    }
}

impl Store {
    /// From when on each tier is whole.
    pub async fn kept(&self) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        for row in sqlx::query("select tier, since from kept").fetch_all(&self.readers).await? {
            let since = Timestamp::from_seconds(row.try_get(1)?);
            match row.try_get::<&str, _>(0)? {
                "flow" => kept.flow = since,
                "second" => kept.second = since,
                "minute" => kept.minute = since,
                _ => kept.ledger = since,
            }
        }
        Ok(kept)
    }

    /// Retires the oldest part of a tier that lies before `before`, a small one; false when there is none left.
    pub async fn retire(&self, tier: Tier, before: Timestamp) -> Result<bool, StoreError> {
        // Whole minutes, so that no minute is half of its seconds.
        let before = before.seconds() - before.seconds().rem_euclid(60);
        let mut oldest = i64::MAX;
        for (min, _) in tables(tier) {
            let found: Option<i64> = sqlx::query(*min).fetch_one(&self.readers).await?.try_get(0)?;
            oldest = oldest.min(found.unwrap_or(i64::MAX));
        }
        if oldest >= before {
            return Ok(false);
        }
        let until = before.min(oldest.saturating_add(STEP));
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        for (_, delete) in tables(tier) {
            sqlx::query(*delete).bind(until).execute(&mut *transaction).await?;
        }
        if tier == Tier::Flow {
            sqlx::query("delete from identity where last_ns < ? * 1000000000")
                .bind(until)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("update kept set since = max(since, ?) where tier = ?")
            .bind(until)
            .bind(tier.name())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        sqlx::query(PAGES).execute(&self.writer).await?;
        Ok(until < before)
    }
}
