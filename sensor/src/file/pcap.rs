//! The classic format: a header of 24 octets, then frames with headers of 16 (24 in files of patched kernels).

use traf_model::Timestamp;

use super::{Buffer, ByteOrder, FileError, Frame, LARGEST};
use crate::parse::link_type::LinkType;

/// Microseconds, nanoseconds, and microseconds with longer frame headers.
const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const PATCHED: u32 = 0xa1b2_cd34;

/// Fields of the file header.
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds of a time's fraction.
    unit: i64,
    /// Octets of a frame's header.
    header: usize,
    link: LinkType,
    lengths: Lengths,
}

/// Ancient writers exchanged the two lengths of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    InOrder,
    Exchanged,
    /// Some writers of that version did.
    ExchangedIfLarger,
}

impl Pcap {
    /// Reads the file's header.
    pub(super) fn open(magic: [u8; 4], buffer: &mut Buffer) -> Result<Self, FileError> {
        let known = |number| matches!(number, MICRO | NANO | PATCHED);
        let order = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (number, _) if known(number) => ByteOrder::Little,
            (_, number) if known(number) => ByteOrder::Big,
            _ => return Err(FileError::Foreign),
        };
        if buffer.need(24)?.is_none() {
            return Err(FileError::Cut("its header"));
        }
        let header = buffer.take(24);
        let (major, minor) = (order.u16(header, 4), order.u16(header, 6));
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::Exchanged,
            (2, 3) => Lengths::ExchangedIfLarger,
            _ => Lengths::InOrder,
        };
        let magic = order.u32(&magic, 0);
        // The high bits tell whether frames end with a check sequence.
        let link = LinkType::from_dlt((order.u32(header, 20) & 0x03ff_ffff) as i32);
        let unit = if magic == NANO { 1 } else { 1000 };
        Ok(Self { order, unit, header: if magic == PATCHED { 24 } else { 16 }, link, lengths })
    }

    /// The next frame.
    #[inline(always)]
    pub(super) fn next<'a>(&mut self, buffer: &'a mut Buffer) -> Result<Option<Frame<'a>>, FileError> {
        let Some(header) = buffer.need(self.header)?.and_then(|bytes| bytes.first_chunk::<16>()) else {
            return if buffer.rest() == 0 { Ok(None) } else { Err(FileError::Cut("a frame's header")) };
        };
        let [seconds, fraction, mut captured, mut length] = [0, 4, 8, 12].map(|at| self.order.u32(header, at));
        if self.lengths != Lengths::InOrder && (self.lengths == Lengths::Exchanged || captured > length) {
            (captured, length) = (length, captured);
        }
        let count = captured as usize;
        if count > LARGEST {
            return Err(FileError::Damaged(format!("a frame claims {captured} octets")));
        }
        if buffer.need(self.header + count)?.is_none() {
            return Err(FileError::Cut("a frame"));
        }
        let frame = buffer.take(self.header + count);
        let at = Timestamp(i64::from(seconds) * traf_model::time::SECOND + i64::from(fraction) * self.unit);
        Ok(Some(Frame { at, length, link: self.link, captured: frame.get(self.header..).unwrap_or_default() }))
    }
}
