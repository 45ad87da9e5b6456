//! The main menu, in IPTraf's order, and the one below it.

use std::sync::LazyLock;

use super::Screen;
use crate::facility;

/// An entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// As it stands in the menu.
    pub title: &'static str,
    /// The letter that chooses it: the first of its kind in the title.
    pub hot: char,
    /// The target that it opens.
    pub target: Target,
    /// The help line.
    pub words: &'static str,
    /// A line is drawn above it.
    pub apart: bool,
}

/// Targets of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A screen.
    Screen(Screen),
    /// The menu of statistical breakdowns.
    Breakdowns,
    /// Named filters and their rules.
    Filters,
    /// The configuration.
    Configure,
    /// About.
    About,
    /// The shell.
    Exit,
}

const fn entry(title: &'static str, hot: char, target: Target, words: &'static str, apart: bool) -> Entry {
    Entry { title, hot, target, words, apart }
}

/// Entries of the counted facilities.
fn counted(breakdown: bool) -> impl Iterator<Item = Entry> {
    facility::ALL.into_iter().filter(move |view| view.menu.breakdown == breakdown).map(|view| {
        let menu = &view.menu;
        entry(menu.title, menu.letter, Target::Screen(Screen::Counted(view)), menu.help, menu.apart)
    })
}

/// All entries.
pub static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let before = [
        entry(
            "IP traffic monitor",
            'i',
            Target::Screen(Screen::Traffic),
            "Who talks to whom: TCP connections, and all other packets below them",
            false,
        ),
        entry(
            "General interface statistics",
            'g',
            Target::Screen(Screen::Interfaces),
            "Packets of every interface by network protocol, and its activity",
            false,
        ),
        entry(
            "Detailed interface statistics",
            'd',
            Target::Screen(Screen::Detailed),
            "Packets, octets and rates by protocol, in and out, with their peaks",
            false,
        ),
        entry(
            "Statistical breakdowns...",
            'b',
            Target::Breakdowns,
            "Traffic by packet size, or by TCP and UDP port",
            false,
        ),
    ];
    let after = [
        entry(
            "Sensors",
            'e',
            Target::Screen(Screen::Sensors),
            "Who reports, since when, how late, and what is missing",
            false,
        ),
        entry(
            "Filters...",
            'f',
            Target::Filters,
            "Which traffic is shown: rules under a name, or tcpdump's words",
            true,
        ),
        entry(
            "Configure...",
            'c',
            Target::Configure,
            "Names, colours, rates, timers; ports, logs and timeouts of sensors",
            false,
        ),
        entry("About...", 'a', Target::About, "Version, licence, and where the collector is", true),
        entry("Exit", 'x', Target::Exit, "Back to the shell", true),
    ];
    before.into_iter().chain(counted(false)).chain(after).collect()
});

/// The statistical breakdowns.
pub static BREAKDOWNS: LazyLock<Vec<Entry>> = LazyLock::new(|| counted(true).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_letter_of_its_own_in_its_title() {
        for entries in [&ENTRIES[..], &BREAKDOWNS[..]] {
            for (place, entry) in entries.iter().enumerate() {
                assert!(entry.title.to_lowercase().contains(entry.hot), "{}", entry.title);
                assert!(entries.iter().skip(place + 1).all(|other| other.hot != entry.hot), "{}", entry.title);
            }
        }
    }
}
