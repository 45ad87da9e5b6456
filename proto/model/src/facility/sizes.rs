//! Packet sizes: brackets of the MTU.

use super::{Counted, Definition, KeyKind, Octets, Source};
use crate::{Bracket, Key, OrderBy};

/// Traffic of each size bracket. The number is the smallest size << 32 | the largest, all ones for no upper end.
pub const SIZES: Counted = Counted(&Definition {
    number: 3,
    name: "sizes",
    key: KeyKind::Number,
    octets: Octets::Frame,
    capacity: 21,
    orders: &[OrderBy::Key, OrderBy::Octets, OrderBy::Packets],
    source: Source::Packets,
    covers: |_| true,
    both_ends: false,
    everywhere: true,
    peers: false,
    print: |key| Bracket::of_key(key).map_or_else(|| key.to_string(), |bracket| bracket.to_string()),
    read,
    fields: |key| {
        let bracket = key.and_then(Bracket::of_key);
        vec![
            ("from", bracket.map(|bracket| u64::from(bracket.from)).into()),
            ("to", bracket.and_then(|bracket| bracket.to).map(u64::from).into()),
        ]
    },
});

impl Bracket {
    /// The key of the bracket.
    pub fn key(self) -> Key {
        Key::Number(u64::from(self.from) << 32 | u64::from(self.to.unwrap_or(u32::MAX)))
    }

    /// The bracket of a key; `None` if the key is no number.
    pub fn of_key(key: Key) -> Option<Self> {
        let number = key.number()?;
        let to = number as u32;
        Some(Self { from: (number >> 32) as u32, to: (to != u32::MAX).then_some(to) })
    }
}

fn read(text: &str) -> Option<Key> {
    let bracket = match text.split_once(" to ") {
        Some((from, to)) => Bracket { from: from.parse().ok()?, to: Some(to.parse().ok()?) },
        None => Bracket { from: text.strip_suffix(" and more")?.parse().ok()?, to: None },
    };
    Some(bracket.key())
}
