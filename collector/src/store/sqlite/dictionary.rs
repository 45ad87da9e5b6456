//! Small numbers for long keys: addresses, MACs, interfaces.
//!
//! The cache may hold numbers of a transaction that failed, so it is emptied then; it is also emptied when it is full.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::net::IpAddr;
use std::str::FromStr;

use foldhash::quality::RandomState;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use traf_model::{AggregatedFlow, Interface, Key, Mac, Tally};

use super::pack;
use crate::store::{Delivery, StoreError};

/// Addresses remembered: 300,000 in about 20 MB.
const CAPACITY: usize = 300_000;

/// The writer's memory of dictionaries.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    addresses: HashMap<IpAddr, i64, RandomState>,
    macs: HashMap<Mac, i64, RandomState>,
    interfaces: HashMap<(i64, String), (i64, Interface)>,
}

impl Dictionary {
    /// Forgets everything if it is full; rows that wait to be inserted need it.
    pub(super) fn make_room(&mut self) {
        if self.addresses.len() > CAPACITY || self.macs.len() > CAPACITY || self.interfaces.len() > CAPACITY {
            *self = Self::default();
        }
    }

    /// Gives a number to everything that deliveries name.
    pub(super) async fn learn(
        &mut self,
        connection: &mut SqliteConnection,
        deliveries: &[&Delivery],
    ) -> Result<(), StoreError> {
        let (mut addresses, mut macs) = (HashSet::new(), HashSet::new());
        let mut address = |address: IpAddr| {
            if !self.addresses.contains_key(&address) {
                addresses.insert(address);
            }
        };
        let mut mac = |mac: Mac| {
            if !self.macs.contains_key(&mac) {
                macs.insert(mac);
            }
        };
        for interface in deliveries.iter().flat_map(|delivery| &delivery.summary.interfaces) {
            for flow in &interface.flows {
                [flow.key.source.address, flow.key.destination.address].into_iter().for_each(&mut address);
                [flow.forward.mac, flow.reverse.mac].into_iter().flatten().for_each(&mut mac);
            }
            for AggregatedFlow { key, .. } in &interface.aggregated_flows {
                [key.source.address, key.destination.address].into_iter().for_each(&mut address);
            }
            for (key, counts) in interface.counted.values().flat_map(Tally::rows) {
                key.address().into_iter().for_each(&mut address);
                key.mac().into_iter().for_each(&mut mac);
                counts.addresses.iter().map(|learnt| learnt.address).for_each(&mut address);
            }
        }
        number(connection, ("address", "ip"), &mut self.addresses, addresses).await?;
        number(connection, ("mac", "mac"), &mut self.macs, macs).await?;
        for delivery in deliveries {
            for interface in &delivery.summary.interfaces {
                self.learn_interface(connection, delivery.sensor, &interface.interface).await?;
            }
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
        let id = sqlx::query_scalar(
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
        self.interfaces.insert(key, (id, interface.clone()));
        Ok(())
    }

    /// The number of an address that was learnt.
    pub(super) fn address(&self, address: IpAddr) -> Result<i64, StoreError> {
        self.addresses.get(&address).copied().ok_or_else(|| unknown(address))
    }

    /// The number of a MAC address that was learnt.
    pub(super) fn mac(&self, mac: Mac) -> Result<i64, StoreError> {
        self.macs.get(&mac).copied().ok_or_else(|| unknown(mac))
    }

    /// The stored number of a key that was learnt.
    pub(super) fn key(&self, key: Key) -> Result<i64, StoreError> {
        match key {
            Key::Address(address) => self.address(address),
            Key::Mac(mac) => self.mac(mac),
            Key::Number(number) => Ok(number.cast_signed()),
        }
    }

    /// The number of an interface that was learnt.
    pub(super) fn interface(&self, sensor: i64, name: &str) -> Result<i64, StoreError> {
        self.interfaces.get(&(sensor, name.to_owned())).map(|(id, _)| *id).ok_or_else(|| unknown(name))
    }
}

fn unknown(word: impl Display) -> StoreError {
    StoreError::Damaged(format!("no number for {word}"))
}

/// Learns the numbers of words of a dictionary table; new words are added to the table.
async fn number<K: Display + FromStr + Ord + Hash>(
    connection: &mut SqliteConnection,
    (table, word): (&str, &str),
    known: &mut HashMap<K, i64, RandomState>,
    words: HashSet<K>,
) -> Result<(), StoreError> {
    // In their order, in which the index of the table takes the least room.
    let mut words: Vec<K> = words.into_iter().collect();
    words.sort_unstable();
    if words.is_empty() {
        return Ok(());
    }
    let json = format!("[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(","));
    let list = "select value from json_each(?)";
    let insert = AssertSqlSafe(format!("insert into {table} ({word}) {list} where true on conflict do nothing"));
    sqlx::query(insert).bind(&json).execute(&mut *connection).await?;
    let select = AssertSqlSafe(format!("select id, {word} from {table} where {word} in ({list})"));
    let rows: Vec<(i64, String)> = sqlx::query_as(select).bind(&json).fetch_all(&mut *connection).await?;
    for (number, text) in rows {
        known.insert(pack::parse(&text)?, number);
    }
    Ok(())
}
