//! Large reads, lent out in pieces.

use std::io::{self, ErrorKind, Read};

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
