//! Facts of a window. The slices lead, and each leads to its rows by the first three columns of their keys; so a window
//! costs what lies in it, however large the store is.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use traf_model::{Facility, Interval, Learnt, Loss, LossReason, Timestamp};

use super::facts::{class, flow, host, interval, ledger, other_flows, place, service, size, station, traffic};
use super::{Store, count, pack};
use crate::store::{Fact, Identity, Place, Rows, Selection, Slice, StoreError, Tier};

macro_rules! window {
    () => {
        " s.ts >= ?1 and s.ts <= ?2 and s.to_ns > ?3 and s.from_ns < ?4 and s.sensor in (select value from json_each(?5)) "
    };
}

macro_rules! sums {
    () => {
        "sum(f.in_packets), sum(f.in_octets), sum(f.in_coalesced), sum(f.out_packets), sum(f.out_octets), sum(f.out_coalesced)"
    };
}

const SLICES: &str = concat!("select s.sensor, s.from_ns, s.to_ns from slice s where", window!(), "order by s.ts");
const FLOWS: &str = concat!(
    "select s.sensor, f.interface, f.protocol, f.vlan, a.ip, f.source_port, b.ip, f.destination_port, f.reverse_packets, \
     f.reverse_octets, f.reverse_coalesced, f.forward_packets, f.forward_octets, f.forward_coalesced, f.ts, f.first_us, \
     f.last_us, f.status, f.windows, f.forward_size, f.reverse_size, m.mac, n.mac, f.prim",
    " from slice s cross join flow f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq \
     left join address a on a.id = f.source left join address b on b.id = f.destination \
     left join mac m on m.id = f.forward_mac left join mac n on n.id = f.reverse_mac where",
    window!(),
    "order by s.ts, s.sensor, s.seq, f.n"
);
const OTHER_FLOWS: &str = concat!(
    "select s.sensor, f.interface, f.class, sum(f.keys), ",
    sums!(),
    " from slice s cross join flow_other f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "group by s.sensor, f.interface, f.class"
);
const SIZES: &str = concat!(
    "select s.sensor, f.interface, f.size_from, f.size_to, ",
    sums!(),
    " from slice s cross join size f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "group by s.sensor, f.interface, f.size_from, f.size_to"
);
const SERVICES: &str = concat!(
    "select s.sensor, f.interface, f.protocol, f.port, ",
    sums!(),
    " from slice s cross join service f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "group by s.sensor, f.interface, f.protocol, f.port"
);
const HOSTS: &str = concat!(
    "select g.sensor, g.interface, a.ip, g.address, g.c1, g.c2, g.c3, g.c4, g.c5, g.c6 from (select s.sensor, f.interface, \
     f.address, sum(f.in_packets) c1, sum(f.in_octets) c2, sum(f.in_coalesced) c3, sum(f.out_packets) c4, \
     sum(f.out_octets) c5, sum(f.out_coalesced) c6",
    " from slice s cross join host f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "group by s.sensor, f.interface, f.address) g left join address a on a.id = g.address"
);
const STATIONS: &str = concat!(
    "select s.sensor, f.interface, m.mac, f.mac, ",
    sums!(),
    ", sum(f.ip_in_packets), sum(f.ip_in_octets), sum(f.ip_in_coalesced), sum(f.ip_out_packets), sum(f.ip_out_octets), \
     sum(f.ip_out_coalesced), group_concat(distinct f.addresses)",
    " from slice s cross join station f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq \
     left join mac m on m.id = f.mac where",
    window!(),
    "group by s.sensor, f.interface, f.mac"
);
const LEDGERS: &str = concat!(
    "select s.sensor, f.interface, f.received, f.parsed, f.malformed, f.unsupported, f.dropped, f.bad_checksum, \
     f.unparsed_octets, f.nic_rx_packets, f.nic_rx_octets, f.nic_tx_packets, f.nic_tx_octets, f.nic_rx_dropped, \
     f.nic_tx_dropped, f.kernel_received, f.clock_step, f.own_in_packets, f.own_in_octets, f.own_out_packets, \
     f.own_out_octets, f.largest_in, f.largest_out",
    " from slice s cross join slice_ledger f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "order by s.ts, s.seq"
);
const SECONDS: &str = concat!(
    "select s.sensor, f.interface, f.at, f.class, f.in_packets, f.in_octets, f.in_coalesced, f.out_packets, f.out_octets, \
     f.out_coalesced",
    " from slice s cross join second f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!()
);
const MINUTES: &str = "select f.sensor, f.interface, f.ts, f.class, f.in_packets, f.in_octets, f.in_coalesced, \
    f.out_packets, f.out_octets, f.out_coalesced from minute f where f.ts > ?1 - 60 and f.ts <= ?2 \
    and f.ts * 1000000000 + 60000000000 > ?3 and f.ts * 1000000000 < ?4 and f.sensor in (select value from json_each(?5))";
