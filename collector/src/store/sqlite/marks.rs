//! Which flow rows count in their LAN: [`crate::report::primary`] decides, here it is asked and told.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use traf_model::{Endpoint, Flow, FlowKey, Interface, Interval, Timestamp};

use super::{count, pack};
use crate::report::primary::{Change, Late, MEMORY, Observation, Observer, Primaries, RowKey, SharedFlow};
use crate::store::StoreError;

/// The flows of slices that overlap a stretch of time, with what decides their marks.
pub(super) const SEEN: &str = "select s.site, i.loopback, f.ts, f.sensor, f.seq, f.n, f.interface, f.vlan, f.protocol, a.ip, \
    f.source_port, b.ip, f.destination_port, f.forward_octets + f.reverse_octets, l.from_ns, l.to_ns, f.prim \
    from slice l cross join flow f on f.ts = l.ts and f.sensor = l.sensor and f.seq = l.seq join sensor s on s.id = f.sensor \
    join interface i on i.sensor = f.sensor and i.id = f.interface join address a on a.id = f.source \
    join address b on b.id = f.destination where l.ts >= ?1 and l.ts <= ?2 and l.to_ns > ?3 and l.from_ns < ?4 \
    and f.prim >= ?5 order by l.ts, l.sensor, l.seq, f.n";

/// The writer's memory of marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// `None` until the last minute of the table is read.
    primaries: Option<Primaries>,
    sites: HashMap<String, i64>,
    late: Late,
    changes: Vec<Change>,
    /// Forgotten flows that the log knows of.
    said: u64,
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
            for (observation, primary) in self.seen(connection, window, 0).await? {
                primaries.recall(&observation, primary);
            }
        }
        self.primaries = Some(primaries);
        Ok(())
    }

    /// Whether a slice lies too far back to be decided from memory.
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
        for (observation, _) in self.seen(connection, Late::around(slice), 1).await? {
            late.known(observation.key, observation.observer, observation.slice);
        }
        self.late = late;
        Ok(())
    }

    /// A sensor has delivered a slice.
    pub(super) fn delivered(&mut self, sensor: i64, slice: Interval) {
        if let Some(primaries) = &mut self.primaries {
            primaries.delivered(sensor, slice, &mut self.changes);
        }
    }

    /// Whether a row counts: seen at an interface (its sensor's site, its number, what it is), in a slice.
    pub(super) fn see(
        &mut self,
        (site, id, interface): (&str, i64, &Interface),
        slice: Interval,
        row: RowKey,
        flow: &Flow,
    ) -> bool {
        let observer = Observer { sensor: row[1], interface: id, vlan: flow.key.vlan };
        let key = SharedFlow::new(self.site(site), row[1], interface, flow.key);
        let observation = Observation { key, observer, slice, octets: flow.traffic.total().octets, row };
        let decided = self.primaries.as_mut().and_then(|primaries| primaries.see(&observation, &mut self.changes));
        decided.unwrap_or_else(|| self.late.see(&observation))
    }

    /// Writes the marks that have changed since their rows were made.
    pub(super) async fn correct(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for Change { row, primary } in self.changes.drain(..) {
            let mut update = sqlx::query("update flow set prim = ? where ts = ? and sensor = ? and seq = ? and n = ?");
            update = update.bind(primary);
            for number in row {
                update = update.bind(number);
            }
            update.execute(&mut *connection).await?;
        }
        let forgotten = self.primaries.as_ref().map_or(0, Primaries::forgotten);
        if forgotten > self.said {
            tracing::warn!(
                forgotten,
                "more flows at once than are remembered: some that several sensors see may count twice"
            );
            self.said = forgotten.saturating_mul(2);
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

    /// Flow rows of slices that overlap a window; of `least` 1 only those that count.
    async fn seen(
        &mut self,
        connection: &mut SqliteConnection,
        window: Interval,
        least: i64,
    ) -> Result<Vec<(Observation, bool)>, StoreError> {
        let longest = sqlx::query("select coalesce(max(longest), 0) from sensor").fetch_one(&mut *connection).await?;
        let longest: i64 = longest.try_get(0)?;
        let rows = sqlx::query(SEEN)
            .bind(Timestamp(window.from.0.saturating_sub(longest)).seconds())
            .bind(window.to.seconds())
            .bind(window.from.0)
            .bind(window.to.0)
            .bind(least)
            .fetch_all(connection)
            .await?;
        rows.iter().map(|row| self.observation(row)).collect()
    }

    fn observation(&mut self, row: &SqliteRow) -> Result<(Observation, bool), StoreError> {
        let number = |at: usize| row.try_get::<i64, _>(at);
        let end = |at: usize| -> Result<Endpoint, StoreError> {
            Ok(Endpoint::new(pack::parse(row.try_get(at)?)?, row.try_get(at + 1)?))
        };
        let flow = FlowKey { protocol: row.try_get(8)?, vlan: row.try_get(7)?, source: end(9)?, destination: end(11)? };
        let interface = Interface { loopback: row.try_get(1)?, ..Interface::default() };
        let key = SharedFlow::new(self.site(row.try_get(0)?), number(3)?, &interface, flow);
        let observer = Observer { sensor: number(3)?, interface: number(6)?, vlan: flow.vlan };
        let slice = Interval::new(Timestamp(number(14)?), Timestamp(number(15)?));
        let row_key = [number(2)?, number(3)?, number(4)?, number(5)?];
        Ok((Observation { key, observer, slice, octets: count(row, 13)?, row: row_key }, row.try_get(16)?))
    }
}
