//! What keys do to the state.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::Input;

use super::menu::{self, Target};
use super::overlay::{self, Overlay, Picker};
use super::timebar::When;
use super::traffic::{Columns, Pane};
use super::{App, Screen};
use crate::event::Action;
use crate::key::{Command, Place, command};

impl App {
    /// The screen as the list of keys knows it.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self.screen {
            Screen::Home => Place::HOME,
            Screen::Traffic => Place::TRAFFIC,
            Screen::Interfaces => Place::INTERFACES,
            Screen::Sensors => Place::SENSORS,
        }
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let leaving = std::mem::take(&mut self.leaving);
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Some(Action::Quit);
        }
        if let Some(overlay) = self.overlay.take() {
            self.overlay = self.in_overlay(overlay, key);
            return None;
        }
        match command(key, self.place()) {
            Some(Command::Back) if self.screen == Screen::Home => {
                self.leaving = true;
                leaving.then_some(Action::Quit)
            }
            Some(command) => self.perform(command),
            None => self.hot_letter(key),
        }
    }

    /// A letter of the main menu.
    fn hot_letter(&mut self, key: KeyEvent) -> Option<Action> {
        let KeyCode::Char(letter) = key.code else { return None };
        if self.screen != Screen::Home {
            return None;
        }
        self.menu = menu::ENTRIES.iter().position(|entry| entry.hot.eq_ignore_ascii_case(&letter))?;
        self.choose()
    }

    /// Opens the entry of the menu that has the bar.
    fn choose(&mut self) -> Option<Action> {
        match menu::ENTRIES.get(self.menu)?.target {
            Target::Screen(screen) => self.open(screen),
            Target::Filter => self.overlay = Some(Overlay::Filter(self.filter.to_string().into())),
            Target::About => self.overlay = Some(Overlay::About),
            Target::Exit => return Some(Action::Quit),
            Target::NotYet => {}
        }
        None
    }

    fn open(&mut self, screen: Screen) {
        self.screen = screen;
        self.traffic.clear();
    }

    fn perform(&mut self, command: Command) -> Option<Action> {
        let (now, page) = (self.now, self.page().max(1));
        match command {
            // At the ends the bar of the menu turns around, as in IPTraf.
            Command::Up if self.screen == Screen::Home && self.menu == 0 => self.menu = menu::ENTRIES.len() - 1,
            Command::Down if self.screen == Screen::Home && self.menu + 1 == menu::ENTRIES.len() => self.menu = 0,
            Command::Up => self.go(|at, _| at.saturating_sub(1)),
            Command::Down => self.go(|at, _| at + 1),
            Command::PageUp => self.go(|at, _| at.saturating_sub(page)),
            Command::PageDown => self.go(|at, _| at + page),
            Command::Home => self.go(|_, _| 0),
            Command::End if self.time.when == When::Live || self.screen == Screen::Sensors => {
                self.go(|_, length| length);
            }
            Command::End | Command::Live => self.time.live(),
            Command::Enter if self.screen == Screen::Home => return self.choose(),
            Command::Enter => self.show_details(),
            Command::Back => self.open(Screen::Home),
            Command::Quit => return Some(Action::Quit),
            Command::Redraw => return Some(Action::Redraw),
            Command::Help => self.overlay = Some(Overlay::Help(0)),
            Command::Scope => self.overlay = Some(Overlay::Scope(Picker::new(self.fleet.as_ref(), &self.scope))),
            Command::Sort => self.overlay = Some(Overlay::Sort),
            Command::Filter => self.overlay = Some(Overlay::Filter(self.filter.to_string().into())),
            Command::Moment => self.overlay = Some(Overlay::Moment(Input::default())),
            Command::Pane if self.screen == Screen::Sensors => self.details.1 = !self.details.1,
            Command::Pane => {
                self.traffic.pane = if self.traffic.pane == Pane::Upper { Pane::Lower } else { Pane::Upper };
            }
            Command::Columns if self.screen == Screen::Traffic => {
                self.traffic.columns = Columns::next(self.traffic.columns);
            }
            Command::Columns => self.directions = !self.directions,
            Command::Earlier => self.time.step(-1, now),
            Command::Later => self.time.step(1, now),
            Command::MuchEarlier => self.time.step(-10, now),
            Command::MuchLater => self.time.step(10, now),
            Command::Pause => self.time.pause(now),
            Command::ZoomIn => self.time.zoom(-1),
            Command::ZoomOut => self.time.zoom(1),
            Command::ShiftLeft => self.traffic.shift = self.traffic.shift.saturating_sub(20),
            Command::ShiftRight => self.traffic.shift = (self.traffic.shift + 20).min(200),
        }
        None
    }

    /// Moves the bar: from where it is and the length of the list to where it shall be.
    fn go(&mut self, to: impl Fn(usize, usize) -> usize) {
        let page = self.page();
        match self.screen {
            Screen::Home => {
                let last = menu::ENTRIES.len() - 1;
                self.menu = to(self.menu, last).min(last);
            }
            Screen::Traffic => {
                let reports = (self.feeds.report(0), self.feeds.report(1));
                self.traffic.go(to, reports, page);
            }
            Screen::Interfaces => {
                let Some(report) = self.feeds.report(0) else { return };
                let length = report.rows.len();
                self.interfaces.go(to(self.interfaces.selected, length), length, page);
                self.interfaces.note(|place| report.rows.get(place).and_then(super::interface_key));
            }
            Screen::Sensors if self.details.1 => self.details.0 = to(self.details.0, 0).min(500),
            Screen::Sensors => {
                let length = self.sensor_states().len();
                self.sensors.go(to(self.sensors.selected, length), length, page);
                let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
                self.sensors.note(|place| Some(sensors.get(place)?.id.clone()));
                self.details.0 = 0;
            }
        }
    }

    fn show_details(&mut self) {
        let row = match self.screen {
            Screen::Traffic => match self.traffic.pane {
                Pane::Upper => self
                    .feeds
                    .report(0)
                    .and_then(|report| self.traffic.line(report, self.traffic.upper.selected))
                    .map(|line| line.row),
                Pane::Lower => {
                    self.feeds.report(1).and_then(|report| self.traffic.other(report, self.traffic.lower.selected))
                }
            },
            Screen::Interfaces => self.feeds.report(0).and_then(|report| report.rows.get(self.interfaces.selected)),
            Screen::Home => None,
            Screen::Sensors => {
                self.details.1 = true;
                None
            }
        };
        self.overlay = row.map(|row| Overlay::Details(Box::new(row.clone())));
    }

    /// A key while something lies over the screen; what lies there afterwards.
    fn in_overlay(&mut self, overlay: Overlay, key: KeyEvent) -> Option<Overlay> {
        let close = matches!(key.code, KeyCode::Esc)
            || (matches!(key.code, KeyCode::Char('x' | 'X' | 'q' | 'Q'))
                && !matches!(overlay, Overlay::Filter(_) | Overlay::Moment(_)));
        if close {
            return None;
        }
        match overlay {
            Overlay::Help(line) => match key.code {
                KeyCode::Up => Some(Overlay::Help(line.saturating_sub(1))),
                KeyCode::Down | KeyCode::PageDown | KeyCode::Char(' ') => Some(Overlay::Help((line + 1).min(60))),
                KeyCode::PageUp => Some(Overlay::Help(line.saturating_sub(10))),
                _ => None,
            },
            Overlay::Sort => {
                let KeyCode::Char(letter) = key.code else { return None };
                if letter.eq_ignore_ascii_case(&'c') {
                    self.traffic.continuous = !self.traffic.continuous;
                    return Some(Overlay::Sort);
                }
                self.traffic.order = overlay::order(letter).unwrap_or(self.traffic.order);
                self.traffic.upper.selected = 0;
                self.traffic.lower.selected = 0;
                None
            }
            Overlay::Filter(mut input) => {
                if key.code != KeyCode::Enter {
                    overlay::edit(&mut input, key);
                    return Some(Overlay::Filter(input));
                }
                match overlay::typed_filter(&input) {
                    Ok(filter) => self.filter = filter,
                    Err(_) => return Some(Overlay::Filter(input)),
                }
                None
            }
            Overlay::Moment(mut input) => {
                if key.code != KeyCode::Enter {
                    overlay::edit(&mut input, key);
                    return Some(Overlay::Moment(input));
                }
                match overlay::typed_moment(&input, self.now, &self.look.zone) {
                    Ok(at) => self.time.jump(at, self.now),
                    Err(_) => return Some(Overlay::Moment(input)),
                }
                None
            }
            Overlay::Scope(mut picker) => {
                let last = picker.choices.len().saturating_sub(1);
                picker.selected = match key.code {
                    KeyCode::Up => picker.selected.saturating_sub(1),
                    KeyCode::Down => (picker.selected + 1).min(last),
                    KeyCode::PageUp => picker.selected.saturating_sub(10),
                    KeyCode::PageDown => (picker.selected + 10).min(last),
                    KeyCode::Home => 0,
                    KeyCode::End => last,
                    KeyCode::Enter => {
                        self.scope = picker.choices.swap_remove(picker.selected);
                        return None;
                    }
                    _ => picker.selected,
                };
                Some(Overlay::Scope(picker))
            }
            Overlay::Details(_) | Overlay::About => None,
        }
    }
}
