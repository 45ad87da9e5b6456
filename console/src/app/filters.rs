//! The filter dialog: IPTraf's menu, the list of named filters, and the rules of one of them.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use traf_model::NamedFilter;
use traf_model::filter::{Rule, Rules, RulesError, check_name};
use tui_input::Input;

use super::App;
use super::overlay::{Overlay, edit};
use super::rule::{Form, Outcome};
use crate::event::{Change, Effect};

/// What is open of the dialog.
#[derive(Clone, Debug)]
pub enum Filters {
    /// The menu, with its bar.
    Menu(usize),
    /// A named filter is chosen for something.
    Pick(Verb, usize),
    /// A new one gets its name.
    Name(Input),
    /// The rules of one.
    Rules(Box<Editor>),
}

/// What a filter is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To be shown.
    Apply,
    /// To be changed.
    Edit,
    /// To be deleted.
    Delete,
}

impl Verb {
    /// In titles.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Apply => "Apply filter",
            Self::Edit => "Edit filter",
            Self::Delete => "Delete filter",
        }
    }
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
    /// What is no IP in the traffic monitor.
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

/// The rules of a filter while they are changed.
#[derive(Clone, Debug)]
pub struct Editor {
    /// Of the filter.
    pub name: String,
    /// In their order.
    pub rules: Vec<Rule>,
    /// The one with the bar.
    pub selected: usize,
    /// Something was changed since it was kept.
    pub changed: bool,
    /// What lies over the list.
    pub open: Open,
    /// Why something was not done.
    pub wrong: String,
}

/// What lies over the list of rules.
#[derive(Clone, Debug)]
pub enum Open {
    /// Nothing.
    List,
    /// A rule as a form.
    Form(Box<Form>, Spot),
    /// A rule as text.
    Text(Input, Spot),
    /// Whether to keep what was changed.
    Leaving,
}

/// Where a rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Before this one.
    Before(usize),
    /// In the place of this one.
    Of(usize),
}

impl Filters {
    /// A key; what is open afterwards.
    pub(super) fn on_key(self, key: KeyEvent, app: &mut App) -> Option<Overlay> {
        let stay = |open| Some(Overlay::Filters(open));
        match self {
            Self::Menu(at) => Self::menu(at, key, app),
            Self::Pick(verb, at) => {
                let last = app.filters.len().saturating_sub(1);
                match key.code {
                    KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => stay(Self::Menu(0)),
                    KeyCode::Up => stay(Self::Pick(verb, at.saturating_sub(1))),
                    KeyCode::Down => stay(Self::Pick(verb, (at + 1).min(last))),
                    KeyCode::Home | KeyCode::PageUp => stay(Self::Pick(verb, 0)),
                    KeyCode::End | KeyCode::PageDown => stay(Self::Pick(verb, last)),
                    KeyCode::Enter => Self::picked(verb, app.filters.get(at).cloned()?, app),
                    _ => stay(Self::Pick(verb, at)),
                }
            }
            Self::Name(mut input) => match key.code {
                KeyCode::Esc => stay(Self::Menu(0)),
                KeyCode::Enter if name_error(input.value(), app).is_none() => {
                    let name = input.value().to_owned();
                    let editor = Editor { changed: true, ..Editor::new(name, Vec::new()) };
                    stay(Self::Rules(Box::new(editor)))
                }
                _ => {
                    edit(&mut input, key);
                    stay(Self::Name(input))
                }
            },
            Self::Rules(mut editor) => {
                if editor.on_key(key, app) {
                    stay(Self::Rules(editor))
                } else {
                    stay(Self::Menu(0))
                }
            }
        }
    }

    fn menu(at: usize, key: KeyEvent, app: &mut App) -> Option<Overlay> {
        let last = MENU.len() - 1;
        let at = match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'Q') => return None,
            KeyCode::Up => at.checked_sub(1).unwrap_or(last),
            KeyCode::Down => {
                if at == last {
                    0
                } else {
                    at + 1
                }
            }
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Enter => return Self::choose(at, app),
            KeyCode::Char(letter) => match MENU.iter().position(|(hot, ..)| hot.eq_ignore_ascii_case(&letter)) {
                Some(place) => return Self::choose(place, app),
                None => at,
            },
            _ => at,
        };
        Some(Overlay::Filters(Self::Menu(at)))
    }

    fn choose(at: usize, app: &mut App) -> Option<Overlay> {
        let mut config = app.config.clone();
        match MENU.get(at)?.1 {
            Item::Type => return Some(Overlay::Filter(app.filter.to_string().into())),
            Item::Define => return Some(Overlay::Filters(Self::Name(Input::default()))),
            Item::Pick(verb) => return Some(Overlay::Filters(Self::Pick(verb, 0))),
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
        Some(Overlay::Filters(Self::Menu(at)))
    }

    fn picked(verb: Verb, filter: NamedFilter, app: &mut App) -> Option<Overlay> {
        match verb {
            Verb::Apply => {
                app.use_filter(&format!("@{}", filter.name));
                None
            }
            Verb::Edit => Some(Overlay::Filters(Self::Rules(Box::new(Editor::new(filter.name, filter.rules.0))))),
            Verb::Delete => {
                app.say(format!("deleting {} …", filter.name));
                app.effects.push(Effect::Change(Change::DeleteFilter(filter.name)));
                Some(Overlay::Filters(Self::Menu(0)))
            }
        }
    }
}

