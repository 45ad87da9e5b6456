//! The filter dialog: IPTraf's menu, the list of named filters, and the rules of one of them.

use ratatui::crossterm::event::KeyCode;
use traf_model::filter::check_name;

use super::super::App;
use super::Dialog;
use super::prompt::{Entry, Prompt};
use super::rules::RulesEditor;
use crate::config::Config;
use crate::event::{Change, Effect};
use crate::text::fit;
use crate::widget::dialog::{Sheet, moved, turned};

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
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// The prompt for words.
    Type,
    /// A new named filter.
    Define,
    /// One of the named filters.
    Pick(Verb),
    /// No filter.
    Detach,
    /// Packets that the traffic monitor shows or hides, by their place in the configuration.
    Visible(fn(&mut Config) -> &mut bool),
    /// Back.
    Exit,
}

const ARP: Item = Item::Visible(|config| &mut config.arp);
const RARP: Item = Item::Visible(|config| &mut config.rarp);
const NON_IP: Item = Item::Visible(|config| &mut config.non_ip);

/// The menu: letter, entry, title, help line.
pub(super) const MENU: [(char, Item, &str, &str); 10] = [
    ('t', Item::Type, "Type a filter...", "Any filter in tcpdump's words, for this console only"),
    ('d', Item::Define, "Define new filter...", "Rules under a name, for all consoles of this collector"),
    ('a', Item::Pick(Verb::Apply), "Apply filter...", "Shows only what a named filter includes"),
    ('c', Item::Detach, "Detach filter", "Shows everything again"),
    ('e', Item::Pick(Verb::Edit), "Edit filter...", "Changes the rules of a named filter"),
    ('l', Item::Pick(Verb::Delete), "Delete filter...", "Deletes a named filter, for all consoles"),
    ('r', ARP, "ARP", "Shows or hides ARP packets in the traffic monitor"),
    ('v', RARP, "RARP", "Shows or hides RARP packets in the traffic monitor"),
    ('n', NON_IP, "Non-IP", "Shows or hides all else that is no IP in the traffic monitor"),
    ('x', Item::Exit, "Exit menu", "Back to the screen"),
];

/// Takes a key of the menu; returns the dialog that is open afterwards.
pub(super) fn in_menu(at: usize, key: KeyCode, app: &mut App) -> Option<Dialog> {
    let at = match key {
        KeyCode::Esc | KeyCode::Char('q' | 'Q') => return None,
        KeyCode::Enter => at,
        KeyCode::Char(letter) => match MENU.iter().position(|(hot, ..)| hot.eq_ignore_ascii_case(&letter)) {
            Some(place) => place,
            None => return Some(Dialog::Filters(at)),
        },
        key => return Some(Dialog::Filters(turned(at, MENU.len(), key).unwrap_or(at))),
    };
    match MENU[at].1 {
        Item::Type => return Some(Prompt::open(Entry::Filter, app.filter.to_string())),
        Item::Define => return Some(Prompt::open(Entry::Name, "")),
        Item::Pick(verb) => return Some(Dialog::Pick(verb, 0)),
        Item::Exit => return None,
        Item::Detach => {
            app.use_filter("");
            return None;
        }
        Item::Visible(place) => {
            let mut config = app.config.clone();
            let visible = place(&mut config);
            *visible = !*visible;
            app.configure(config);
        }
    }
    Some(Dialog::Filters(at))
}

/// Takes a key of the list of named filters; returns the dialog that is open afterwards.
pub(super) fn in_list(verb: Verb, at: usize, key: KeyCode, app: &mut App) -> Option<Dialog> {
    let filter = match key {
        KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return Some(Dialog::Filters(0)),
        KeyCode::Enter => app.filters.get(at).cloned()?,
        key => return Some(Dialog::Pick(verb, moved(at, app.filters.len(), key).unwrap_or(at))),
    };
    match verb {
        Verb::Apply => {
            app.use_filter(&format!("@{}", filter.name));
            None
        }
        Verb::Edit => Some(Dialog::Rules(Box::new(RulesEditor::new(filter.name, filter.rules.0)))),
        Verb::Delete => {
            app.say(format!("deleting {} …", filter.name));
            app.effects.push(Effect::Change(Change::DeleteFilter(filter.name)));
            Some(Dialog::Filters(0))
        }
    }
}

/// Checks the name of a new filter.
pub(super) fn check_new(name: &str, app: &App) -> Result<(), String> {
    if app.filters.iter().any(|filter| filter.name == name) {
        return Err(format!("`{name}` is there already: edit that one, or choose another name"));
    }
    check_name(name)
}

/// Draws the menu.
pub(super) fn draw(at: usize, app: &App, sheet: &mut Sheet<'_>) {
    let active = app.filter_words();
    let state = |item: Item| match item {
        Item::Type if active.is_empty() => "no filter active".to_owned(),
        Item::Type => fit(&active, 40).into_owned(),
        Item::Visible(place) => if *place(&mut app.config.clone()) { "visible" } else { "not visible" }.to_owned(),
        _ => String::new(),
    };
    sheet.choices("Filters", MENU.iter().map(|(_, item, title, _)| ((*title).to_owned(), state(*item))), at, "");
    sheet.foot(MENU[at].3, "↑↓ move  enter execute  t d a c e l r v n x letters");
}

/// Draws the list of named filters.
pub(super) fn draw_list(verb: Verb, at: usize, app: &App, sheet: &mut Sheet<'_>) {
    let rows = app.filters.iter().map(|filter| {
        let words = filter.rules.compiled().to_string();
        let words = if words.is_empty() { "everything" } else { &words };
        (filter.name.clone(), fit(words, 44).into_owned())
    });
    let entry = MENU.iter().find(|(_, item, ..)| matches!(item, Item::Pick(other) if *other == verb));
    let title = entry.map_or("", |(.., title, _)| title.trim_end_matches('.'));
    sheet.choices(title, rows, at, "none is defined yet: d in the filter menu defines one");
    sheet.foot("Filters are shared by all consoles of this collector", "↑↓ move  enter select  x close");
}
