//! What keys do to the state.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use traf_model::{Group, Item, Point};
use tui_input::Input;

use super::configure::{self, Configure};
use super::filters::Filters;
use super::list::List;
use super::menu::{self, Entry, Target};
use super::overlay::{self, Overlay, Picker};
use super::sensor::SensorDesk;
use super::timebar::When;
use super::traffic::{Columns, Pane};
use super::{App, Screen};
use crate::condition::{both, of_group};
use crate::event::Effect;
use crate::facility;
use crate::facility::row::{Key, counted};
use crate::key::{Command, KeyContext, command};
use crate::number::Units;

/// Columns by which IPTraf shifts long lines.
const SHIFT: u16 = 60;

impl App {
    /// The screen as the list of keys knows it.
    pub fn key_context(&self) -> KeyContext {
        match self.screen {
            Screen::Home => KeyContext::HOME,
            Screen::Traffic if self.in_lower_pane() => KeyContext::LOWER,
            Screen::Traffic => KeyContext::TRAFFIC,
            Screen::Interfaces => KeyContext::INTERFACES,
            Screen::Detailed => KeyContext::DETAILED,
            Screen::Counted(view) => view.keys,
            Screen::Sensors => KeyContext::SENSORS,
        }
    }

    fn in_lower_pane(&self) -> bool {
        self.traffic.pane == Pane::Lower && self.traffic.group == Group::Flow
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let leaving = std::mem::take(&mut self.leaving);
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.effects.push(Effect::Quit);
            return;
        }
        if let Some(overlay) = self.overlay.take() {
            self.overlay = self.in_overlay(overlay, key);
            return;
        }
        match command(key, self.key_context()) {
            Some(Command::Back) if self.in_overview() => self.overview.picked = None,
            Some(Command::Back) if self.screen == Screen::Home => {
                self.leaving = true;
                self.effects.extend(leaving.then_some(Effect::Quit));
            }
            Some(command) => self.perform(command),
            None => self.hot_letter(key),
        }
    }

    /// A letter of the main menu.
    fn hot_letter(&mut self, key: KeyEvent) {
        let KeyCode::Char(letter) = key.code else { return };
        let at = menu::ENTRIES.iter().position(|entry| entry.hot.eq_ignore_ascii_case(&letter));
        if let Some(at) = at.filter(|_| self.screen == Screen::Home) {
            self.menu = at;
            self.choose(&menu::ENTRIES[at]);
        }
    }

    /// Opens what an entry of a menu stands for.
    fn choose(&mut self, entry: &Entry) {
        match entry.target {
            Target::Screen(screen) if of_interface(screen) && !self.one_interface() => self.choose_interface(screen),
            Target::Screen(screen) => self.open(screen),
            Target::Breakdowns => self.overlay = Some(Overlay::Breakdowns(0)),
            Target::Filters => self.overlay = Some(Overlay::Filters(Filters::Menu(0))),
            Target::Configure => self.overlay = Some(Overlay::Configure(Configure::default())),
            Target::About => self.overlay = Some(Overlay::About),
            Target::Exit => self.effects.push(Effect::Quit),
        }
    }

    /// Goes to a screen.
    pub fn open(&mut self, screen: Screen) {
        self.screen = screen;
        if screen == Screen::Home {
            self.return_to_overview();
        }
        self.second = false;
        self.traffic.clear();
        self.lists.0.values_mut().for_each(List::clear);
    }

    fn in_menu(&self) -> bool {
        self.screen == Screen::Home && !self.in_overview()
    }

    fn one_interface(&self) -> bool {
        matches!(&self.scope.0[..], [Point { interface: Some(_), .. }])
    }

    /// Detailed statistics can be a sum; counted facilities of one interface cannot.
    fn choose_interface(&mut self, screen: Screen) {
        let picker = Picker::interfaces(self.fleet.as_ref(), screen == Screen::Detailed, &self.scope);
        if picker.choices.is_empty() {
            self.open(screen);
        } else {
            self.overlay = Some(Overlay::Interface(picker, screen));
        }
    }

    fn perform(&mut self, command: Command) {
        let (now, page) = (self.now, self.page().max(1));
        match command {
            Command::Pane if self.screen == Screen::Home => self.switch_overview(),
            Command::Enter if self.in_overview() => self.open_line(),
            // At the ends the bar of the menu turns around, as in IPTraf.
            Command::Up if self.in_menu() && self.menu == 0 => self.menu = menu::ENTRIES.len() - 1,
            Command::Down if self.in_menu() && self.menu + 1 == menu::ENTRIES.len() => self.menu = 0,
            Command::Up => self.go(|at, _| at.saturating_sub(1)),
            Command::Down => self.go(|at, _| at + 1),
            Command::PageUp => self.go(|at, _| at.saturating_sub(page)),
            Command::PageDown => self.go(|at, _| at + page),
            Command::Home => self.go(|_, _| 0),
            Command::End if self.time.when == When::Live || self.screen == Screen::Sensors => {
                self.go(|_, length| length);
            }
            Command::End | Command::Live => self.time.live(),
            Command::Enter if self.screen == Screen::Home => {
                if let Some(entry) = menu::ENTRIES.get(self.menu) {
                    self.choose(entry);
                }
            }
            Command::Enter => self.enter(),
            Command::Back if self.straight && self.traffic.opened.is_none() => self.effects.push(Effect::Quit),
            Command::Back => self.back(),
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Redraw => self.effects.push(Effect::Redraw),
            Command::Help => self.overlay = Some(Overlay::Help(0)),
            Command::Missing => self.overlay = Some(Overlay::Missing(0)),
            Command::Scope => self.overlay = Some(Overlay::Scope(Picker::new(self.fleet.as_ref(), &self.scope))),
            Command::Interface => self.choose_interface(self.screen),
            Command::Sort if self.list().is_some() => self.overlay = Some(Overlay::Sort),
            // Packets come in the order of time.
            Command::Sort => {}
            Command::Freeze => self.freeze(),
            Command::Filter => self.overlay = Some(Overlay::Filter(self.filter_text().into())),
            Command::Settings => {
                let sensor = self.sensor_states().get(self.sensors.selected);
                self.overlay = sensor.map(|sensor| Overlay::Sensor(SensorDesk::new(sensor, None)));
            }
            Command::Describe => {
                let key = self.selected().and_then(|row| counted(&row.item)).map(|counted| counted.key);
                if let Some(Key::Mac(mac)) = key {
                    self.overlay = Some(configure::describe(mac, self));
                }
            }
            Command::Moment => self.overlay = Some(Overlay::Moment(Input::default())),
            Command::Group => self.overlay = Some(Overlay::Group),
            Command::Pane if self.screen == Screen::Sensors => self.details.1 = !self.details.1,
            Command::Pane => {
                self.traffic.pane = if self.traffic.pane == Pane::Upper { Pane::Lower } else { Pane::Upper };
            }
            Command::Others => {
                self.traffic.others = self.traffic.others.next();
                self.traffic.tail.clear();
            }
            Command::Flush => {
                self.traffic.flushed = Some(self.report().map_or(now, |report| report.at));
                self.arrange_again();
            }
            Command::Groups => {
                self.no_groups = !self.no_groups;
                self.arrange_again();
            }
            Command::Columns if self.key_context() == KeyContext::LOWER => self.look.macs = !self.look.macs,
            Command::Columns if self.screen == Screen::Traffic => {
                self.traffic.columns = Columns::next(self.traffic.columns);
            }
            Command::Columns => self.second = !self.second,
            Command::Units => {
                self.look.units = if self.look.units == Units::Bits { Units::Bytes } else { Units::Bits };
            }
            Command::Earlier => self.time.step(-1, now),
            Command::Later => self.time.step(1, now),
            Command::MuchEarlier => self.time.step(-10, now),
            Command::MuchLater => self.time.step(10, now),
            Command::Pause => self.time.pause(now),
            Command::ZoomIn => self.time.zoom(-1),
            Command::ZoomOut => self.time.zoom(1),
            Command::ShiftLeft => self.traffic.shift = self.traffic.shift.saturating_sub(SHIFT),
            Command::ShiftRight => self.traffic.shift = (self.traffic.shift + SHIFT).min(4 * SHIFT),
        }
    }

    /// Moves the bar: from where it is and the length of the list to where it shall be.
    fn go(&mut self, to: impl Fn(usize, usize) -> usize) {
        let page = self.page();
        match self.screen {
            Screen::Home if self.in_overview() => self.go_overview(to),
            Screen::Home => {
                let last = menu::ENTRIES.len() - 1;
                self.menu = to(self.menu, last).min(last);
            }
            Screen::Sensors if self.details.1 => self.details.0 = to(self.details.0, 0).min(500),
            Screen::Sensors => {
                let length = self.sensor_states().len();
                self.sensors.go(to(self.sensors.selected, length), length, page);
                let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
                self.sensors.note(|place| Some(sensors.get(place)?.id.clone()));
                self.details.0 = 0;
            }
            _ => {
                if let Some((list, report)) = self.list_mut() {
                    list.go(to, report, page);
                } else if self.screen == Screen::Traffic {
                    self.traffic.tail.go(to, page);
                }
            }
        }
    }

    /// Rows keep their places, or move again.
    fn freeze(&mut self) {
        match self.screen {
            Screen::Traffic => self.traffic.keep(!self.traffic.upper.continuous),
            _ => {
                if let Some((list, _)) = self.list_mut() {
                    list.continuous = !list.continuous;
                }
            }
        }
    }

    /// Opens the flows of a group, or shows all that is known of a row.
    fn enter(&mut self) {
        if self.screen == Screen::Sensors {
            self.details.1 = true;
            return;
        }
        let Some(row) = self.selected().cloned() else { return };
        if let Item::Group(key, ..) = &row.item {
            self.traffic.opened = Some((self.filter.clone(), self.traffic.group));
            self.filter = both(&self.filter, of_group(key));
            self.traffic.group = Group::Flow;
            self.traffic.clear();
        } else {
            self.overlay = Some(Overlay::Details(Box::new(row), 0));
        }
    }

    /// From an opened group to the groups, from a screen to the main menu.
    fn back(&mut self) {
        match self.traffic.opened.take() {
            Some((filter, group)) if self.screen == Screen::Traffic => {
                (self.filter, self.traffic.group) = (filter, group);
                self.traffic.clear();
            }
            _ => self.open(Screen::Home),
        }
    }

    /// A key while something lies over the screen; what lies there afterwards.
    fn in_overlay(&mut self, overlay: Overlay, key: KeyEvent) -> Option<Overlay> {
        let typed = matches!(overlay, Overlay::Filter(_) | Overlay::Moment(_) | Overlay::Describe(..));
        // Dialogs of several steps go back by themselves.
        let close = match key.code {
            _ if matches!(overlay, Overlay::Filters(_) | Overlay::Sensor(_) | Overlay::Configure(_)) => false,
            KeyCode::Esc => true,
            KeyCode::Char('x' | 'X' | 'q' | 'Q') => !typed,
            _ => false,
        };
        if close {
            return None;
        }
        match overlay {
            Overlay::Filters(open) => open.on_key(key, self),
            Overlay::Sensor(desk) => desk.on_key(key, self),
            Overlay::Configure(open) => open.on_key(key, self),
            Overlay::Help(line) => scrolled(line, key.code).map(Overlay::Help),
            Overlay::Missing(line) => scrolled(line, key.code).map(Overlay::Missing),
            Overlay::Sort => self.sort_by(key.code),
            Overlay::Group => {
                let KeyCode::Char(letter) = key.code else { return None };
                let chosen = overlay::GROUPINGS.iter().find(|(hot, ..)| hot.eq_ignore_ascii_case(&letter));
                if let Some((_, group, _)) = chosen {
                    self.traffic.group = *group;
                    self.traffic.opened = None;
                    self.traffic.clear();
                }
                None
            }
            Overlay::Breakdowns(at) => {
                let last = menu::BREAKDOWNS.len() - 1;
                let chosen = match key.code {
                    KeyCode::Up => return Some(Overlay::Breakdowns(at.checked_sub(1).unwrap_or(last))),
                    KeyCode::Down => return Some(Overlay::Breakdowns(if at >= last { 0 } else { at + 1 })),
                    KeyCode::Enter => menu::BREAKDOWNS.get(at),
                    KeyCode::Char(letter) => {
                        menu::BREAKDOWNS.iter().find(|entry| entry.hot.eq_ignore_ascii_case(&letter))
                    }
                    _ => None,
                };
                if let Some(entry) = chosen {
                    self.choose(entry);
                }
                self.overlay.take()
            }
            Overlay::Filter(mut input) => {
                if key.code == KeyCode::Tab {
                    return Some(Overlay::Filters(Filters::Menu(0)));
                }
                if key.code != KeyCode::Enter {
                    overlay::edit(&mut input, key);
                    return Some(Overlay::Filter(input));
                }
                if self.use_filter(input.value().trim()) { None } else { Some(Overlay::Filter(input)) }
            }
            Overlay::Describe(mac, mut input) => {
                if key.code != KeyCode::Enter {
                    overlay::edit(&mut input, key);
                    return Some(Overlay::Describe(mac, input));
                }
                self.describe(mac, input.value());
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
            Overlay::Scope(mut picker) => match picker.on_key(key.code) {
                Some(scope) => {
                    self.scope = scope;
                    None
                }
                None => Some(Overlay::Scope(picker)),
            },
            Overlay::Interface(mut picker, screen) => match picker.on_key(key.code) {
                Some(scope) => {
                    self.scope = scope;
                    self.open(screen);
                    None
                }
                None => Some(Overlay::Interface(picker, screen)),
            },
            Overlay::Details(row, line) => {
                if let Some(line) = scrolled(line, key.code) {
                    return Some(Overlay::Details(row, line));
                }
                if key.code == KeyCode::Char('t')
                    && let Some(expression) = facility::condition(&row)
                {
                    self.filter = both(&self.filter, expression);
                    self.traffic.group = Group::Flow;
                    self.open(Screen::Traffic);
                }
                None
            }
            Overlay::About => None,
        }
    }

    /// A letter of the sort dialog.
    fn sort_by(&mut self, key: KeyCode) -> Option<Overlay> {
        let KeyCode::Char(letter) = key else { return None };
        if letter.eq_ignore_ascii_case(&'c') {
            self.freeze();
            return Some(Overlay::Sort);
        }
        let order = overlay::order(overlay::orders(self.screen, self.traffic.group), letter)?;
        if self.screen == Screen::Traffic && self.traffic.group == Group::Flow {
            self.traffic.sort(order);
        } else if let Some((list, _)) = self.list_mut() {
            list.sort(order);
        }
        None
    }
}

/// True for screens of one interface.
fn of_interface(screen: Screen) -> bool {
    screen == Screen::Detailed || matches!(screen, Screen::Counted(view) if view.one_interface)
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