/// Why a name will not do for a new filter.
pub fn name_error(name: &str, app: &App) -> Option<String> {
    if app.filters.iter().any(|filter| filter.name == name) {
        return Some(format!("`{name}` is there already: edit that one, or choose another name"));
    }
    check_name(name).err()
}

/// The rule that is typed.
///
/// # Errors
/// Where it is wrong.
pub fn typed_rule(input: &Input) -> Result<Rule, RulesError> {
    input.value().parse()
}

impl Editor {
    /// With the bar on the first rule.
    pub fn new(name: String, rules: Vec<Rule>) -> Self {
        Self { name, rules, selected: 0, changed: false, open: Open::List, wrong: String::new() }
    }

    /// A key; false when the editor is left.
    fn on_key(&mut self, key: KeyEvent, app: &mut App) -> bool {
        match std::mem::replace(&mut self.open, Open::List) {
            Open::List => return self.in_list(key),
            Open::Form(mut form, spot) => match form.on_key(key) {
                Outcome::Open => self.open = Open::Form(form, spot),
                Outcome::Cancelled => {}
                Outcome::Done(rule) => self.put(rule, spot),
            },
            Open::Text(mut input, spot) => match key.code {
                KeyCode::Esc => {}
                KeyCode::Enter => match typed_rule(&input) {
                    Ok(rule) => self.put(rule, spot),
                    Err(_) => self.open = Open::Text(input, spot),
                },
                _ => {
                    edit(&mut input, key);
                    self.open = Open::Text(input, spot);
                }
            },
            Open::Leaving => match key.code {
                KeyCode::Char('y' | 'Y') | KeyCode::Enter => return !self.keep(app),
                KeyCode::Char('n' | 'N') => return false,
                KeyCode::Esc => {}
                _ => self.open = Open::Leaving,
            },
        }
        true
    }

    fn in_list(&mut self, key: KeyEvent) -> bool {
        self.wrong.clear();
        let last = self.rules.len().saturating_sub(1);
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let at = self.selected;
        match key.code {
            KeyCode::Up => self.selected = at.saturating_sub(1),
            KeyCode::Down => self.selected = (at + 1).min(last),
            KeyCode::Home | KeyCode::PageUp => self.selected = 0,
            KeyCode::End | KeyCode::PageDown => self.selected = last,
            KeyCode::Char('i' | 'I') | KeyCode::Insert => self.open = Open::Form(Box::default(), Spot::Before(at)),
            KeyCode::Char('a' | 'A') => self.open = Open::Form(Box::default(), Spot::Before(self.rules.len())),
            KeyCode::Char('t' | 'T') if self.rules.is_empty() => {
                self.open = Open::Text("include ".to_owned().into(), Spot::Before(0));
            }
            KeyCode::Char('t' | 'T') => self.as_text(at),
            KeyCode::Char('n' | 'N') => {
                self.open = Open::Text("include ".to_owned().into(), Spot::Before(self.rules.len()));
            }
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < self.rules.len() => {
                self.rules.remove(at);
                self.selected = at.min(self.rules.len().saturating_sub(1));
                self.changed = true;
            }
            // The order decides, so a rule can be moved.
            KeyCode::Char('+') if at < last => self.swap(at, at + 1),
            KeyCode::Char('-') if at > 0 => self.swap(at, at - 1),
            KeyCode::Enter => match self.rules.get(at).map(Form::of) {
                Some(Some(form)) => self.open = Open::Form(Box::new(form), Spot::Of(at)),
                Some(None) => self.as_text(at),
                None => self.open = Open::Form(Box::default(), Spot::Before(0)),
            },
            KeyCode::Esc | KeyCode::Char('q' | 'Q') => return self.leave(),
            KeyCode::Char('x' | 'X') => return self.leave(),
            _ if ctrl => {}
            _ => {}
        }
        true
    }

    fn leave(&mut self) -> bool {
        if self.changed {
            self.open = Open::Leaving;
        }
        self.changed
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.rules.swap(a, b);
        (self.selected, self.changed) = (b, true);
    }

    fn as_text(&mut self, at: usize) {
        if let Some(rule) = self.rules.get(at) {
            self.open = Open::Text(rule.to_string().into(), Spot::Of(at));
        }
    }

    fn put(&mut self, rule: Rule, spot: Spot) {
        match spot {
            Spot::Before(_) if self.rules.len() >= Rules::MOST => {
                self.wrong = format!("{} rules are the most that a filter has", Rules::MOST);
                return;
            }
            Spot::Before(at) => {
                self.selected = at.min(self.rules.len());
                self.rules.insert(self.selected, rule);
            }
            Spot::Of(at) => {
                if let Some(old) = self.rules.get_mut(at) {
                    *old = rule;
                }
            }
        }
        self.changed = true;
    }

    /// Hands the rules over to be kept; false when they cannot be.
    fn keep(&mut self, app: &mut App) -> bool {
        let rules = Rules(self.rules.clone());
        if let Err(error) = rules.to_string().parse::<Rules>() {
            self.wrong = error.message;
            return false;
        }
        app.say(format!("keeping {} …", self.name));
        app.effects.push(Effect::Change(Change::SaveFilter(NamedFilter { name: self.name.clone(), rules })));
        true
    }
}
