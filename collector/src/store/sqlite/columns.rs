//! Rows by name: one list of columns makes the text of the statement that inserts and of the one that reads, and moves the
//! values in the same order. Positions of columns exist nowhere else.
//!
//! In a statement that reads, the table of the row is `f` and the slice that it belongs to is `s`.

use std::net::IpAddr;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row};
use traf_model::{
    Class, Counters, Endpoint, FlowKey, Interface, Interval, Learnt, Ledger, LossReason, Mac, Nic, Timestamp, Traffic,
};

use super::dictionary::Dictionary;
use super::{number, pack};
use crate::store::{Identity, Mark, PointKey, Slice, StoreError, StoredSensor};

/// A column of a statement.
pub(super) struct Column {
    /// Name in its table.
    pub(super) name: String,
    /// Name of its table in statements that read.
    pub(super) table: &'static str,
    /// Expression that reads it, where that is not the column itself; then it is never stored.
    pub(super) expression: Option<&'static str>,
    /// True if its values are added up where a statement groups; false for a column of the key.
    pub(super) sum: bool,
    /// Table and column of the dictionary that has its text.
    pub(super) dictionary: Option<(&'static str, &'static str)>,
}

impl Column {
    /// A column of the key of its table.
    pub(super) fn key(name: &str) -> Self {
        Self { name: name.to_owned(), table: "f", expression: None, sum: false, dictionary: None }
    }

    fn sum(name: &str) -> Self {
        Self { sum: true, ..Self::key(name) }
    }

    fn time(name: &str) -> Self {
        Self::key(&format!("{name}_ns"))
    }

    fn address(name: &str) -> Self {
        Self { dictionary: Some(("address", "ip")), ..Self::key(name) }
    }

    fn mac(name: &str) -> Self {
        Self { dictionary: Some(("mac", "mac")), ..Self::key(name) }
    }

    /// The expression that reads it.
    pub(super) fn read(&self) -> String {
        match (self.expression, self.dictionary) {
            (Some(expression), _) => expression.to_owned(),
            (None, Some((_, column))) => format!("{}_word.{column}", self.name),
            (None, None) => format!("{}.{}", self.table, self.name),
        }
    }

    /// The join that reading it needs.
    pub(super) fn join(&self) -> Option<String> {
        let (Self { name, table, .. }, (dictionary, _)) =
            (self, self.dictionary.filter(|_| self.expression.is_none())?);
        Some(format!("left join {dictionary} {name}_word on {name}_word.id = {table}.{name}"))
    }
}

/// The sum of a value over the rows of a group. One that does not fit is the greatest number: SQLite's `sum` alone would be an
/// error, and so one row that cannot be true would keep all others from being read. The halves of the value are added up
/// each by itself, so a sum that fits is exact.
macro_rules! sum {
    ($value:literal) => {
        concat!("min(9223372036854775807, sum((", $value, ") >> 32) * 4294967296 + sum((", $value, ") & 4294967295))")
    };
}
pub(super) use sum;

/// The same of an expression that is made.
pub(super) fn sum_of(value: &str) -> String {
    format!(sum!("{0}"), value)
}

/// A part of a row: a column, or several with a common name.
pub(super) trait Field: Sized {
    /// Adds the columns of the part, in the order in which they are bound and read.
    fn columns(name: &str, columns: &mut Vec<Column>);
    /// Adds the values to the arguments of a statement that inserts; the dictionary has the numbers of texts.
    fn bind(&self, dictionary: &Dictionary, arguments: &mut SqliteArguments) -> Result<(), BoxDynError>;
    /// Reads the values from the column number `at` on, and moves it behind them.
    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error>;
}

/// The name of a column that is a field of a part without a name of its own.
pub(super) fn own(_: &str, field: &str) -> String {
    field.to_owned()
}

/// The name of a column that begins with the name of its part.
fn prefixed(part: &str, field: &str) -> String {
    format!("{part}_{field}")
}

/// `source` and `source_port`.
fn endpoint(part: &str, field: &str) -> String {
    if field == "address" { part.to_owned() } else { prefixed(part, field) }
}

/// `in` and `out`.
fn way(_: &str, field: &str) -> String {
    field.trim_end_matches("bound").to_owned()
}

