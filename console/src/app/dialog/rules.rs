//! The rules of a named filter: a list, and a rule as a form or as text.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::NamedFilter;
use traf_model::filter::{Rule, Rules};

use super::super::App;
use super::Dialog;
use super::form::{self, Form};
use super::prompt::{Entry, Prompt};
use crate::event::{Change, Effect};
use crate::text::{clean, fit};
use crate::theme::Role;
use crate::widget::dialog::{Sheet, moved};

/// The rules of a filter while they are changed.
#[derive(Clone, Debug)]
pub struct RulesEditor {
    /// Of the filter.
    pub name: String,
    /// In their order.
    pub rules: Vec<Rule>,
    /// The one with the bar.
    pub selected: usize,
    /// Something was changed since it was kept.
    pub changed: bool,
    /// The pane over the list.
    pub pane: RulesPane,
    /// Reason why an entry was not accepted.
    pub wrong: String,
}

/// The panes over the list of rules.
#[derive(Clone, Debug)]
pub enum RulesPane {
    /// Nothing.
    List,
    /// A rule as a form.
    Form(Box<Form>, RulePosition),
    /// Question whether changes are kept.
    Leaving,
}

/// Position of a rule in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePosition {
    /// Before this one.
    Before(usize),
    /// In the place of this one.
    Of(usize),
}

/// Text of a new rule.
const NEW: &str = "include ";

impl RulesEditor {
    /// With the bar on the first rule.
    pub fn new(name: String, rules: Vec<Rule>) -> Self {
        Self { name, rules, selected: 0, changed: false, pane: RulesPane::List, wrong: String::new() }
    }

    /// Takes a key; returns the dialog that is open afterwards.
    pub(super) fn on_key(mut self: Box<Self>, key: KeyEvent, app: &mut App) -> Option<Dialog> {
        match std::mem::replace(&mut self.pane, RulesPane::List) {
            RulesPane::List => return self.in_list(key.code),
            RulesPane::Form(..) if Form::is_left(key) => {}
            RulesPane::Form(mut form, position) => match form.on_key(key) {
                Some(rule) => self.put(rule, position),
                None => self.pane = RulesPane::Form(form, position),
            },
            RulesPane::Leaving => match key.code {
                KeyCode::Char('y' | 'Y') | KeyCode::Enter => {
                    if self.keep(app) {
                        return Some(Dialog::Filters(0));
                    }
                }
                KeyCode::Char('n' | 'N') => return Some(Dialog::Filters(0)),
                KeyCode::Esc => {}
                _ => self.pane = RulesPane::Leaving,
            },
        }
        Some(Dialog::Rules(self))
    }

    fn in_list(mut self: Box<Self>, key: KeyCode) -> Option<Dialog> {
        self.wrong.clear();
        let last = self.rules.len().saturating_sub(1);
        let at = self.selected;
        let end = RulePosition::Before(self.rules.len());
        let (rule, place) = match self.rules.get(at) {
            Some(rule) => (rule.to_string(), RulePosition::Of(at)),
            None => (NEW.to_owned(), end),
        };
        match key {
            KeyCode::Char('i' | 'I') | KeyCode::Insert => {
                self.pane = RulesPane::Form(Box::default(), RulePosition::Before(at));
            }
            KeyCode::Char('a' | 'A') => self.pane = RulesPane::Form(Box::default(), end),
            KeyCode::Char('t' | 'T') => return Some(Prompt::open(Entry::Rule(self, place), rule)),
            KeyCode::Char('n' | 'N') => return Some(Prompt::open(Entry::Rule(self, end), NEW)),
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < self.rules.len() => {
                self.rules.remove(at);
                self.selected = at.min(self.rules.len().saturating_sub(1));
                self.changed = true;
            }
            // The order decides, so a rule can be moved.
            KeyCode::Char('+') if at < last => self.swap(at, at + 1),
            KeyCode::Char('-') if at > 0 => self.swap(at, at - 1),
            KeyCode::Enter => match self.rules.get(at).map_or_else(|| Some(Form::default()), Form::of) {
                Some(form) => self.pane = RulesPane::Form(Box::new(form), place),
                None => return Some(Prompt::open(Entry::Rule(self, place), rule)),
            },
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') if self.changed => self.pane = RulesPane::Leaving,
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return Some(Dialog::Filters(0)),
            key => self.selected = moved(at, self.rules.len(), key).unwrap_or(at),
        }
        Some(Dialog::Rules(self))
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.rules.swap(a, b);
        (self.selected, self.changed) = (b, true);
    }

