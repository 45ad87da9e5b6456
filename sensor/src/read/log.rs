//! A capture file as a text log would have told it: the same meter, the same words, the file's own time.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use jiff::tz::TimeZone;
use traf_model::{Interface, Timestamp};

use super::{ReadArgs, config};
use crate::file::{CaptureFile, FileError};
use crate::meter::{Meter, MeterConfig};
use crate::parse::link_type::LinkType;
use crate::text_log::Wording;

/// Frames between two looks at what happened: fewer than the meter keeps.
const ROUND: u64 = 1_024;

/// Prints the log of the files.
pub(super) fn run(args: &ReadArgs, zone: TimeZone, mut out: impl Write) -> anyhow::Result<()> {
    let mut words = Wording::new(zone);
    for path in &args.files {
        let name = path.file_stem().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        let config = MeterConfig { idle: MeterConfig::default().idle, ..config(args.flows, args.tunnels) };
        match print(&mut CaptureFile::open(path)?, &name, config, &mut words, &mut out) {
            // A reader that has seen enough is no error.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            printed => {
                let read = printed.context("writing to standard output")?;
                read.with_context(|| format!("reading {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// The inner error is the file's.
fn print(
    file: &mut CaptureFile,
    name: &str,
    config: MeterConfig,
    words: &mut Wording,
    out: &mut impl Write,
) -> io::Result<Result<(), FileError>> {
    // It may hold any characters, and stands in every line.
    let name: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    let interface = Interface { name: name.clone(), ..Interface::default() };
    let mut meter = Meter::new(config, interface, LinkType::default(), Timestamp(0));
    meter.log(Some(false), Timestamp(i64::MIN));
    let (mut frames, mut second) = (0u64, i64::MIN);
    let read = loop {
        match file.next_frame() {
            Ok(Some(frame)) => {
                meter.set_link(frame.link);
                if frame.at.seconds() > second {
                    second = frame.at.seconds();
                    // Connections time out by the second.
                    let _ = meter.snapshot(Timestamp::from_seconds(second), &[]);
                }
                meter.frame(frame.at, frame.length, frame.captured);
                frames += 1;
                if frames % ROUND == 0 {
                    write(&mut meter, &name, words, out)?;
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    write(&mut meter, &name, words, out).and_then(|()| out.flush())?;
    Ok(read)
}

fn write(meter: &mut Meter, name: &str, words: &mut Wording, out: &mut impl Write) -> io::Result<()> {
    meter.flush();
    out.write_all(words.round(&meter.take_log(), name, false).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use traf_model::Facility;

    #[test]
    fn a_file_is_told_as_a_text_log_would_have_told_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.pcap");
        std::fs::write(&path, super::super::tests::file()).unwrap();
        let args = ReadArgs {
            files: vec![path],
            format: super::super::Format::Log,
            table: Facility::Traffic,
            tunnels: false,
            flows: 64,
        };
        let mut out = Vec::new();
        run(&args, TimeZone::UTC, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Sun Nov 22 09:40:06 2026; TCP; trace; 40 bytes; from 10.0.0.1:40000 to 10.0.0.2:22; first packet (SYN)\n\
             Sun Nov 22 09:40:07 2026; UDP; trace; 33 bytes; from 10.0.0.1:5353 to 10.0.0.2:53\n"
        );
    }
}
