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
    /// So many windows forward in time.
    Time(i64),
    /// Ask for a moment.
    Moment,
    /// Pause, play.
    Pause,
    /// Back to live.
    Live,
    /// Longer windows, by so many steps.
    Zoom(isize),
    /// Text to the right, by so many steps.
    Shift(i16),
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
    /// Any of these, as help shows them. Letters match in either case where no other row has that case.
    pub keys: &'static [&'static str],
    /// Their command.
    pub command: Command,
    /// The contexts in which they do.
    pub context: KeyContext,
    /// Keys and a word for the keys line; empty to be left out there.
    pub line: &'static str,
    /// A sentence for help.
    pub words: &'static str,
}

/// The name of a key in the list; keys that always do the same have one name.
fn name(event: KeyEvent) -> String {
    let (ctrl, shift) = [KeyModifiers::CONTROL, KeyModifiers::SHIFT].map(|key| event.modifiers.contains(key)).into();
    let name = match event.code {
        KeyCode::Char('x' | 'X') if ctrl => "x",
        KeyCode::Char(c) if ctrl => return format!("ctrl-{c}"),
        KeyCode::Char('k') => "↑",
        KeyCode::Char('j') => "↓",
        KeyCode::Char('h' | 'H') => "?",
        KeyCode::Char('q' | 'Q') => "x",
        KeyCode::Char(' ') => "space",
        KeyCode::Char(c) => return c.to_string(),
        code if shift => return format!("shift {}", name(code.into())),
        KeyCode::Up => "↑",
        KeyCode::Down => "↓",
        KeyCode::Left => "←",
        KeyCode::Right => "→",
        KeyCode::Enter => "enter",
        KeyCode::Tab | KeyCode::F(6) => "tab",
        KeyCode::PageUp => "pgup",
        KeyCode::PageDown => "pgdn",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::F(1) => "?",
        KeyCode::Esc => "x",
        _ => "",
    };
    name.to_owned()
}

/// The command of a key in a context.
pub fn command(event: KeyEvent, context: KeyContext) -> Option<Command> {
    let name = name(event);
    let find = |same: fn(&str, &str) -> bool| bindings(context).find(|row| row.keys.iter().any(|key| same(key, &name)));
    find(|key, name| key == name).or_else(|| find(str::eq_ignore_ascii_case)).map(|row| row.command)
}

/// The bindings of a context, in the order of the list.
pub fn bindings(context: KeyContext) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.context.meets(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that a terminal sends.
    fn events() -> Vec<KeyEvent> {
        use KeyCode::{
            BackTab, Backspace, Delete, Down, End, Enter, Esc, Home, Insert, Left, PageDown, PageUp, Right, Tab, Up,
        };
        let named =
            [Up, Down, Left, Right, Enter, Tab, PageUp, PageDown, Home, End, Esc, BackTab, Backspace, Delete, Insert];
        let chars = (' '..='~').map(KeyCode::Char);
        let codes = named.into_iter().chain((1..=12).map(KeyCode::F)).chain(chars);
        let modifiers = [KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL];
        codes.flat_map(|code| modifiers.map(|modifier| KeyEvent::new(code, modifier))).collect()
    }

    #[test]
    fn every_key_of_a_context_is_reachable() {
        let facilities = crate::facility::ALL.map(|view| view.keys);
        for context in (0..9).map(|bit| KeyContext(1 << bit)).chain(facilities) {
            for binding in bindings(context) {
                for key in binding.keys {
                    let mut events = events();
                    events.retain(|event| name(*event) == *key);
                    assert!(!events.is_empty(), "{key} is the name of no key");
                    for event in events {
                        assert_eq!(command(event, context), Some(binding.command), "{key:?} in {context:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_that_do_the_same_have_one_name() {
        for (codes, key) in [
            (&[KeyCode::Up, KeyCode::Char('k')][..], "↑"),
            (&[KeyCode::Down, KeyCode::Char('j')], "↓"),
            (&[KeyCode::Char('?'), KeyCode::Char('h'), KeyCode::F(1)], "?"),
            (&[KeyCode::Char('x'), KeyCode::Char('q'), KeyCode::Char('Q'), KeyCode::Esc], "x"),
            (&[KeyCode::Tab, KeyCode::F(6)], "tab"),
        ] {
            assert!(codes.iter().all(|code| name((*code).into()) == key), "{key}");
        }
        assert_eq!(name(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL)), "x");
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