const LONGEST: &str = "select coalesce(max(longest), 0) from sensor where id in (select value from json_each(?1))";
const LOSSES: &str = "select reason, from_ns, to_ns, records, packets, octets, interface from loss where sensor = ?1 \
    order by ts desc, seq desc, n desc limit ?2";

const COVERED: &str = concat!(
    "select s.sensor, f.interface, s.from_ns, s.to_ns",
    " from slice s cross join slice_ledger f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "order by s.ts, s.seq"
);
const COUNTED: &str = concat!(
    "select s.sensor, f.interface, s.from_ns, s.to_ns, sum((f.forward_octets + f.reverse_octets) * f.prim), \
     sum(f.forward_octets + f.reverse_octets)",
    " from slice s cross join flow f on f.ts = s.ts and f.sensor = s.sensor and f.seq = s.seq where",
    window!(),
    "group by s.ts, s.sensor, s.seq, f.interface"
);
const MISSING: &str = "select o.sensor, o.interface, o.from_ns, o.to_ns from loss o where o.to_ns > ?1 and o.from_ns < ?2 \
    and o.sensor in (select value from json_each(?3))";
const IDENTITIES: &str = "select d.sensor, m.mac, a.ip, d.first_ns, d.last_ns from identity d join mac m on m.id = d.mac \
    join address a on a.id = d.address where d.last_ns >= ?1 and d.sensor in (select value from json_each(?2))";

/// Every statement that reads, for the test that prepares them all.
#[cfg(test)]
const STATEMENTS: [(&str, &str); 17] = [
    ("slices", SLICES),
    ("flows", FLOWS),
    ("other flows", OTHER_FLOWS),
    ("sizes", SIZES),
    ("services", SERVICES),
    ("hosts", HOSTS),
    ("stations", STATIONS),
    ("ledgers", LEDGERS),
    ("seconds", SECONDS),
    ("minutes", MINUTES),
    ("longest", LONGEST),
    ("losses", LOSSES),
    ("covered", COVERED),
    ("counted", COUNTED),
    ("missing", MISSING),
    ("identities", IDENTITIES),
    ("marks", super::marks::SEEN),
];

type Read = fn(&SqliteRow) -> Result<Fact, StoreError>;

