//! Marks of the flow rows that count in their LAN; [`crate::report::primary`] decides.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use traf_model::{Endpoint, Flow, FlowKey, Interface, Interval, Timestamp};

use super::columns::{Named, columns};
use super::facts::FlowRow;
use super::table::{SliceTable, read, select};
use crate::report::primary::{Change, Late, MEMORY, Observation, Observer, Primaries, RowKey, SharedFlow};
use crate::store::StoreError;

columns! {
    /// A flow row, with what decides its mark.
    MarkedRow {
        row: i64 = "f.id",
        site: String = "p.site",
        loopback: bool = "i.loopback",
        sensor: i64 = "s.sensor",
        interface: i64,
        vlan: Option<u16>,
        protocol: u8,
        source: Named<IpAddr> = "a.ip",
        source_port: u16,
        destination: Named<IpAddr> = "b.ip",
        destination_port: u16,
        octets: u64 = "f.forward_octets + f.reverse_octets",
        from: Timestamp = "s.from_ns",
        to: Timestamp = "s.to_ns",
        prim: bool,
    }
}

/// The flows of slices that overlap a stretch of time, in the order of their slices.
pub(super) static SEEN: LazyLock<String> = LazyLock::new(|| {
    let on = FlowRow::ON;
    select::<MarkedRow>(&format!(
        "from slice s cross join flow f on {on} join sensor p on p.id = s.sensor join interface i on i.sensor = s.sensor \
         and i.id = f.interface join address a on a.id = f.source join address b on b.id = f.destination where s.ts >= ?1 \
         and s.ts <= ?2 and s.to_ns > ?3 and s.from_ns < ?4 and f.prim >= ?5 order by s.ts, s.sensor, s.seq, f.id"
    ))
});

/// The writer's memory of marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// `None` until the last minute of the table is read.
    primaries: Option<Primaries>,
    sites: HashMap<String, i64>,
    late: Late,
    changes: Vec<Change>,
    /// Forgotten flows that the log knows of.
    warned: u64,
}

impl Marks {
    /// Reads what was decided in the last minute that is stored.
    pub(super) async fn recall(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.primaries.is_some() {
            return Ok(());
        }
        let mut primaries = Primaries::default();
        let newest = sqlx::query("select max(ts) from slice").fetch_one(&mut *connection).await?;
        if let Some(newest) = newest.try_get::<Option<i64>, _>(0)?.map(Timestamp::from_seconds) {
            let window = Interval::new(Timestamp(newest.0.saturating_sub(MEMORY)), Timestamp(i64::MAX));
            self.seen(connection, window, 0, |observation, primary| primaries.recall(&observation, primary)).await?;
        }
        self.primaries = Some(primaries);
        Ok(())
    }

    /// True if a slice lies too far back to be decided from memory.
    pub(super) fn is_late(&self, slice: Interval) -> bool {
        self.primaries.as_ref().is_some_and(|primaries| primaries.is_late(slice))
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
        if let Some(primaries) = &mut self.primaries {
            primaries.delivered(sensor, slice, &mut self.changes);
        }
    }

    /// True if a row counts: seen at an interface (its sensor's site and number, its own number, what it is), in a slice.
    pub(super) fn see(
        &mut self,
        (site, sensor, id, interface): (&str, i64, i64, &Interface),
        slice: Interval,
        row: RowKey,
        flow: &Flow,
    ) -> bool {
        let observer = Observer { sensor, interface: id, vlan: flow.key.vlan };
        let key = SharedFlow::new(self.site(site), sensor, interface, flow.key);
        let observation = Observation { key, observer, slice, octets: flow.traffic.total().octets, row };
        let decided = self.primaries.as_mut().and_then(|primaries| primaries.see(&observation, &mut self.changes));
        decided.unwrap_or_else(|| self.late.see(&observation))
    }

    /// Writes the marks that have changed since their rows were made.
    pub(super) async fn correct(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for Change { row, primary } in self.changes.drain(..) {
            let update = sqlx::query("update flow set prim = ? where id = ?").bind(primary).bind(row);
            update.execute(&mut *connection).await?;
        }
        let forgotten = self.primaries.as_ref().map_or(0, Primaries::forgotten);
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
        let longest = sqlx::query("select coalesce(max(longest), 0) from sensor").fetch_one(&mut *connection).await?;
        let longest: i64 = longest.try_get(0)?;
        let mut rows = sqlx::query(SEEN.as_str())
            .bind(Timestamp(window.from.0.saturating_sub(longest)).seconds())
            .bind(window.to.seconds())
            .bind(window.from.0)
            .bind(window.to.0)
            .bind(least)
            .fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let row: MarkedRow = read(&row)?;
            let primary = row.prim;
            take(self.observation(row)?, primary);
        }
        Ok(())
    }

    fn observation(&mut self, row: MarkedRow) -> Result<Observation, StoreError> {
        let flow = FlowKey {
            protocol: row.protocol,
            vlan: row.vlan,
            source: Endpoint::new(row.source.address()?, row.source_port),
            destination: Endpoint::new(row.destination.address()?, row.destination_port),
        };
        let interface = Interface { loopback: row.loopback, ..Interface::default() };
        Ok(Observation {
            key: SharedFlow::new(self.site(&row.site), row.sensor, &interface, flow),
            observer: Observer { sensor: row.sensor, interface: row.interface, vlan: row.vlan },
            slice: Interval::new(row.from, row.to),
            octets: row.octets,
            row: row.row,
        })
    }
}
