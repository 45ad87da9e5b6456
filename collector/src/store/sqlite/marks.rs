//! Marks of the flow rows that count in their LAN; [`crate::report::primary`] decides. What it decides by is kept as one run of
//! records for each delivery, in the transaction that writes its rows, and read back when an older slice is needed.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use traf_model::{Interval, Timestamp};

use super::columns::columns;
use super::dictionary::Dictionary;
use super::table::{InsertInto, read, select};
use crate::report::primary::{
    Change, Decision, FLOW_BITS, FlowId, Found, MEMORY, MarkRecord, MarkTables, Observation, Observer, Primaries,
    RowEvidence, Run, SharedFlow, Slots,
};
use crate::store::{Delivery, StoreError};

/// Deliveries that are recalled after a restart.
const RECALLED: usize = 4_096;
/// Octets of their runs: a million rows.
const RECALLED_OCTETS: u64 = 16 << 20;

columns! {
    /// A run of a slice.
    RunRow { run: i64 = "s.id", ts: i64 [in s], sensor: i64 [in s], records: Vec<u8> }
}

columns! {
    /// A delivery of the last minute.
    RecentRow { id: i64, sensor: i64, interval: Interval, stored: Timestamp, mark_octets: u64, site: String [in p] }
}

columns! {
    /// A run that is inserted.
    MarkRow { run: i64, records: Vec<u8> }
}

static MARK: InsertInto<MarkRow> = InsertInto::new("mark", "");

/// The runs of a site whose slices begin in a stretch of time.
pub(super) static RUNS: LazyLock<String> = LazyLock::new(|| {
    select::<RunRow>(
        "slice s cross join mark f on f.run = s.id",
        "where s.mark_octets > 0 and s.ts >= ?1 and s.ts < ?2 and s.sensor in (select id from sensor where site = ?3) \
         order by s.id",
    )
});
/// The newest deliveries that have a run, by their arrival.
static RECENT: LazyLock<String> = LazyLock::new(|| {
    // `+` keeps the order of arrival, which is that of the table.
    let newest = "where +f.mark_octets > 0 order by f.id desc limit ?1";
    select::<RecentRow>("slice f join sensor p on p.id = f.sensor", newest)
});

/// The writer's memory of marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    primaries: Primaries,
    tables: MarkTables,
    /// True if what came in the last minute is read.
    recalled: bool,
    sites: HashMap<String, u32>,
    /// Runs of this transaction by the number of their slice, with site and slot.
    runs: BTreeMap<i64, ((u32, i64), Run)>,
    changes: Vec<Change>,
    /// Runs that were read from the file.
    pub(super) read: u64,
    /// Forgotten flows, and records without a place, that the log knows of.
    warned: [u64; 2],
}

/// The marks of one delivery.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// One for each flow row, in the order of the summary.
    pub(super) decisions: Vec<Decision>,
    /// Octets of rows that count beside rows of equal ends, without proof.
    pub(super) doubtful: u64,
    /// Octets of the run.
    pub(super) octets: u64,
    /// Its clock is suspect: nothing counts in its LAN.
    pub(super) suspect: bool,
}

