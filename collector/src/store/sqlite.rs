//! The history in one SQLite file: WAL, every commit synced, one connection that writes and a few that only read.

mod columns;
mod counted;
mod dictionary;
mod ends;
mod facts;
mod marks;
mod pack;
mod progress;
mod proven;
mod read;
mod retention;
mod rows;
mod sensors;
mod shared;
mod table;
mod verify;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr, SqlitePool};
use tokio::sync::Mutex;

use self::dictionary::Dictionary;
use self::marks::Marks;
use super::StoreError;
use crate::folder::touch_secret;

/// `TRAF`: what marks a file as ours.
const APPLICATION: i64 = 0x5452_4146;

/// Grows when a table is rewritten in place, which only happens before a release.
const SCHEMA: i64 = 3;

/// Every migration, in order.
const MIGRATIONS: [(&str, &str); 4] = [
    ("history", include_str!("../../../migrations/sqlite/0001_history.sql")),
    ("views", include_str!("../../../migrations/sqlite/0002_views.sql")),
    ("shared", include_str!("../../../migrations/sqlite/0003_shared.sql")),
    ("identity", include_str!("../../../migrations/sqlite/0004_identity.sql")),
];

/// Time after the collector's by which the end of a slice may lie, if nothing else is set.
const CLOCK_AHEAD: Duration = Duration::from_secs(60);

/// Rows that a reader's thread hands over before it waits: each wait is a switch of tasks. Of the largest rows they take a megabyte.
const ROWS_UNDER_WAY: usize = 500;

/// The history in a file.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    memory: Arc<Mutex<Memory>>,
    clock_ahead: Duration,
}

/// The writer's memory of the file; forgotten when a transaction fails.
#[derive(Debug, Default)]
struct Memory {
    dictionary: Dictionary,
    marks: Marks,
    /// Number of the newest slice; `None` until it is read.
    last_slice: Option<i64>,
}

impl Store {
    /// Opens the file, made and brought up to date where needed.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        touch_secret(path)?;
        let writer = options(path)
            .page_size(8192)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // A small log that is soon worked off: on a full disk a large one could not even be emptied.
            .pragma("wal_autocheckpoint", "256")
            .pragma("journal_size_limit", "16777216")
            .pragma("cache_size", "-16384");
        check_ours(path).await?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            // A full disk makes SQLite roll back by itself; sqlx still believes in the transaction, and such a connection
            // could never write again. The ping waits until a rollback under way is done.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(writer)
            .await
            .map_err(|error| foreign(path, error))?;
        migrate(path, &writer).await?;
        Ok(Self { writer, readers: readers(path).await?, memory: Arc::default(), clock_ahead: CLOCK_AHEAD })
    }

    /// Opens a file that is there, to look only.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        check_ours(path).await?;
        let readers = readers(path).await?;
        Ok(Self { writer: readers.clone(), readers, memory: Arc::default(), clock_ahead: CLOCK_AHEAD })
    }

    /// The same, with another time by which the end of a slice may lie after the collector's time.
    pub fn with_clock_ahead(self, clock_ahead: Duration) -> Self {
        Self { clock_ahead, ..self }
    }

    /// Time by which the end of a slice may lie after the collector's time.
    pub(crate) fn clock_ahead(&self) -> Duration {
        self.clock_ahead
    }

    /// Closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(2))
}

async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(
            options(path)
                .read_only(true)
                .pragma("query_only", "on")
                .pragma("cache_size", "-8192")
                .row_buffer_size(ROWS_UNDER_WAY),
        )
        .await
}

