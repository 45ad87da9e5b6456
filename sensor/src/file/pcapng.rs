//! The newer format (draft-ietf-opsawg-pcapng): sections of blocks, interfaces declared in each.

use traf_model::Timestamp;
use traf_model::time::SECOND;

use super::{Buffer, ByteOrder, FileError, Frame, LARGEST};
use crate::parse::link_type::LinkType;

/// First octets of a section header, the same in either byte order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;

/// Interfaces of one section: more is no capture.
const INTERFACES: usize = 65_536;

/// An interface of the section.
#[derive(Clone, Copy)]
struct SectionInterface {
    link: LinkType,
    /// Longest frame that is kept; zero for no limit.
    snaplen: u32,
    /// `if_tsresol`: a negative power of ten, or of two with the highest bit.
    resolution: u8,
    /// `if_tsoffset`: seconds.
    offset: i64,
}

/// The open section.
#[derive(Default)]
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<SectionInterface>,
    /// A simple packet has no time; it takes the one before.
    last: Timestamp,
}

/// Position of a frame in its block.
struct FramePosition {
    interface: usize,
    time: Option<u64>,
    captured: u32,
    length: u32,
    from: usize,
}

impl Pcapng {
    /// The next frame.
    #[inline]
    pub(super) fn next<'a>(&mut self, buffer: &'a mut Buffer) -> Result<Option<Frame<'a>>, FileError> {
        let (place, total) = loop {
            let Some(total) = self.block(buffer)? else { return Ok(None) };
            let Some(block) = buffer.need(total)? else { return Err(FileError::Cut("a block")) };
            let block = block.get(..total).unwrap_or_default();
            let body = block.get(8..total - 4).unwrap_or_default();
            match self.order.u32(block, 0) {
                SECTION => self.interfaces.clear(),
                INTERFACE => self.interface(body)?,
                kind @ (PACKET | OLD_PACKET | SIMPLE_PACKET) => break (self.place(kind, body)?, total),
                _ => {}
            }
            buffer.take(total);
        };
        let interface = self.interfaces.get(place.interface);
        let at = match (place.time, interface) {
            (Some(time), Some(interface)) => interface.time(time),
            _ => self.last,
        };
        self.last = at;
        let link = interface.map_or(LinkType::Unsupported(-1), |interface| interface.link);
        let from = 8 + place.from;
        let captured = buffer.take(total).get(from..from + place.captured as usize).unwrap_or_default();
        Ok(Some(Frame { at, length: place.length, link, captured }))
    }

    /// The length of the next block; a section header sets the byte order.
    fn block(&mut self, buffer: &mut Buffer) -> Result<Option<usize>, FileError> {
        let Some(head) = buffer.need(12)? else {
            return if buffer.rest() == 0 { Ok(None) } else { Err(FileError::Cut("a block's header")) };
        };
        if head.starts_with(&MAGIC) {
            self.order = match head.get(8..12) {
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => ByteOrder::Little,
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => ByteOrder::Big,
                _ => return Err(FileError::Damaged("a section header has no byte order".to_owned())),
            };
        }
        let total = self.order.u32(head, 4);
        if total < 12 || total as usize > LARGEST {
            return Err(FileError::Damaged(format!("a block claims {total} octets")));
        }
        // Blocks are padded to four octets; some writers forget to count the padding.
        Ok(Some((total as usize).next_multiple_of(4)))
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), FileError> {
        if body.len() < 8 {
            return Err(FileError::Damaged("an interface's block is too short".to_owned()));
        }
        if self.interfaces.len() >= INTERFACES {
            return Err(FileError::Damaged(format!("a section has more than {INTERFACES} interfaces")));
        }
        let order = self.order;
        let mut interface = SectionInterface {
            link: LinkType::from_dlt(i32::from(order.u16(body, 0))),
            snaplen: order.u32(body, 4),
            resolution: 6,
            offset: 0,
        };
        let mut options = body.get(8..).unwrap_or_default();
        while options.len() >= 4 {
            let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
            let value = options.get(4..4 + length).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (9, [resolution, ..]) => interface.resolution = *resolution,
                (14, value) if value.len() == 8 => {
                    let (first, second) = (order.u32(value, 0), order.u32(value, 4));
                    let (high, low) = if order == ByteOrder::Big { (first, second) } else { (second, first) };
                    interface.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn place(&self, kind: u32, body: &[u8]) -> Result<FramePosition, FileError> {
        let number = |at: usize| self.order.u32(body, at);
        let time = || Some(u64::from(number(4)) << 32 | u64::from(number(8)));
        let place = match kind {
            SIMPLE_PACKET => {
                let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
                let room = u32::try_from(body.len().saturating_sub(4)).unwrap_or(u32::MAX);
                let limit = if snaplen == 0 { room } else { room.min(snaplen) };
                FramePosition { interface: 0, time: None, captured: number(0).min(limit), length: number(0), from: 4 }
            }
            _ => {
                let old = kind == OLD_PACKET;
                let interface = if old { usize::from(self.order.u16(body, 0)) } else { number(0) as usize };
                FramePosition { interface, time: time(), captured: number(12), length: number(16), from: 20 }
            }
        };
        if place.from + place.captured as usize > body.len() {
            let (captured, octets) = (place.captured, body.len());
            return Err(FileError::Damaged(format!("a frame of {captured} octets stands in a block of {octets}")));
        }
        Ok(place)
    }
}

impl SectionInterface {
    fn time(&self, units: u64) -> Timestamp {
        let (units, second) = (i128::from(units), i128::from(SECOND));
        let nanos = match self.resolution {
            6 => units * 1000,
            9 => units,
            binary if binary & 0x80 != 0 => (units * second) >> (binary & 0x7f).min(100),
            decimal => match 10i128.checked_pow(u32::from(decimal)) {
                Some(scale) => units * second / scale,
                None => 0,
            },
        };
        let nanos = nanos.saturating_add(i128::from(self.offset) * second);
        Timestamp(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}
