//! Dialogs over a screen: help, menus, prompts. Each has its keys and its drawing here or in a file of its own.

mod configure;
mod details;
mod filters;
mod form;
mod picker;
mod prompt;
mod read;
mod rules;
mod sensor;
mod sort;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::{Group, Order, OrderBy, Row};

use super::menu::BREAKDOWNS;
use super::{App, Screen};
use crate::condition::both;
use crate::facility::condition;
use crate::key::bindings;
use crate::widget::dialog::{Lines, Sheet, turned};
use crate::widget::layout::Areas;
use filters::Verb;
pub use picker::Picker;
pub use prompt::{Entry, Prompt};
use rules::RulesEditor;
pub use sensor::SensorSettings;

/// The dialog that is open.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// The keys of the screen below, from this line on.
    Help(usize),
    /// The next key chooses the order.
    Sort,
    /// A line is typed.
    Prompt(Prompt),
    /// A scope is chosen; an interface where it is for a screen.
    Scope(Picker, Option<Screen>),
    /// The menu of statistical breakdowns, with its bar.
    Breakdowns(usize),
    /// The next key chooses what of the flows makes a row.
    Group,
    /// The list of missing data, from this line on.
    Missing(usize),
    /// All that is known of a row, from this line on.
    Details(Box<Row>, usize),
    /// Version and licence.
    About,
    /// The menu of filters, with its bar.
    Filters(usize),
    /// A named filter is chosen for something.
    Pick(Verb, usize),
    /// The rules of a named filter.
    Rules(Box<RulesEditor>),
    /// The settings of a sensor.
    Sensor(SensorSettings),
    /// The ports among them, with the bar.
    Ports(SensorSettings, usize),
    /// The menu of the configuration, with its bar, and the reason why its entry opens nothing.
    Configure(usize, &'static str),
    /// One's own descriptions of MAC addresses, with the bar.
    Descriptions(usize),
}

