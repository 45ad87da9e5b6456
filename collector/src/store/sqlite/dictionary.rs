//! Small numbers for long keys: addresses, MACs, interfaces.
//!
//! The cache may hold numbers of a transaction that failed, so it is emptied then; it is also emptied when it is full.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};
use traf_model::{Interface, Key, Mac, Summary, Tally};

use super::columns::Named;
use super::pack;
use crate::store::StoreError;

/// Addresses remembered: 300,000 in about 20 MB.
const CAPACITY: usize = 300_000;

/// The writer's memory of dictionaries.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    addresses: HashMap<IpAddr, i64>,
    macs: HashMap<Mac, i64>,
    interfaces: HashMap<(i64, String), (i64, Interface)>,
}

impl Dictionary {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives a number to everything that a summary names.
    pub(super) async fn learn(
        &mut self,
        connection: &mut SqliteConnection,
        sensor: i64,
        summary: &Summary,
    ) -> Result<(), StoreError> {
        if self.addresses.len() > CAPACITY || self.macs.len() > CAPACITY || self.interfaces.len() > CAPACITY {
            self.clear();
        }
        let (mut addresses, mut macs) = (HashSet::new(), HashSet::new());
        for interface in &summary.interfaces {
            for flow in &interface.flows {
                addresses.extend([flow.key.source.address, flow.key.destination.address]);
                macs.extend([flow.forward.mac, flow.reverse.mac].into_iter().flatten());
            }
            for (key, counts) in interface.counted.values().flat_map(Tally::rows) {
                addresses.extend(key.address());
                macs.extend(key.mac());
                addresses.extend(counts.addresses.iter().map(|learnt| learnt.address));
            }
        }
        addresses.retain(|address| !self.addresses.contains_key(address));
        macs.retain(|mac| !self.macs.contains_key(mac));
        let addresses: Vec<IpAddr> = addresses.into_iter().collect();
        let macs: Vec<Mac> = macs.into_iter().collect();
        let numbers = number(connection, ("address", "ip"), &addresses).await?;
        self.addresses.extend(addresses.into_iter().zip(numbers));
        let numbers = number(connection, ("mac", "mac"), &macs).await?;
        self.macs.extend(macs.into_iter().zip(numbers));
        for interface in &summary.interfaces {
            self.learn_interface(connection, sensor, &interface.interface).await?;
        }
        Ok(())
    }

    async fn learn_interface(
        &mut self,
        connection: &mut SqliteConnection,
        sensor: i64,
        interface: &Interface,
    ) -> Result<(), StoreError> {
        let key = (sensor, interface.name.clone());
        if self.interfaces.get(&key).is_some_and(|(_, known)| known == interface) {
            return Ok(());
        }
        let row = sqlx::query(
            "insert into interface (sensor, id, name, kernel_index, mac, addresses, mtu, speed, link, loopback, mirror) \
             values (?1, coalesce((select id from interface where sensor = ?1 and name = ?2), \
             (select coalesce(max(id), 0) + 1 from interface where sensor = ?1)), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             on conflict (sensor, name) do update set kernel_index = excluded.kernel_index, mac = excluded.mac, \
             addresses = excluded.addresses, mtu = excluded.mtu, speed = excluded.speed, link = excluded.link, \
             loopback = excluded.loopback, mirror = excluded.mirror returning id",
        )
        .bind(sensor)
        .bind(&interface.name)
        .bind(interface.index)
        .bind(interface.mac.map(|mac| mac.to_string()))
        .bind(pack::list(&interface.addresses))
        .bind(interface.mtu)
        .bind(interface.speed.map(super::number))
        .bind(&interface.link)
        .bind(interface.loopback)
        .bind(interface.mirror)
        .fetch_one(connection)
        .await?;
        self.interfaces.insert(key, (row.try_get(0)?, interface.clone()));
        Ok(())
    }

    /// The number of an address that was learnt.
    pub(super) fn address(&self, address: IpAddr) -> Result<Named<IpAddr>, StoreError> {
        let number = self.addresses.get(&address).copied();
        number.map(Named::number).ok_or_else(|| StoreError::Damaged(format!("no number for {address}")))
    }

    /// The number of a MAC that was learnt; 0 for none.
    pub(super) fn mac(&self, mac: Option<Mac>) -> Result<Named<Mac>, StoreError> {
        let Some(mac) = mac else { return Ok(Named::number(0)) };
        let number = self.macs.get(&mac).copied();
        number.map(Named::number).ok_or_else(|| StoreError::Damaged(format!("no number for {mac}")))
    }

    /// The stored number of a key that was learnt.
    pub(super) fn key(&self, key: Key) -> Result<i64, StoreError> {
        match key {
            Key::Address(address) => self.address(address).map(|named| named.key()),
            Key::Mac(mac) => self.mac(Some(mac)).map(|named| named.key()),
            Key::Number(number) => Ok(number.cast_signed()),
        }
    }

    /// The number of an interface that was learnt.
    pub(super) fn interface(&self, sensor: i64, name: &str) -> Result<i64, StoreError> {
        let found = self.interfaces.get(&(sensor, name.to_owned())).map(|(id, _)| *id);
        found.ok_or_else(|| StoreError::Damaged(format!("no number for interface {name}")))
    }
}

/// The numbers of keys in a dictionary table, in their order; new ones are added.
async fn number<K: ToString>(
    connection: &mut SqliteConnection,
    (table, column): (&'static str, &'static str),
    keys: &[K],
) -> Result<Vec<i64>, StoreError> {
    let mut numbers = Vec::with_capacity(keys.len());
    for keys in keys.chunks(200) {
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mut insert = QueryBuilder::<Sqlite>::new("insert into ");
        insert.push(table).push(" (").push(column).push(") ");
        insert.push_values(&texts, |mut row, text| {
            row.push_bind(text.clone());
        });
        insert.push(" on conflict do nothing");
        insert.build().persistent(keys.len() == 200).execute(&mut *connection).await?;

        let mut select = QueryBuilder::<Sqlite>::new("select id, ");
        select.push(column).push(" from ").push(table).push(" where ").push(column).push(" in (");
        let mut list = select.separated(", ");
        for text in &texts {
            list.push_bind(text.clone());
        }
        select.push(")");
        let rows = select.build().persistent(keys.len() == 200).fetch_all(&mut *connection).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.try_get::<String, _>(1)?, row.try_get::<i64, _>(0)?);
        }
        for text in texts {
            numbers.push(*found.get(&text).ok_or_else(|| StoreError::Damaged(format!("no number for {text}")))?);
        }
    }
    Ok(numbers)
}
