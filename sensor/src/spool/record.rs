//! One record as a file: its name, its header, its check sum. Pure.
//!
//! ```text
//!  0  magic "TRFS"            16  from, first sequence number   40  end of the slice, ns
//!  4  format version          24  to, last sequence number      48  octets of the payload
//!  6  flags: 1 = folded       32  start of the slice, ns        52  CRC32C of the 52 octets before and the payload
//!  8  epoch                                                     56  payload: an encoded summary
//! ```
//!
//! All numbers are little-endian. The name repeats the range, so that a listing is the index and a file that was swapped or
//! renamed is noticed.

use prost::bytes::Buf;
use traf_model::{Interval, Timestamp};

/// Octets before the payload.
pub(crate) const HEADER: usize = 56;
const MAGIC: [u8; 4] = *b"TRFS";
const VERSION: u16 = 2;
const FOLDED: u16 = 1;
const SUFFIX: &str = ".slice";

/// Header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Start of the sensor in which it was sealed.
    pub epoch: u64,
    /// First sequence number.
    pub from: u64,
    /// Last sequence number.
    pub to: u64,
    /// The time that its summary covers.
    pub slice: Interval,
    /// Totals of summaries that had no room.
    pub folded: bool,
}

/// Reason why octets are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Shorter than its header, or than its header says.
    #[error("it is cut off")]
    Cut,
    /// Another kind of file.
    #[error("it is no record of a spool")]
    Magic,
    /// Made by an earlier or a later program.
    #[error("its format is version {0}, and this program reads version {VERSION}")]
    Version(u16),
    /// A bit is not what it was.
    #[error("its check sum is wrong")]
    CheckSum,
    /// The name says another range than the header.
    #[error("its name does not fit its content")]
    Name,
}

impl RecordHeader {
    /// The whole file: the payload with the header put in front.
    pub(crate) fn encode(&self, mut payload: Vec<u8>) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER);
        file.extend(MAGIC);
        file.extend(VERSION.to_le_bytes());
        file.extend(if self.folded { FOLDED } else { 0 }.to_le_bytes());
        file.extend(self.epoch.to_le_bytes());
        file.extend(self.from.to_le_bytes());
        file.extend(self.to.to_le_bytes());
        file.extend(self.slice.from.0.to_le_bytes());
        file.extend(self.slice.to.0.to_le_bytes());
        file.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        file.extend(crc32c::crc32c_append(crc32c::crc32c(&file), &payload).to_le_bytes());
        payload.splice(..0, file);
        payload
    }

    /// The header alone, of a file of `length` octets that begins with `start`; its check sum is not looked at.
    pub(crate) fn peek(start: &[u8], length: u64) -> Result<Self, RecordError> {
        let mut rest = start.get(..HEADER).ok_or(RecordError::Cut)?.strip_prefix(&MAGIC).ok_or(RecordError::Magic)?;
        match rest.get_u16_le() {
            VERSION => {}
            version => return Err(RecordError::Version(version)),
        }
        let folded = rest.get_u16_le() & FOLDED != 0;
        let [epoch, from, to] = std::array::from_fn(|_| rest.get_u64_le());
        let slice = Interval::new(Timestamp(rest.get_i64_le()), Timestamp(rest.get_i64_le()));
        if length != HEADER as u64 + u64::from(rest.get_u32_le()) {
            return Err(RecordError::Cut);
        }
        Ok(Self { epoch, from, to, slice, folded })
    }

    /// Header and payload of a whole file, checked.
    pub fn decode(file: &[u8]) -> Result<(Self, &[u8]), RecordError> {
        let header = Self::peek(file, file.len() as u64)?;
        let (start, payload) = file.split_at_checked(HEADER).ok_or(RecordError::Cut)?;
        let sum = crc32c::crc32c_append(crc32c::crc32c(&start[..52]), payload);
        if sum == (&start[52..]).get_u32_le() { Ok((header, payload)) } else { Err(RecordError::CheckSum) }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        record_name(self.from, self.to)
    }
}

/// The name of a record's file: a sorted listing is in the order of delivery.
pub fn record_name(from: u64, to: u64) -> String {
    format!("{to:016x}-{from:016x}{SUFFIX}")
}

/// The range in a name; `None` for other files.
pub(crate) fn range(name: &str) -> Option<(u64, u64)> {
    let (to, from) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let hex = |text: &str| if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None };
    let (from, to) = (hex(from)?, hex(to)?);
    (0 < from && from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    fn header() -> RecordHeader {
        RecordHeader { epoch: 3, from: 7, to: 9, slice: Interval::new(Timestamp(10), Timestamp(20)), folded: true }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let file = header().encode(b"payload".to_vec());
        assert_eq!(RecordHeader::decode(&file), Ok((header(), &b"payload"[..])));
        for bit in 0..file.len() * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(RecordHeader::decode(&bad).is_err(), "bit {bit}");
        }
        for length in 0..file.len() {
            assert!(RecordHeader::decode(&file[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_name_is_read_back_and_foreign_names_are_left_alone() {
        assert_eq!(range(&header().name()), Some((7, 9)));
        for foreign in ["", "new.tmp", "state", "lock", "1-1.slice", "0000000000000001-0000000000000002.slice"] {
            assert_eq!(range(foreign), None, "{foreign}");
        }
        assert!(record_name(2, 2) < record_name(3, 17), "a listing is in the order of delivery");
    }

    proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (RecordHeader::decode(&octets), RecordHeader::peek(&octets, octets.len() as u64));
        }
    }
}
