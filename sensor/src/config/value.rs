//! Values as people write them in flags and files.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use traf_model::time::length;

use crate::text_log::LogKind;

/// A length of time as people write it: `10s`, `15m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        length(text).map(Self).ok_or_else(|| format!("`{text}` is no length of time: write 10s, 15m or 1h"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A number of octets as people write it: `16MiB`, `1GiB`, `65536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SizeText")]
pub struct Size(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
        number.checked_mul(factor).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<SizeText> for Size {
    type Error = String;

    fn try_from(text: SizeText) -> Result<Self, String> {
        match text {
            SizeText::Number(number) => Ok(Self(number)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

/// The name that one of the text logs gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName(pub(super) LogKind, pub(super) String);

impl FromStr for LogName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('=').ok_or_else(|| format!("`{text}`: write LOG=FILE"))?;
        Ok(Self(kind.parse()?, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_read_as_people_write_them() {
        assert_eq!("16MiB".parse(), Ok(Size(16 << 20)));
        assert_eq!("7".parse(), Ok(Size(7)));
        assert_eq!("15m".parse(), Ok(Span(Duration::from_secs(900))));
        for wrong in ["", "MiB", "1 parsec", "-1", "99999999999GiB"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
        assert!("-3s".parse::<Span>().is_err());
    }
}
