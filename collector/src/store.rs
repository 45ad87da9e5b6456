//! The store: what was delivered, kept and asked for again.
//!
//! One enum, each kind of data base with its own SQL. The rest of the collector says what it wants in the model's words:
//! [`Delivery`] in, [`Selection`] and facts out. Only whole deliveries are written, each in the transaction that moves its
//! sensor's mark.

mod fact;
mod sqlite;

use std::path::PathBuf;

pub use fact::{
    Delivery, Fact, Hello, Identity, Kept, Mark, Outcome, Place, Rows, Selection, Slice, StoredPoint, StoredSensor,
    Tier,
};
pub use sqlite::{STATEMENTS, Sqlite};
use traf_model::{Facility, Interval, Loss, NamedFilter, Settings, Timestamp};

/// Where the history is kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// In a file beside the collector.
    Sqlite(Sqlite),
}

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not one of ours.
    #[error(
        "{0} is {1}: the collector keeps its history in a file of its own; move this one away or choose another --data"
    )]
    Foreign(PathBuf, &'static str),
    /// Made by a later version.
    #[error("{0} was made by a newer version of the collector (schema {1}): install that version again")]
    Newer(PathBuf, i64),
    /// The schema cannot be brought up to date.
    #[error("{0} cannot be brought up to date: {1}")]
    Migrate(PathBuf, #[source] sqlx::migrate::MigrateError),
    /// The disk or the permissions said no.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
    /// The data base said no.
    #[error("the store: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// A row that means nothing.
    #[error("the store holds a row that means nothing: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the same may succeed later: a full disk, a lock, a data base that is away. Anything else would fail again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => sqlite::may_pass(&**error),
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => true,
            Self::Folder(_) => true,
            _ => false,
        }
    }
}

impl Store {
    /// Notes that a sensor has started, and says what it has delivered so far.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn hello(&self, hello: &Hello) -> Result<Result<(i64, Mark), u64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.hello(hello).await,
        }
    }

    /// Writes deliveries in one transaction, each with its sensor's mark; what is at or below the mark is left out.
    ///
    /// # Errors
    /// When the data base says no: then nothing is written.
    pub async fn apply(&self, deliveries: &[Delivery], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        match self {
            Self::Sqlite(store) => store.apply(deliveries, now).await,
        }
    }

    /// All sensors that ever said hello.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn sensors(&self) -> Result<Vec<StoredSensor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.sensors().await,
        }
    }

    /// All observation points.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn points(&self) -> Result<Vec<StoredPoint>, StoreError> {
        match self {
            Self::Sqlite(store) => store.points().await,
        }
    }

    /// The slices of a selection.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn slices(&self, selection: &Selection) -> Result<Vec<Slice>, StoreError> {
        match self {
            Self::Sqlite(store) => store.slices(selection).await,
        }
    }

    /// The facts of a facility in a selection, handed to `take` one by one; those without a key of their own are added up
    /// by observation point before.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn facts(
        &self,
        facility: Facility,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, Fact) + Send),
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.facts(facility, selection, take).await,
        }
    }

    /// Classes by the second or the minute: the start of each in seconds since 1970.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn classes(
        &self,
        tier: Tier,
        selection: &Selection,
        take: &mut (dyn FnMut(Place, i64, Fact) + Send),
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.classes(tier, selection, take).await,
        }
    }

    /// The newest losses of a sensor, newest first.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn losses(&self, sensor: i64, limit: u32) -> Result<Vec<Loss>, StoreError> {
        match self {
            Self::Sqlite(store) => store.losses(sensor, limit).await,
        }
    }

    /// Which slices every observation point has, by their starts.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn covered(&self, selection: &Selection) -> Result<Vec<(Place, Interval)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.covered(selection).await,
        }
    }

    /// Losses that overlap a selection: the sensor, the interface where it was not all of them, and when.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn missing(&self, selection: &Selection) -> Result<Vec<(i64, Option<String>, Interval)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.missing(selection).await,
        }
    }

    /// What part of every observation point's flows counts in its LAN, slice by slice.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn counted(&self, selection: &Selection) -> Result<Vec<(Place, Rows)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.counted(selection).await,
        }
    }

    /// Addresses behind stations, of some sensors, that were seen since a moment.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn identities(&self, sensors: &[i64], since: Timestamp) -> Result<Vec<Identity>, StoreError> {
        match self {
            Self::Sqlite(store) => store.identities(sensors, since).await,
        }
    }

    /// From when on each tier is whole.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn kept(&self) -> Result<Kept, StoreError> {
        match self {
            Self::Sqlite(store) => store.kept().await,
        }
    }

    /// Retires the oldest part of a tier that lies before `before`, a small one; false when there is none left.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn retire(&self, tier: Tier, before: Timestamp) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.retire(tier, before).await,
        }
    }

    /// All named filters, by name.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn filters(&self) -> Result<Vec<NamedFilter>, StoreError> {
        match self {
            Self::Sqlite(store) => store.filters().await,
        }
    }

    /// Keeps a named filter, in the place of the one of its name; when and by whom.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn save_filter(&self, filter: &NamedFilter, by: (Timestamp, &str)) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.save_filter(filter, by).await,
        }
    }

    /// Deletes a named filter, if there is one.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn delete_filter(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.delete_filter(name).await,
        }
    }

    /// What sensors are to run with, by the identifier of their certificate.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn settings(&self) -> Result<Vec<(String, Settings)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.settings().await,
        }
    }

    /// Keeps what a sensor is to run with; when and by whom.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn save_settings(
        &self,
        uuid: &str,
        settings: &Settings,
        by: (Timestamp, &str),
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.save_settings(uuid, settings, by).await,
        }
    }

    /// Runs the checks of [`crate::verify`]: a name, and how many rows were looked at and were wrong.
    ///
    /// # Errors
    /// When the data base says no.
    pub async fn verify(&self) -> Result<Vec<crate::verify::Finding>, StoreError> {
        match self {
            Self::Sqlite(store) => store.verify().await,
        }
    }

    /// Closes it.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }
}
