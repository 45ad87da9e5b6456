//! Facts of a window. The slices lead, and each leads to its rows by the first column of their keys; so a window costs what
//! lies in it, however large the store is.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::Row;
use traf_model::{Facility, Interval, Learnt, Loss, LossReason, Timestamp};

use super::columns::{Field, columns};
use super::facts::{FactRow, FlowRow, LedgerRow, MinuteRow, OtherFlowsRow, SecondRow};
use super::rows::{IdentityRow, LossRow};
use super::table::{PlacedRow, WINDOW, read, rows_of_window, select, sums_of_window};
use super::{Store, pack};
use crate::store::{Fact, Identity, Place, Rows, Selection, Slice, StoreError, Tier};

columns! {
    SeenSlice { sensor: i64 = "s.sensor", from: Timestamp = "s.from_ns", to: Timestamp = "s.to_ns" }
}

columns! {
    CoveredSlice { place: Place, from: Timestamp = "s.from_ns", to: Timestamp = "s.to_ns" }
}

columns! {
    /// Octets of the flows of a slice and observation point: those that count in the LAN, and all.
    SliceOctets {
        place: Place,
        from: Timestamp = "s.from_ns",
        to: Timestamp = "s.to_ns",
        counted: u64 = "sum((f.forward_octets + f.reverse_octets) * f.prim)",
        seen: u64 = "sum(f.forward_octets + f.reverse_octets)",
    }
}

columns! {
    MissingStretch { sensor: i64 = "s.sensor", interface: Option<String>, from: Timestamp, to: Timestamp }
}

/// A statement, made when it is needed first.
type Statement = LazyLock<String>;

static SLICES: Statement =
    Statement::new(|| select::<SeenSlice>(&format!("from slice s where {WINDOW} order by s.ts, s.sensor, s.seq")));
static FLOWS: Statement = Statement::new(rows_of_window::<FlowRow>);
static OTHER_FLOWS: Statement = Statement::new(sums_of_window::<OtherFlowsRow>);
static LEDGERS: Statement = Statement::new(rows_of_window::<LedgerRow>);
static SECONDS: Statement = Statement::new(rows_of_window::<SecondRow>);
static MINUTES: Statement = Statement::new(|| {
    select::<MinuteRow>(
        "from minute f where f.ts > ?1 - 60 and f.ts <= ?2 and f.ts * 1000000000 + 60000000000 > ?3 \
         and f.ts * 1000000000 < ?4 and f.sensor in (select value from json_each(?5))",
    )
});
static LOSSES: Statement = Statement::new(|| {
    select::<LossRow>(
        "from loss f cross join slice s on s.id = f.slice where s.sensor = ?1 order by s.ts desc, s.seq desc, f.n desc limit ?2",
    )
});
static COVERED: Statement = Statement::new(|| {
    let from = "from slice s cross join slice_ledger f on f.slice = s.id where";
    select::<CoveredSlice>(&format!("{from} {WINDOW} order by s.ts, s.sensor, s.seq"))
});
static COUNTED: Statement = Statement::new(|| {
    let from = format!("from slice s cross join flow f on {} where", <FlowRow as super::table::SliceTable>::ON);
    select::<SliceOctets>(&format!("{from} {WINDOW} group by s.ts, s.sensor, s.seq, f.interface"))
});
static MISSING: Statement = Statement::new(|| {
    select::<MissingStretch>(
        "from loss f cross join slice s on s.id = f.slice where f.to_ns > ?1 and f.from_ns < ?2 \
         and s.sensor in (select value from json_each(?3))",
    )
});
static IDENTITIES: Statement = Statement::new(|| {
    select::<IdentityRow>(
        "from identity f join mac m on m.id = f.mac join address a on a.id = f.address where f.last_ns >= ?1 \
         and f.sensor in (select value from json_each(?2))",
    )
});
const LONGEST: &str = "select coalesce(max(longest), 0) from sensor where id in (select value from json_each(?1))";

impl Store {
    /// The slices of a selection.
    pub async fn slices(&self, selection: &Selection) -> Result<Vec<Slice>, StoreError> {
        let mut slices = Vec::new();
        self.each(&SLICES, selection, &mut |SeenSlice { sensor, from, to }| {
            slices.push(Slice { sensor, interval: Interval::new(from, to) });
            Ok(())
        })
        .await?;
        Ok(slices)
    }

