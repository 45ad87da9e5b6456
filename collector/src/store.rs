//! The store: deliveries are written, kept for a time, and read again as facts.
//!
//! This module has the words of the model: [`Delivery`] in, [`Selection`] and facts out. `sqlite` has the SQL and the
//! type [`Store`] that the rest of the collector uses. A second engine stands beside it as a module with the same
//! methods. Only whole deliveries are written, each in the transaction that moves its sensor's mark.

mod fact;
mod sqlite;

use std::path::PathBuf;

pub use fact::{
    Delivery, Fact, Finding, Hello, Identity, Kept, Mark, Outcome, PointKey, Selection, Slice, StoredPoint,
    StoredSensor, Tier,
};
pub(crate) use fact::{EndsStep, ProvenFlow, StoredSlice};
pub use sqlite::Store;

/// Errors of the store.
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
    /// Made before the first release.
    #[error(
        "{0} was made by an earlier, unreleased version of the collector: move it away, and the collector begins a new one"
    )]
    Older(PathBuf),
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
    /// True if the same may succeed later: a full disk, a lock, a data base that is away. Anything else fails again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => sqlite::may_pass(&**error),
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => true,
            Self::Folder(_) => true,
            _ => false,
        }
    }
}
