//! Packet sizes: brackets of the MTU, as IPTraf has them.

/// A range of frame sizes in octets without the link header, both ends inside; no upper end means oversized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bracket {
    /// Smallest size.
    pub from: u32,
    /// Largest size; `None` for whatever is larger than the MTU.
    pub to: Option<u32>,
}

/// `76 to 150`, or `1501 and more`.
impl std::fmt::Display for Bracket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to {
            Some(to) => write!(f, "{} to {to}", self.from),
            None => write!(f, "{} and more", self.from),
        }
    }
}

/// The brackets of an MTU: twenty up to it, and one for what is larger.
///
/// A packet's size is its length without the link header, which is what the MTU bounds. The last of the twenty ends at the
/// MTU also if twenty does not divide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brackets {
    mtu: u32,
    width: u32,
}

impl Brackets {
    /// Brackets up to the MTU.
    pub const COUNT: usize = 20;

    /// For an interface of this MTU in octets; a tiny one is taken as 20.
    pub fn new(mtu: u32) -> Self {
        let mtu = mtu.max(Self::COUNT as u32);
        Self { mtu, width: mtu / Self::COUNT as u32 }
    }

    /// The place of the bracket of a packet of `size` octets without the link header.
    #[inline]
    pub fn place(&self, size: u32) -> usize {
        if size > self.mtu {
            Self::COUNT
        } else {
            (size.saturating_sub(1) / self.width).min(Self::COUNT as u32 - 1) as usize
        }
    }

    /// The bracket at a place.
    pub fn bracket(&self, place: usize) -> Bracket {
        let (width, place) = (self.width, place as u32);
        let from = if place == 0 { 0 } else { place * width + 1 };
        match place {
            0..19 => Bracket { from, to: Some((place + 1) * width) },
            19 => Bracket { from, to: Some(self.mtu) },
            _ => Bracket { from: self.mtu + 1, to: None },
        }
    }

    /// All brackets; oversized comes last.
    pub fn all(&self) -> impl Iterator<Item = Bracket> {
        (0..=Self::COUNT).map(|place| self.bracket(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_falls_into_the_bracket_that_names_it() {
        for mtu in [0, 19, 20, 68, 1500, 9001, 65536, u32::MAX - 1] {
            for size in [0, 1, 20, 75, 76, 1500, 1501, 9001, 65536, u32::MAX] {
                let brackets = Brackets::new(mtu);
                let bracket = brackets.bracket(brackets.place(size));
                assert!(bracket.from <= size && bracket.to.is_none_or(|to| size <= to), "{size} of {mtu}: {bracket:?}");
            }
        }
    }

    #[test]
    fn an_ethernet_has_brackets_of_75() {
        let brackets: Vec<Bracket> = Brackets::new(1500).all().collect();
        assert_eq!(brackets[0], Bracket { from: 0, to: Some(75) });
        assert_eq!(brackets[1], Bracket { from: 76, to: Some(150) });
        assert_eq!(brackets[20], Bracket { from: 1501, to: None });
    }
}