/// As the store keeps a count; what does not fit (it would take centuries) is the greatest number.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Looks before anything is written, so that another program's file stays as it is.
async fn check_ours(path: &Path) -> Result<(), StoreError> {
    if std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(());
    }
    let look = async {
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options(path).read_only(true)).await?;
        let number = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool);
        let (application, schema) = (number("pragma application_id").await?, number("pragma user_version").await?);
        let tables = number("select count(*) from sqlite_schema").await?;
        // No such table yet: the first start was cut short, or it is another program's file.
        let newest = number("select coalesce(max(version), 0) from _sqlx_migrations").await.unwrap_or(0);
        pool.close().await;
        Ok::<_, sqlx::Error>((application, tables, newest, schema))
    };
    match look.await {
        Ok((APPLICATION, _, 1.., schema)) if schema < SCHEMA => Err(StoreError::Older(path.to_owned())),
        Ok((APPLICATION, _, newest, _)) if newest > MIGRATIONS.len() as i64 => {
            Err(StoreError::Newer(path.to_owned(), newest))
        }
        Ok((APPLICATION, ..) | (0, 0, ..)) => Ok(()),
        Ok(_) => Err(StoreError::Foreign(path.to_owned(), "a data base of another program")),
        Err(error) => Err(foreign(path, error)),
    }
}

/// `file is not a database` in our words.
fn foreign(path: &Path, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    match code.as_deref() {
        Some("26") => StoreError::Foreign(path.to_owned(), "not a data base"),
        Some("11") => StoreError::Foreign(path.to_owned(), "a damaged data base: restore it from a backup"),
        _ => error.into(),
    }
}

async fn migrate(path: &Path, pool: &SqlitePool) -> Result<(), StoreError> {
    for (pragma, value) in [("application_id", APPLICATION), ("user_version", SCHEMA)] {
        sqlx::query(sqlx::AssertSqlSafe(format!("pragma {pragma} = {value}"))).execute(pool).await?;
    }
    let migrations = MIGRATIONS.into_iter().zip(1..).map(|((name, sql), version)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let failed = |error: MigrateError| match error {
        MigrateError::VersionMissing(version) => StoreError::Newer(PathBuf::from(path), version),
        // A view was added in place, which only happens before a release.
        MigrateError::VersionMismatch(_) => StoreError::Older(PathBuf::from(path)),
        error => StoreError::Migrate(PathBuf::from(path), error),
    };
    Migrator::with_migrations(migrations.collect()).run(pool).await.map_err(failed)
}

/// True if an error of SQLite may go away by itself: busy, locked, no memory, read-only, I/O, full, cannot open.
pub(super) fn may_pass(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn every_migration_file_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed: Vec<String> =
            MIGRATIONS.iter().zip(1..).map(|((name, _), number)| format!("{number:04}_{name}.sql")).collect();
        assert_eq!(files, listed);
    }

    #[tokio::test]
    async fn files_of_others_are_refused_in_words_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (text, other) = (dir.path().join("text.db"), dir.path().join("other.db"));
        std::fs::write(&text, "dear diary, ".repeat(1000)).unwrap();
        let pool = SqlitePoolOptions::new()
            .connect_with(SqliteConnectOptions::new().filename(&other).create_if_missing(true))
            .await
            .unwrap();
        sqlx::query("create table diary (day text)").execute(&pool).await.unwrap();
        pool.close().await;
        for (path, words) in [(&text, "not a data base"), (&other, "a data base of another program")] {
            let before = std::fs::read(path).unwrap();
            let error = Store::open(path).await.err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(std::fs::read(path).unwrap(), before);
        }
    }

    #[tokio::test]
    async fn a_file_of_an_earlier_unreleased_version_is_refused_in_words_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let changes = ["pragma user_version = 1", "update _sqlx_migrations set checksum = x'00' where version = 2"];
        for (name, change) in changes.into_iter().enumerate() {
            let path = dir.path().join(name.to_string());
            let store = Store::open(&path).await.unwrap();
            sqlx::query(change).execute(&store.writer).await.unwrap();
            store.close().await;
            let before = std::fs::read(&path).unwrap();
            let error = Store::open(&path).await.err().unwrap().to_string();
            assert!(error.contains("was made by an earlier, unreleased version of the collector"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "{change}");
            if name == 0 {
                assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Older(_))));
            }
        }
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        let store = Store::open(&path).await.unwrap();
        sqlx::query("insert into _sqlx_migrations select 99, description, installed_on, success, checksum, execution_time from _sqlx_migrations where version = 1")
            .execute(&store.writer)
            .await
            .unwrap();
        store.close().await;
        assert!(matches!(Store::open(&path).await, Err(StoreError::Newer(_, 99))));
    }
}