/// Declares a row as a struct, with the name of its table if it has rows by slice and observation point, or the columns of a
/// struct that is there already (`for`; `named` by a function of the names of the part and of the field). Each field is a
/// column of the same name, or several. `[in s]` says that another table has it, `= "expression"` how it is read where that is
/// not the column itself; such a column is never stored.
macro_rules! columns {
    ($(#[$meta:meta])* $row:ident in $table:literal { $($body:tt)+ }) => {
        columns! { $(#[$meta])* $row { $($body)+ } }

        impl $crate::store::sqlite::table::SliceTable for $row {
            const TABLE: &'static str = $table;
        }
    };
    ($(#[$meta:meta])* $row:ident {
        $($field:ident: $type:ty $([in $table:ident])? $(= $read:expr)?),+ $(,)?
    }) => {
        $(#[$meta])*
        pub(super) struct $row { $(pub(super) $field: $type),+ }
        columns!(for $row { $($field: $type $([in $table])? $(= $read)?),+ });
    };
    (for $row:ident { $($body:tt)+ }) => { columns!(for $row named $crate::store::sqlite::columns::own, { $($body)+ }); };
    (for $row:ident named $name:path, {
        $($field:ident: $type:ty $([in $table:ident])? $(= $read:expr)?),+ $(,)?
    }) => {
        impl $crate::store::sqlite::columns::Field for $row {
            fn columns(part: &str, columns: &mut Vec<$crate::store::sqlite::columns::Column>) {
                $(
                    let _first = columns.len();
                    <$type>::columns(&$name(part, stringify!($field)), columns);
                    $(columns[_first..].iter_mut().for_each(|column| column.table = stringify!($table));)?
                    $(columns[_first..].iter_mut().for_each(|column| column.expression = Some($read));)?
                )+
            }

            fn bind(
                &self,
                dictionary: &$crate::store::sqlite::dictionary::Dictionary,
                arguments: &mut sqlx::sqlite::SqliteArguments,
            ) -> Result<(), sqlx::error::BoxDynError> {
                $(
                    if None::<&str>$(.or(Some($read)))?.is_none() {
                        self.$field.bind(dictionary, arguments)?;
                    }
                )+
                Ok(())
            }

            fn read(row: &sqlx::sqlite::SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: <$type>::read(row, at)?),+ })
            }
        }
    };
}
pub(super) use columns;

/// Types that are one column: how it is named and added up, what is bound, and how it is read.
macro_rules! scalars {
    ($($type:ty: $column:ident, ($value:ident, $dictionary:ident) => $bound:expr, $stored:ty => $read:expr;)+) => { $(
        impl Field for $type {
            fn columns(name: &str, columns: &mut Vec<Column>) {
                columns.push(Column::$column(name));
            }

            fn bind(&self, $dictionary: &Dictionary, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
                let $value = self;
                arguments.add($bound)
            }

            fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
                let read: fn($stored) -> Result<Self, StoreError> = $read;
                let value = row.try_get(*at)?;
                *at += 1;
                read(value).map_err(|error| sqlx::Error::Decode(error.into()))
            }
        }
    )+ };
}

scalars! {
    i64: key, (value, _w) => *value, i64 => Ok;
    u64: sum, (value, _w) => number(*value), u64 => Ok;
    u32: key, (value, _w) => *value, u32 => Ok;
    u16: key, (value, _w) => *value, u16 => Ok;
    u8: key, (value, _w) => *value, u8 => Ok;
    bool: key, (value, _w) => *value, bool => Ok;
    String: key, (value, _w) => value.clone(), String => Ok;
    Vec<u8>: key, (value, _w) => value.clone(), Vec<u8> => Ok;
    Option<Vec<u8>>: key, (value, _w) => value.clone(), Option<Vec<u8>> => Ok;
    Option<u64>: key, (value, _w) => value.map(number), Option<u64> => Ok;
    Option<u32>: key, (value, _w) => *value, Option<u32> => Ok;
    Option<u16>: key, (value, _w) => *value, Option<u16> => Ok;
    Option<String>: key, (value, _w) => value.clone(), Option<String> => Ok;
    Timestamp: time, (value, _w) => value.0, i64 => |nanos| Ok(Timestamp(nanos));
    Option<Timestamp>: time, (value, _w) => value.map(|time| time.0), Option<i64> => |nanos| Ok(nanos.map(Timestamp));
    Class: key, (value, _w) => value.index() as i64, i64 => |index| nth(index, Class::at);
    LossReason: key, (value, _w) => LossReason::ALL.iter().position(|reason| reason == value).unwrap_or(0) as i64 + 1,
        i64 => |number| nth(number - 1, |place| LossReason::ALL.get(place).copied());
    Option<Mac>: key, (value, _w) => value.map(|mac| mac.to_string()),
        Option<&str> => |text| text.map(pack::parse).transpose();
    Vec<IpAddr>: key, (value, _w) => pack::list(value), &str => pack::parse_list;
    IpAddr: address, (value, words) => words.address(*value)?, &str => pack::parse;
    Mac: mac, (value, words) => words.mac(*value)?, &str => pack::parse;
    Station: mac, (value, words) => value.0.map_or(Ok(0), |mac| words.mac(mac))?,
        Option<&str> => |text| text.map(pack::parse).transpose().map(Self);
}

