//! Rows and documents as JSON, JSON lines, CSV and aligned text.
//!
//! ```
//! use serde_json::json;
//! use traf_model::record::writer::Writer;
//!
//! let mut out = Vec::new();
//! let rows = [json!({ "name": "eth0", "in": { "packets": 1 } }), json!({ "name": "lo", "up": true })];
//! Writer::new(&mut out).csv(rows.iter()).unwrap();
//! assert_eq!(String::from_utf8(out).unwrap(), "name,in_packets,up\neth0,1,\nlo,,true\n");
//! ```

use std::io::{self, Write};

use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use crate::text::{clean, is_unsafe};

/// Writes rows and documents one after the other. No character of theirs can act on a terminal.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The titles of CSV, once they are written.
    titles: Vec<String>,
}

impl<W: Write> Writer<W> {
    /// To `out`.
    pub const fn new(out: W) -> Self {
        Self { out, titles: Vec::new() }
    }

    /// Writes a document, or one row of JSON lines.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        value.serialize(&mut Serializer::with_formatter(&mut self.out, EscapeUnsafe))?;
        writeln!(self.out)
    }

    /// Writes rows as CSV, nested fields joined by `_`. The titles stand above the first rows and are those of all of them: a
    /// row marked `other` has fewer fields than others.
    pub fn csv<R: Serialize>(&mut self, rows: impl Iterator<Item = R> + Clone) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(&mut self.out);
        if self.titles.is_empty() {
            for (title, _) in rows.clone().flat_map(|row| flatten(&row)) {
                if !self.titles.contains(&title) {
                    self.titles.push(title);
                }
            }
            if self.titles.is_empty() {
                return Ok(());
            }
            csv.write_record(&self.titles)?;
        }
        for row in rows.map(|row| flatten(&row)) {
            let field =
                |title: &String| row.iter().find(|(name, _)| name == title).map_or("", |(_, text)| text.as_str());
            csv.write_record(self.titles.iter().map(field))?;
        }
        csv.flush()
    }

    /// Writes text for people.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Hands everything to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Compact JSON that escapes every unsafe character: JSON itself demands it only of the lowest ones.
struct EscapeUnsafe;

impl Formatter for EscapeUnsafe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        if text.bytes().all(|octet| octet < 0x7f) {
            return out.write_all(text.as_bytes());
        }
        for c in text.chars() {
            if is_unsafe(c) {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?;
            } else {
                write!(out, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Nested fields by their path; classes by their name; lists of words with spaces between; other lists are left out.
fn flatten(row: &impl Serialize) -> Vec<(String, String)> {
    fn walk(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}_{name}") };
                walk(&path, value, out);
            }),
            Value::Array(values) if values.iter().all(Value::is_string) => {
                let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                out.push((path.to_owned(), clean(&words.join(" ")).into_owned()));
            }
            Value::Array(values) => {
                for mut class in values.iter().filter_map(Value::as_object).cloned() {
                    if let Some(Value::String(name)) = class.shift_remove("class") {
                        walk(&name, &Value::Object(class), out);
                    }
                }
            }
            // Only where offload hid packets: a column that comes and goes would be none.
            _ if path.ends_with("wire_packets") => {}
            Value::Null => out.push((path.to_owned(), String::new())),
            Value::String(text) => out.push((path.to_owned(), clean(text).into_owned())),
            other => out.push((path.to_owned(), other.to_string())),
        }
    }
    let mut out = Vec::new();
    walk("", &serde_json::to_value(row).unwrap_or_default(), &mut out);
    out
}

/// A column of a text table: its title, and where text stands in it.
pub type Column<'a> = (&'a str, CellAlignment);

/// A column of words.
pub const fn left(title: &str) -> Column<'_> {
    (title, CellAlignment::Left)
}

/// A column of numbers.
pub const fn right(title: &str) -> Column<'_> {
    (title, CellAlignment::Right)
}

/// A text table: titles, if there are any, then rows, two spaces between the columns.
pub fn table(columns: &[Column<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING);
    if columns.iter().any(|(title, _)| !title.is_empty()) {
        table.set_header(columns.iter().map(|(title, _)| *title));
    }
    table.add_rows(rows.into_iter().map(|row| row.iter().map(|cell| clean(cell).into_owned()).collect::<Vec<_>>()));
    for (column, (_, alignment)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2)).set_cell_alignment(*alignment);
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["eth0.100", "up"], ["lo", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["NAME", "STATE"].map(left), rows.clone()), "NAME      STATE\neth0.100  up\nlo\n");
        assert_eq!(table(&["", ""].map(left), rows), "eth0.100  up\nlo\n");
    }
}
