//! Evidence of flow rows: the same wherever the same packets pass, and nowhere else.

mod digests;
mod packets;
mod sequences;

use traf_model::Evidence;

use super::*;
use crate::digest_key::DigestKey;
use crate::meter::evidence::{add, half};

/// A key that is the same in every run.
fn key() -> DigestKey {
    DigestKey::new(&std::array::from_fn::<u8, 48, _>(|place| place as u8 + 1), 3).unwrap()
}

/// A meter with a key.
fn keyed(flows: usize) -> Meter {
    let mut meter = meter(MeterConfig { flows, history_flows: usize::MAX, ..MeterConfig::default() });
    meter.set_digest_key(key());
    meter
}

/// Evidence of the only flow in these frames, with their times.
fn evidence(frames: &[(i64, Vec<u8>)]) -> Evidence {
    let mut meter = keyed(64);
    frames.iter().for_each(|(at, bytes)| give(&mut meter, *at, bytes));
    let rows = meter.close(slice(0, 10)).flows;
    assert_eq!(rows.len(), 1);
    rows[0].evidence
}

/// The same without a meter, in the direction of the key: for very many flows.
fn bare(frames: &[(i64, Vec<u8>)]) -> Evidence {
    let (mut evidence, mut last) = ([0; 2], None);
    for (at, bytes) in frames {
        let mut packet = Parser::default().packet(LinkType::Ethernet, bytes.len() as u32, bytes).unwrap();
        packet.at = *at;
        if packet.key.protocol() != 6 {
            packet.sequence = half(&packet, bytes, &key());
        }
        add(&mut evidence, &packet, last.is_none(), last.unwrap_or_default());
        last = Some(*at);
    }
    Evidence::new(evidence)
}

/// True if two rows of a protocol other than TCP share a digest that proves something alone.
fn share(a: Evidence, b: Evidence) -> bool {
    let digests = |row: Evidence| row.halves().map(|half| half & Evidence::DIGEST);
    digests(a)
        .iter()
        .any(|digest| *digest != 0 && *digest < Evidence::DIGEST - (1 << 13) && digests(b).contains(digest))
}

/// xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
}