impl App {
    /// A key while a dialog is open. Returns the dialog that is open afterwards.
    pub(super) fn in_dialog(&mut self, dialog: Dialog, key: KeyEvent) -> Option<Dialog> {
        let code = key.code;
        match dialog {
            // Dialogs of several steps go back by themselves.
            Dialog::Prompt(prompt) => prompt.on_key(key, self),
            Dialog::Filters(at) => filters::in_menu(at, code, self),
            Dialog::Pick(verb, at) => filters::in_list(verb, at, code, self),
            Dialog::Rules(editor) => editor.on_key(key, self),
            Dialog::Descriptions(at) => Some(configure::in_descriptions(at, code, self)),
            Dialog::Ports(desk, at) => Some(desk.in_ports(at, code, self)),
            _ if matches!(code, KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q')) => None,
            Dialog::Configure(at, _) => configure::in_menu(at, code, self),
            Dialog::Sensor(desk) => Some(desk.in_list(code, self)),
            Dialog::Help(line) => scrolled(line, code).map(Dialog::Help),
            Dialog::Missing(line) => scrolled(line, code).map(Dialog::Missing),
            Dialog::Sort => self.sort_by(code),
            Dialog::Group => {
                self.traffic.group = sort::chosen(&sort::GROUPINGS, code)?;
                self.traffic.opened = None;
                self.traffic.clear();
                None
            }
            Dialog::Breakdowns(at) => {
                self.choose(match code {
                    KeyCode::Enter => BREAKDOWNS.get(at)?,
                    KeyCode::Char(letter) => BREAKDOWNS.iter().find(|entry| entry.hot.eq_ignore_ascii_case(&letter))?,
                    code => return turned(at, BREAKDOWNS.len(), code).map(Dialog::Breakdowns),
                });
                self.dialog.take()
            }
            Dialog::Scope(mut picker, screen) => {
                let Some(scope) = picker.on_key(code) else { return Some(Dialog::Scope(picker, screen)) };
                self.scope = scope;
                if let Some(screen) = screen {
                    self.open(screen);
                }
                None
            }
            Dialog::Details(row, line) => {
                if let Some(line) = scrolled(line, code) {
                    return Some(Dialog::Details(row, line));
                }
                if code == KeyCode::Char('t')
                    && let Some(expression) = condition(&row)
                {
                    self.filter = both(&self.filter, expression);
                    self.traffic.group = Group::Flow;
                    self.open(Screen::Traffic);
                }
                None
            }
            Dialog::About => None,
        }
    }

    /// A letter of the sort dialog.
    fn sort_by(&mut self, key: KeyCode) -> Option<Dialog> {
        if let KeyCode::Char('c' | 'C') = key {
            self.freeze();
            return Some(Dialog::Sort);
        }
        let by = sort::chosen(sort::orders(self.screen, self.traffic.group), key)?;
        // Of keys the smallest comes first.
        let order = Order { by, ascending: by == OrderBy::Key };
        if self.screen == Screen::Traffic && self.traffic.group == Group::Flow {
            self.traffic.upper.sort(order);
            self.traffic.lower.sort(order);
        } else if let Some((list, _)) = self.list_mut() {
            list.sort(order);
        }
        None
    }
}

/// The first line of a longer text after a key; `None` for keys that close it.
fn scrolled(line: usize, key: KeyCode) -> Option<usize> {
    match key {
        KeyCode::Up => Some(line.saturating_sub(1)),
        KeyCode::Down => Some((line + 1).min(200)),
        KeyCode::PageDown | KeyCode::Char(' ') => Some((line + 10).min(200)),
        KeyCode::PageUp | KeyCode::Char('-') => Some(line.saturating_sub(10)),
        _ => None,
    }
}

/// Draws the open dialog; returns the place of the terminal's cursor if anything is typed.
pub fn draw(app: &App, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let sheet = &mut Sheet { buffer, areas, theme: app.look.theme };
    let line = |name: &str, words: &str| (name.to_owned(), words.to_owned());
    match app.dialog.as_ref()? {
        Dialog::Help(first) => {
            let lines = bindings(app.key_context()).map(|binding| (binding.keys.join(" "), binding.words.to_owned()));
            sheet.lines(&format!("{}: keys", app.screen.title()), &lines.collect(), *first);
        }
        Dialog::Sort => sort::draw(app, sheet),
        Dialog::Group => sort::draw_groups(app, sheet),
        Dialog::Breakdowns(at) => {
            let rows = BREAKDOWNS.iter().map(|entry| line(&entry.hot.to_ascii_uppercase().to_string(), entry.title));
            sheet.choices("Statistical breakdowns", rows, *at, "");
        }
        Dialog::Missing(first) => {
            let mut lines: Lines = app.missing().into_iter().map(|words| (String::new(), words)).collect();
            if lines.is_empty() {
                lines.push(line("", "nothing is known to be missing from these numbers"));
            }
            sheet.lines("What is missing · any key closes", &lines, *first);
        }
        Dialog::Scope(picker, None) => picker.draw(sheet, "What to look at · enter chooses", None),
        Dialog::Scope(picker, Some(_)) => picker.draw(sheet, "Select Interface", Some("All interfaces")),
        Dialog::Details(row, first) => {
            let traffic = if condition(row).is_some() { "t shows its traffic, " } else { "" };
            let title = format!("Details · {traffic}any other key closes");
            sheet.lines(&title, &details::details(row, app), *first);
        }
        Dialog::About => {
            let lines = vec![
                line("Trafalgar", "IPTraf for the whole network"),
                line("version", env!("CARGO_PKG_VERSION")),
                line("licence", "MIT or Apache-2.0"),
                line("collector", &app.look.collector),
                line("times", app.look.zone.iana_name().unwrap_or("this machine's time zone")),
            ];
            sheet.lines("About · any key closes", &lines, 0);
        }
        Dialog::Prompt(prompt) => return Some(prompt.draw(app, sheet)),
        Dialog::Filters(at) => filters::draw(*at, app, sheet),
        Dialog::Pick(verb, at) => filters::draw_list(*verb, *at, app, sheet),
        Dialog::Rules(editor) => return editor.draw(sheet),
        Dialog::Sensor(desk) => {
            sensor::draw(desk, app, sheet);
            sheet.foot(desk.setting().help, "↑↓ move  enter change  d as its file says  x close");
        }
        Dialog::Ports(desk, at) => {
            sensor::draw_ports(desk, *at, sheet);
            let words = "Ports and ranges that are served beside those below 1024";
            sheet.foot(words, "↑↓ move  a add  d delete  x back");
        }
        Dialog::Configure(at, wrong) => {
            configure::draw(*at, app, sheet);
            let words = if wrong.is_empty() { configure::MENU[*at].2 } else { wrong };
            sheet.foot(words, "↑↓ move  enter execute  x exit; kept at once in console.toml");
        }
        Dialog::Descriptions(at) => {
            configure::draw_descriptions(*at, app, sheet);
            let words = "Kept in traf/ethers beside console.toml; /etc/ethers is read too";
            sheet.foot(words, "↑↓ move  a add  enter edit  d delete  x back");
        }
    }
    None
}
