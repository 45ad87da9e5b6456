//! Keys are data: one list says which key does what, where, and in which words. Help and the keys line print themselves
//! from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
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
    /// What is missing, in words.
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

/// Where a binding holds: bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
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
    /// Packet sizes.
    pub const SIZES: Self = Self(1 << 5);
    /// TCP and UDP services.
    pub const SERVICES: Self = Self(1 << 6);
    /// LAN stations.
    pub const STATIONS: Self = Self(1 << 7);
    /// Hosts.
    pub const HOSTS: Self = Self(1 << 8);
    /// Sensors.
    pub const SENSORS: Self = Self(1 << 9);
    /// IP traffic monitor.
    pub const MONITOR: Self = Self::TRAFFIC.and(Self::LOWER);
    /// Every table of traffic, with a time, a filter and rates.
    pub const FACILITIES: Self = Self::LISTS.and(Self::DETAILED).and(Self::SIZES);
    /// Tables of traffic that may be longer than the screen.
    pub const LISTS: Self = Self::SORTED.and(Self::INTERFACES);
    /// Tables that can be sorted.
    pub const SORTED: Self = Self::MONITOR.and(Self::SERVICES).and(Self::STATIONS).and(Self::HOSTS);
    /// Every screen but the main menu.
    pub const TABLES: Self = Self::FACILITIES.and(Self::SENSORS);
    /// Every screen.
    pub const ALL: Self = Self::TABLES.and(Self::HOME);
    /// Screens with a bar to move.
    pub const MOVING: Self = Self::LISTS.and(Self::SENSORS).and(Self::HOME);
    /// Screens with a time.
    pub const TIMED: Self = Self::FACILITIES.and(Self::HOME);

    /// Here, but not there.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Here and there.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether both share a screen.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A row of the list.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Any of these.
    pub keys: &'static [Key],
    /// What they ask for.
    pub command: Command,
    /// Where they do.
    pub place: Place,
    /// How the keys are written.
    pub label: &'static str,
    /// Keys and a word for the keys line; empty to be left out there.
    pub line: &'static str,
    /// A sentence for help.
    pub words: &'static str,
}

/// A key as a program sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
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

impl Key {
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

/// What `event` asks for in `place`.
#[must_use]
pub fn command(event: KeyEvent, place: Place) -> Option<Command> {
    let here = |binding: &&Binding| binding.place.meets(place);
    BINDINGS.iter().filter(here).find(|binding| binding.keys.iter().any(|key| key.matches(event))).map(|b| b.command)
}

/// The bindings of a place, in the order of the list.
pub fn bindings(place: Place) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.place.meets(place))
}

const fn row(
    keys: &'static [Key],
    command: Command,
    place: Place,
    label: &'static str,
    line: &'static str,
    words: &'static str,
) -> Binding {
    Binding { keys, command, place, label, line, words }
}

use Key::{Char, Code, Ctrl, Exact, Shift};

