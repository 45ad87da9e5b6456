//! The word `log` in the configuration file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Span;
use crate::text_log::LogKind;

/// What the file says of logs: `log = "debug"` is the program's own, `[log]` the text logs and, as `level`, the same.
#[derive(Clone, Debug, Default)]
pub(super) struct LogTable {
    pub(super) level: Option<String>,
    pub(super) on: Option<bool>,
    pub(super) folder: Option<PathBuf>,
    pub(super) interval: Option<Span>,
    pub(super) mac: Option<bool>,
    pub(super) names: BTreeMap<LogKind, String>,
}

impl<'de> Deserialize<'de> for LogTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            level: Option<String>,
            on: Option<bool>,
            folder: Option<PathBuf>,
            interval: Option<Span>,
            mac: Option<bool>,
            #[serde(default)]
            names: BTreeMap<LogKind, String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = LogTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level such as \"info\", or the table of the text logs")
            }

            fn visit_str<E>(self, level: &str) -> Result<LogTable, E> {
                Ok(LogTable { level: Some(level.to_owned()), ..LogTable::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LogTable, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                let Table { level, on, folder, interval, mac, names } = table;
                Ok(LogTable { level, on, folder, interval, mac, names })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
