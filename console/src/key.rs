//! Keys are data: one list says which key does what, where, and in which words. Help and the keys line print themselves
//! from it.

mod list;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use self::list::BINDINGS;

/// Commands of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// The first row.
    Home,
    /// The last row; from the past, back to live.
    End,
    /// Open, choose, show details.
    Enter,
    /// One step back.
    Back,
    /// Draw everything again.
    Redraw,
    /// Explain this screen.
    Help,
    /// Choose what to look at.
    Scope,
    /// Choose the order.
    Sort,
    /// Change the filter.
    Filter,
    /// Settings of the highlighted sensor.
    Settings,
    /// Describe the machine behind the highlighted MAC address.
    Describe,
    /// The other pane.
    Pane,
    /// Other columns.
    Columns,
    /// Rows keep their places, or move again.
    Freeze,
    /// Choose what of the flows makes a row.
    Group,
    /// The lower pane: flows or packets.
    Others,
    /// Connections that are over leave the screen.
    Flush,
    /// Group addresses come and go.
    Groups,
    /// Choose an interface.
    Interface,
    /// Rates in bits or in octets.
    Units,
    /// Show the list of missing data.
    Missing,
    /// A window back.
    Earlier,
    /// A window forward.
    Later,
    /// Ten windows back.
    MuchEarlier,
    /// Ten windows forward.
    MuchLater,
    /// Ask for a moment.
    Moment,
    /// Pause, play.
    Pause,
    /// Back to live.
    Live,
    /// Shorter windows.
    ZoomIn,
    /// Longer windows.
    ZoomOut,
    /// Text to the left.
    ShiftLeft,
    /// Text to the right.
    ShiftRight,
    /// Leave at once.
    Quit,
}

/// The screens and panes in which a binding holds: bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyContext(u32);

impl KeyContext {
    /// Main menu and overview.
    pub const HOME: Self = Self(1);
    /// IP traffic monitor, upper pane or groups.
    pub const TRAFFIC: Self = Self(1 << 1);
    /// IP traffic monitor, lower pane.
    pub const LOWER: Self = Self(1 << 2);
    /// General interface statistics.
    pub const INTERFACES: Self = Self(1 << 3);
    /// Detailed interface statistics.
    pub const DETAILED: Self = Self(1 << 4);
    /// A counted facility that is drawn as a chart.
    pub const CHART: Self = Self(1 << 5);
    /// A counted facility that is a table.
    pub const TABLE: Self = Self(1 << 6);
    /// A table of MAC addresses.
    pub const MACS: Self = Self(1 << 7);
    /// Sensors.
    pub const SENSORS: Self = Self(1 << 8);
    /// IP traffic monitor.
    pub const MONITOR: Self = Self::TRAFFIC.and(Self::LOWER);
    /// Every table of traffic, with a time, a filter and rates.
    pub const FACILITIES: Self = Self::LISTS.and(Self::DETAILED).and(Self::CHART);
    /// Tables of traffic that may be longer than the screen.
    pub const LISTS: Self = Self::SORTED.and(Self::INTERFACES);
    /// Tables that can be sorted.
    pub const SORTED: Self = Self::MONITOR.and(Self::TABLE);
    /// Every screen but the main menu.
    pub const TABLES: Self = Self::FACILITIES.and(Self::SENSORS);
    /// Every screen.
    pub const ALL: Self = Self::TABLES.and(Self::HOME);
    /// Screens with a bar to move.
    pub const MOVING: Self = Self::LISTS.and(Self::SENSORS).and(Self::HOME);
    /// Screens with a time.
    pub const TIMED: Self = Self::FACILITIES.and(Self::HOME);

    /// The contexts of the first without those of the second.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The contexts of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if both share a context.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A row of the list.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Any of these.
    pub keys: &'static [KeyPattern],
    /// Their command.
    pub command: Command,
    /// The contexts in which they do.
    pub context: KeyContext,
    /// The keys as help shows them.
    pub label: &'static str,
    /// Keys and a word for the keys line; empty to be left out there.
    pub line: &'static str,
    /// A sentence for help.
    pub words: &'static str,
}

/// A key as a program sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPattern {
    /// With or without shift: the character decides. Letters match in either case.
    Char(char),
    /// Exactly this letter, in this case.
    Exact(char),
    /// With the control key.
    Ctrl(char),
    /// A key with a name.
    Code(KeyCode),
    /// A key with a name, and shift.
    Shift(KeyCode),
}

impl KeyPattern {
    fn matches(self, event: KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let shift = event.modifiers.contains(KeyModifiers::SHIFT);
        match self {
            Self::Char(c) => !ctrl && matches!(event.code, KeyCode::Char(other) if other.eq_ignore_ascii_case(&c)),
            Self::Exact(c) => !ctrl && event.code == KeyCode::Char(c),
            Self::Ctrl(c) => ctrl && matches!(event.code, KeyCode::Char(other) if other.eq_ignore_ascii_case(&c)),
            Self::Code(code) => !shift && event.code == code,
            Self::Shift(code) => shift && event.code == code,
        }
    }
}

/// The command of a key in a context.
pub fn command(event: KeyEvent, context: KeyContext) -> Option<Command> {
    let here = |binding: &&Binding| binding.context.meets(context);
    BINDINGS.iter().filter(here).find(|binding| binding.keys.iter().any(|key| key.matches(event))).map(|b| b.command)
}

/// The bindings of a context, in the order of the list.
pub fn bindings(context: KeyContext) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.context.meets(context))
}

#[cfg(test)]
mod tests {
    use super::KeyPattern::{Char, Code, Ctrl, Exact, Shift};
    use super::*;

    #[test]
    fn every_key_of_a_context_is_reachable() {
        let facilities = crate::facility::ALL.map(|view| view.keys);
        for context in (0..9).map(|bit| KeyContext(1 << bit)).chain(facilities) {
            for binding in bindings(context) {
                for key in binding.keys {
                    let event = match *key {
                        Char(c) | Exact(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
                        Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
                        Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
                        Shift(code) => KeyEvent::new(code, KeyModifiers::SHIFT),
                    };
                    assert_eq!(command(event, context), Some(binding.command), "{key:?} in {context:?}");
                }
            }
        }
    }

    #[test]
    fn letters_are_iptrafs() {
        let key = |c| command(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), KeyContext::TRAFFIC);
        assert_eq!(
            ['S', 'W', 'M', 'F', 'C', 'X', 'Q', 'L', ' ', '-'].map(key),
            [
                Some(Command::Sort),
                Some(Command::Pane),
                Some(Command::Columns),
                Some(Command::Flush),
                Some(Command::Flush),
                Some(Command::Back),
                Some(Command::Back),
                Some(Command::Redraw),
                Some(Command::PageDown),
                Some(Command::PageUp),
            ]
        );
    }

    #[test]
    fn the_letters_of_the_main_menu_are_free_in_it() {
        for entry in crate::app::menu::ENTRIES.iter() {
            let key = KeyEvent::new(KeyCode::Char(entry.hot), KeyModifiers::NONE);
            assert!(command(key, KeyContext::HOME).is_none_or(|command| command == Command::Back), "{}", entry.title);
        }
    }
}
