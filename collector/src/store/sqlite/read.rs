//! Facts of a window. The slices lead, and each leads to its rows by the first column of their keys; so a window costs what
//! lies in it, however large the store is.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use traf_model::{AggregatedFlow, Class, Counted, Facility, Interval, Loss, Timestamp, Traffic};

use super::columns::{Field, columns, sum};
use super::facts::{AggregatedFlowRow, FlowRow, LedgerRow, MinuteRow, OtherFlowsRow, SecondRow};
use super::rows::LossRow;
use super::table::{SliceTable, at_moment, of_window, read, rows_of_window, select, sums_of_window};
use super::{Store, pack};
use crate::report::point::{Doubts, Share};
use crate::store::{Fact, Identity, PointKey, Selection, Slice, StoreError, StoredSlice, Tier};

columns!(for Share {
    counted: u64 = sum!("(f.forward_octets + f.reverse_octets) * f.prim"),
    seen: u64 = sum!("f.forward_octets + f.reverse_octets"),
});

columns!(for Doubts {
    twice: u64 = concat!("coalesce(", sum!("s.doubtful_octets"), ", 0)"),
    left_out: u64 = "0",
});

columns! {
    /// Octets of flows in slices with a suspect clock.
    SuspectOctets { octets: u64 = concat!("coalesce(", sum!("f.forward_octets + f.reverse_octets"), ", 0)") }
}

columns! {
    SliceStart { ts: i64 [in s] }
}

columns! {
    MissingStretch { sensor: i64 [in s], interface: Option<String>, interval: Interval }
}

/// A statement, made when it is needed first.
pub(super) type Statement = LazyLock<String>;

static SLICES: Statement = Statement::new(|| of_window::<Slice>("slice s", "order by s.ts, s.sensor, s.seq"));
static FLOWS: Statement = Statement::new(rows_of_window::<FlowRow>);
static OTHER_FLOWS: Statement = Statement::new(|| sums_of_window::<OtherFlowsRow>(OtherFlowsRow::ON));
static WITHOUT_ROWS: Statement = Statement::new(|| {
    let then = "and exists (select 1 from flow_other f where f.slice = s.id) group by s.ts order by s.ts";
    of_window::<SliceStart>("slice s", then)
});
static FLOWS_AT: Statement =
    Statement::new(|| at_moment::<(PointKey, FlowRow)>(&format!("slice s cross join flow f on {}", FlowRow::ON)));
static OTHER_FLOWS_AT: Statement = Statement::new(|| {
    at_moment::<(PointKey, OtherFlowsRow)>(&format!("slice s cross join flow_other f on {}", OtherFlowsRow::ON))
});
static AGGREGATED_AT: Statement = Statement::new(|| {
    let from = format!("slice s cross join flow_aggregated f on {}", AggregatedFlowRow::ON);
    at_moment::<(PointKey, AggregatedFlowRow)>(&from)
});
static AGGREGATED: Statement = Statement::new(|| sums_of_window::<AggregatedFlowRow>(AggregatedFlowRow::ON));
static LEDGERS: Statement = Statement::new(rows_of_window::<LedgerRow>);
static SECONDS: Statement = Statement::new(rows_of_window::<SecondRow>);
static MINUTES: Statement = Statement::new(|| {
    select::<MinuteRow>(
        "minute f",
        "where f.ts > ?1 - 60 and f.ts <= ?2 and f.ts * 1000000000 + 60000000000 > ?3 \
         and f.ts * 1000000000 < ?4 and f.sensor in (select value from json_each(?5))",
    )
});
static LOSSES: Statement = Statement::new(|| {
    let then = "where s.sensor = ?1 order by s.ts desc, s.seq desc, f.n desc limit ?2";
    select::<LossRow>("loss f cross join slice s on s.id = f.slice", then)
});
static COVERED: Statement = Statement::new(|| {
    let from = "slice s cross join slice_ledger f on f.slice = s.id";
    of_window::<(PointKey, Slice)>(from, "order by s.ts, s.sensor, s.seq")
});
static COUNTED: Statement = Statement::new(|| {
    let from = format!("slice s cross join flow f on {}", FlowRow::ON);
    of_window::<(PointKey, (Slice, Share))>(&from, "group by s.ts, s.sensor, s.seq, f.interface")
});
static DOUBTS: Statement = Statement::new(|| of_window::<Doubts>("slice s", ""));
static SUSPECT: Statement = Statement::new(|| {
    let from = format!("slice s cross join flow f on {}", FlowRow::ON);
    of_window::<SuspectOctets>(&from, "and s.clock_suspect")
});
static MISSING: Statement = Statement::new(|| {
    select::<MissingStretch>(
        "loss f cross join slice s on s.id = f.slice",
        "where f.to_ns > ?1 and f.from_ns < ?2 and s.sensor in (select value from json_each(?3))",
    )
});
static IDENTITIES: Statement = Statement::new(|| {
    let then = "where f.last_ns >= ?1 and f.sensor in (select value from json_each(?2))";
    select::<Identity>("identity f", then)
});
const LONGEST: &str = "select coalesce(max(longest), 0) from sensor where id in (select value from json_each(?1))";

