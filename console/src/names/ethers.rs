//! Descriptions of machines: `$XDG_CONFIG_HOME/traf/ethers`, one MAC address and a description a line (ethers(5)),
//! merged with `/etc/ethers`. One's own come first; the machine's file is never written.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use traf_model::Mac;

use super::text_of;
use crate::text::clean;

/// Descriptions of one file.
const MOST: usize = 10_000;
/// Characters of the longest description.
pub const LONGEST: usize = 64;
/// Octets that are read of a file.
const OCTETS: u64 = 1 << 20;

/// The machine's own file.
const MACHINE: &str = "/etc/ethers";

/// Reasons why descriptions cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum EthersError {
    /// The disk said no.
    #[error("the descriptions {0} cannot be written: {1}")]
    Write(PathBuf, #[source] io::Error),
    /// The file is there and cannot be read.
    #[error("the descriptions {0} cannot be read: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// Too many.
    #[error("{MOST} descriptions are the most that are kept")]
    Full,
}

/// Descriptions by MAC address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptions {
    own: BTreeMap<Mac, String>,
    machine: BTreeMap<Mac, String>,
    /// Comments and lines that are none of ours, as they stand at the top of one's own file.
    other: Vec<String>,
}

impl Descriptions {
    /// One's own in `folder`, and the machine's.
    pub fn read(folder: &Path) -> Result<Self, EthersError> {
        let path = folder.join("ethers");
        let own = match text_of(&path, OCTETS) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(EthersError::Read(path, error)),
        };
        Ok(Self::parse(&own, &text_of(MACHINE, OCTETS).unwrap_or_default()))
    }

    /// From the text of both files.
    pub fn parse(own: &str, machine: &str) -> Self {
        let machine = machine.lines().take(MOST).filter_map(entry).collect();
        let mut descriptions = Self { machine, ..Self::default() };
        for line in own.lines().take(MOST) {
            match entry(line) {
                Some((mac, words)) => drop(descriptions.own.insert(mac, words)),
                None if line.trim().is_empty() => {}
                None => descriptions.other.push(line.to_owned()),
            }
        }
        descriptions
    }

    /// The description of a MAC address: one's own before the machine's.
    pub fn get(&self, mac: Mac) -> Option<&str> {
        self.own.get(&mac).or_else(|| self.machine.get(&mac)).map(String::as_str)
    }

    /// True if the description is one's own: only that can be deleted.
    pub fn is_own(&self, mac: Mac) -> bool {
        self.own.contains_key(&mac)
    }

    /// One's own, by address.
    pub fn own(&self) -> impl Iterator<Item = (Mac, &str)> {
        self.own.iter().map(|(mac, words)| (*mac, words.as_str()))
    }

    /// Adds, changes or, when empty, deletes one's own description.
    pub fn describe(&mut self, mac: Mac, words: &str) -> Result<(), EthersError> {
        let words = fit(words);
        if words.is_empty() {
            self.own.remove(&mac);
        } else if self.own.len() >= MOST && !self.own.contains_key(&mac) {
            return Err(EthersError::Full);
        } else {
            self.own.insert(mac, words);
        }
        Ok(())
    }

    /// As one's own file says it.
    pub fn text(&self) -> String {
        let own = self.own.iter().map(|(mac, words)| format!("{mac} {words}"));
        self.other.iter().cloned().chain(own).map(|line| line + "\n").collect()
    }

    /// Keeps one's own in `folder`: the old file stays until the new one is whole.
    pub fn write(&self, folder: &Path) -> Result<(), EthersError> {
        let path = folder.join("ethers");
        crate::config::replace(&path, &self.text()).map_err(|error| EthersError::Write(path, error))
    }
}

/// `00:0c:29:b9:94:62 the printer`; comments begin with `#`.
fn entry(line: &str) -> Option<(Mac, String)> {
    let (mac, words) = line.trim().split_once(char::is_whitespace)?;
    let words = fit(words);
    Some((mac.parse().ok()?, words)).filter(|(_, words)| !words.is_empty())
}

fn fit(words: &str) -> String {
    clean(words.trim()).chars().take(LONGEST).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const PC: Mac = Mac([0, 0x0c, 0x29, 0xb9, 0x94, 0x62]);
    const NAS: Mac = Mac([0, 0x0c, 0x29, 0xb9, 0x94, 9]);

    fn sample() -> Descriptions {
        Descriptions::parse(
            "# mine\n00:0c:29:b9:94:62 Lionel's PC\nnot a line of ours\n\n",
            "0:c:29:b9:94:62 pc.lan\n00:0c:29:b9:94:09\tnas.lan\n",
        )
    }

    #[test]
    fn ones_own_come_before_the_machines() {
        let mut names = sample();
        assert_eq!(
            (names.get(PC), names.get(NAS), names.get(Mac::BROADCAST)),
            (Some("Lionel's PC"), Some("nas.lan"), None)
        );
        assert_eq!((names.is_own(PC), names.is_own(NAS)), (true, false));
        names.describe(PC, "").unwrap();
        assert_eq!(names.get(PC), Some("pc.lan"));
    }

    #[test]
    fn what_is_described_is_there_at_the_next_start_beside_what_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut names = sample();
        names.describe(NAS, "  the NAS \x1b[2J ").unwrap();
        names.write(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("ethers")).unwrap();
        assert_eq!(
            text,
            "# mine\nnot a line of ours\n00:0c:29:b9:94:09 the NAS \\u{1b}[2J\n00:0c:29:b9:94:62 Lionel's PC\n"
        );
        let read = Descriptions::read(folder.path()).unwrap();
        assert_eq!(read.own().collect::<Vec<_>>(), names.own().collect::<Vec<_>>());
    }

    #[test]
    fn a_description_and_a_file_have_an_end() {
        let mut names = Descriptions::default();
        names.describe(PC, &"x".repeat(500)).unwrap();
        assert_eq!(names.get(PC).unwrap().len(), LONGEST);
        let many: String =
            (0..20_000u32).map(|n| format!("02:00:00:{:02x}:{:02x}:00 n\n", n >> 8 & 255, n & 255)).collect();
        let mut names = Descriptions::parse(&many, "");
        assert_eq!(names.own().count(), MOST);
        assert!(matches!(names.describe(PC, "one more"), Err(EthersError::Full)));
    }
}
