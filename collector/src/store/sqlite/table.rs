//! Statements made of the columns of rows. Each text is made once, so that SQLite prepares it once.

use std::marker::PhantomData;
use std::sync::OnceLock;

use sqlx::Arguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};

use super::columns::{Column, Field, columns, sum_of};
use super::dictionary::Dictionary;
use crate::store::{PointKey, StoreError};

/// Rows of one statement. Few lengths, so that each is prepared once. Each statement is a hand-over to the thread of the
/// connection and back, but its values and SQLite's own of them take memory; it takes 32,766 values.
const CHUNKS: [usize; 5] = [400, 64, 16, 4, 1];

/// Condition of a slice `s` that overlaps a window: bounds of its start in seconds, bounds in nanoseconds, sensors as JSON.
const WINDOW: &str =
    "s.ts >= ?1 and s.ts <= ?2 and s.to_ns > ?3 and s.from_ns < ?4 and s.sensor in (select value from json_each(?5))";

/// A table to insert into.
pub(super) struct InsertInto<R> {
    name: &'static str,
    tail: &'static str,
    texts: [OnceLock<String>; CHUNKS.len()],
    rows: PhantomData<fn(&R)>,
}

impl<R: Field> InsertInto<R> {
    /// `tail` says what happens where a key is there already.
    pub(super) const fn new(name: &'static str, tail: &'static str) -> Self {
        Self { name, tail, texts: [const { OnceLock::new() }; CHUNKS.len()], rows: PhantomData }
    }

    pub(super) async fn insert(
        &'static self,
        connection: &mut SqliteConnection,
        dictionary: &Dictionary,
        mut rows: &[R],
    ) -> Result<(), StoreError> {
        for (size, text) in CHUNKS.into_iter().zip(&self.texts) {
            while let Some((chunk, rest)) = rows.split_at_checked(size) {
                let text = text.get_or_init(|| self.text(size));
                let mut arguments = SqliteArguments::default();
                arguments.reserve(size * 32, 0);
                let bound = chunk.iter().try_for_each(|row| row.bind(dictionary, &mut arguments));
                bound.map_err(sqlx::Error::Encode)?;
                sqlx::query_with(text.as_str(), arguments).execute(&mut *connection).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    fn text(&self, rows: usize) -> String {
        let stored = columns_of::<R>().into_iter().filter(|column| column.expression.is_none());
        let names: Vec<String> = stored.map(|column| column.name).collect();
        let row = format!("({})", vec!["?"; names.len()].join(","));
        let (name, names, rows) = (self.name, names.join(","), vec![row.as_str(); rows].join(","));
        // A transaction with an error is rolled back as a whole: `fail` saves SQLite a copy of each page before each statement.
        format!("insert or fail into {name} ({names}) values {rows} {}", self.tail)
    }
}

fn columns_of<R: Field>() -> Vec<Column> {
    let mut columns = Vec::new();
    R::columns("", &mut columns);
    columns
}

/// A statement that reads rows of `R` from tables, with the dictionaries of its columns; then come conditions and order.
pub(super) fn select<R: Field>(from: &str, then: &str) -> String {
    select_columns(&columns_of::<R>(), from, then)
}

fn select_columns(columns: &[Column], from: &str, then: &str) -> String {
    let reads: Vec<String> = columns.iter().map(Column::read).collect();
    let joins: Vec<String> = columns.iter().filter_map(Column::join).collect();
    format!("select {} from {from} {} {then}", reads.join(", "), joins.join(" "))
}

/// A row of a statement, by the columns that made its text.
pub(super) fn read<R: Field>(row: &SqliteRow) -> Result<R, sqlx::Error> {
    R::read(row, &mut 0)
}

columns! {
    /// Slice and observation point of a row that is inserted.
    SliceKey { slice: i64, interface: i64 }
}

/// A table that has rows by slice and observation point.
pub(super) trait SliceTable: Field {
    /// Name of the table.
    const TABLE: &'static str;
    /// Its column that leads to the slice.
    const KEY: &'static str = "slice";
    /// Joins a row `f` with its slice `s`.
    const ON: &'static str = "f.slice = s.id";
}

/// A statement that reads rows of `R` from slices `s` of a window, and what is joined with them.
pub(super) fn of_window<R: Field>(from: &str, then: &str) -> String {
    select::<R>(from, &format!("where {WINDOW} {then}"))
}

/// A statement that reads rows of `R` from slices `s` that begin in one second, of sensors as JSON, and what is joined with them.
/// Slices with a suspect clock are left out.
pub(super) fn at_moment<R: Field>(from: &str) -> String {
    let then = "where s.ts = ?1 and s.sensor in (select value from json_each(?2)) and not s.clock_suspect";
    select::<R>(from, then)
}

/// A statement that reads the rows of a table in a window, in the order of their slices.
pub(super) fn rows_of_window<R: SliceTable>() -> String {
    let from = format!("slice s cross join {} f on {}", R::TABLE, R::ON);
    of_window::<(PointKey, R)>(&from, &format!("order by s.ts, s.sensor, s.seq, f.{}", R::KEY))
}

/// A statement that adds up the rows of a table in a window under each of their keys, where `on` joins a row `f` with its
/// slice `s`. Dictionaries are joined afterwards.
pub(super) fn sums_of_window<R: SliceTable>(on: &str) -> String {
    let (mut sums, mut keys, mut columns) = (Vec::new(), Vec::new(), columns_of::<(PointKey, R)>());
    for Column { name, table, sum, .. } in columns.iter().filter(|column| column.expression.is_none()) {
        let column = format!("{table}.{name}");
        sums.push(format!("{} as {name}", if *sum { sum_of(&column) } else { column.clone() }));
        if !sum {
            keys.push(column);
        }
    }
    // The sums stand for the table and the slice, under a name of their own.
    columns.iter_mut().for_each(|column| column.table = "g");
    let (table, sums, keys) = (R::TABLE, sums.join(", "), keys.join(", "));
    let from = format!("(select {sums} from slice s cross join {table} f on {on} where {WINDOW} group by {keys}) g");
    select_columns(&columns, &from, "")
}