fn nth<T>(number: i64, find: impl FnOnce(usize) -> Option<T>) -> Result<T, StoreError> {
    let found = usize::try_from(number).ok().and_then(find);
    found.ok_or_else(|| StoreError::Damaged(format!("number {number}")))
}

/// A MAC address of the dictionary, where there is one: stored as its number, 0 for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station(pub(super) Option<Mac>);

columns!(for Traffic named way, { inbound: Counters, outbound: Counters });
columns!(for Counters named prefixed, { packets: u64, octets: u64, coalesced: u64 });
columns!(for Interval { from: Timestamp, to: Timestamp });
columns!(for PointKey { sensor: i64 [in s], interface: i64 });
columns!(for Slice { interval: Interval [in s] });
columns!(for Mark named prefixed, { epoch: u64, seq: u64 });

columns!(for Interface {
    name: String,
    index: u32 = "f.kernel_index",
    mac: Option<Mac>,
    addresses: Vec<IpAddr>,
    mtu: Option<u32>,
    speed: Option<u64>,
    link: String,
    loopback: bool,
    mirror: bool,
});

columns!(for Nic named prefixed, {
    rx_packets: u64,
    rx_octets: u64,
    tx_packets: u64,
    tx_octets: u64,
    rx_dropped: u64,
    tx_dropped: u64,
});

columns!(for Ledger {
    received: u64,
    parsed: u64,
    malformed: u64,
    unsupported: u64,
    dropped: u64,
    bad_checksum: u64,
    unparsed_octets: u64,
    nic: Option<Nic>,
    kernel_received: Option<u64>,
    clock_step: i64,
});

columns!(for StoredSensor {
    id: i64,
    uuid: String,
    name: String,
    site: String,
    version: String,
    epoch: u64,
    mark: Mark,
    stored: Option<Timestamp>,
    clock_ahead: i64,
});

columns!(for FlowKey { protocol: u8, vlan: Option<u16>, source: Endpoint, destination: Endpoint });
columns!(for Endpoint named endpoint, { address: IpAddr, port: u16 });
columns!(for Identity { sensor: i64, mac: Mac, learnt: Learnt });
columns!(for Learnt { address: IpAddr, first: Timestamp, last: Timestamp });

/// Absent if all its columns are null.
impl Field for Option<Nic> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        Nic::columns(name, columns);
    }

    fn bind(&self, dictionary: &Dictionary, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        match self {
            Some(nic) => nic.bind(dictionary, arguments),
            None => (0..6).try_for_each(|_| arguments.add(None::<i64>)),
        }
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        if row.try_get::<Option<i64>, _>(*at)?.is_some() {
            return Nic::read(row, at).map(Some);
        }
        *at += 6;
        Ok(None)
    }
}

/// Two parts one after the other, without a common name.
impl<A: Field, B: Field> Field for (A, B) {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        A::columns(name, columns);
        B::columns(name, columns);
    }

    fn bind(&self, dictionary: &Dictionary, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.0.bind(dictionary, arguments)?;
        self.1.bind(dictionary, arguments)
    }

    fn read(row: &SqliteRow, at: &mut usize) -> Result<Self, sqlx::Error> {
        Ok((A::read(row, at)?, B::read(row, at)?))
    }
}
