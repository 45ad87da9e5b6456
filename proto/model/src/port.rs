//! Ranges of ports as people write them: `8080`, `9000-9010`.

use std::fmt;
use std::str::FromStr;

/// A port, or several in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first port.
    pub from: u16,
    /// The last port, inside the range.
    pub to: u16,
}

impl PortRange {
    /// Most ranges in a list.
    pub const MOST: usize = 1_000;

    /// Reads `PORT` or `FROM-TO`, each end by `port`.
    ///
    /// # Errors
    /// The error of `port`.
    pub fn read<E>(text: &str, port: impl Fn(&str) -> Result<u16, E>) -> Result<Self, E> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        Ok(Self { from: port(from.trim())?, to: port(to.trim())? })
    }

    /// Reads ranges with commas or spaces between them. An empty text and `none` are the empty list.
    ///
    /// # Errors
    /// A sentence: a word is no range, two ranges overlap, or there are more than [`Self::MOST`].
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let mut ranges = Vec::new();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty() && text != "none") {
            let range: Self = word.parse()?;
            range.check(&ranges)?;
            ranges.push(range);
        }
        if ranges.len() > Self::MOST { Err(format!("at most {} ports and ranges", Self::MOST)) } else { Ok(ranges) }
    }

    /// Checks that no other range holds a part of this one.
    ///
    /// # Errors
    /// A sentence that names the other one.
    pub fn check(self, others: &[Self]) -> Result<(), String> {
        match others.iter().find(|other| self.from <= other.to && other.from <= self.to) {
            None => Ok(()),
            Some(other) if *other == self => Err(format!("{self} is there already")),
            Some(other) => Err(format!("{self} overlaps {other}, which is there already")),
        }
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{}` is no port and no range of ports: write 8080 or 9000-9100, from 1 to 65535", text.trim());
        let range = Self::read(text, |port| port.parse().map_err(|_| wrong()))?;
        if 0 < range.from && range.from <= range.to { Ok(range) } else { Err(wrong()) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_begins_with_the_smaller() {
        assert_eq!("9000-9010".parse(), Ok(PortRange { from: 9000, to: 9010 }));
        for wrong in ["0", "7-3", "x", "1-70000", "-", "0-7"] {
            assert!(wrong.parse::<PortRange>().unwrap_err().contains("no range of ports"), "{wrong}");
        }
    }

    #[test]
    fn ports_are_checked_against_each_other_and_their_bounds() {
        assert_eq!(PortRange::list("8080 8000-8079, 65535,1").map(|ports| ports.len()), Ok(4));
        assert_eq!(PortRange::list("none"), Ok(Vec::new()));
        for (ports, words) in [
            ("0-80", "from 1 to 65535"),
            ("90-80", "no range"),
            ("80 80", "80 is there already"),
            ("8000-8100 8080", "8080 overlaps 8000-8100"),
        ] {
            assert!(PortRange::list(ports).unwrap_err().contains(words), "{ports}");
        }
        let many: Vec<String> = (1..=PortRange::MOST + 1).map(|port| port.to_string()).collect();
        assert!(PortRange::list(&many.join(" ")).unwrap_err().contains("at most 1000"));
    }
}