impl Marks {
    /// Reads what came in the last minute.
    pub(super) async fn recall(&mut self, connection: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
        if self.recalled {
            return Ok(());
        }
        let mut recent: Vec<RecentRow> = Vec::new();
        let mut octets = 0;
        {
            let mut rows = sqlx::query(RECENT.as_str()).bind(RECALLED as i64).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let row: RecentRow = read(&row)?;
                octets += row.mark_octets;
                let newest = recent.first().map_or(row.stored, |first| first.stored);
                if newest.since(row.stored) > MEMORY || octets > RECALLED_OCTETS {
                    break;
                }
                recent.push(row);
            }
        }
        let mut none = Vec::new();
        for RecentRow { id, sensor, interval, site, .. } in recent.into_iter().rev() {
            let site = self.site(&site);
            self.primaries.delivered(sensor, interval, now, &mut none);
            if Primaries::is_long(interval) {
                continue;
            }
            let slots = Slots::of(interval).around();
            self.want(connection, site, slots).await?;
            let records: Option<Vec<u8>> = sqlx::query_scalar("select records from mark where run = ?")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(run) = records.and_then(|records| Run::read(sensor, &records)) else { continue };
            for (place, observer, record) in run.records() {
                let flow = FlowId { site, fingerprint: record.fingerprint() };
                let evidence = record.evidence(run.generation());
                let row = id << FLOW_BITS | place as i64;
                let observation = Observation { flow, observer, slice: interval, octets: evidence.total(), row };
                let Self { primaries, tables, .. } = self;
                let find = || tables.find(flow, slots, observer, &evidence);
                primaries.recall(&observation, record.is_marked(), find);
            }
        }
        self.recalled = true;
        Ok(())
    }

    /// Decides which rows of a delivery count, under the number of its slice.
    pub(super) async fn decide(
        &mut self,
        connection: &mut SqliteConnection,
        (number, delivery): (i64, &Delivery),
        site: &str,
        dictionary: &Dictionary,
        now: Timestamp,
    ) -> Result<Marked, StoreError> {
        let (summary, sensor) = (&delivery.summary, delivery.sensor);
        let (site, slice) = (self.site(site), summary.slice);
        let (slots, long) = (Slots::of(slice), Primaries::is_long(slice));
        self.primaries.delivered(sensor, slice, now, &mut self.changes);
        let rows = seen_rows(site, delivery, dictionary)?;
        if rows.is_empty() {
            return Ok(Marked::default());
        }
        let mut others: Vec<Vec<Found>> = Vec::new();
        if long {
            others = self.find_in_long(connection, (site, slots.around()), &rows).await?;
            self.want(connection, site, Slots::single(slots.first())).await?;
        } else {
            self.want(connection, site, slots.around()).await?;
        }
        let mut run = Run::new(sensor, summary.generation);
        let mut marked = Marked::default();
        for (SeenRow { observer, flow, evidence }, place) in rows.into_iter().zip(0..) {
            let (octets, row) = (evidence.total(), number << FLOW_BITS | place);
            let observation = Observation { flow, observer, slice, octets, row };
            let Self { primaries, tables, changes, .. } = self;
            let decision = match others.get(place as usize) {
                Some(found) => Primaries::see_alone(&observation, found),
                None => {
                    let find = |around: bool| {
                        tables.find(flow, if around { slots.around() } else { slots }, observer, &evidence)
                    };
                    primaries.see(&observation, find, changes)
                }
            };
            let record = MarkRecord::new(flow.fingerprint, &evidence, decision.counts);
            tables.add((site, slots.first()), record, (observer, summary.generation));
            run.push(observer, record);
            marked.doubtful = marked.doubtful.saturating_add(if decision.doubtful { octets } else { 0 });
            marked.decisions.push(decision);
        }
        marked.octets = run.size() as u64;
        self.runs.insert(number, ((site, slots.first()), run));
        Ok(marked)
    }

    /// No row of a delivery with a suspect clock counts, and nothing is learnt from it.
    pub(super) fn set_aside(delivery: &Delivery, dictionary: &Dictionary) -> Result<Marked, StoreError> {
        let mut marked = Marked { suspect: true, ..Marked::default() };
        for of_interface in &delivery.summary.interfaces {
            let interface = dictionary.interface(delivery.sensor, &of_interface.interface.name)?;
            marked.decisions.extend(of_interface.flows.iter().map(|flow| {
                let elected = Observer { sensor: delivery.sensor, interface, vlan: flow.key.vlan };
                Decision { counts: false, elected, doubtful: false }
            }));
        }
        Ok(marked)
    }

    /// What others have of the flows of a long slice, read slot by slot.
    async fn find_in_long(
        &mut self,
        connection: &mut SqliteConnection,
        (site, slots): (u32, Slots),
        rows: &[SeenRow],
    ) -> Result<Vec<Vec<Found>>, StoreError> {
        let mut all = vec![Vec::new(); rows.len()];
        for slot in slots.iter().map(Slots::single) {
            self.want(connection, site, slot).await?;
            for (row, found) in rows.iter().zip(&mut all) {
                found.extend(self.tables.find(row.flow, slot, row.observer, &row.evidence));
            }
        }
        Ok(all)
    }

    /// Makes sure that slots of a site are in memory.
    async fn want(&mut self, connection: &mut SqliteConnection, site: u32, slots: Slots) -> Result<(), StoreError> {
        let missing = self.tables.want(site, slots);
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return Ok(()) };
        let name = self.sites.iter().find(|(_, number)| **number == site).map(|(name, _)| name.clone());
        {
            let mut rows = sqlx::query(RUNS.as_str())
                .bind(Slots::slice(*first).from.seconds())
                .bind(Slots::slice(*last).to.seconds())
                .bind(name.unwrap_or_default())
                .fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let RunRow { run, ts, sensor, records } = read(&row)?;
                let slot = Slots::at(Timestamp::from_seconds(ts));
                let Some(kept) = Run::read(sensor, &records).filter(|_| missing.contains(&slot)) else { continue };
                if !self.runs.contains_key(&run) {
                    self.read += 1;
                    fill(&mut self.tables, (site, slot), &kept);
                }
            }
        }
        // Those of this transaction are not in the file yet.
        for (place, run) in self.runs.values() {
            if place.0 == site && missing.contains(&place.1) {
                fill(&mut self.tables, *place, run);
            }
        }
        Ok(())
    }

    /// Writes the runs of this transaction, and the marks that have changed since their rows were made; returns the latter.
    pub(super) async fn store(
        &mut self,
        connection: &mut SqliteConnection,
        dictionary: &Dictionary,
    ) -> Result<Vec<Change>, StoreError> {
        let mut changes = std::mem::take(&mut self.changes);
        let mut written = 0;
        for place in 0..changes.len() {
            let Change { row, primary, settles, replaces, .. } = changes[place];
            // A record that still counts although its row no longer does harms nobody: the row that counts in its place proves
            // the same.
            if primary && !self.mark(connection, row, replaces).await? {
                continue;
            }
            changes[written] = changes[place];
            written += 1;
            let update = sqlx::query("update flow set prim = ? where id = ?").bind(primary).bind(row);
            update.execute(&mut *connection).await?;
            if settles {
                // After a restart memory knows about how many octets it has, the row itself says it exactly.
                let update = "update slice set doubtful_octets = max(0, doubtful_octets - coalesce((select forward_octets + \
                     reverse_octets from flow where id = ?1), 0)) where id = ?1 >> ?2";
                sqlx::query(update).bind(row).bind(FLOW_BITS).execute(&mut *connection).await?;
            }
        }
        changes.truncate(written);
        let runs = std::mem::take(&mut self.runs).into_iter();
        let runs: Vec<MarkRow> =
            runs.map(|(run, (_, records))| MarkRow { run, records: records.to_octets() }).collect();
        MARK.insert(connection, dictionary, &runs).await?;
        self.warn();
        Ok(changes)
    }

    /// The record of a row counts from now on, in its run and in memory; false if it does not, because a late row of another
    /// observer counts already in its slice; not asked of a row that `replaces` another.
    async fn mark(&mut self, connection: &mut SqliteConnection, row: i64, replaces: bool) -> Result<bool, StoreError> {
        let (id, place) = (row >> FLOW_BITS, (row & ((1 << FLOW_BITS) - 1)) as usize);
        if let Some((at, run)) = self.runs.get_mut(&id) {
            return Ok(mark_once(&mut self.tables, *at, (run, place), replaces));
        }
        let kept = "select s.ts, s.sensor, p.site, m.records from slice s join sensor p on p.id = s.sensor \
                    join mark m on m.run = s.id where s.id = ?";
        let kept: Option<(i64, i64, String, Vec<u8>)> =
            sqlx::query_as(kept).bind(id).fetch_optional(&mut *connection).await?;
        let Some((ts, sensor, site, records)) = kept else { return Ok(true) };
        let Some(mut run) = Run::read(sensor, &records) else { return Ok(true) };
        let at = (self.site(&site), Slots::at(Timestamp::from_seconds(ts)));
        let counts = mark_once(&mut self.tables, at, (&mut run, place), replaces);
        if counts {
            let update = sqlx::query("update mark set records = ? where run = ?").bind(run.to_octets()).bind(id);
            update.execute(&mut *connection).await?;
        }
        Ok(counts)
    }

    fn warn(&mut self) {
        let [forgotten, crowded] = [self.primaries.forgotten, self.tables.crowded];
        if forgotten > self.warned[0] {
            tracing::warn!(forgotten, "more flows at once than are remembered: who counts is decided slice by slice");
            self.warned[0] = forgotten.saturating_mul(2);
        }
        if crowded > self.warned[1] {
            tracing::warn!(crowded, "more flows at once than a table of marks has places: some may count twice");
            self.warned[1] = crowded.saturating_mul(2);
        }
    }

    fn site(&mut self, name: &str) -> u32 {
        if let Some(site) = self.sites.get(name) {
            return *site;
        }
        let site = self.sites.len() as u32;
        self.sites.insert(name.to_owned(), site);
        site
    }
}