    /// The facts of a facility in a selection, handed to `take` one by one; those without a key of their own are added up
    /// by observation point before.
    pub async fn facts(
        &self,
        facility: Facility,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, Fact) + Send),
    ) -> Result<(), StoreError> {
        match facility {
            Facility::Traffic => {
                self.fact_rows::<FlowRow>(&FLOWS, selection, take).await?;
                self.fact_rows::<OtherFlowsRow>(&OTHER_FLOWS, selection, take).await
            }
            Facility::Interfaces => self.fact_rows::<LedgerRow>(&LEDGERS, selection, take).await,
            Facility::Counted(facility) => self.counted_facts(facility, selection, take).await,
            Facility::Packets => Ok(()),
        }
    }

    async fn fact_rows<R: FactRow>(
        &self,
        sql: &'static str,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, Fact) + Send),
    ) -> Result<(), StoreError> {
        self.each(sql, selection, &mut |PlacedRow::<R>(place, row)| {
            take(place, row.fact()?);
            Ok(())
        })
        .await
    }

    /// Classes by the second or the minute: the start of each in seconds since 1970.
    pub async fn classes(
        &self,
        tier: Tier,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, i64, Fact) + Send),
    ) -> Result<(), StoreError> {
        if tier == Tier::Minute {
            let minute = &mut |MinuteRow { ts, sensor, interface, class, traffic }| {
                take(Place { sensor, interface }, ts, Fact::Class(class, traffic));
                Ok(())
            };
            self.each(&MINUTES, selection, minute).await
        } else {
            let second = &mut |PlacedRow(place, SecondRow { at, class, traffic })| {
                take(place, at, Fact::Class(class, traffic));
                Ok(())
            };
            self.each(&SECONDS, selection, second).await
        }
    }

    /// The newest losses of a sensor, newest first.
    pub async fn losses(&self, sensor: i64, limit: u32) -> Result<Vec<Loss>, StoreError> {
        let rows = sqlx::query(LOSSES.as_str()).bind(sensor).bind(limit).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let LossRow { reason, from, to, records, packets, octets, interface, .. } = read(row)?;
                let reason = usize::try_from(reason - 1).ok().and_then(|place| LossReason::ALL.get(place));
                Ok(Loss {
                    reason: *reason.ok_or_else(|| StoreError::Damaged("an unknown loss".to_owned()))?,
                    interval: Interval::new(from, to),
                    records,
                    counted: packets.zip(octets),
                    interface,
                })
            })
            .collect()
    }

    /// Every observation point's slices, by their starts.
    pub async fn covered(&self, selection: &Selection) -> Result<Vec<(Place, Interval)>, StoreError> {
        let mut all = Vec::new();
        self.each(&COVERED, selection, &mut |CoveredSlice { place, from, to }| {
            all.push((place, Interval::new(from, to)));
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// The part of every observation point's flows that counts in its LAN, slice by slice.
    pub async fn counted(&self, selection: &Selection) -> Result<Vec<(Place, Rows)>, StoreError> {
        let mut all = Vec::new();
        self.each(&COUNTED, selection, &mut |SliceOctets { place, from, to, counted, seen }| {
            all.push((place, Rows { interval: Interval::new(from, to), counted, seen }));
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// Losses that overlap a selection: the sensor, the interface where it was not all of them, and when.
    pub async fn missing(&self, selection: &Selection) -> Result<Vec<(i64, Option<String>, Interval)>, StoreError> {
        let Interval { from, to } = selection.interval;
        let rows = sqlx::query(MISSING.as_str())
            .bind(from.0)
            .bind(to.0)
            .bind(json(&selection.sensors))
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let MissingStretch { sensor, interface, from, to } = read(row)?;
                Ok((sensor, interface, Interval::new(from, to)))
            })
            .collect()
    }

    /// Addresses behind stations, of some sensors, that were seen since a moment.
    pub async fn identities(&self, sensors: &[i64], since: Timestamp) -> Result<Vec<Identity>, StoreError> {
        let rows = sqlx::query(IDENTITIES.as_str()).bind(since.0).bind(json(sensors)).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let IdentityRow { sensor, mac, address, first, last } = read(row)?;
                let mac = mac.value.ok_or_else(|| StoreError::Damaged("a station without MAC address".to_owned()))?;
                Ok(Identity { sensor, mac, learnt: Learnt { address: address.address()?, first, last } })
            })
            .collect()
    }

    /// Every row of a window.
    pub(super) async fn each<R: Field>(
        &self,
        sql: &'static str,
        selection: &Selection,
        take: &mut (dyn FnMut(R) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let Interval { from, to } = selection.interval;
        let sensors = json(&selection.sensors);
        let longest: i64 = sqlx::query(LONGEST).bind(&sensors).fetch_one(&self.readers).await?.try_get(0)?;
        let mut rows = sqlx::query(sql)
            .bind(Timestamp(from.0.saturating_sub(longest)).seconds())
            .bind(to.seconds())
            .bind(from.0)
            .bind(to.0)
            .bind(&sensors)
            .fetch(&self.readers);
        while let Some(row) = rows.try_next().await? {
            take(read(&row)?)?;
        }
        Ok(())
    }
}

fn json(numbers: &[i64]) -> String {
    format!("[{}]", pack::list(numbers))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use sqlx::{Executor, SqlSafeStr};

    use super::*;
    use crate::store::sqlite::counted;

    #[tokio::test]
    async fn every_statement_prepares_and_follows_the_time_key() {
        let statements: [(&str, &'static str); 13] = [
            ("slices", &SLICES),
            ("flows", &FLOWS),
            ("other flows", &OTHER_FLOWS),
            ("ledgers", &LEDGERS),
            ("seconds", &SECONDS),
            ("minutes", &MINUTES),
            ("longest", LONGEST),
            ("losses", &LOSSES),
            ("covered", &COVERED),
            ("counted", &COUNTED),
            ("missing", &MISSING),
            ("identities", &IDENTITIES),
            ("marks", &super::super::marks::SEEN),
        ];
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("history.db")).await.unwrap();
        for (name, sql) in statements.into_iter().chain(counted::statements().map(|sql| ("counted", sql))) {
            store.readers.prepare(sql.into_sql_str()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}")))
                .fetch_all(&store.readers)
                .await
                .unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get::<String, _>(3)).collect();
            let facts = ["SCAN f", "SCAN s"].map(|scan| plan.iter().any(|step| step == scan));
            // Losses are few and have no key of time.
            let expected = [["losses", "missing"].contains(&name), false];
            assert_eq!(facts, expected, "{name}: {plan:#?}");
        }
    }
}