    /// Puts a rule in its place.
    pub(super) fn put(&mut self, rule: Rule, position: RulePosition) {
        match position {
            RulePosition::Before(_) if self.rules.len() >= Rules::MOST => {
                self.wrong = format!("{} rules are the most that a filter has", Rules::MOST);
                return;
            }
            RulePosition::Before(at) => {
                self.selected = at.min(self.rules.len());
                self.rules.insert(self.selected, rule);
            }
            RulePosition::Of(at) => self.rules[at] = rule,
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

    /// Draws the list, or what is over it; returns the place of the terminal's cursor.
    pub(super) fn draw(&self, sheet: &mut Sheet<'_>) -> Option<(u16, u16)> {
        if let RulesPane::Form(form, _) = &self.pane {
            return Some(form::draw(form, sheet));
        }
        draw(self, sheet);
        let (words, keys) = match (&self.pane, self.wrong.as_str()) {
            (RulesPane::Leaving, _) => {
                ("Keep what was changed?", "y keeps it for all consoles  n forgets it  esc goes on")
            }
            (_, "") => ("The first rule that matches decides; what none matches is not shown", KEYS),
            (_, wrong) => (wrong, KEYS),
        };
        sheet.foot(words, keys);
        None
    }
}

const KEYS: &str = "↑↓ i insert  a add  enter edit  t as text  n new as text  +- move  d delete  x exit";

/// Draws the list of rules, with arrows and I/E as IPTraf has them.
pub(super) fn draw(editor: &RulesEditor, sheet: &mut Sheet<'_>) {
    let area = sheet.areas.body;
    sheet.plane(area);
    let columns = usize::from(area.width);
    let [style, hot] = [Role::Dialog, Role::DialogHot].map(|role| sheet.theme.style(role));
    let half = columns.saturating_sub(14) / 2;
    let title = format!(" Source {} Destination ", "─".repeat(half.saturating_sub(8)));
    sheet.buffer.set_stringn(area.x + 2, area.y, title, columns.saturating_sub(8), style);
    sheet.buffer.set_string(area.right().saturating_sub(7), area.y, " I/E ", style);
    let name = format!(" {}{} ", clean(&editor.name), if editor.changed { " (changed)" } else { "" });
    sheet.buffer.set_stringn(area.x + 2, area.bottom() - 1, fit(&name, columns.saturating_sub(4)), columns, style);
    let page = usize::from(area.height.saturating_sub(2)).max(1);
    let first = (editor.selected + 1).saturating_sub(page);
    for ((place, rule), y) in editor.rules.iter().enumerate().skip(first).zip(area.top() + 1..area.bottom() - 1) {
        let bar = if place == editor.selected { "›" } else { " " };
        let room = columns.saturating_sub(10);
        let words = match Form::of(rule) {
            Some(form) => {
                let arrow = if form.opposite { "<->" } else { "-->" };
                let marked = form.protocol_words();
                format!("{:half$} {arrow} {}  {marked}", fit(&form.end(false), half), form.end(true))
            }
            None => rule.filter.to_string(),
        };
        sheet.buffer.set_string(area.x + 1, y, bar, hot);
        sheet.buffer.set_stringn(area.x + 3, y, fit(&clean(&words), room), room, style);
        sheet.buffer.set_string(area.right().saturating_sub(5), y, if rule.include { "I" } else { "E" }, hot);
    }
    if editor.rules.is_empty() {
        let words = "no rules yet: i inserts one; what no rule includes is not shown";
        sheet.buffer.set_stringn(area.x + 3, area.y + 1, words, columns - 4, style);
    }
}
