//! Sensors and their observation points.

use std::net::IpAddr;
use std::sync::LazyLock;

use sqlx::Row;
use traf_model::{Interface, Interval, Mac, Timestamp};

use super::columns::{List, Named, columns};
use super::table::{read, select};
use super::{Store, number};
use crate::store::{Hello, Mark, Place, StoreError, StoredPoint, StoredSensor};

impl Store {
    /// Notes that a sensor has started, and says what it has delivered so far.
    pub async fn hello(&self, hello: &Hello) -> Result<Result<(i64, Mark), u64>, StoreError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let known = sqlx::query(KNOWN.as_str()).bind(&hello.uuid).fetch_optional(&mut *transaction).await?;
        let known: Option<KnownSensor> = known.as_ref().map(read).transpose()?;
        if let Some(KnownSensor { epoch, .. }) = known.as_ref().filter(|known| known.epoch > hello.epoch) {
            return Ok(Err(*epoch));
        }
        let mark = known.map(|known| Mark { epoch: known.mark_epoch, seq: known.mark_seq }).unwrap_or_default();
        let row = sqlx::query(
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
        Ok(Ok((row.try_get(0)?, mark)))
    }

    /// All sensors that ever said hello.
    pub async fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError> {
        let rows = sqlx::query(SENSORS.as_str()).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let row: SensorRow = read(row)?;
                Ok(StoredSensor {
                    id: row.id,
                    uuid: row.uuid,
                    name: row.name,
                    version: row.version,
                    epoch: row.epoch,
                    mark: Mark { epoch: row.mark_epoch, seq: row.mark_seq },
                    site: row.site,
                    stored: row.stored,
                })
            })
            .collect()
    }

    /// All observation points.
    pub async fn points(&self) -> Result<Vec<StoredPoint>, StoreError> {
        let rows = sqlx::query(POINTS.as_str()).fetch_all(&self.readers).await?;
        rows.iter().map(|row| read(row).map(point).map_err(StoreError::from)).collect()
    }
}

columns! {
    KnownSensor { epoch: u64, mark_epoch: u64, mark_seq: u64 }
}

static KNOWN: LazyLock<String> = LazyLock::new(|| select::<KnownSensor>("from sensor f where f.uuid = ?"));

// The newest slice is that of the greatest ts; one of an hour may end later, but then it began earlier by less.
columns! {
    SensorRow {
        id: i64,
        uuid: String,
        name: String,
        version: String,
        epoch: u64,
        mark_epoch: u64,
        mark_seq: u64,
        site: String,
        stored: Option<Timestamp> =
            "(select max(l.to_ns) from slice l where l.sensor = f.id and l.ts >= (select max(ts) from slice) - 7200)",
    }
}

static SENSORS: LazyLock<String> = LazyLock::new(|| select::<SensorRow>("from sensor f order by f.name"));

columns! {
    InterfaceRow {
        sensor: i64,
        id: i64,
        sensor_name: String = "s.name",
        site: String = "s.site",
        name: String,
        kernel_index: u32,
        mac: Named<Mac>,
        addresses: List<IpAddr>,
        mtu: Option<u32>,
        speed: Option<u64>,
        link: String,
        loopback: bool,
        mirror: bool,
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    }
}

static POINTS: LazyLock<String> = LazyLock::new(|| {
    select::<InterfaceRow>("from interface f join sensor s on s.id = f.sensor order by s.name, f.name")
});

fn point(row: InterfaceRow) -> StoredPoint {
    let interface = Interface {
        name: row.name,
        index: row.kernel_index,
        mac: row.mac.value,
        addresses: row.addresses.0,
        mtu: row.mtu,
        speed: row.speed,
        link: row.link,
        loopback: row.loopback,
        mirror: row.mirror,
    };
    let place = Place { sensor: row.sensor, interface: row.id };
    let seen = row.first.zip(row.last).map(|(from, to)| Interval::new(from, to));
    StoredPoint { place, sensor: row.sensor_name, site: row.site, interface, seen }
}
