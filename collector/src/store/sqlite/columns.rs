//! Rows by name: one list of columns makes the text of the statement that inserts and of the one that reads, and moves the
//! values in the same order. Positions of columns exist nowhere else.
//!
//! In a statement that reads, the table of the row is `f` and the slice that it belongs to is `s`.

use std::net::IpAddr;
use std::str::FromStr;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row};
use traf_model::{Class, Counters, Timestamp, Traffic};

use super::{number, pack};
use crate::store::StoreError;

/// A column of a statement.
pub(super) struct Column {
    /// Name in the table; `None` for a column that is only read.
    pub(super) stored: Option<String>,
    /// Expression that reads it.
    pub(super) read: String,
    /// Function that adds up its values where a statement groups; `None` for a column of the key.
    pub(super) sum: Option<&'static str>,
}

/// A part of a row: a column, or several with a common name.
pub(super) trait Field: Sized {
    /// Adds the columns of the part, in the order in which they are bound and read.
    fn columns(name: &str, columns: &mut Vec<Column>);
    /// Adds the values to the arguments of a statement that inserts.
    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError>;
    /// Reads the values from the column number `at` on, and moves it behind them.
    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error>;
}

/// Declares a row as a struct: each field is a column of the same name, or several. `= "expression"` says how a column is
/// read where that is not `f.name`.
macro_rules! columns {
    ($(#[$meta:meta])* $row:ident { $($(#[$note:meta])* $field:ident: $type:ty $(= $read:literal)?),+ $(,)? }) => {
        $(#[$meta])*
        pub(super) struct $row { $($(#[$note])* pub(super) $field: $type),+ }

        impl $crate::store::sqlite::columns::Field for $row {
            fn columns(_: &str, columns: &mut Vec<$crate::store::sqlite::columns::Column>) {
                $(
                    <$type>::columns(stringify!($field), columns);
                    $(columns.last_mut().into_iter().for_each(|column| column.reads($read));)?
                )+
            }

            fn bind(&self, arguments: &mut sqlx::sqlite::SqliteArguments) -> Result<(), sqlx::error::BoxDynError> {
                $(self.$field.bind(arguments)?;)+
                Ok(())
            }

            fn read(row: &sqlx::sqlite::SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: <$type>::read(row, at)?),+ })
            }
        }
    };
}
pub(super) use columns;

impl Column {
    pub(super) fn new(name: &str, sum: Option<&'static str>) -> Self {
        Self { stored: Some(name.to_owned()), read: format!("f.{name}"), sum }
    }

    pub(super) fn reads(&mut self, expression: &str) {
        expression.clone_into(&mut self.read);
    }
}

fn next<'r, T>(row: &'r SqliteRow, at: &mut usize) -> Result<T, sqlx::Error>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let value = row.try_get(*at)?;
    *at += 1;
    Ok(value)
}

/// Types that are one column, and how they are bound.
macro_rules! scalars {
    ($($type:ty, $sum:expr, $value:ident => $bound:expr;)+) => { $(
        impl Field for $type {
            fn columns(name: &str, columns: &mut Vec<Column>) {
                columns.push(Column::new(name, $sum));
            }

            fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
                let $value = self;
                arguments.add($bound)
            }

            fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
                next(row, at)
            }
        }
    )+ };
}

scalars! {
    i64, None, value => *value;
    u64, Some("sum"), value => number(*value);
    u32, None, value => *value;
    u16, None, value => *value;
    u8, None, value => *value;
    bool, None, value => *value;
    String, None, value => value.clone();
    Option<i64>, None, value => *value;
    Option<u64>, None, value => value.map(number);
    Option<u32>, None, value => *value;
    Option<u16>, None, value => *value;
    Option<String>, None, value => value.clone();
}

impl Field for Timestamp {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        columns.push(Column::new(&format!("{name}_ns"), None));
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.0)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        next(row, at).map(Self)
    }
}

impl Field for Option<Timestamp> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        Timestamp::columns(name, columns);
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.map(|time| time.0))
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(next::<Option<i64>>(row, at)?.map(Timestamp))
    }
}

impl Field for Counters {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        columns.extend(
            ["packets", "octets", "coalesced"].map(|count| Column::new(&format!("{name}_{count}"), Some("sum"))),
        );
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        [self.packets, self.octets, self.coalesced].iter().try_for_each(|count| count.bind(arguments))
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(Self { packets: u64::read(row, at)?, octets: u64::read(row, at)?, coalesced: u64::read(row, at)? })
    }
}

/// `in_packets`, …, `out_coalesced`; of a field that is not called `traffic` after its name.
impl Field for Traffic {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        let prefix = if name == "traffic" { String::new() } else { format!("{name}_") };
        Counters::columns(&format!("{prefix}in"), columns);
        Counters::columns(&format!("{prefix}out"), columns);
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.inbound.bind(arguments)?;
        self.outbound.bind(arguments)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok(Self { inbound: Counters::read(row, at)?, outbound: Counters::read(row, at)? })
    }
}

/// A word of a dictionary: stored as its number, read as itself. Number 0 stands for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<T> {
    number: i64,
    pub(super) value: Option<T>,
}

impl<T> Named<T> {
    /// To be stored.
    pub(super) fn number(number: i64) -> Self {
        Self { number, value: None }
    }

    /// Number in the dictionary.
    pub(super) fn key(&self) -> i64 {
        self.number
    }
}

impl Named<IpAddr> {
    /// The address; there is always one.
    pub(super) fn address(self) -> Result<IpAddr, StoreError> {
        self.value.ok_or_else(|| StoreError::Damaged("an address without text".to_owned()))
    }
}

impl<T: FromStr> Field for Named<T> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        columns.push(Column::new(name, None));
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.number)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        let value = next::<Option<&str>>(row, at)?.map(pack::parse).transpose();
        Ok(Self { number: 0, value: value.map_err(|error| sqlx::Error::Decode(error.into()))? })
    }
}

/// A column that another table has: it is read and never stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Joined<T>(pub(super) T);

impl<T: Field> Field for Joined<T> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        let first = columns.len();
        T::columns(name, columns);
        columns[first..].iter_mut().for_each(|column| column.stored = None);
    }

    fn bind(&self, _: &mut SqliteArguments) -> Result<(), BoxDynError> {
        Ok(())
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        T::read(row, at).map(Self)
    }
}

impl Field for Class {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        columns.push(Column::new(name, None));
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.index() as i64)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        let index: i64 = next(row, at)?;
        let class = usize::try_from(index).ok().and_then(Self::at);
        class.ok_or_else(|| sqlx::Error::Decode(format!("class {index}").into()))
    }
}

/// A list as one text, with commas between; statements that group join the texts.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: FromStr + ToString> Field for List<T> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        columns.push(Column::new(name, Some("group_concat")));
    }

    fn bind(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(pack::list(&self.0))
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        pack::parse_list(next(row, at)?).map(Self).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}
