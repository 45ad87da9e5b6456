//! Packet sizes: brackets of the MTU, as IPTraf has them.

use crate::{Counters, Traffic};

/// A range of frame sizes in octets without the link header, both ends inside; no upper end means oversized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bracket {
    /// Smallest size.
    pub from: u32,
    /// Largest size; `None` for whatever is larger than the MTU.
    pub to: Option<u32>,
}

/// Twenty brackets of an MTU and one for what is larger, with their traffic in frame octets.
///
/// A packet's size is its length without the link header, which is what the MTU bounds. The last bracket ends at the MTU
/// also where twenty does not divide it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brackets {
    mtu: u32,
    width: u32,
    rows: [Traffic; Self::COUNT + 1],
}

impl Brackets {
    /// Brackets up to the MTU.
    pub const COUNT: usize = 20;

    /// For an interface of this MTU in octets; a tiny one is taken as 20.
    #[must_use]
    pub fn new(mtu: u32) -> Self {
        let mtu = mtu.max(Self::COUNT as u32);
        Self { mtu, width: mtu / Self::COUNT as u32, rows: [Traffic::default(); Self::COUNT + 1] }
    }

    /// Counts a packet of `size` octets without the link header.
    #[inline]
    pub fn count(&mut self, size: u32, outbound: bool, counters: Counters) {
        let place = if size > self.mtu {
            Self::COUNT
        } else {
            (size.saturating_sub(1) / self.width).min(Self::COUNT as u32 - 1) as usize
        };
        let traffic = &mut self.rows[place];
        *(if outbound { &mut traffic.outbound } else { &mut traffic.inbound }) += counters;
    }

    /// All brackets with their traffic, empty ones too; oversized comes last.
    pub fn rows(&self) -> impl Iterator<Item = (Bracket, Traffic)> {
        self.rows.iter().enumerate().map(|(place, traffic)| (self.bracket(place), *traffic))
    }

    fn bracket(&self, place: usize) -> Bracket {
        let (width, place) = (self.width, place as u32);
        let from = if place == 0 { 0 } else { place * width + 1 };
        match place {
            19 => Bracket { from, to: Some(self.mtu) },
            20 => Bracket { from: self.mtu + 1, to: None },
            _ => Bracket { from, to: Some((place + 1) * width) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_falls_into_the_bracket_that_names_it() {
        for mtu in [0, 19, 20, 68, 1500, 9001, 65536, u32::MAX - 1] {
            for size in [0, 1, 20, 75, 76, 1500, 1501, 9001, 65536, u32::MAX] {
                let mut brackets = Brackets::new(mtu);
                brackets.count(size, true, Counters::new(1, 1));
                let hit: Vec<Bracket> = brackets.rows().filter(|(_, t)| !t.is_empty()).map(|(b, _)| b).collect();
                let [bracket] = hit[..] else { panic!("{size} of {mtu}: {hit:?}") };
                assert!(bracket.from <= size && bracket.to.is_none_or(|to| size <= to), "{size} of {mtu}: {bracket:?}");
            }
        }
    }

    #[test]
    fn an_ethernet_has_brackets_of_75() {
        let brackets: Vec<Bracket> = Brackets::new(1500).rows().map(|(bracket, _)| bracket).collect();
        assert_eq!(brackets[0], Bracket { from: 0, to: Some(75) });
        assert_eq!(brackets[1], Bracket { from: 76, to: Some(150) });
        assert_eq!(brackets[20], Bracket { from: 1501, to: None });
    }
}
