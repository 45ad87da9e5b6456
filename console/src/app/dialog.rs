//! Dialogs over a screen: help, menus, prompts. Each has its keys and its drawing here or in a file of its own.

pub mod configure;
mod details;
pub mod filters;
mod form;
mod picker;
mod read;
mod rules;
mod sensor;
mod sort;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::{Group, Mac, Row};
use tui_input::Input;

use super::menu::BREAKDOWNS;
use super::{App, Screen};
use crate::condition::both;
use crate::facility::condition;
use crate::key::bindings;
use crate::moment;
use crate::widget::dialog::{Lines, Sheet, turned};
use crate::widget::input::{Typed, typed};
use crate::widget::layout::Areas;
use configure::Configure;
use filters::Filters;
pub use picker::Picker;
pub use sensor::SensorSettings;

/// The dialog that is open.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// The keys of the screen below, from this line on.
    Help(usize),
    /// The next key chooses the order.
    Sort,
    /// A filter is typed.
    Filter(Input),
    /// A moment is typed.
    Moment(Input),
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
    /// Named filters and their rules.
    Filters(Filters),
    /// The settings of a sensor.
    Sensor(SensorSettings),
    /// The configuration.
    Configure(Configure),
    /// Prompt for the description of a MAC address.
    Describe(Mac, Input),
}

impl App {
    /// A key while a dialog is open. Returns the dialog that is open afterwards.
    pub(super) fn in_dialog(&mut self, dialog: Dialog, key: KeyEvent) -> Option<Dialog> {
        let prompt = matches!(dialog, Dialog::Filter(_) | Dialog::Moment(_) | Dialog::Describe(..));
        // Dialogs of several steps go back by themselves.
        let close = match key.code {
            _ if matches!(dialog, Dialog::Filters(_) | Dialog::Sensor(_) | Dialog::Configure(_)) => false,
            KeyCode::Esc => true,
            KeyCode::Char('x' | 'X' | 'q' | 'Q') => !prompt,
            _ => false,
        };
        if close {
            return None;
        }
        match dialog {
            Dialog::Filters(open) => open.on_key(key, self),
            Dialog::Configure(open) => open.on_key(key, self),
            Dialog::Sensor(desk) => desk.on_key(key, self).map(Dialog::Sensor),
            Dialog::Help(line) => scrolled(line, key.code).map(Dialog::Help),
            Dialog::Missing(line) => scrolled(line, key.code).map(Dialog::Missing),
            Dialog::Sort => self.sort_by(key.code),
            Dialog::Group => {
                let KeyCode::Char(letter) = key.code else { return None };
                let chosen = sort::GROUPINGS.iter().find(|(hot, ..)| hot.eq_ignore_ascii_case(&letter));
                if let Some((_, group, _)) = chosen {
                    self.traffic.group = *group;
                    self.traffic.opened = None;
                    self.traffic.clear();
                }
                None
            }
            Dialog::Breakdowns(at) => {
                let chosen = match key.code {
                    KeyCode::Enter => BREAKDOWNS.get(at),
                    KeyCode::Char(letter) => BREAKDOWNS.iter().find(|entry| entry.hot.eq_ignore_ascii_case(&letter)),
                    code => return turned(at, BREAKDOWNS.len(), code).map(Dialog::Breakdowns),
                };
                if let Some(entry) = chosen {
                    self.choose(entry);
                }
                self.dialog.take()
            }
            Dialog::Filter(mut input) => match (key.code, typed(&mut input, key)) {
                (KeyCode::Tab, _) => Some(Dialog::Filters(Filters::Menu(0))),
                (_, Typed::Entered) if self.use_filter(input.value().trim()) => None,
                _ => Some(Dialog::Filter(input)),
            },
            Dialog::Describe(mac, mut input) => match typed(&mut input, key) {
                Typed::Entered => {
                    self.describe(mac, input.value());
                    None
                }
                _ => Some(Dialog::Describe(mac, input)),
            },
            Dialog::Moment(mut input) => {
                let entered = typed(&mut input, key) == Typed::Entered;
                match moment::parse(input.value(), self.now, &self.look.zone) {
                    Ok(at) if entered => self.time.jump(at, self.now),
                    _ => return Some(Dialog::Moment(input)),
                }
                None
            }
            Dialog::Scope(mut picker, screen) => {
                let Some(scope) = picker.on_key(key.code) else { return Some(Dialog::Scope(picker, screen)) };
                self.scope = scope;
                if let Some(screen) = screen {
                    self.open(screen);
                }
                None
            }
            Dialog::Details(row, line) => {
                if let Some(line) = scrolled(line, key.code) {
                    return Some(Dialog::Details(row, line));
                }
                if key.code == KeyCode::Char('t')
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
        let KeyCode::Char(letter) = key else { return None };
        if letter.eq_ignore_ascii_case(&'c') {
            self.freeze();
            return Some(Dialog::Sort);
        }
        let order = sort::order(sort::orders(self.screen, self.traffic.group), letter)?;
        if self.screen == Screen::Traffic && self.traffic.group == Group::Flow {
            self.traffic.sort(order);
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
        Dialog::Filters(open) => return filters::draw(app, open, sheet),
        Dialog::Sensor(desk) => return sensor::draw(app, desk, sheet),
        Dialog::Configure(open) => return configure::draw(app, open, sheet),
        Dialog::Describe(mac, input) => {
            let words = "what you call this machine; enter keeps it, empty deletes it, esc leaves it";
            return Some(sheet.prompt(&mac.to_string(), input, None, words));
        }
        Dialog::Filter(input) => {
            let words = "enter shows it, tab: named filters, esc leaves; empty: everything";
            return Some(sheet.prompt("filter", input, app.wrong_filter(input.value()), words));
        }
        Dialog::Moment(input) => {
            let typed = moment::parse(input.value(), app.now, &app.look.zone);
            let (wrong, words) = match (typed, input.value().is_empty()) {
                (_, true) => (None, "-2h, 14:00, yesterday 14:00, monday 05:20, 2026-11-22 05:20".to_owned()),
                (Ok(at), _) => (None, format!("→ {}", moment::show_full(at, &app.look.zone))),
                (Err(error), _) => (Some((input.value().chars().count(), error.to_string())), String::new()),
            };
            return Some(sheet.prompt("time", input, wrong, &words));
        }
    }
    None
}
