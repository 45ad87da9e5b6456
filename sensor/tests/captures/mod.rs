//! Real captures, in the folder that `TRAF_CAPTURES` names; they are no part of the project.

use std::path::{Path, PathBuf};

use traf_proto::{Interface, InterfaceSummary, Interval, Timestamp};
use traf_sensor::file::CaptureFile;
use traf_sensor::link::Link;
use traf_sensor::meter::{Meter, MeterConfig};

/// The folder, if it is named; says so when it is not.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TRAF_CAPTURES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("0 captures read: TRAF_CAPTURES does not name a folder of captures");
    }
    folder
}

/// A file through a meter, in one slice: its frames, the trouble it ended with, and the summary.
pub fn metered(path: &Path, config: MeterConfig) -> (u64, Option<String>, InterfaceSummary) {
    let mut file = match CaptureFile::open(path) {
        Ok(file) => file,
        Err(error) => return (0, Some(error.to_string()), InterfaceSummary::default()),
    };
    let mut meter = Meter::new(config, Interface::default(), Link::Ethernet, Timestamp(0));
    let mut frames = 0;
    let mut trouble = None;
    let mut last = Timestamp(i64::MIN);
    loop {
        match file.next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                last = last.max(frame.at);
                meter.set_link(frame.link);
                meter.frame(frame.at, frame.length, frame.captured);
            }
            Ok(None) => break,
            Err(error) => {
                trouble = Some(error.to_string());
                break;
            }
        }
    }
    (frames, trouble, meter.close(Interval::new(Timestamp(0).min(last), Timestamp(last.0.saturating_add(1)))))
}