/// Lets the record at a place of a run count, unless a record of another observer in that slot counts and proves the same.
fn mark_once(
    tables: &mut MarkTables,
    (site, slot): (u32, i64),
    (run, place): (&mut Run, usize),
    replaces: bool,
) -> bool {
    let Some((observer, record)) = run.record(place) else { return true };
    let flow = FlowId { site, fingerprint: record.fingerprint() };
    let evidence = record.evidence(run.generation());
    let mut others = tables.find(flow, Slots::single(slot), observer, &evidence).into_iter();
    if !replaces && others.any(|found| found.counts) {
        return false;
    }
    run.mark(place);
    tables.mark(flow, slot, observer);
    true
}

/// A flow row of a delivery: who saw what, and its evidence.
struct SeenRow {
    observer: Observer,
    flow: FlowId,
    evidence: RowEvidence,
}

/// The flow rows of a delivery, in their order.
fn seen_rows(site: u32, delivery: &Delivery, dictionary: &Dictionary) -> Result<Vec<SeenRow>, StoreError> {
    let (summary, sensor) = (&delivery.summary, delivery.sensor);
    let mut rows = Vec::with_capacity(summary.interfaces.iter().map(|part| part.flows.len()).sum());
    for part in &summary.interfaces {
        let interface = dictionary.interface(sensor, &part.interface.name)?;
        rows.extend(part.flows.iter().map(|flow| {
            let key = SharedFlow::new(site.into(), (sensor, interface), &part.interface, flow);
            SeenRow {
                observer: Observer { sensor, interface, vlan: flow.key.vlan },
                flow: FlowId { site, fingerprint: key.fingerprint() },
                evidence: RowEvidence::new(flow, summary.generation),
            }
        }));
    }
    Ok(rows)
}

/// Fills a table with the records of a run.
fn fill(tables: &mut MarkTables, place: (u32, i64), run: &Run) {
    for (_, observer, record) in run.records() {
        tables.add(place, record, (observer, run.generation()));
    }
}

#[cfg(test)]
mod tests;
