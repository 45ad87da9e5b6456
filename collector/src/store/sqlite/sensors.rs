//! Sensors and their observation points.

use std::sync::LazyLock;

use traf_model::{Interface, Interval, Timestamp};

use super::columns::columns;
use super::table::{read, select};
use super::{Store, number};
use crate::store::{Hello, Mark, PointKey, StoreError, StoredPoint, StoredSensor};

impl Store {
    /// Notes that a sensor has started, and says what it has delivered so far.
    pub async fn hello(&self, hello: &Hello) -> Result<Result<(i64, Mark), u64>, StoreError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let known = sqlx::query(KNOWN.as_str()).bind(&hello.uuid).fetch_optional(&mut *transaction).await?;
        let known: Option<KnownSensor> = known.as_ref().map(read).transpose()?;
        if let Some(KnownSensor { epoch, .. }) = known.as_ref().filter(|known| known.epoch > hello.epoch) {
            return Ok(Err(*epoch));
        }
        let mark = known.map(|known| known.mark).unwrap_or_default();
        let id = sqlx::query_scalar(
            "insert into sensor (uuid, name, site, version, epoch) values (?, ?, ?, ?, ?) on conflict (uuid) do update \
             set name = excluded.name, site = excluded.site, version = excluded.version, epoch = excluded.epoch returning id",
        )
        .bind(&hello.uuid)
        .bind(&hello.name)
        .bind(&hello.site)
        .bind(&hello.version)
        .bind(number(hello.epoch))
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Ok((id, mark)))
    }

    /// All sensors that ever said hello.
    pub async fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError> {
        self.rows(sqlx::query(SENSORS.as_str()), |sensor| sensor).await
    }

    /// The names of a sensor's interfaces, each with the end of its last slice.
    pub async fn interfaces(&self, sensor: i64) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let names = sqlx::query_as("select name, coalesce(last_ns, 0) from interface where sensor = ?").bind(sensor);
        let names: Vec<(String, i64)> = names.fetch_all(&self.readers).await?;
        Ok(names.into_iter().map(|(name, last)| (name, Timestamp(last))).collect())
    }

    /// All observation points.
    pub async fn points(&self) -> Result<Vec<StoredPoint>, StoreError> {
        let point = |PointRow { number, id, sensor, site, interface, first, last }| StoredPoint {
            place: PointKey { sensor: number, interface: id },
            sensor,
            site,
            interface,
            seen: first.zip(last).map(|(from, to)| Interval::new(from, to)),
        };
        self.rows(sqlx::query(POINTS.as_str()), point).await
    }
}

columns! {
    /// What decides about a hello or a delivery.
    KnownSensor { epoch: u64, mark: Mark, name: String, site: String }
}

columns! {
    PointRow {
        number: i64 = "s.id",
        id: i64,
        sensor: String = "s.name",
        site: String [in s],
        interface: Interface,
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    }
}

static KNOWN: LazyLock<String> = LazyLock::new(|| select::<KnownSensor>("sensor f", "where f.uuid = ?"));
static SENSORS: LazyLock<String> = LazyLock::new(|| select::<StoredSensor>("sensor f", "order by f.name"));
static POINTS: LazyLock<String> =
    LazyLock::new(|| select::<PointRow>("interface f join sensor s on s.id = f.sensor", "order by s.name, f.name"));
