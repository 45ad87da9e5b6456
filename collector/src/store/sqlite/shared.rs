//! Named filters and the settings of sensors.

use std::collections::HashMap;

use traf_model::settings::SETTINGS;
use traf_model::{NamedFilter, Settings, Timestamp};

use super::{Store, number};
use crate::store::StoreError;

/// Time of a change, and name of its author.
type Change<'a> = (Timestamp, &'a str);

impl Store {
    /// All named filters, by name.
    pub async fn filters(&self) -> Result<Vec<NamedFilter>, StoreError> {
        let rows = sqlx::query_as("select name, rules from filter order by name").fetch_all(&self.readers).await?;
        let filter = |(name, rules): (String, String)| match rules.parse() {
            Ok(rules) => Ok(NamedFilter { name, rules }),
            Err(error) => Err(StoreError::Damaged(format!("filter `{name}`: {error}"))),
        };
        rows.into_iter().map(filter).collect()
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

    /// Reads the settings that sensors shall have, by the identifier of their certificate.
    pub async fn settings(&self) -> Result<HashMap<String, Settings>, StoreError> {
        let rows: Vec<(String, u64, String, Option<String>)> =
            sqlx::query_as("select uuid, revision, name, value from setting").fetch_all(&self.readers).await?;
        let mut sensors: HashMap<String, (u64, Vec<(String, String)>)> = HashMap::new();
        for (uuid, revision, name, value) in rows {
            let (known, texts) = sensors.entry(uuid).or_default();
            *known = revision;
            texts.extend(value.map(|value| (name, value)));
        }
        let read = |(uuid, (revision, texts))| match Settings::read(revision, texts) {
            Ok(settings) => Ok((uuid, settings)),
            Err(error) => Err(StoreError::Damaged(format!("settings of {uuid}: {error}"))),
        };
        sensors.into_iter().map(read).collect()
    }

    /// Replaces the settings that a sensor shall have; when and by whom.
    pub async fn save_settings(&self, uuid: &str, settings: &Settings, by: Change<'_>) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        sqlx::query("delete from setting where uuid = ?").bind(uuid).execute(&mut *transaction).await?;
        // Absent ones have a row, too: the revision is kept even if all are absent.
        let absent = SETTINGS.into_iter().filter(|setting| settings.get(setting).is_none());
        let absent = absent.map(|setting| (setting.name, None));
        for (name, value) in settings.texts().map(|(name, value)| (name, Some(value))).chain(absent) {
            sqlx::query(
                "insert into setting (uuid, name, value, revision, changed, changed_by) values (?, ?, ?, ?, ?, ?)",
            )
            .bind(uuid)
            .bind(name)
            .bind(value)
            .bind(number(settings.revision))
            .bind(by.0.seconds())
            .bind(by.1)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
