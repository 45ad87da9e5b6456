//! Capture files: pcap and pcapng of either byte order, plain or compressed with gzip, from a file or a pipe.
//!
//! libpcap's own reader costs more than reading the file, parsing and metering it together; this one reads large pieces
//! and lends each frame out of them. A file that ends or breaks in the middle gives its frames up to there, and then an
//! error that says where.

mod pcap;
mod pcapng;

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
    /// The number at an offset; zero beyond the end.
    #[inline(always)]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self == Self::Big { u32::from_be_bytes(chunk) } else { u32::from_le_bytes(chunk) }
    }

    /// The number at an offset; zero beyond the end.
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self == Self::Big { u16::from_be_bytes(chunk) } else { u16::from_le_bytes(chunk) }
    }
}

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use pcap::Pcap;
use pcapng::Pcapng;
use traf_model::Timestamp;

use crate::parse::link_type::LinkType;

/// Octets of one read: small enough to stay in the second level of the processor's cache until they are parsed.
const SIZE: usize = 1 << 18;

/// The largest piece: no frame and no block that is in earnest is longer.
pub(super) const LARGEST: usize = 1 << 24;

/// A window on a source.
pub(super) struct Buffer {
    source: Box<dyn Read>,
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl Buffer {
    /// `start` was read from the source already.
    pub(super) fn new(source: Box<dyn Read>, start: &[u8]) -> Self {
        let mut bytes = vec![0; SIZE];
        bytes[..start.len()].copy_from_slice(start);
        Self { source, bytes, from: 0, to: start.len() }
    }

    /// The next octets, at least `count` of them; `None` when the source ends before. They stay until they are taken.
    #[inline(always)]
    pub(super) fn need(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        if self.to - self.from < count && !self.fill(count)? {
            return Ok(None);
        }
        Ok(Some(&self.bytes[self.from..self.to]))
    }

    /// Takes octets that [`Buffer::need`] promised.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.from;
        self.from = (from + count).min(self.to);
        &self.bytes[from..self.from]
    }

    /// Octets that are at hand.
    pub(super) fn rest(&self) -> usize {
        self.to - self.from
    }

    #[cold]
    fn fill(&mut self, count: usize) -> io::Result<bool> {
        self.bytes.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        if count > self.bytes.len() {
            self.bytes.resize(count.min(LARGEST + SIZE), 0);
        }
        while self.to < count && self.to < self.bytes.len() {
            match self.source.read(&mut self.bytes[self.to..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.to += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.to >= count)
    }
}
