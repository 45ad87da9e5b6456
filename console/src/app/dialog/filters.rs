//! The filter dialog: IPTraf's menu, the list of named filters, and the rules of one of them.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::NamedFilter;
use traf_model::filter::check_name;
use tui_input::Input;

use super::super::App;
use super::Dialog;
use super::rules::{self, RulesEditor};
use crate::event::{Change, Effect};
use crate::text::fit;
use crate::widget::dialog::{Sheet, moved, turned};
use crate::widget::input::{Typed, typed};

/// Panes of the dialog.
#[derive(Clone, Debug)]
pub enum Filters {
    /// The menu, with its bar.
    Menu(usize),
    /// A named filter is chosen for something.
    Pick(Verb, usize),
    /// A new one gets its name.
    Name(Input),
    /// The rules of one.
    Rules(Box<RulesEditor>),
}

/// Actions on a named filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To be shown.
    Apply,
    /// To be changed.
    Edit,
    /// To be deleted.
    Delete,
}

/// An entry of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The prompt for words.
    Type,
    /// A new named filter.
    Define,
    /// One of the named filters.
    Pick(Verb),
    /// No filter.
    Detach,
    /// ARP in the traffic monitor.
    Arp,
    /// RARP in the traffic monitor.
    Rarp,
    /// Packets that are not IP in the traffic monitor.
    NonIp,
    /// Back.
    Exit,
}

/// The menu: letter, entry, title, help line.
pub const MENU: [(char, Item, &str, &str); 10] = [
    ('t', Item::Type, "Type a filter...", "Any filter in tcpdump's words, for this console only"),
    ('d', Item::Define, "Define new filter...", "Rules under a name, for all consoles of this collector"),
    ('a', Item::Pick(Verb::Apply), "Apply filter...", "Shows only what a named filter includes"),
    ('c', Item::Detach, "Detach filter", "Shows everything again"),
    ('e', Item::Pick(Verb::Edit), "Edit filter...", "Changes the rules of a named filter"),
    ('l', Item::Pick(Verb::Delete), "Delete filter...", "Deletes a named filter, for all consoles"),
    ('r', Item::Arp, "ARP", "Shows or hides ARP packets in the traffic monitor"),
    ('v', Item::Rarp, "RARP", "Shows or hides RARP packets in the traffic monitor"),
    ('n', Item::NonIp, "Non-IP", "Shows or hides all else that is no IP in the traffic monitor"),
    ('x', Item::Exit, "Exit menu", "Back to the screen"),
];

