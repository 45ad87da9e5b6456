//! Evidence of a flow's packets ([`traf_model::Evidence`]), as they are captured. Pure.
//!
//! ```text
//! packet ─► TCP:  sequence number behind the segment              ─► add: the later of its direction ─► of: the row's
//!           else: half: keyed digest of 32 octets of its payload  ─►      the least after the longest silence, and of all
//! ```
//!
//! A half says the same of a packet wherever it is captured. So it leaves out what a switch, a router or offload changes: TTL,
//! DSCP, lengths, checksums, VLAN tags and MAC addresses. A frame of many segments has the half of its first segment. That one comes
//! after a silence of the flow at every observation point, and the others do not: so one half is of a packet after a silence.

use traf_model::Evidence;

use super::flow_state;
use super::slot::Slot;
use crate::digest_key::DigestKey;
use crate::parse::packet::{Fragment, Packet, flag};

/// IP protocol numbers.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Octets of payload in a digest.
const BODY: usize = 32;
/// Octets that are read at once.
const PART: usize = 16;

/// The half that an IP packet other than TCP adds to the evidence of its flow; zero for none.
#[inline(always)]
pub(super) fn half(packet: &Packet, captured: &[u8], key: &DigestKey) -> u32 {
    // The greatest digest stands for none.
    digest(packet, captured, key).map_or(0, |digest| !digest)
}

/// Adds a packet to the evidence of its flow; `new` says that the flow begins with it, `last` is the time of the one before.
#[inline(always)]
pub(super) fn add(evidence: &mut [u32; 2], packet: &Packet, new: bool, last: i64) {
    if packet.key.protocol() == TCP {
        let Some(end) = sequence_end(packet) else { return };
        let top = &mut evidence[usize::from(packet.reverse)];
        let later = (*top == 0) | (end.wrapping_sub(*top) as i32 > 0);
        *top = if later { end } else { *top };
    } else if packet.sequence != 0 {
        let silence = if new { i64::MAX } else { packet.at.wrapping_sub(last) };
        let after_silence =
            silence_class(silence) << Evidence::DIGEST.count_ones() | packet.sequence & Evidence::DIGEST;
        *evidence = [evidence[0].max(after_silence), evidence[1].max(packet.sequence)];
    }
}

/// Evidence of the slot's flow since the slice began, in the direction of its row.
pub(super) fn of(slot: &Slot) -> Evidence {
    let [first, second] = slot.warm.evidence;
    let turned = slot.hot.key.protocol() == TCP && flow_state::second_began(&slot.warm);
    Evidence::new(if turned { [second, first] } else { [first, second] })
}

/// Sequence number behind a segment (RFC 9293, 3.4), or 2^32 - 1 where that is zero.
#[inline(always)]
fn sequence_end(packet: &Packet) -> Option<u32> {
    let mut end = packet.sequence.wrapping_add(packet.payload);
    // Most segments have an ACK, and none of the others.
    if packet.flags & (flag::ACK | flag::SYN | flag::FIN | flag::RST) != flag::ACK {
        // The number of an RST may be any. A header that is cut, or in another fragment, has no flags.
        if packet.flags == 0 || packet.flags & flag::RST != 0 {
            return None;
        }
        end = end.wrapping_add(u32::from(packet.flags & flag::FIN) + u32::from(packet.flags & flag::SYN != 0));
    }
    Some(end.wrapping_sub(u32::from(end == 0)))
}

/// Class of a silence in nanoseconds, 0 to 7: less than 2^16 (66 us), 2^18, 2^20, ... 2^28 (268 ms), and longer.
///
/// The segments of one offloaded frame follow each other within a few microseconds; behind a link of 100 Mbit/s within 120. The
/// classes are wide, so that nearly every packet has the same one at all observation points.
#[inline(always)]
fn silence_class(silence: i64) -> u32 {
    let bits = u64::BITS - (silence.max(0) as u64 | 1).leading_zeros();
    (bits.clamp(15, 29) - 15) / 2
}

/// Digest of a packet: of the first octets that its transport header carries, of how many these are, and of IPv4's identification
/// or IPv6's flow label. `None` if they were not captured.
#[inline(always)]
fn digest(packet: &Packet, captured: &[u8], key: &DigestKey) -> Option<u32> {
    if packet.network == Packet::DEEP || packet.transport == 0 || packet.fragment == Fragment::Later {
        return None;
    }
    let (start, length, head) = if packet.key.protocol() == UDP {
        (usize::from(packet.transport) + 8, packet.payload as usize, 0)
    } else {
        other_body(packet, captured)?
    };
    let length = length.min(BODY);
    // The first part and the last, which overlap where the body is shorter than two. Of one that is shorter than a part, its octets
    // end the part, twice. Nothing of a variable length is copied: that costs more than all the rest.
    let masks: [u64; 2] = words(&chunk(&MASK, length.min(PART))?);
    let part = |end: usize| {
        let words = words(&chunk(captured, (start + end).wrapping_sub(PART))?);
        Some([words[0] & masks[0], words[1] & masks[1]])
    };
    let ([a, b], [c, d]) = (part(length.min(PART))?, part(length)?);
    let network = usize::from(packet.network);
    let label = if packet.key.version() == 6 {
        u32::from_be_bytes(chunk(captured, network)?) & 0x000f_ffff
    } else {
        u32::from(u16::from_be_bytes(chunk(captured, network + 4)?))
    };
    let [s, t, u, v, w, x] = key.words;
    let both = fold(a ^ s, b ^ t) ^ fold(c ^ u, d ^ v) ^ w;
    let rest = u64::from(label) | u64::from(head) << 20 | (length as u64) << 56;
    Some((fold(both, rest ^ x) >> 32) as u32)
}

/// Of what is not UDP: where the octets of its digest begin, how many there are, and what is digested beside them.
#[inline(never)]
fn other_body(packet: &Packet, captured: &[u8]) -> Option<(usize, usize, u32)> {
    let transport = usize::from(packet.transport);
    // Without the checksums.
    let (skipped, head) = match packet.key.protocol() {
        // Type and code.
        ICMP | ICMPV6 => (4, u32::from(u16::from_be_bytes(chunk(captured, transport)?))),
        // The verification tag (RFC 9260, 3.1).
        SCTP => (12, u32::from_be_bytes(chunk(captured, transport + 4)?)),
        _ => (0, 0),
    };
    let start = transport + skipped;
    let length = (usize::from(packet.network) + packet.octets as usize).checked_sub(start)?;
    Some((start, length, head))
}

/// Octets that a mask leaves out, then those that it keeps: begun at `length`, it keeps the last `length` octets of a part.
const MASK: [u8; 2 * PART] = {
    let mut mask = [0; 2 * PART];
    let (_, keep) = mask.split_at_mut(PART);
    keep.copy_from_slice(&[0xff; PART]);
    mask
};

#[inline(always)]
fn words(octets: &[u8; PART]) -> [u64; 2] {
    let (words, _) = octets.as_chunks::<8>();
    std::array::from_fn(|place| u64::from_le_bytes(words[place]))
}

#[inline(always)]
fn chunk<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// The halves of a product, one over the other.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
