//! Tables on their way to standard output: for people, or as JSON, JSON lines or CSV for programs.

use std::io::{self, Write};

use traf_model::record::{report as record, writer};
use traf_model::{Fleet, Report};

use crate::look::Look;

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
    out: writer::Writer<W>,
    format: Format,
    look: &'a Look,
    /// Something was written before.
    begun: bool,
}

impl<'a, W: Write> Writer<'a, W> {
    /// To `out`.
    pub const fn new(out: W, format: Format, look: &'a Look) -> Self {
        Self { out: writer::Writer::new(out), format, look, begun: false }
    }

    /// Writes one answer, whole.
    pub fn write(&mut self, answer: Answer<'_>) -> io::Result<()> {
        if self.format == Format::Table {
            let table = match answer {
                Answer::Report(report) => people::report(report, self.look, false),
                Answer::Groups(report) => people::report(report, self.look, true),
                Answer::Detailed(report) => people::detailed(report, self.look),
                Answer::Fleet(fleet) => people::fleet(fleet),
            };
            self.out.text(&format!("{}{table}", if self.begun { "\n" } else { "" }))?;
        } else {
            let document = match answer {
                Answer::Report(report) | Answer::Groups(report) | Answer::Detailed(report) => record::report(report),
                Answer::Fleet(fleet) => record::fleet(fleet),
            };
            let mut rows = document["rows"].as_array().into_iter().flatten();
            match self.format {
                Format::Jsonl => rows.try_for_each(|row| self.out.json(row))?,
                Format::Csv => self.out.csv(rows)?,
                // More than one document, as when watching, still parts at line ends.
                _ => self.out.json(&document)?,
            }
        }
        self.begun = true;
        self.out.flush()
    }
}
