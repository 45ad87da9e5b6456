//! The main menu, in IPTraf's order, and the one below it.

use std::sync::LazyLock;

use super::Screen;
use super::dialog::Dialog;
use crate::facility;

/// An entry of a menu.
#[derive(Clone, Copy, Debug)]
pub struct MenuItem {
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
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// A screen.
    Screen(Screen),
    /// A dialog.
    Dialog(fn() -> Dialog),
    /// The shell.
    Exit,
}

const fn item(title: &'static str, hot: char, target: Target) -> MenuItem {
    MenuItem { title, hot, target, words: "", apart: false }
}

impl MenuItem {
    const fn help(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    const fn apart(self) -> Self {
        Self { apart: true, ..self }
    }
}

/// Entries of the counted facilities.
fn counted(breakdown: bool) -> impl Iterator<Item = MenuItem> {
    facility::ALL.into_iter().filter(move |view| view.menu.breakdown == breakdown).map(|view| {
        let target = Target::Screen(Screen::Counted(view));
        MenuItem { apart: view.menu.apart, ..item(view.menu.title, view.menu.letter, target).help(view.menu.help) }
    })
}

/// All entries.
pub static ENTRIES: LazyLock<Vec<MenuItem>> = LazyLock::new(|| {
    let before = [
        item("IP traffic monitor", 'i', Target::Screen(Screen::Traffic))
            .help("Who talks to whom: TCP connections, and all other packets below them"),
        item("General interface statistics", 'g', Target::Screen(Screen::Interfaces))
            .help("Packets of every interface by network protocol, and its activity"),
        item("Detailed interface statistics", 'd', Target::Screen(Screen::Detailed))
            .help("Packets, octets and rates by protocol, in and out, with their peaks"),
        item("Statistical breakdowns...", 'b', Target::Dialog(|| Dialog::Breakdowns(0)))
            .help("Traffic by packet size, or by TCP and UDP port"),
    ];
    let after = [
        item("Sensors", 'e', Target::Screen(Screen::Sensors))
            .help("Who reports, since when, how late, and what is missing"),
        item("Filters...", 'f', Target::Dialog(|| Dialog::Filters(0)))
            .help("Which traffic is shown: rules under a name, or tcpdump's words")
            .apart(),
        item("Configure...", 'c', Target::Dialog(|| Dialog::Configure(0, "")))
            .help("Names, colours, rates, timers; ports, logs and timeouts of sensors"),
        item("About...", 'a', Target::Dialog(|| Dialog::About))
            .help("Version, licence, and where the collector is")
            .apart(),
        item("Exit", 'x', Target::Exit).help("Back to the shell").apart(),
    ];
    before.into_iter().chain(counted(false)).chain(after).collect()
});

/// The statistical breakdowns.
pub static BREAKDOWNS: LazyLock<Vec<MenuItem>> = LazyLock::new(|| counted(true).collect());

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