/// Every key there is outside of prompts and dialogs. The first that matches counts.
pub static BINDINGS: [Binding; 42] = [
    row(&[Code(KeyCode::Up), Exact('k')], Command::Up, Place::MOVING, "↑", "↑↓ move", "one row up"),
    row(&[Code(KeyCode::Down), Exact('j')], Command::Down, Place::MOVING, "↓", "", "one row down"),
    row(
        &[Char('c')],
        Command::Settings,
        Place::SENSORS,
        "c",
        "c settings",
        "settings of the highlighted sensor: promiscuous, ports, capture filter, log, timers",
    ),
    row(
        &[Char('d')],
        Command::Describe,
        Place::STATIONS,
        "d",
        "d describe",
        "what you call the machine behind the highlighted address",
    ),
    row(&[Code(KeyCode::Enter)], Command::Enter, Place::HOME, "enter", "enter open", "open the highlighted entry"),
    row(
        &[Char('s')],
        Command::Sort,
        Place::SORTED,
        "s",
        "s sort",
        "choose the order of the rows, and whether it is kept",
    ),
    row(
        &[Exact('F'), Char('c')],
        Command::Flush,
        Place::MONITOR,
        "F c",
        "",
        "connections that are closed, reset or timed out leave the screen",
    ),
    row(
        &[Char('f')],
        Command::Filter,
        Place::FACILITIES,
        "f",
        "f filter",
        "choose which traffic to show, in tcpdump's words",
    ),
    row(
        &[Char('g')],
        Command::Group,
        Place::MONITOR,
        "g",
        "g group",
        "a row for each flow, address, port, pair of addresses, or sensor",
    ),
    row(
        &[Code(KeyCode::Left)],
        Command::ShiftLeft,
        Place::LOWER,
        "←",
        "←→ shift",
        "text back, where lines are longer than the screen",
    ),
    row(&[Code(KeyCode::Right)], Command::ShiftRight, Place::LOWER, "→", "", "text on"),
    row(
        &[Code(KeyCode::Left), Char('[')],
        Command::Earlier,
        Place::TIMED.without(Place::LOWER),
        "← [",
        "←→ time",
        "into the past, one window",
    ),
    row(
        &[Code(KeyCode::Right), Char(']')],
        Command::Later,
        Place::TIMED.without(Place::LOWER),
        "→ ]",
        "",
        "towards now, one window",
    ),
    row(&[Char('[')], Command::Earlier, Place::LOWER, "[", "[] time", "into the past, one window"),
    row(&[Char(']')], Command::Later, Place::LOWER, "]", "", "towards now, one window"),
    row(
        &[Char('w'), Code(KeyCode::Tab), Code(KeyCode::F(6))],
        Command::Pane,
        Place::MONITOR.and(Place::SENSORS).and(Place::HOME),
        "w tab",
        "w pane",
        "the keys go to the other pane",
    ),
    row(
        &[Char('u')],
        Command::Others,
        Place::MONITOR,
        "u",
        "u udp",
        "lower pane: UDP as flows and all else packet by packet, all packet by packet, or all as flows",
    ),
    row(
        &[Char('m')],
        Command::Columns,
        Place::TRAFFIC.and(Place::INTERFACES).and(Place::DETAILED),
        "M",
        "M columns",
        "other columns: counts, addresses, sizes, directions, rates",
    ),
    row(&[Char('m')], Command::Columns, Place::LOWER, "M", "M mac", "packets name their source MAC, or no longer"),
    row(
        &[Char('i')],
        Command::Interface,
        Place::DETAILED.and(Place::SIZES),
        "i",
        "i interface",
        "choose another interface",
    ),
    row(
        &[Char('a')],
        Command::Groups,
        Place::STATIONS,
        "a",
        "a groups",
        "hide broadcast and multicast addresses, or show them again",
    ),
    row(
        &[Char('v')],
        Command::Scope,
        Place::ALL,
        "v",
        "v scope",
        "choose what to look at: all sensors, one, one interface",
    ),
    row(&[Char('t')], Command::Moment, Place::TIMED, "T", "", "go to a moment: -2h, 14:00, yesterday 14:00"),
    row(
        &[Code(KeyCode::Enter)],
        Command::Enter,
        Place::LISTS.and(Place::SENSORS),
        "enter",
        "enter details",
        "all that is known of the highlighted row; of a group: its flows",
    ),
    row(
        &[Char('z')],
        Command::Freeze,
        Place::LISTS,
        "z",
        "z freeze",
        "rows keep their places while their numbers go on; once more lets them move",
    ),
    row(
        &[Shift(KeyCode::Left), Char('{')],
        Command::MuchEarlier,
        Place::TIMED,
        "shift ← {",
        "",
        "into the past, ten windows",
    ),
    row(
        &[Shift(KeyCode::Right), Char('}')],
        Command::MuchLater,
        Place::TIMED,
        "shift → }",
        "",
        "towards now, ten windows",
    ),
    row(&[Char('p')], Command::Pause, Place::TIMED, "p", "p pause", "pause; in the past, play window by window"),
    row(&[Char('n')], Command::Live, Place::TIMED, "n", "", "back to live"),
    row(&[Char('>'), Char('+')], Command::ZoomIn, Place::TIMED, "> +", "", "shorter windows of the past"),
    row(&[Char('<')], Command::ZoomOut, Place::TIMED, "<", "", "longer windows of the past"),
    row(
        &[Code(KeyCode::PageUp), Char('-')],
        Command::PageUp,
        Place::LISTS.and(Place::SENSORS),
        "pgup -",
        "",
        "a screenful up",
    ),
    row(
        &[Code(KeyCode::PageDown), Char(' ')],
        Command::PageDown,
        Place::LISTS.and(Place::SENSORS),
        "pgdn space",
        "",
        "a screenful down",
    ),
    row(&[Code(KeyCode::Home)], Command::Home, Place::MOVING, "home", "", "the first row"),
    row(&[Code(KeyCode::End)], Command::End, Place::ALL, "end", "", "the last row; from the past: back to live"),
    row(&[Char('b')], Command::Units, Place::FACILITIES, "b", "", "rates in bits or in bytes a second"),
    row(&[Char('!')], Command::Missing, Place::TIMED, "!", "", "what is missing from these numbers, and why"),
    row(&[Char('?'), Char('h'), Code(KeyCode::F(1))], Command::Help, Place::ALL, "?", "? help", "this page"),
    row(&[Ctrl('l')], Command::Redraw, Place::ALL, "ctrl-l", "", "draw the screen again"),
    row(&[Char('l')], Command::Redraw, Place::TABLES, "L", "", "draw the screen again"),
    row(
        &[Char('x'), Char('q'), Ctrl('x'), Code(KeyCode::Esc)],
        Command::Back,
        Place::ALL,
        "x",
        "x exit",
        "one step back; from the main menu twice to leave (q and esc too)",
    ),
    row(&[Ctrl('c')], Command::Quit, Place::ALL, "ctrl-c", "", "leave at once"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_place_is_reachable() {
        for place in (0..10).map(|bit| Place(1 << bit)) {
            for binding in bindings(place) {
                for key in binding.keys {
                    let event = match *key {
                        Char(c) | Exact(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
                        Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
                        Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
                        Shift(code) => KeyEvent::new(code, KeyModifiers::SHIFT),
                    };
                    assert_eq!(command(event, place), Some(binding.command), "{key:?} in {place:?}");
                }
            }
        }
    }

    #[test]
    fn letters_are_iptrafs() {
        let key = |c| command(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), Place::TRAFFIC);
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
        for entry in crate::app::menu::ENTRIES {
            let key = KeyEvent::new(KeyCode::Char(entry.hot), KeyModifiers::NONE);
            assert!(command(key, Place::HOME).is_none_or(|command| command == Command::Back), "{}", entry.title);
        }
    }
}
