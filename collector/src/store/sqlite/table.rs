//! Statements made of the columns of rows. Each text is made once, so that SQLite prepares it once.

use std::marker::PhantomData;
use std::sync::OnceLock;

use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};

use super::columns::{Column, Field};
use crate::store::{Place, StoreError};

/// Rows of one statement. Few sizes, so that each is prepared once; more rows than 200 are not faster.
const CHUNKS: [usize; 5] = [200, 64, 16, 4, 1];

/// Condition of a slice `s` that overlaps a window: bounds of its start in seconds, bounds in nanoseconds, sensors as JSON.
pub(super) const WINDOW: &str =
    "s.ts >= ?1 and s.ts <= ?2 and s.to_ns > ?3 and s.from_ns < ?4 and s.sensor in (select value from json_each(?5))";

/// A table to insert into.
pub(super) struct Table<R> {
    name: &'static str,
    tail: &'static str,
    texts: [OnceLock<String>; CHUNKS.len()],
    rows: PhantomData<fn(&R)>,
}

impl<R: Field> Table<R> {
    /// `tail` says what happens where a key is there already.
    pub(super) const fn new(name: &'static str, tail: &'static str) -> Self {
        Self { name, tail, texts: [const { OnceLock::new() }; CHUNKS.len()], rows: PhantomData }
    }

    pub(super) async fn insert(
        &'static self,
        connection: &mut SqliteConnection,
        mut rows: &[R],
    ) -> Result<(), StoreError> {
        for (size, text) in CHUNKS.into_iter().zip(&self.texts) {
            while let Some((chunk, rest)) = rows.split_at_checked(size) {
                let text = text.get_or_init(|| self.text(size));
                let mut arguments = SqliteArguments::default();
                arguments.reserve(size * 32, 0);
                chunk.iter().try_for_each(|row| row.bind(&mut arguments)).map_err(sqlx::Error::Encode)?;
                sqlx::query_with(text.as_str(), arguments).execute(&mut *connection).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    fn text(&self, rows: usize) -> String {
        let names: Vec<String> = columns::<R>().into_iter().filter_map(|column| column.stored).collect();
        let row = format!("({})", vec!["?"; names.len()].join(","));
        let (name, names, rows) = (self.name, names.join(","), vec![row.as_str(); rows].join(","));
        format!("insert into {name} ({names}) values {rows} {}", self.tail)
    }
}

fn columns<R: Field>() -> Vec<Column> {
    let mut columns = Vec::new();
    R::columns("", &mut columns);
    columns
}

/// A statement that reads rows of `R` from `tail`: `from`, and what follows.
pub(super) fn select<R: Field>(tail: &str) -> String {
    let reads: Vec<String> = columns::<R>().into_iter().map(|column| column.read).collect();
    format!("select {} {tail}", reads.join(", "))
}

/// A row of a statement, by the columns that made its text.
pub(super) fn read<R: Field>(row: &SqliteRow) -> Result<R, sqlx::Error> {
    R::read(row, &mut 0)
}

/// A row of a table that has rows by slice and observation point.
pub(super) struct SliceRow<R> {
    /// Key of the slice; of a flow, the key of its row.
    pub(super) slice: i64,
    pub(super) interface: i64,
    pub(super) row: R,
}

/// The same as it is read: the sensor is that of the slice.
pub(super) struct PlacedRow<R>(pub(super) Place, pub(super) R);

/// A table that has rows by slice and observation point.
pub(super) trait SliceTable: Field {
    /// Name of the table.
    const TABLE: &'static str;
    /// Its column that leads to the slice.
    const KEY: &'static str = "slice";
    /// Joins a row `f` with its slice `s`.
    const ON: &'static str = "f.slice = s.id";
    /// Joins that its columns need.
    const JOINS: &'static str = "";
}

impl<R: SliceTable> Field for SliceRow<R> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        i64::columns(R::KEY, columns);
        i64::columns("interface", columns);
        R::columns(name, columns);
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.slice)?;
        arguments.add(self.interface)?;
        self.row.bind(arguments)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(Self { slice: i64::read(row, at)?, interface: i64::read(row, at)?, row: R::read(row, at)? })
    }
}

impl<R: Field> Field for PlacedRow<R> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        Place::columns(name, columns);
        R::columns(name, columns);
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.0.bind(arguments)?;
        self.1.bind(arguments)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(Self(Place::read(row, at)?, R::read(row, at)?))
    }
}

impl Field for Place {
    fn columns(_: &str, columns: &mut Vec<Column>) {
        i64::columns("sensor", columns);
        columns.last_mut().into_iter().for_each(|column| column.reads("s.sensor"));
        i64::columns("interface", columns);
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.sensor)?;
        arguments.add(self.interface)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(Self { sensor: i64::read(row, at)?, interface: i64::read(row, at)? })
    }
}

/// A statement that reads the rows of a table in a window, in the order of their slices.
pub(super) fn rows_of_window<R: SliceTable>() -> String {
    let (table, on, joins) = (R::TABLE, R::ON, R::JOINS);
    let from = format!("from slice s cross join {table} f on {on} {joins} where {WINDOW}");
    select::<PlacedRow<R>>(&format!("{from} order by s.ts, s.sensor, s.seq, f.{}", R::KEY))
}

/// A statement that adds up the rows of a table in a window under each of their keys. Dictionaries are joined afterwards.
pub(super) fn sums_of_window<R: SliceTable>() -> String {
    let (mut sums, mut keys) = (Vec::new(), Vec::new());
    for Column { stored, sum, .. } in columns::<PlacedRow<R>>() {
        let Some(name) = stored else { continue };
        let of = if name == "sensor" { "s" } else { "f" };
        match sum {
            Some("group_concat") => sums.push(format!("group_concat(distinct f.{name}) as {name}")),
            Some(sum) => sums.push(format!("{sum}(f.{name}) as {name}")),
            None => {
                sums.push(format!("{of}.{name} as {name}"));
                keys.push(format!("{of}.{name}"));
            }
        }
    }
    let (table, on, sums, keys) = (R::TABLE, R::ON, sums.join(", "), keys.join(", "));
    // The sums stand for the table and the slice, under a name of their own.
    let outer = select::<PlacedRow<R>>(R::JOINS).replace("s.sensor", "g.sensor").replace("f.", "g.");
    let (reads, joins) = outer.split_at(outer.len() - R::JOINS.len());
    format!(
        "{reads} from (select {sums} from slice s cross join {table} f on {on} where {WINDOW} group by {keys}) g {joins}"
    )
}
