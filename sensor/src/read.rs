//! `traf-sensor read`: capture files to one document, JSON or CSV for programs or tables for people.
//!
//! A file is as good as a device: it has a meter, and its own time. What several files hold is added up.

mod document;
mod log;
mod table;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use traf_model::record::writer::Writer;
use traf_model::{Facility, Interface, Interval, Timestamp};

use crate::file::CaptureFile;
use crate::meter::{Meter, MeterConfig};
use crate::parse::link_type::LinkType;
use document::Document;

/// Arguments of `traf-sensor read`.
#[derive(clap::Args, Clone, Debug)]
pub struct ReadArgs {
    /// Capture files, pcap or pcapng, plain or compressed with gzip; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The table whose rows the formats `jsonl` and `csv` print
    #[arg(long, default_value = "traffic", value_parser = table_parser())]
    pub table: Facility,
    /// Count what tunnels carry (GRE, IP in IP, VXLAN, GENEVE) instead of the tunnels
    #[arg(long)]
    pub tunnels: bool,
    /// Flows kept apart; what goes beyond is added up in rows marked `other`
    #[arg(long, value_name = "N", default_value_t = MeterConfig::default().flows)]
    pub flows: usize,
}

/// Output format of a document.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Tables for people: totals and the busiest rows
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object for each row of `--table`
    Jsonl,
    /// Comma-separated values of `--table`, nested fields joined by `_`
    Csv,
    /// Lines of a text log, in IPTraf's format and local time
    Log,
}

/// Reads the files and prints the document on standard output.
///
/// If a file cannot be read to its end, the part that was read is printed all the same.
pub fn run(args: &ReadArgs) -> anyhow::Result<()> {
    if args.format == Format::Log {
        return log::run(args, jiff::tz::TimeZone::system(), BufWriter::new(io::stdout().lock()));
    }
    let mut reader = Reader::new(config(args.flows, args.tunnels));
    let mut trouble = Ok(());
    for path in &args.files {
        if let Err(error) = reader.file(path).with_context(|| format!("reading {}", path.display())) {
            // The last word belongs to the last trouble; the others are said at once.
            if let Err(before) = std::mem::replace(&mut trouble, Err(error)) {
                eprintln!("{before:#}");
            }
        }
    }
    if reader.opened {
        let mut out = Writer::new(BufWriter::new(io::stdout().lock()));
        match print(&mut out, args, &reader.finish()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            printed => printed.context("writing to standard output")?,
        }
    }
    trouble
}

/// A meter's settings for files: nothing is trimmed but what exceeds `flows`, and silence ends no flow, since nobody waits
/// for the table's room.
pub(crate) fn config(flows: usize, tunnels: bool) -> MeterConfig {
    MeterConfig {
        flows,
        idle: Duration::MAX,
        tunnels,
        history_flows: usize::MAX,
        history_keys: usize::MAX,
        parted: flows,
        keys: Some(flows.max(2 << 16)),
    }
}

fn table_parser() -> impl TypedValueParser<Value = Facility> {
    let tables = || Facility::all().filter(|facility| *facility != Facility::Packets);
    PossibleValuesParser::new(tables().map(Facility::name))
        .map(move |name| tables().find(|facility| facility.name() == name).unwrap_or_default())
}

fn print(out: &mut Writer<impl Write>, args: &ReadArgs, document: &Document) -> io::Result<()> {
    match (args.format, args.table) {
        (Format::Json, _) => out.json(document),
        (Format::Table | Format::Log, _) => out.text(&table::text(document)),
        (format, Facility::Counted(facility)) => rows(out, format, document.records(facility)),
        (format, Facility::Interfaces) => rows(out, format, document.classes().into_iter()),
        (format, _) => rows(out, format, document.flows()),
    }
}

fn rows<R: Serialize>(
    out: &mut Writer<impl Write>,
    format: Format,
    mut rows: impl Iterator<Item = R> + Clone,
) -> io::Result<()> {
    if format == Format::Csv { out.csv(rows) } else { rows.try_for_each(|row| out.json(&row)) }
}

