//! The TCP header, and the options that matter here.

use super::{be16, be32};
use crate::parse::packet::{Packet, flag};

/// Takes the fields of the header at the start of `segment`, which is `wire` octets long on the wire. Of a header whose
/// options, or more, are cut or wrong, what is there counts; `None` if nothing does.
#[inline(always)]
pub(super) fn header(packet: &mut Packet, segment: &[u8], wire: u32) -> Option<()> {
    let header = segment.first_chunk::<16>()?;
    let size = u32::from(header[12] >> 4) * 4;
    if size < 20 {
        return None;
    }
    packet.sequence = be32(header, 4)?;
    packet.acknowledgement = be32(header, 8)?;
    packet.flags = header[13];
    packet.window = be16(header, 14)?;
    packet.payload = wire.saturating_sub(size);
    if packet.flags & flag::SYN != 0 {
        packet.mss = mss(segment.get(20..segment.len().min(size as usize)).unwrap_or_default());
    }
    Some(())
}

/// The segment size that a SYN announces (RFC 9293, 3.7.1), or zero. `options` follow the fixed header.
fn mss(mut options: &[u8]) -> u16 {
    while let [kind, rest @ ..] = options {
        options = match (kind, rest) {
            (0, _) => return 0,
            (1, _) => rest,
            (2, [4, high, low, ..]) => return u16::from_be_bytes([*high, *low]),
            (_, [length, ..]) if *length >= 2 => options.get(usize::from(*length)..).unwrap_or_default(),
            _ => return 0,
        };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_size_is_found_and_broken_options_end_the_search() {
        assert_eq!(mss(&[1, 3, 3, 7, 2, 4, 0x05, 0xb4, 1]), 1460);
        for broken in [&[][..], &[0, 2, 4, 5, 180], &[2], &[2, 4, 5], &[8, 0, 2, 4, 5, 180], &[8, 200, 2, 4, 5, 180]] {
            assert_eq!(mss(broken), 0, "{broken:?}");
        }
    }
}