impl Filters {
    /// Takes a key; returns the dialog that is open afterwards.
    pub(super) fn on_key(self, key: KeyEvent, app: &mut App) -> Option<Dialog> {
        match self {
            Self::Menu(at) => match key.code {
                KeyCode::Esc | KeyCode::Char('q' | 'Q') => None,
                KeyCode::Enter => Self::choose(at, app),
                KeyCode::Char(letter) => match MENU.iter().position(|(hot, ..)| hot.eq_ignore_ascii_case(&letter)) {
                    Some(place) => Self::choose(place, app),
                    None => stay(self),
                },
                code => stay(Self::Menu(turned(at, MENU.len(), code).unwrap_or(at))),
            },
            Self::Pick(verb, at) => match (key.code, app.filters.get(at).cloned()) {
                (KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q'), _) => stay(Self::Menu(0)),
                (KeyCode::Enter, Some(filter)) => Self::picked(verb, filter, app),
                (KeyCode::Enter, None) => None,
                (code, _) => stay(Self::Pick(verb, moved(at, app.filters.len(), code).unwrap_or(at))),
            },
            Self::Name(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => stay(Self::Menu(0)),
                Typed::Entered if name_error(input.value(), app).is_none() => {
                    let name = input.value().to_owned();
                    let editor = RulesEditor { changed: true, ..RulesEditor::new(name, Vec::new()) };
                    stay(Self::Rules(Box::new(editor)))
                }
                _ => stay(Self::Name(input)),
            },
            Self::Rules(mut editor) => match editor.on_key(key, app) {
                true => stay(Self::Rules(editor)),
                false => stay(Self::Menu(0)),
            },
        }
    }

    fn choose(at: usize, app: &mut App) -> Option<Dialog> {
        let mut config = app.config.clone();
        match MENU[at].1 {
            Item::Type => return Some(Dialog::Filter(app.filter.to_string().into())),
            Item::Define => return stay(Self::Name(Input::default())),
            Item::Pick(verb) => return stay(Self::Pick(verb, 0)),
            Item::Exit => return None,
            Item::Detach => {
                app.use_filter("");
                return None;
            }
            Item::Arp => config.arp = !config.arp,
            Item::Rarp => config.rarp = !config.rarp,
            Item::NonIp => config.non_ip = !config.non_ip,
        }
        app.configure(config);
        stay(Self::Menu(at))
    }

    fn picked(verb: Verb, filter: NamedFilter, app: &mut App) -> Option<Dialog> {
        match verb {
            Verb::Apply => {
                app.use_filter(&format!("@{}", filter.name));
                None
            }
            Verb::Edit => stay(Self::Rules(Box::new(RulesEditor::new(filter.name, filter.rules.0)))),
            Verb::Delete => {
                app.say(format!("deleting {} …", filter.name));
                app.effects.push(Effect::Change(Change::DeleteFilter(filter.name)));
                stay(Self::Menu(0))
            }
        }
    }
}

fn stay(open: Filters) -> Option<Dialog> {
    Some(Dialog::Filters(open))
}

/// The reason why a name is not accepted for a new filter.
fn name_error(name: &str, app: &App) -> Option<String> {
    if app.filters.iter().any(|filter| filter.name == name) {
        return Some(format!("`{name}` is there already: edit that one, or choose another name"));
    }
    check_name(name).err()
}

/// Draws it; returns the place of the terminal's cursor.
pub(super) fn draw(app: &App, open: &Filters, sheet: &mut Sheet<'_>) -> Option<(u16, u16)> {
    match open {
        Filters::Menu(at) => {
            sheet.choices("Filters", menu_rows(app), *at, "");
            sheet.foot(MENU[*at].3, "↑↓ move  enter execute  t d a c e l r v n x letters");
            None
        }
        Filters::Pick(verb, at) => {
            let rows = app.filters.iter().map(|filter| {
                let words = filter.rules.compiled().to_string();
                let words = if words.is_empty() { "everything" } else { &words };
                (filter.name.clone(), fit(words, 44).into_owned())
            });
            let title = MENU.iter().find(|(_, item, ..)| *item == Item::Pick(*verb)).map_or("", |(.., title, _)| title);
            sheet.choices(
                title.trim_end_matches('.'),
                rows,
                *at,
                "none is defined yet: d in the filter menu defines one",
            );
            let words = "Filters are shared by all consoles of this collector";
            sheet.foot(words, "↑↓ move  enter select  x close");
            None
        }
        Filters::Name(input) => {
            let wrong = (!input.value().is_empty()).then(|| name_error(input.value(), app)).flatten();
            let words = "a name for the new filter; enter goes on to its rules, esc cancels";
            Some(sheet.prompt("name", input, wrong.map(|words| (0, words)), words))
        }
        Filters::Rules(editor) => rules::draw(editor, sheet),
    }
}

fn menu_rows(app: &App) -> impl Iterator<Item = (String, String)> {
    let seen = |visible: bool| if visible { "visible" } else { "not visible" }.to_owned();
    let active = app.filter_words();
    let state = move |item| match item {
        Item::Type if active.is_empty() => "no filter active".to_owned(),
        Item::Type => fit(&active, 40).into_owned(),
        Item::Arp => seen(app.config.arp),
        Item::Rarp => seen(app.config.rarp),
        Item::NonIp => seen(app.config.non_ip),
        _ => String::new(),
    };
    MENU.iter().map(move |(_, item, title, _)| ((*title).to_owned(), state(*item)))
}
