//! Tables on their way to standard output: for people, or as JSON, JSON lines or CSV for programs.

use std::io::{self, Write};

use traf_model::record::{report as record, writer};
use traf_model::{Facility, Fleet, Group, Report};

use crate::facility;
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

/// Subject of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its rows.
    pub facility: Facility,
    /// The grouping of flows.
    pub group: Group,
    /// Of interfaces: every class, for people.
    pub detailed: bool,
}

impl Subject {
    /// Name of the command.
    pub fn name(self) -> &'static str {
        if self.detailed { "interface" } else { self.facility.name() }
    }

    /// True if the table is of one interface.
    pub fn one_interface(self) -> bool {
        self.detailed || facility::view(self.facility).is_some_and(|view| view.one_interface)
    }
}

impl From<Facility> for Subject {
    fn from(facility: Facility) -> Self {
        Self { facility, ..Self::default() }
    }
}

/// Answers that can be written.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// To a query, and what was asked for.
    Report(&'a Report, Subject),
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
                Answer::Report(report, subject) => people::report(report, subject, self.look),
                Answer::Fleet(fleet) => people::fleet(fleet),
            };
            self.out.text(&format!("{}{table}", if self.begun { "\n" } else { "" }))?;
        } else {
            let document = match answer {
                Answer::Report(report, _) => record::report(report),
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
