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
    /// The other pane.
    Pane,
    /// Other columns.
    Columns,
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
pub struct Place(u8);

impl Place {
    /// Main menu and overview.
    pub const HOME: Self = Self(1);
    /// IP traffic monitor.
    pub const TRAFFIC: Self = Self(2);
    /// General interface statistics.
    pub const INTERFACES: Self = Self(4);
    /// Sensors.
    pub const SENSORS: Self = Self(8);
    /// Every screen.
    pub const ALL: Self = Self(15);
    /// Every table.
    pub const TABLES: Self = Self(14);
    /// Tables with a time.
    pub const TIMED: Self = Self(7);
    /// Tables with more than one set of columns.
    pub const WIDE: Self = Self(6);

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
pub static BINDINGS: [Binding; 28] = [
    row(&[Code(KeyCode::Up), Exact('k')], Command::Up, Place::ALL, "↑", "↑↓ move", "one row up"),
    row(&[Code(KeyCode::Down), Exact('j')], Command::Down, Place::ALL, "↓", "", "one row down"),
    row(&[Code(KeyCode::Enter)], Command::Enter, Place::HOME, "enter", "enter open", "open the highlighted entry"),
    row(
        &[Char('s')],
        Command::Sort,
        Place::TRAFFIC,
        "s",
        "s sort",
        "choose the order of the rows, and whether it is kept",
    ),
    row(&[Char('f')], Command::Filter, Place(3), "f", "f filter", "choose which traffic to show, in tcpdump's words"),
    row(
        &[Char('w'), Code(KeyCode::Tab), Code(KeyCode::F(6))],
        Command::Pane,
        Place(10),
        "w tab",
        "w pane",
        "the keys go to the other pane",
    ),
    row(
        &[Char('m')],
        Command::Columns,
        Place::WIDE,
        "M",
        "M columns",
        "other columns: counts, addresses, sizes, directions",
    ),
    row(
        &[Char('v')],
        Command::Scope,
        Place::ALL,
        "v",
        "v scope",
        "choose what to look at: all sensors, one, one interface",
    ),
    row(&[Code(KeyCode::Left)], Command::Earlier, Place::TIMED, "←", "←→ time", "into the past, one window"),
    row(&[Code(KeyCode::Right)], Command::Later, Place::TIMED, "→", "", "towards now, one window"),
    row(
        &[Exact('T'), Exact('t')],
        Command::Moment,
        Place::TIMED,
        "T",
        "",
        "go to a moment: -2h, 14:00, yesterday 14:00",
    ),
    row(
        &[Code(KeyCode::Enter)],
        Command::Enter,
        Place::TABLES,
        "enter",
        "enter details",
        "all that is known of the highlighted row",
    ),
    row(&[Shift(KeyCode::Left)], Command::MuchEarlier, Place::TIMED, "shift ←", "", "into the past, ten windows"),
    row(&[Shift(KeyCode::Right)], Command::MuchLater, Place::TIMED, "shift →", "", "towards now, ten windows"),
    row(&[Char(' ')], Command::Pause, Place::TIMED, "space", "", "pause; in the past, play window by window"),
    row(&[Char('n')], Command::Live, Place::TIMED, "n", "", "back to live"),
    row(&[Char('+'), Char('=')], Command::ZoomIn, Place::TIMED, "+", "", "shorter windows of the past"),
    row(&[Char('-')], Command::ZoomOut, Place::TIMED, "-", "", "longer windows of the past"),
    row(&[Code(KeyCode::PageUp)], Command::PageUp, Place::TABLES, "pgup", "", "a screenful up"),
    row(&[Code(KeyCode::PageDown)], Command::PageDown, Place::TABLES, "pgdn", "", "a screenful down"),
    row(&[Code(KeyCode::Home)], Command::Home, Place::ALL, "home", "", "the first row"),
    row(&[Code(KeyCode::End)], Command::End, Place::ALL, "end", "", "the last row; from the past: back to live"),
    row(&[Char('<'), Char(',')], Command::ShiftLeft, Place::TRAFFIC, "<", "", "lower pane: text back"),
    row(
        &[Char('>'), Char('.')],
        Command::ShiftRight,
        Place::TRAFFIC,
        ">",
        "",
        "lower pane: text on, where lines are too long",
    ),
    row(&[Char('?'), Char('h'), Code(KeyCode::F(1))], Command::Help, Place::ALL, "?", "? help", "this page"),
    row(&[Ctrl('l'), Char('l')], Command::Redraw, Place::ALL, "L", "", "draw the screen again"),
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
        for place in [Place::HOME, Place::TRAFFIC, Place::INTERFACES, Place::SENSORS] {
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
            ['S', 'W', 'X', 'Q', 'L'].map(key),
            [Some(Command::Sort), Some(Command::Pane), Some(Command::Back), Some(Command::Back), Some(Command::Redraw)]
        );
    }
}