impl Store {
    /// The slices of a selection.
    pub async fn slices(&self, selection: &Selection) -> Result<Vec<Slice>, StoreError> {
        self.all(&SLICES, selection).await
    }

    /// The facts of a facility in a selection, handed to `take` one by one; those without a key of their own are added up
    /// by observation point before.
    pub async fn facts(
        &self,
        facility: Facility,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, Fact) + Send),
    ) -> Result<(), StoreError> {
        match facility {
            Facility::Traffic => {
                self.fact_rows::<FlowRow>(&FLOWS, selection, take).await?;
                self.other_flows(selection, take).await
            }
            Facility::Interfaces => self.fact_rows::<LedgerRow>(&LEDGERS, selection, take).await,
            Facility::Counted(facility) => self.counted_facts(facility, selection, take).await,
            Facility::Packets => Ok(()),
        }
    }

    /// Starts, in seconds, of the slices of a selection in which flows have no row.
    pub(crate) async fn without_rows(&self, selection: &Selection) -> Result<Vec<i64>, StoreError> {
        let starts: Vec<SliceStart> = self.all(&WITHOUT_ROWS, selection).await?;
        Ok(starts.into_iter().map(|SliceStart { ts }| ts).collect())
    }

    /// The flows of the slices of some sensors that begin at a moment, with and without a row, and the keys of a facility.
    pub(crate) async fn slices_at(
        &self,
        start: i64,
        sensors: &[i64],
        facility: Option<Counted>,
    ) -> Result<HashMap<PointKey, StoredSlice>, StoreError> {
        let mut slices: HashMap<PointKey, StoredSlice> = HashMap::new();
        let flow = &mut |(place, row): (PointKey, FlowRow)| {
            if let Fact::Flow(flow, counts) = row.into() {
                slices.entry(place).or_default().flows.push((flow, counts));
            }
        };
        self.each_at(&FLOWS_AT, start, sensors, flow).await?;
        let other = &mut |(place, row): (PointKey, OtherFlowsRow)| {
            slices.entry(place).or_default().others.push((row.class, row.traffic, row.keys));
        };
        self.each_at(&OTHER_FLOWS_AT, start, sensors, other).await?;
        let aggregated = &mut |(place, row): (PointKey, AggregatedFlowRow)| {
            slices.entry(place).or_default().aggregated.push(row.into());
        };
        self.each_at(&AGGREGATED_AT, start, sensors, aggregated).await?;
        if let Some(facility) = facility {
            let key = &mut |place: PointKey, key, traffic| {
                slices.entry(place).or_default().keys.push((key, traffic));
            };
            self.counted_at(facility, (start, sensors), key).await?;
        }
        Ok(slices)
    }

    /// Every row of the slices that begin at a moment.
    pub(super) async fn each_at<R: Field>(
        &self,
        sql: &'static str,
        start: i64,
        sensors: &[i64],
        take: &mut (dyn FnMut(R) + Send),
    ) -> Result<(), StoreError> {
        let mut rows = sqlx::query(sql).bind(start).bind(json(sensors)).fetch(&self.readers);
        while let Some(row) = rows.try_next().await? {
            take(read(&row)?);
        }
        Ok(())
    }

    async fn fact_rows<R: SliceTable + Into<Fact>>(
        &self,
        sql: &'static str,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, Fact) + Send),
    ) -> Result<(), StoreError> {
        self.each(sql, selection, &mut |(place, row): (PointKey, R)| take(place, row.into())).await
    }

    /// The flows of a selection without a row of their own, added up by observation point and class.
    pub(crate) async fn other_flows(
        &self,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, Fact) + Send),
    ) -> Result<(), StoreError> {
        self.fact_rows::<OtherFlowsRow>(&OTHER_FLOWS, selection, take).await
    }

    /// The same by their ends, as far as these are known.
    pub async fn aggregated_flows(
        &self,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, AggregatedFlow) + Send),
    ) -> Result<(), StoreError> {
        let aggregated = &mut |(place, row): (PointKey, AggregatedFlowRow)| take(place, row.into());
        self.each(&AGGREGATED, selection, aggregated).await
    }

    /// Traffic of classes by the second or the minute: the start of each in seconds since 1970.
    pub async fn classes(
        &self,
        tier: Tier,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, i64, Class, Traffic) + Send),
    ) -> Result<(), StoreError> {
        if tier == Tier::Minute {
            let minute = &mut |MinuteRow { ts, sensor, interface, class, traffic }| {
                take(PointKey { sensor, interface }, ts, class, traffic);
            };
            self.each(&MINUTES, selection, minute).await
        } else {
            let second = &mut |(place, SecondRow { at, class, traffic })| take(place, at, class, traffic);
            self.each(&SECONDS, selection, second).await
        }
    }

    /// The newest losses of a sensor, newest first.
    pub async fn losses(&self, sensor: i64, limit: u32) -> Result<Vec<Loss>, StoreError> {
        let loss = |LossRow { reason, interval, records, packets, octets, interface, .. }| Loss {
            reason,
            interval,
            records,
            counted: packets.zip(octets),
            interface,
        };
        self.rows(sqlx::query(LOSSES.as_str()).bind(sensor).bind(limit), loss).await
    }

    /// Every observation point's slices, by their starts.
    pub async fn covered(&self, selection: &Selection) -> Result<Vec<(PointKey, Slice)>, StoreError> {
        self.all(&COVERED, selection).await
    }

    /// The part of every observation point's flows that counts in its LAN, slice by slice.
    pub(crate) async fn counted(&self, selection: &Selection) -> Result<Vec<(PointKey, (Slice, Share))>, StoreError> {
        self.all(&COUNTED, selection).await
    }

    /// What may be counted twice in a LAN, or is left out of it.
    pub(crate) async fn doubts(&self, selection: &Selection) -> Result<Doubts, StoreError> {
        let mut doubts = Doubts::default();
        self.each(&DOUBTS, selection, &mut |found: Doubts| doubts.twice = found.twice).await?;
        self.each(&SUSPECT, selection, &mut |found: SuspectOctets| doubts.left_out = found.octets).await?;
        Ok(doubts)
    }

    /// Losses that overlap a selection: the sensor, the interface where it was not all of them, and when.
    pub async fn missing(&self, selection: &Selection) -> Result<Vec<(i64, Option<String>, Interval)>, StoreError> {
        let Interval { from, to } = selection.interval;
        let rows = sqlx::query(MISSING.as_str()).bind(from.0).bind(to.0).bind(json(&selection.sensors));
        let missing = |MissingStretch { sensor, interface, interval }| (sensor, interface, interval);
        self.rows(rows, missing).await
    }

    /// Addresses behind MAC addresses, of some sensors, that were seen since a moment.
    pub async fn identities(&self, sensors: &[i64], since: Timestamp) -> Result<Vec<Identity>, StoreError> {
        self.rows(sqlx::query(IDENTITIES.as_str()).bind(since.0).bind(json(sensors)), |identity| identity).await
    }

    /// All rows of a query, each as `make` makes it.
    pub(super) async fn rows<R: Field, T>(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
        make: impl Fn(R) -> T,
    ) -> Result<Vec<T>, StoreError> {
        query.fetch_all(&self.readers).await?.iter().map(|row| Ok(make(read(row)?))).collect()
    }

    async fn all<R: Field + Send>(&self, sql: &'static str, selection: &Selection) -> Result<Vec<R>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, selection, &mut |row| all.push(row)).await?;
        Ok(all)
    }

    /// Every row of a window.
    pub(super) async fn each<R: Field>(
        &self,
        sql: &'static str,
        selection: &Selection,
        take: &mut (dyn FnMut(R) + Send),
    ) -> Result<(), StoreError> {
        let Interval { from, to } = selection.interval;
        let sensors = json(&selection.sensors);
        let longest: i64 = sqlx::query_scalar(LONGEST).bind(&sensors).fetch_one(&self.readers).await?;
        let mut rows = sqlx::query(sql)
            .bind(Timestamp(from.0.saturating_sub(longest)).seconds())
            .bind(to.seconds())
            .bind(from.0)
            .bind(to.0)
            .bind(&sensors)
            .fetch(&self.readers);
        while let Some(row) = rows.try_next().await? {
            take(read(&row)?);
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

    use sqlx::{Executor, Row, SqlSafeStr};

    use super::*;
    use crate::store::sqlite::counted;

    #[tokio::test]
    async fn every_statement_prepares_and_follows_the_time_key() {
        let statements: [(&str, &'static str); 22] = [
            ("slices", &SLICES),
            ("flows", &FLOWS),
            ("other flows", &OTHER_FLOWS),
            ("without rows", &WITHOUT_ROWS),
            ("flows at", &FLOWS_AT),
            ("other flows at", &OTHER_FLOWS_AT),
            ("ledgers", &LEDGERS),
            ("seconds", &SECONDS),
            ("minutes", &MINUTES),
            ("longest", LONGEST),
            ("losses", &LOSSES),
            ("covered", &COVERED),
            ("counted", &COUNTED),
            ("doubts", &DOUBTS),
            ("suspect", &SUSPECT),
            ("missing", &MISSING),
            ("identities", &IDENTITIES),
            ("runs", &super::super::marks::RUNS),
            ("proven flows", &super::super::proven::PROVEN),
            ("flows by ends", &super::super::ends::BY_ENDS),
            ("parts by ends", &super::super::ends::PARTS_BY_ENDS),
            ("slices in order", &super::super::ends::IN_ORDER),
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
            // An index that SQLite makes for one statement reads the whole table of facts.
            assert!(!plan.iter().any(|step| step.contains("AUTOMATIC")), "{name}: {plan:#?}");
        }
    }
}
