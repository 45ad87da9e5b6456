//! Configuration that all consoles of the collector share: named filters, and the settings that each sensor shall have.
//!
//! Kept in the store, held in memory: whatever is read here is what is on the disk. Changes come one at a time, and whoever
//! waits hears of each.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use traf_model::{NamedFilter, Settings, Timestamp};

use crate::store::{Store, StoreError};

/// Shared configuration, in memory as it is in the store.
pub(crate) struct SharedConfig {
    store: Store,
    /// Wakes when anything has changed.
    pub(crate) state: watch::Sender<State>,
    /// Held while something is changed: on the disk first, then here.
    changing: Mutex<()>,
}

/// All that is shared.
pub(crate) struct State {
    filters: Vec<NamedFilter>,
    settings: HashMap<String, Settings>,
}

/// Reason to refuse a change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many filters.
    #[error("{} named filters are kept and no more: delete one first", NamedFilter::MOST)]
    Full,
    /// No such filter.
    #[error("there is no filter `{0}`")]
    NoFilter(String),
    /// Somebody else was faster.
    #[error("the settings were changed meanwhile (revision {0} now): look at them again")]
    Stale(u64),
}

impl SharedConfig {
    /// As the store has it.
    pub(crate) async fn load(store: Store) -> Result<Arc<Self>, StoreError> {
        let filters = store.filters().await?;
        let settings = store.settings().await?;
        let state = watch::Sender::new(State { filters, settings });
        Ok(Arc::new(Self { store, state, changing: Mutex::default() }))
    }

    /// All named filters, by name.
    pub(crate) fn filters(&self) -> Vec<NamedFilter> {
        self.state.borrow().filters.clone()
    }

    /// Settings of a sensor; revision zero if nothing was ever changed.
    pub(crate) fn settings(&self, sensor: &str) -> Settings {
        self.state.borrow().settings.get(sensor).cloned().unwrap_or_default()
    }

    /// Keeps a filter, in the place of the one of its name.
    pub(crate) async fn save_filter(&self, filter: NamedFilter, by: (Timestamp, &str)) -> Result<(), ChangeError> {
        let _turn = self.changing.lock().await;
        let mut filters = self.filters();
        match filters.binary_search_by(|other| other.name.cmp(&filter.name)) {
            Ok(place) => filters[place] = filter.clone(),
            Err(_) if filters.len() >= NamedFilter::MOST => return Err(ChangeError::Full),
            Err(place) => filters.insert(place, filter.clone()),
        }
        self.store.save_filter(&filter, by).await?;
        self.state.send_modify(|state| state.filters = filters);
        Ok(())
    }

    /// Deletes a filter.
    pub(crate) async fn delete_filter(&self, name: &str) -> Result<(), ChangeError> {
        let _turn = self.changing.lock().await;
        let mut filters = self.filters();
        let place = filters.iter().position(|filter| filter.name == name);
        filters.remove(place.ok_or_else(|| ChangeError::NoFilter(name.to_owned()))?);
        self.store.delete_filter(name).await?;
        self.state.send_modify(|state| state.filters = filters);
        Ok(())
    }

    /// Keeps what a sensor is to run with; its revision names what was changed. Says the new one.
    pub(crate) async fn save_settings(
        &self,
        sensor: &str,
        settings: Settings,
        by: (Timestamp, &str),
    ) -> Result<u64, ChangeError> {
        let _turn = self.changing.lock().await;
        let now = self.settings(sensor).revision;
        if settings.revision != now {
            return Err(ChangeError::Stale(now));
        }
        let settings = settings.at(now + 1);
        self.store.save_settings(sensor, &settings, by).await?;
        self.state.send_modify(|state| drop(state.settings.insert(sensor.to_owned(), settings)));
        Ok(now + 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const BY: (Timestamp, &str) = (Timestamp(0), "desk");

    async fn open(folder: &tempfile::TempDir) -> (Arc<SharedConfig>, Store) {
        let store = Store::open(&folder.path().join("history.db")).await.unwrap();
        (SharedConfig::load(store.clone()).await.unwrap(), store)
    }

    fn filter(name: &str, rules: &str) -> NamedFilter {
        NamedFilter { name: name.to_owned(), rules: rules.parse().unwrap() }
    }

    #[tokio::test]
    async fn shared_configuration_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (shared, store) = open(&folder).await;
        for rules in ["include udp", "exclude host 10.0.0.7\ninclude tcp"] {
            shared.save_filter(filter("web", rules), BY).await.unwrap();
        }
        shared.save_filter(filter("a", "include all"), BY).await.unwrap();
        shared.save_filter(filter("b", ""), BY).await.unwrap();
        shared.delete_filter("b").await.unwrap();
        let texts = [
            ("promiscuous", "on"),
            ("capture", "all"),
            ("ports", "8080, 9000-9100"),
            ("log", "off"),
            ("log_interval", "60s"),
            ("idle", "15m"),
            ("colour", "of a newer console"),
        ];
        let all = Settings::read(0, texts).unwrap();
        assert_eq!(shared.save_settings("7f", all.clone(), BY).await.unwrap(), 1);
        let some = Settings::read(1, [("ports", "none")]).unwrap();
        assert_eq!(shared.save_settings("7f", some.clone(), BY).await.unwrap(), 2);
        assert_eq!(shared.save_settings("8f", all.clone(), BY).await.unwrap(), 1);
        assert_eq!(shared.save_settings("af", Settings::default(), BY).await.unwrap(), 1);
        store.close().await;

        let (shared, _) = open(&folder).await;
        let web = filter("web", "exclude host 10.0.0.7\ninclude tcp");
        assert_eq!(shared.filters(), [filter("a", "include all"), web]);
        assert_eq!(shared.settings("7f"), some.at(2));
        assert_eq!(shared.settings("8f"), all.at(1));
        assert_eq!(shared.settings("9f"), Settings::default());
        assert_eq!(shared.settings("af"), Settings::default().at(1), "all are absent, the revision is not");
    }

    #[tokio::test]
    async fn of_two_who_change_the_same_settings_the_second_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (shared, _) = open(&folder).await;
        let change = |idle| Settings::read(0, [("idle", idle)]).unwrap();
        shared.save_settings("7f", change("60s"), BY).await.unwrap();
        let error = shared.save_settings("7f", change("90s"), BY).await.unwrap_err();
        assert!(matches!(error, ChangeError::Stale(1)), "{error}");
        assert_eq!(shared.settings("7f"), change("60s").at(1));
    }

    #[tokio::test]
    async fn filters_are_bounded_in_number_and_a_change_wakes_who_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (shared, _) = open(&folder).await;
        let mut changed = shared.state.subscribe();
        changed.mark_unchanged();
        for number in 0..NamedFilter::MOST {
            shared.save_filter(filter(&format!("f{number}"), "include tcp"), BY).await.unwrap();
        }
        assert!(changed.has_changed().unwrap());
        assert!(matches!(shared.save_filter(filter("more", "include tcp"), BY).await, Err(ChangeError::Full)));
        shared.save_filter(filter("f7", "include udp"), BY).await.unwrap();
        assert!(matches!(shared.delete_filter("more").await, Err(ChangeError::NoFilter(_))));
    }
}
