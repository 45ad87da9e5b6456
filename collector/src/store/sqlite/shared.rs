//! Named filters and the settings of sensors.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use traf_model::settings::range_words;
use traf_model::{NamedFilter, Settings, Timestamp};

use super::{Store, number};
use crate::store::StoreError;

/// Time of a change, and name of its author.
type Change<'a> = (Timestamp, &'a str);

impl Store {
    /// All named filters, by name.
    pub async fn filters(&self) -> Result<Vec<NamedFilter>, StoreError> {
        let rows = sqlx::query("select name, rules from filter order by name").fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let (name, rules): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                let rules = rules.parse().map_err(|error| StoreError::Damaged(format!("filter `{name}`: {error}")))?;
                Ok(NamedFilter { name, rules })
            })
            .collect()
    }

    /// Keeps a named filter, in the place of the one of its name; when and by whom.
    pub async fn save_filter(&self, filter: &NamedFilter, by: Change<'_>) -> Result<(), StoreError> {
        sqlx::query(
            "insert into filter (name, rules, changed, changed_by) values (?, ?, ?, ?) on conflict (name) do update \
             set rules = excluded.rules, changed = excluded.changed, changed_by = excluded.changed_by",
        )
        .bind(&filter.name)
        .bind(filter.rules.to_string())
        .bind(by.0.seconds())
        .bind(by.1)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Deletes a named filter, if there is one.
    pub async fn delete_filter(&self, name: &str) -> Result<(), StoreError> {
        sqlx::query("delete from filter where name = ?").bind(name).execute(&self.writer).await?;
        Ok(())
    }

    /// Settings of sensors, by the identifier of their certificate.
    pub async fn settings(&self) -> Result<Vec<(String, Settings)>, StoreError> {
        let sql = "select uuid, revision, promiscuous, capture, ports, log, log_interval, idle from setting";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        rows.iter().map(settings).collect()
    }

    /// Keeps what a sensor is to run with; when and by whom.
    pub async fn save_settings(&self, uuid: &str, settings: &Settings, by: Change<'_>) -> Result<(), StoreError> {
        let ports = settings.ports.as_ref().map(|ports| {
            let words: Vec<String> = ports.iter().copied().map(range_words).collect();
            words.join(" ")
        });
        sqlx::query(
            "insert into setting (uuid, revision, promiscuous, capture, ports, log, log_interval, idle, changed, \
             changed_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (uuid) do update set \
             revision = excluded.revision, promiscuous = excluded.promiscuous, capture = excluded.capture, \
             ports = excluded.ports, log = excluded.log, log_interval = excluded.log_interval, idle = excluded.idle, \
             changed = excluded.changed, changed_by = excluded.changed_by",
        )
        .bind(uuid)
        .bind(number(settings.revision))
        .bind(settings.promiscuous)
        .bind(&settings.capture)
        .bind(ports)
        .bind(settings.log)
        .bind(settings.log_interval)
        .bind(settings.idle)
        .bind(by.0.seconds())
        .bind(by.1)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

fn settings(row: &SqliteRow) -> Result<(String, Settings), StoreError> {
    let ports: Option<String> = row.try_get(4)?;
    let settings = Settings {
        revision: row.try_get(1)?,
        promiscuous: row.try_get(2)?,
        capture: row.try_get(3)?,
        ports: ports.as_deref().map(ranges).transpose()?,
        log: row.try_get(5)?,
        log_interval: row.try_get(6)?,
        idle: row.try_get(7)?,
    };
    Ok((row.try_get(0)?, settings))
}

fn ranges(text: &str) -> Result<Vec<(u16, u16)>, StoreError> {
    let range = |word: &str| {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    let damaged = |word: &str| StoreError::Damaged(format!("`{word}` is no range of ports"));
    text.split_whitespace().map(|word| range(word).ok_or_else(|| damaged(word))).collect()
}
