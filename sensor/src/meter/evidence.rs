//! Evidence of a flow's packets ([`traf_model::Evidence`]), as they are captured. Pure.
//!
//! ```text
//! packet ─► TCP:  sequence number behind the segment             ─► add: the later of its direction ─► of: the row's
//!           else: half: keyed digest of 32 octets of its payload ─►      the two least of both
//! ```
//!
//! A half says the same of a packet wherever it is captured. So it leaves out what a switch, a router or offload changes: TTL,
//! DSCP, lengths, checksums, VLAN tags and MAC addresses. A frame of many segments has the half of its first; that one begins a
//! burst at every observation point, so what begins a burst is preferred.

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

/// Nanoseconds since the flow's last packet after which another begins a burst. The segments of one offloaded frame follow each
/// other within a few microseconds.
const BURST: i64 = 50_000;
/// The digests of packets that begin a burst are so many bits smaller.
const PREFERENCE: u32 = 5;

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
        let burst = new | (packet.at.wrapping_sub(last) > BURST);
        let half = if burst { !(!packet.sequence >> PREFERENCE) } else { packet.sequence };
        let [least, next] = *evidence;
        *evidence = [least.max(half), next.max(least.min(half))];
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

/// Digest of a packet: of the first octets that its transport header carries, of how many these are, and of IPv4's identification
/// or IPv6's flow label. `None` if they were not captured.
#[inline(always)]
fn digest(packet: &Packet, captured: &[u8], key: &DigestKey) -> Option<u32> {
    let transport = usize::from(packet.transport);
    let usual = packet.key.protocol() == UDP && packet.payload >= BODY as u32;
    let (body, length) =
        if usual { (words(&chunk(captured, transport + 8)?), BODY) } else { other_body(packet, captured)? };
    if packet.network == Packet::DEEP {
        return None;
    }
    let network = usize::from(packet.network);
    let label = if packet.key.version() == 6 {
        u32::from_be_bytes(chunk(captured, network)?) & 0x000f_ffff
    } else {
        u32::from(u16::from_be_bytes(chunk(captured, network + 4)?))
    };
    let ([a, b, c, d], [s, t, u, v, w, x]) = (body, key.words);
    let both = fold(a ^ s, b ^ t) ^ fold(c ^ u, d ^ v) ^ w;
    Some((fold(both, u64::from(label) ^ x ^ (length as u64) << 56) >> 32) as u32)
}

/// The octets of a digest, and how many: of datagrams that carry fewer than others, and of all that is not UDP.
#[inline(never)]
fn other_body(packet: &Packet, captured: &[u8]) -> Option<([u64; 4], usize)> {
    if packet.fragment == Fragment::Later || packet.transport == 0 {
        return None;
    }
    let (network, transport) = (usize::from(packet.network), usize::from(packet.transport));
    // The body stands behind what is skipped; its first octets at least are there.
    let (skipped, least) = match packet.key.protocol() {
        UDP => (8, 0),
        // Without the checksum: type and code, then what follows it.
        ICMP | ICMPV6 => (2, 2),
        // Without the checksum: ports and tag, then the chunks.
        SCTP => (4, 8),
        _ => (0, 0),
    };
    let start = transport + skipped;
    let length = (network + packet.octets as usize).checked_sub(start).filter(|&length| length >= least)?.min(BODY);
    if captured.len() < start + length {
        return None;
    }
    let mut body = body(captured, start, length);
    match packet.key.protocol() {
        ICMP | ICMPV6 => body[0] = body[0] & !0xffff | u64::from(u16::from_le_bytes(chunk(captured, transport)?)),
        SCTP => body[0] = u64::from_le_bytes(chunk(captured, transport)?),
        _ => {}
    }
    Some((body, length))
}

/// Octets that a mask keeps, then those that it does not: begun at `BODY - length`, it keeps `length` octets.
const MASK: [u8; 2 * BODY] = {
    let mut mask = [0; 2 * BODY];
    let (keep, _) = mask.split_at_mut(BODY);
    keep.copy_from_slice(&[0xff; BODY]);
    mask
};

/// `length` octets from `start` on, then zeros. Nothing of a variable length is copied: that costs more than all the rest.
#[inline(always)]
fn body(captured: &[u8], start: usize, length: usize) -> [u64; 4] {
    let words = match chunk::<BODY>(captured, start) {
        Some(octets) => words(&octets),
        None => [0, 8, 16, 24].map(|word| last_word(captured, start + word)),
    };
    let masks = chunk(&MASK, BODY - length.min(BODY)).map_or([0; 4], |octets| self::words(&octets));
    std::array::from_fn(|place| words[place] & masks[place])
}

/// The word at `at`, with zeros for what is behind the last octet.
#[inline(always)]
fn last_word(captured: &[u8], at: usize) -> u64 {
    let from = at.min(captured.len().saturating_sub(8));
    let word = chunk(captured, from).map_or(0, u64::from_le_bytes);
    word.checked_shr(8 * (at - from) as u32).unwrap_or(0)
}

#[inline(always)]
fn words(octets: &[u8; BODY]) -> [u64; 4] {
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
