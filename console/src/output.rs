//! Tables on their way to standard output: for people, or as JSON, JSON lines or CSV for programs.

use std::io::{self, Write};

use serde_json::{Map, Value};
use traf_model::{Fleet, Report};

use crate::look::Look;
use crate::record;
use crate::text::is_unsafe;

mod people;

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: aligned, numbers as on the screens
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object for each row
    Jsonl,
    /// Comma-separated values, nested fields joined by `_`
    Csv,
}

/// Answers that can be written.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// To a query.
    Report(&'a Report),
    /// To a query for groups of flows.
    Groups(&'a Report),
    /// Interfaces, each with all its classes.
    Detailed(&'a Report),
    /// The sensors, and which of them report.
    Fleet(&'a Fleet),
}

/// Writes answers one after the other.
#[derive(Debug)]
pub struct Writer<'a, W> {
    out: W,
    format: Format,
    look: &'a Look,
    /// The titles of CSV, once they are written.
    titles: Option<Vec<String>>,
    /// Something was written before.
    begun: bool,
}

impl<'a, W: Write> Writer<'a, W> {
    /// To `out`.
    pub const fn new(out: W, format: Format, look: &'a Look) -> Self {
        Self { out, format, look, titles: None, begun: false }
    }

    /// Writes one answer, whole.
    pub fn write(&mut self, answer: Answer<'_>) -> io::Result<()> {
        match self.format {
            Format::Table => {
                if self.begun {
                    writeln!(self.out)?;
                }
                let table = match answer {
                    Answer::Report(report) => people::report(report, self.look, false),
                    Answer::Groups(report) => people::report(report, self.look, true),
                    Answer::Detailed(report) => people::detailed(report, self.look),
                    Answer::Fleet(fleet) => people::fleet(fleet),
                };
                self.out.write_all(table.as_bytes())?;
            }
            // More than one document, as when watching, still parts at line ends.
            Format::Json => writeln!(self.out, "{}", safe(&document(answer)))?,
            Format::Jsonl => {
                for row in rows(answer) {
                    writeln!(self.out, "{}", safe(&row))?;
                }
            }
            Format::Csv => self.csv(&rows(answer))?,
        }
        self.begun = true;
        self.out.flush()
    }

    fn csv(&mut self, rows: &[Value]) -> io::Result<()> {
        let flat: Vec<Vec<(String, String)>> = rows.iter().map(flatten).collect();
        let mut csv = csv::Writer::from_writer(&mut self.out);
        let titles = match &mut self.titles {
            Some(titles) => titles,
            None if flat.is_empty() => return Ok(()),
            // The union over the first rows: a row of what was folded has fewer fields than others.
            titles => {
                let mut union: Vec<String> = Vec::new();
                for (name, _) in flat.iter().flatten() {
                    if !union.contains(name) {
                        union.push(name.clone());
                    }
                }
                csv.write_record(&union)?;
                titles.insert(union)
            }
        };
        for row in &flat {
            let field =
                |title: &String| row.iter().find(|(name, _)| name == title).map_or("", |(_, text)| text.as_str());
            csv.write_record(titles.iter().map(field))?;
        }
        csv.flush()
    }
}

fn document(answer: Answer<'_>) -> Value {
    match answer {
        Answer::Report(report) | Answer::Groups(report) | Answer::Detailed(report) => record::document(report),
        Answer::Fleet(fleet) => record::fleet_document(fleet),
    }
}

fn rows(answer: Answer<'_>) -> Vec<Value> {
    match answer {
        Answer::Report(report) | Answer::Groups(report) | Answer::Detailed(report) => record::rows(report),
        Answer::Fleet(fleet) => record::fleet_rows(fleet),
    }
}

/// JSON in which no character could do anything to a terminal: JSON itself escapes only the lowest ones.
fn safe(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(is_unsafe) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Nested fields by their path; classes by their name; lists of words with spaces between; other lists are left out.
fn flatten(row: &Value) -> Vec<(String, String)> {
    fn walk(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}_{name}") };
                walk(&path, value, out);
            }),
            Value::Array(values) if values.iter().all(Value::is_string) => {
                let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                out.push((path.to_owned(), plain(&words.join(" "))));
            }
            Value::Array(values) => {
                let classes = values.iter().filter_map(Value::as_object).filter_map(named);
                classes.for_each(|(name, fields)| walk(name, &Value::Object(fields), out));
            }
            // Only where offload hid packets: a column that comes and goes would be none.
            _ if path.ends_with("wire_packets") => {}
            Value::Null => out.push((path.to_owned(), String::new())),
            Value::String(text) => out.push((path.to_owned(), plain(text))),
            other => out.push((path.to_owned(), other.to_string())),
        }
    }
    fn named(fields: &Map<String, Value>) -> Option<(&str, Map<String, Value>)> {
        let name = fields.get("class")?.as_str()?;
        Some((name, fields.iter().filter(|(key, _)| *key != "class").map(|(k, v)| (k.clone(), v.clone())).collect()))
    }
    let mut out = Vec::new();
    walk("", row, &mut out);
    out
}

fn plain(text: &str) -> String {
    crate::text::clean(text).into_owned()
}
