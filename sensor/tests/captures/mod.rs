//! Real captures, in the folder that `TRAF_CAPTURES` names; they are no part of the project.

use std::path::{Path, PathBuf};

use traf_model::{Interface, InterfaceSummary, Interval, Timestamp};
use traf_sensor::LinkType;
use traf_sensor::file::CaptureFile;
use traf_sensor::meter::{Meter, MeterConfig};

/// A folder of the captures. The tests that read them are ignored where `TRAF_CAPTURES` names none.
pub(crate) fn folder(name: &str) -> PathBuf {
    let captures = std::env::var_os("TRAF_CAPTURES").expect("TRAF_CAPTURES names a folder of captures");
    PathBuf::from(captures).join(name)
}

/// Contents of a file after one pass through a meter.
pub(crate) struct Metered {
    /// Frames that could be read.
    pub(crate) frames: u64,
    /// Reason why the file was not read to its end.
    pub(crate) trouble: Option<String>,
    /// All of them in one slice.
    pub(crate) summary: InterfaceSummary,
}

/// A file through a meter.
pub(crate) fn metered(path: &Path, config: MeterConfig) -> Metered {
    let mut meter = Meter::new(config, Interface::default(), LinkType::Ethernet, Timestamp(0));
    let (mut frames, mut last) = (0, Timestamp(0));
    let mut read = || -> Result<(), traf_sensor::file::FileError> {
        let mut file = CaptureFile::open(path)?;
        while let Some(frame) = file.next_frame()? {
            frames += 1;
            last = last.max(frame.at);
            meter.set_link(frame.link);
            meter.frame(frame.at, frame.length, frame.captured);
        }
        Ok(())
    };
    let trouble = read().err().map(|error| error.to_string());
    let summary = meter.close(Interval::new(Timestamp(0), Timestamp(last.0.saturating_add(1))));
    Metered { frames, trouble, summary }
}