impl Store {
    /// The slices of a selection.
    pub async fn slices(&self, selection: &Selection) -> Result<Vec<Slice>, StoreError> {
        let mut slices = Vec::new();
        self.each(SLICES, selection, &mut |row| {
            slices.push(Slice { sensor: row.try_get(0)?, interval: interval(row, 1)? });
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
        let reads: &[(&'static str, Read)] = match facility {
            Facility::Traffic => &[(FLOWS, flow), (OTHER_FLOWS, other_flows)],
            Facility::Interfaces => &[(LEDGERS, ledger)],
            Facility::Sizes => &[(SIZES, size)],
            Facility::Services => &[(SERVICES, service)],
            Facility::Stations => &[(STATIONS, station)],
            Facility::Hosts => &[(HOSTS, host)],
            Facility::Lines => &[],
        };
        for (sql, read) in reads {
            self.each(sql, selection, &mut |row| {
                take(place(row)?, read(row)?);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Classes by the second or the minute: the start of each in seconds since 1970.
    pub async fn classes(
        &self,
        tier: Tier,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, i64, Fact) + Send),
    ) -> Result<(), StoreError> {
        let sql = if tier == Tier::Minute { MINUTES } else { SECONDS };
        self.each(sql, selection, &mut |row| {
            take(place(row)?, row.try_get(2)?, Fact::Class(class(row, 3)?, traffic(row, 4)?));
            Ok(())
        })
        .await
    }

    /// The newest losses of a sensor, newest first.
    pub async fn losses(&self, sensor: i64, limit: u32) -> Result<Vec<Loss>, StoreError> {
        let rows = sqlx::query(LOSSES).bind(sensor).bind(limit).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let reason: i64 = row.try_get(0)?;
                let reason = usize::try_from(reason - 1).ok().and_then(|place| LossReason::ALL.get(place));
                let counted = row.try_get::<Option<i64>, _>(4)?.zip(row.try_get::<Option<i64>, _>(5)?);
                Ok(Loss {
                    reason: *reason.ok_or_else(|| StoreError::Damaged("an unknown loss".to_owned()))?,
                    interval: Interval::new(Timestamp(row.try_get(1)?), Timestamp(row.try_get(2)?)),
                    records: count(row, 3)?,
                    counted: counted.map(|(packets, octets)| (packets.cast_unsigned(), octets.cast_unsigned())),
                    interface: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Which slices every observation point has, by their starts.
    pub async fn covered(&self, selection: &Selection) -> Result<Vec<(Place, Interval)>, StoreError> {
        let mut all = Vec::new();
        self.each(COVERED, selection, &mut |row| {
            all.push((place(row)?, interval(row, 2)?));
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// What part of every observation point's flows counts in its LAN, slice by slice.
    pub async fn counted(&self, selection: &Selection) -> Result<Vec<(Place, Rows)>, StoreError> {
        let mut all = Vec::new();
        self.each(COUNTED, selection, &mut |row| {
            let rows = Rows { interval: interval(row, 2)?, counted: count(row, 4)?, seen: count(row, 5)? };
            all.push((place(row)?, rows));
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// Losses that overlap a selection: the sensor, the interface where it was not all of them, and when.
    pub async fn missing(&self, selection: &Selection) -> Result<Vec<(i64, Option<String>, Interval)>, StoreError> {
        let Interval { from, to } = selection.interval;
        let rows = sqlx::query(MISSING)
            .bind(from.0)
            .bind(to.0)
            .bind(json(&selection.sensors))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, interval(row, 2)?))).collect()
    }

    /// Addresses behind stations, of some sensors, that were seen since a moment.
    pub async fn identities(&self, sensors: &[i64], since: Timestamp) -> Result<Vec<Identity>, StoreError> {
        let rows = sqlx::query(IDENTITIES).bind(since.0).bind(json(sensors)).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let (first, last) = (Timestamp(row.try_get(3)?), Timestamp(row.try_get(4)?));
                let learnt = Learnt { address: pack::parse(row.try_get(2)?)?, first, last };
                Ok(Identity { sensor: row.try_get(0)?, mac: pack::parse(row.try_get(1)?)?, learnt })
            })
            .collect()
    }

    /// Every row of a window.
    async fn each(
        &self,
        sql: &'static str,
        selection: &Selection,
        take: &mut (dyn FnMut(&SqliteRow) -> Result<(), StoreError> + Send),
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
            take(&row)?;
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

    #[tokio::test]
    async fn every_statement_prepares_and_follows_the_time_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("history.db")).await.unwrap();
        for (name, sql) in STATEMENTS {
            store.readers.prepare(sql.into_sql_str()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}")))
                .fetch_all(&store.readers)
                .await
                .unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get::<String, _>(3)).collect();
            let facts = ["SCAN f", "SCAN s"].map(|scan| plan.iter().any(|step| step == scan));
            assert_eq!(facts, [false, false], "{name}: {plan:#?}");
        }
    }
}
