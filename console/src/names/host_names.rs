//! Host names that are known, with an end: names age, and so does not knowing.

use std::collections::HashMap;
use std::net::IpAddr;

use traf_model::Timestamp;
use traf_model::time::SECOND;

use crate::text::clean;

/// Addresses remembered; the one that runs out first makes room.
const CAPACITY: usize = 4_096;
/// Questions that wait to be taken. What finds no room is asked with the next report.
const WAITING: usize = 64;
/// An answer that never came is not waited for any longer.
const OVERDUE: i64 = 30 * SECOND;
/// Seconds that a name is believed at least and at most, whatever its server says.
const BELIEVED: (u32, u32) = (60, 3_600);
/// Characters of the longest name (RFC 1035, 2.3.4).
const LONGEST: usize = 255;

/// Result of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// `None`: nobody knows one.
    pub name: Option<String>,
    /// Seconds for which that holds.
    pub ttl: u32,
}

impl Known {
    /// A name.
    pub fn named(name: &str, ttl: u32) -> Self {
        Self { name: Some(name.to_owned()), ttl }
    }

    /// No name: for ten minutes.
    pub const NOBODY: Self = Self { name: None, ttl: 600 };
    /// No answer: for one.
    pub const SILENCE: Self = Self { name: None, ttl: 60 };
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct HostNames {
    known: HashMap<IpAddr, Lookup>,
    waiting: Vec<IpAddr>,
}

#[derive(Clone, Debug, Default)]
struct Lookup {
    /// Shown until there is a newer one.
    name: Option<String>,
    until: i64,
}

impl HostNames {
    /// The newest name.
    pub fn name(&self, address: IpAddr) -> Option<&str> {
        self.known.get(&address)?.name.as_deref()
    }

    /// Notes that a name is wanted, unless it is known or asked for already.
    pub fn ask(&mut self, address: IpAddr, now: Timestamp) {
        let until = now.0.saturating_add(OVERDUE);
        if self.waiting.len() >= WAITING || self.known.get(&address).is_some_and(|entry| entry.until > now.0) {
            return;
        }
        if !self.known.contains_key(&address) {
            self.make_room();
        }
        self.known.entry(address).or_default().until = until;
        self.waiting.push(address);
    }

    fn make_room(&mut self) {
        if self.known.len() >= CAPACITY
            && let Some(first) = self.known.iter().min_by_key(|(_, entry)| entry.until).map(|(address, _)| *address)
        {
            self.known.remove(&first);
        }
    }

    /// Takes the questions that wait.
    pub fn questions(&mut self) -> Vec<IpAddr> {
        std::mem::take(&mut self.waiting)
    }

    /// Takes an answer; one to a question that was forgotten is forgotten too.
    pub fn answer(&mut self, address: IpAddr, known: Known, now: Timestamp) {
        let Some(entry) = self.known.get_mut(&address) else { return };
        let seconds = known.ttl.clamp(BELIEVED.0, BELIEVED.1);
        entry.until = now.0.saturating_add(i64::from(seconds) * SECOND);
        entry.name = known.name.map(|name| clean(&name).chars().take(LONGEST).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    #[test]
    fn a_host_is_asked_for_once_until_its_name_has_aged() {
        let mut hosts = HostNames::default();
        hosts.ask(host(1), at(0));
        hosts.ask(host(1), at(1));
        assert_eq!(hosts.questions(), [host(1)]);
        hosts.answer(host(1), Known::named("a", 120), at(1));
        hosts.ask(host(1), at(100));
        assert!(hosts.questions().is_empty());
        hosts.ask(host(1), at(122));
        assert_eq!(
            (hosts.questions(), hosts.name(host(1))),
            (vec![host(1)], Some("a")),
            "the old name stays meanwhile"
        );
        hosts.answer(host(1), Known::NOBODY, at(123));
        assert_eq!(hosts.name(host(1)), None);
    }

    #[test]
    fn a_lost_answer_is_asked_for_again_after_a_while() {
        let mut hosts = HostNames::default();
        hosts.ask(host(1), at(0));
        hosts.questions();
        hosts.ask(host(1), at(29));
        assert!(hosts.questions().is_empty());
        hosts.ask(host(1), at(31));
        assert_eq!(hosts.questions(), [host(1)]);
    }

    #[test]
    fn neither_the_table_nor_the_questions_grow_without_end() {
        let mut hosts = HostNames::default();
        for number in 0..6_000 {
            hosts.ask(host(number), at(i64::from(number)));
            if number % 50 == 0 {
                hosts.questions();
            }
        }
        assert_eq!(hosts.known.len(), CAPACITY);
        (6_000..7_000).for_each(|number| hosts.ask(host(number), at(7_000)));
        assert_eq!(hosts.questions().len(), WAITING);
    }

    #[test]
    fn what_a_name_server_says_cannot_reach_the_terminal_as_it_is() {
        let mut hosts = HostNames::default();
        hosts.ask(host(1), at(0));
        hosts.answer(host(1), Known::named("a\x1b[2J\u{202e}", 60), at(0));
        assert_eq!(hosts.name(host(1)), Some("a\\u{1b}[2J\\u{202e}"));
    }
}