/// Meters whole files.
pub(crate) struct Reader {
    meter: Meter,
    totals: Totals,
    opened: bool,
}

/// Totals of all frames, understood or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    frames: u64,
    octets: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Reader {
    /// With a meter of this size.
    pub(crate) fn new(config: MeterConfig) -> Self {
        let interface = Interface { name: "file".to_owned(), ..Interface::default() };
        let totals = Totals { frames: 0, octets: 0, first: Timestamp(i64::MAX), last: Timestamp(i64::MIN) };
        Self { meter: Meter::new(config, interface, LinkType::default(), Timestamp(0)), totals, opened: false }
    }

    /// Meters a file to its end.
    ///
    /// After an error the frames up to there are counted.
    pub(crate) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = CaptureFile::open(path)?;
        self.opened = true;
        while let Some(frame) = file.next_frame()? {
            self.meter.set_link(frame.link);
            let totals = &mut self.totals;
            totals.frames += 1;
            totals.octets = totals.octets.saturating_add(u64::from(frame.length));
            totals.first = totals.first.min(frame.at);
            totals.last = totals.last.max(frame.at);
            self.meter.frame(frame.at, frame.length, frame.captured);
        }
        Ok(())
    }

    /// The document of everything.
    pub(crate) fn finish(mut self) -> Document {
        let Totals { first, last, .. } = self.totals;
        let summary = self.meter.close(Interval::new(first.min(last), Timestamp(last.0.saturating_add(1))));
        Document { summary, totals: self.totals }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::Value;

    use super::*;

    /// A connection that is opened, and a datagram, a second later.
    pub(super) fn file() -> Vec<u8> {
        let mut tcp = Vec::new();
        let header = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        header.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(40000, 22, 1, 1024).syn().write(&mut tcp, &[]).unwrap();
        let mut udp = Vec::new();
        let header = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        header.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(5353, 53).write(&mut udp, b"hello").unwrap();
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
            file.extend(word.to_le_bytes());
        }
        for (second, frame) in [(1_795_340_406u32, tcp), (1_795_340_407, udp)] {
            let length = frame.len() as u32;
            for word in [second, 0, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    #[test]
    fn json_lines_and_csv_hold_the_rows_of_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.pcap");
        std::fs::write(&path, file()).unwrap();
        let mut reader = Reader::new(config(64, false));
        reader.file(&path).unwrap();
        let document = reader.finish();
        let printed = |format, table| {
            let mut out = Vec::new();
            let args = ReadArgs { files: Vec::new(), format, table, tunnels: false, flows: 64 };
            print(&mut Writer::new(&mut out), &args, &document).unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole: Value = serde_json::from_str(&printed(Format::Json, Facility::Traffic)).unwrap();
        for table in Facility::all().filter(|facility| *facility != Facility::Packets) {
            let name = match table {
                Facility::Traffic => "flows",
                Facility::Interfaces => "classes",
                counted => counted.name(),
            };
            let lines: Vec<Value> =
                printed(Format::Jsonl, table).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(whole[name], Value::Array(lines.clone()), "{table:?}");
            let csv = printed(Format::Csv, table);
            assert_eq!(csv.lines().count(), if lines.is_empty() { 0 } else { lines.len() + 1 }, "{csv}");
            let first = lines.first().and_then(Value::as_object).and_then(|row| row.keys().next());
            assert!(first.is_none_or(|title| csv.starts_with(title.as_str())), "{csv}");
        }
        let hosts = printed(Format::Csv, Facility::Counted(traf_model::facility::HOSTS));
        let titles = "address,packets,octets,in_packets,in_octets,out_packets,out_octets";
        assert!(hosts.starts_with(titles) && hosts.contains("\n10.0.0.2,2,73,2,73,0,0\n"), "{hosts}");
    }
}
