//! Values as people write them in flags and files.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use traf_model::time::length;

use crate::text_log::LogKind;

/// Reads a length of time as people write it: `10s`, `15m`, `1h`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    length(text).ok_or_else(|| format!("`{text}` is no length of time: write 10s, 15m or 1h"))
}

/// Reads a length of time in the file.
pub(super) fn time_of_file<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    time(&String::deserialize(value)?).map(Some).map_err(Error::custom)
}

/// Reads a number of octets as people write it: `16MiB`, `1GiB`, `65536`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write 65536, 512KiB, 16MiB or 1GiB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

/// Reads a number of octets in the file.
pub(super) fn size_of_file<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    match SizeText::deserialize(value)? {
        SizeText::Number(number) => Ok(Some(number)),
        SizeText::Text(text) => size(&text).map(Some).map_err(Error::custom),
    }
}

/// Reads the name that one of the text logs gets.
pub(super) fn log_name(text: &str) -> Result<(LogKind, String), String> {
    let (kind, name) = text.split_once('=').ok_or_else(|| format!("`{text}`: write LOG=FILE"))?;
    Ok((kind.parse()?, name.to_owned()))
}

/// Reads the table `[log.names]` of the file.
pub(super) fn log_names<'de, D: Deserializer<'de>>(table: D) -> Result<Vec<(LogKind, String)>, D::Error> {
    BTreeMap::deserialize(table).map(|names| names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        assert_eq!(size("16MiB"), Ok(16 << 20));
        assert_eq!(size("7"), Ok(7));
        assert_eq!(time("15m"), Ok(Duration::from_secs(900)));
        for wrong in ["", "MiB", "1 parsec", "-1", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(time("-3s").is_err());
    }
}
