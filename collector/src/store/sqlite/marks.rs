//! Marks of the flow rows that count in their LAN; [`crate::report::primary`] decides.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use traf_model::{Flow, FlowKey, Interface, Interval, Timestamp};

use super::columns::columns;
use super::facts::FlowRow;
use super::table::{SliceTable, read, select};
use crate::report::primary::{Change, Decision, Late, MEMORY, Observation, Observer, Primaries, RowKey, SharedFlow};
use crate::store::{PointKey, StoreError};

columns! {
    /// A flow row, with what decides its mark.
    MarkedRow {
        row: i64 = "f.id",
        site: String [in p],
        loopback: bool [in i],
        place: PointKey,
        flow: FlowKey,
        octets: u64 = "f.forward_octets + f.reverse_octets",
        slice: Interval [in s],
        prim: bool,
    }
}

/// The flows of slices that overlap a stretch of time, in the order of their slices. `+` makes SQLite sort those of a slice and
/// hand them over at once: one by one, each row would wake the task that takes it.
pub(super) static SEEN: LazyLock<String> = LazyLock::new(|| {
    let from = format!(
        "slice s cross join flow f on {} cross join sensor p on p.id = s.sensor \
         cross join interface i on i.sensor = s.sensor and i.id = f.interface",
        FlowRow::ON
    );
    select::<MarkedRow>(
        &from,
        "where s.ts >= ?1 and s.ts <= ?2 and s.to_ns > ?3 and s.from_ns < ?4 and f.prim >= ?5 \
         order by s.ts, s.sensor, s.seq, +f.id",
    )
});

/// The writer's memory of marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    primaries: Primaries,
    /// True if the last minute of the table is read.
    recalled: bool,
    sites: HashMap<String, i64>,
    late: Late,
    changes: Vec<Change>,
    /// Forgotten flows that the log knows of.
    warned: u64,
}

impl Marks {
    /// Reads what was decided in the last minute that is stored.
    pub(super) async fn recall(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.recalled {
            return Ok(());
        }
        let mut primaries = Primaries::default();
        let newest: Option<i64> = sqlx::query_scalar("select max(ts) from slice").fetch_one(&mut *connection).await?;
        if let Some(newest) = newest.map(Timestamp::from_seconds) {
            let window = Interval::new(Timestamp(newest.0.saturating_sub(MEMORY)), Timestamp(i64::MAX));
            self.seen(connection, window, 0, |observation, primary| primaries.recall(&observation, primary)).await?;
        }
        (self.primaries, self.recalled) = (primaries, true);
        Ok(())
    }

    /// True if a slice lies too far back to be decided from memory.
    pub(super) fn is_late(&self, slice: Interval) -> bool {
        self.primaries.is_late(slice)
    }

    /// Reads what is decided around a late slice.
    pub(super) async fn look_around(
        &mut self,
        connection: &mut SqliteConnection,
        slice: Interval,
    ) -> Result<(), StoreError> {
        let mut late = Late::default();
        let known = |seen: Observation, _| late.known(seen.key, seen.observer, seen.slice);
        self.seen(connection, Late::around(slice), 1, known).await?;
        self.late = late;
        Ok(())
    }

    /// A sensor has delivered a slice.
    pub(super) fn delivered(&mut self, sensor: i64, slice: Interval) {
        self.primaries.delivered(sensor, slice, &mut self.changes);
    }

    /// Whether a row counts: seen at an interface (its sensor's site and number, its own number, what it is), in a slice.
    pub(super) fn see(
        &mut self,
        (site, sensor, id, interface): (&str, i64, i64, &Interface),
        slice: Interval,
        row: RowKey,
        flow: &Flow,
    ) -> Decision {
        let observer = Observer { sensor, interface: id, vlan: flow.key.vlan };
        let key = SharedFlow::new(self.site(site), sensor, interface, flow.key);
        let observation = Observation { key, observer, slice, octets: flow.traffic.total().octets, row };
        self.primaries.see(&observation, &mut self.changes).unwrap_or_else(|| self.late.see(&observation))
    }

    /// Writes the marks that have changed since their rows were made.
    pub(super) async fn correct(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for Change { row, primary } in self.changes.drain(..) {
            let update = sqlx::query("update flow set prim = ? where id = ?").bind(primary).bind(row);
            update.execute(&mut *connection).await?;
        }
        let forgotten = self.primaries.forgotten;
        if forgotten > self.warned {
            tracing::warn!(
                forgotten,
                "more flows at once than are remembered: some that several sensors see may count twice"
            );
            self.warned = forgotten.saturating_mul(2);
        }
        Ok(())
    }

    fn site(&mut self, name: &str) -> i64 {
        if let Some(site) = self.sites.get(name) {
            return *site;
        }
        let site = self.sites.len() as i64;
        self.sites.insert(name.to_owned(), site);
        site
    }

    /// Hands on the flow rows of slices that overlap a window, one by one; of `least` 1 only those that count.
    async fn seen(
        &mut self,
        connection: &mut SqliteConnection,
        window: Interval,
        least: i64,
        mut take: impl FnMut(Observation, bool),
    ) -> Result<(), StoreError> {
        let longest = "select coalesce(max(longest), 0) from sensor";
        let longest: i64 = sqlx::query_scalar(longest).fetch_one(&mut *connection).await?;
        let mut rows = sqlx::query(SEEN.as_str())
            .bind(Timestamp(window.from.0.saturating_sub(longest)).seconds())
            .bind(window.to.seconds())
            .bind(window.from.0)
            .bind(window.to.0)
            .bind(least)
            .fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let MarkedRow { row, site, loopback, place, flow, octets, slice, prim } = read(&row)?;
            let interface = Interface { loopback, ..Interface::default() };
            let key = SharedFlow::new(self.site(&site), place.sensor, &interface, flow);
            let observer = Observer { sensor: place.sensor, interface: place.interface, vlan: flow.vlan };
            take(Observation { key, observer, slice, octets, row }, prim);
        }
        Ok(())
    }
}
