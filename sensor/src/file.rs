//! Capture files: pcap and pcapng of either byte order, plain or compressed with gzip, from a file or a pipe.
//!
//! libpcap's own reader costs more than reading the file, parsing and metering it together; this one reads large pieces
//! and lends each frame out of them. A file that ends or breaks in the middle gives its frames up to there, and then an
//! error that says where.

mod buffer;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use traf_model::Timestamp;

use crate::parse::link_type::LinkType;
use buffer::Buffer;
use pcap::Pcap;
use pcapng::Pcapng;

/// Reason why a file gives no further frame.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system says why.
    #[error("cannot read it")]
    Read(#[from] io::Error),
    /// Neither format.
    #[error("it is no capture file: it begins neither as pcap nor as pcapng does")]
    Foreign,
    /// It ends in the middle of something.
    #[error("it is cut off: it ends inside {0}")]
    Cut(&'static str),
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Time.
    pub at: Timestamp,
    /// Octets on the wire.
    pub length: u32,
    /// Link type.
    pub link: LinkType,
    /// Octets that the file holds of it.
    pub captured: &'a [u8],
}

/// An open capture file.
pub struct CaptureFile {
    buffer: Buffer,
    format: FileFormat,
}

enum FileFormat {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl CaptureFile {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        if path == Path::new("-") { Self::new(Box::new(io::stdin())) } else { Self::new(Box::new(File::open(path)?)) }
    }

    /// Reads a capture file from anywhere.
    pub fn new(mut source: Box<dyn Read>) -> Result<Self, FileError> {
        let mut start = Vec::new();
        source.by_ref().take(4).read_to_end(&mut start)?;
        let mut buffer = match start[..] {
            [0x1f, 0x8b, ..] => Buffer::new(Box::new(MultiGzDecoder::new(Cursor::new(start).chain(source))), &[]),
            _ => Buffer::new(source, &start),
        };
        let magic = *buffer.need(4)?.and_then(|bytes| bytes.first_chunk::<4>()).ok_or(FileError::Foreign)?;
        let format = match magic {
            pcapng::MAGIC => FileFormat::Pcapng(Pcapng::default()),
            _ => FileFormat::Pcap(Pcap::open(magic, &mut buffer)?),
        };
        Ok(Self { buffer, format })
    }

    /// The next frame; `None` at the end.
    ///
    /// After an error there is no further frame.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FileError> {
        match &mut self.format {
            FileFormat::Pcap(pcap) => pcap.next(&mut self.buffer),
            FileFormat::Pcapng(pcapng) => pcapng.next(&mut self.buffer),
        }
    }
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    #[inline(always)]
    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    /// The number at an offset; zero beyond the end.
    fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| self.u32(*chunk))
    }

    /// The number at an offset; zero beyond the end.
    fn u16_at(self, bytes: &[u8], at: usize) -> u16 {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| self.u16(*chunk))
    }
}

#[cfg(test)]
mod tests;
