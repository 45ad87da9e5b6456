//! Old rows leave in small transactions, and their space is given back.

use sqlx::AssertSqlSafe;
use traf_model::Timestamp;

use super::Store;
use super::dictionary::Dictionary;
use crate::report::primary::FLOW_BITS;
use crate::store::{Kept, StoreError, Tier};

/// Seconds of the past that one transaction retires: a minute of a hundred sensors is deleted in some ten milliseconds.
const STEP: i64 = 60;
/// Pages given back with each: 8 MiB.
const PAGES: &str = "pragma incremental_vacuum(1024)";

impl Store {
    /// From when on each tier is whole.
    pub async fn kept(&self) -> Result<Kept, StoreError> {
        let tiers: Vec<(String, i64)> = sqlx::query_as("select tier, since from kept").fetch_all(&self.readers).await?;
        let [flow, second, minute, ledger] = Tier::ALL.map(|tier| {
            let since = tiers.iter().find(|(name, _)| name == tier.name()).map_or(0, |(_, since)| *since);
            Timestamp::from_seconds(since)
        });
        Ok(Kept { flow, second, minute, ledger })
    }

    /// Retires the oldest part of a tier that lies before `before`, a small one; false when there is none left.
    pub async fn retire(&self, tier: Tier, before: Timestamp) -> Result<bool, StoreError> {
        // Whole minutes, so that no minute is half of its seconds.
        let before = before.seconds() - before.seconds().rem_euclid(60);
        // Rows of slices that leave too; those of flows go by their range of keys.
        let (table, which, facts): (_, _, &[&str]) = match tier {
            Tier::Flow => ("slice", "has_flows", &["flow_other", "flow_aggregated", "counted"]),
            Tier::Second => ("slice", "has_seconds", &["second"]),
            Tier::Minute => ("minute", "true", &[]),
            Tier::Ledger => (
                "slice",
                "true",
                &["slice_ledger", "loss", "flow_other", "flow_aggregated", "counted", "second", "mark"],
            ),
        };
        let oldest = AssertSqlSafe(format!("select min(ts) from {table} where {which}"));
        let oldest: Option<i64> = sqlx::query_scalar(oldest).fetch_one(&self.readers).await?;
        let mut oldest = oldest.unwrap_or(i64::MAX);
        // Those of a clock that was ahead leave by when they came, not when their time has come.
        let flows = tier == Tier::Flow;
        if flows {
            let suspect = "select min(stored_ns) / 1000000000 from slice where clock_suspect and has_flows";
            let suspect: Option<i64> = sqlx::query_scalar(suspect).fetch_one(&self.readers).await?;
            oldest = oldest.min(suspect.unwrap_or(i64::MAX));
        }
        if oldest >= before {
            return Ok(false);
        }
        let until = before.min(oldest.saturating_add(STEP));
        let mut memory = self.memory.lock().await;
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let mut leaving = format!("select id from slice where {which} and ts < ?1");
        if flows {
            leaving +=
                " union all select id from slice where clock_suspect and has_flows and stored_ns < ?1 * 1000000000";
        }
        if matches!(tier, Tier::Flow | Tier::Ledger) {
            let slices: Vec<i64> =
                sqlx::query_scalar(AssertSqlSafe(leaving.clone())).bind(until).fetch_all(&mut *transaction).await?;
            for slice in slices {
                let first = slice << FLOW_BITS;
                let delete = sqlx::query("delete from flow where id between ? and ?");
                delete.bind(first).bind(first | ((1 << FLOW_BITS) - 1)).execute(&mut *transaction).await?;
            }
        }
        let key = |fact: &str| if fact == "mark" { "run" } else { "slice" };
        let of_slices = facts.iter().map(|fact| format!("delete from {fact} where {} in ({leaving})", key(fact)));
        let last = match tier {
            Tier::Flow | Tier::Second => format!("update slice set {which} = 0 where id in ({leaving})"),
            Tier::Minute | Tier::Ledger => format!("delete from {table} where ts < ?"),
        };
        let identities = flows.then(|| "delete from identity where last_ns < ? * 1000000000".to_owned());
        let kept = format!("update kept set since = max(since, ?) where tier = '{}'", tier.name());
        for sql in of_slices.chain([last]).chain(identities).chain([kept]) {
            sqlx::query(AssertSqlSafe(sql)).bind(until).execute(&mut *transaction).await?;
        }
        // Interfaces leave with the last of their facts, of whichever tier.
        let unused = "delete from interface where last_ns < (select min(since) from kept) * 1000000000";
        let unused = sqlx::query(unused).execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        if unused > 0 {
            memory.dictionary = Dictionary::default();
        }
        drop(memory);
        sqlx::query(PAGES).execute(&self.writer).await?;
        Ok(until < before)
    }

    /// Retires the oldest part of the evidence of flows that lies before `before`, or is too much for so many octets, a small
    /// one; false when there is none left.
    pub async fn retire_evidence(&self, before: Timestamp, most: u64) -> Result<bool, StoreError> {
        let kept = "select min(ts), coalesce(sum(mark_octets), 0) from slice where mark_octets > 0";
        let (oldest, octets): (Option<i64>, i64) = sqlx::query_as(kept).fetch_one(&self.readers).await?;
        let Some(oldest) = oldest.filter(|oldest| *oldest < before.seconds() || octets.cast_unsigned() > most) else {
            return Ok(false);
        };
        let until = oldest.saturating_add(STEP);
        let memory = self.memory.lock().await;
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        for sql in [
            "delete from mark where run in (select id from slice where mark_octets > 0 and ts < ?)",
            "update slice set mark_octets = 0 where mark_octets > 0 and ts < ?",
        ] {
            sqlx::query(sql).bind(until).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        drop(memory);
        sqlx::query(PAGES).execute(&self.writer).await?;
        Ok(true)
    }
}
