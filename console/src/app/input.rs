//! Keys, and the changes of the state that they ask for.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use traf_model::{Group, Item, Key, Point};

use super::dialog::{Dialog, Entry, Picker, Prompt, SensorSettings};
use super::list::List;
use super::menu::{self, MenuItem, Target};
use super::packet_window::PacketWindow;
use super::timebar::When;
use super::traffic::{Columns, Pane};
use super::{App, Screen};
use crate::condition::{both, of_group};
use crate::event::Effect;
use crate::facility::row::counted;
use crate::key::{Command, KeyContext, command};
use crate::number::Units;

/// Columns by which IPTraf shifts long lines.
const SHIFT: u16 = 60;

impl App {
    /// The screen as the list of keys knows it.
    pub fn key_context(&self) -> KeyContext {
        match self.screen {
            Screen::Home => KeyContext::HOME,
            Screen::Traffic if self.traffic.pane == Pane::Lower && self.traffic.group == Group::Flow => {
                KeyContext::LOWER
            }
            Screen::Traffic => KeyContext::TRAFFIC,
            Screen::Interfaces => KeyContext::INTERFACES,
            Screen::Detailed => KeyContext::DETAILED,
            Screen::Counted(view) => view.keys,
            Screen::Sensors => KeyContext::SENSORS,
        }
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
        if let Some(dialog) = self.dialog.take() {
            self.dialog = self.in_dialog(dialog, key);
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
    pub(super) fn choose(&mut self, entry: &MenuItem) {
        match entry.target {
            Target::Screen(screen) if self.lacks_interface(screen) => self.choose_interface(screen),
            Target::Screen(screen) => self.open(screen),
            Target::Dialog(dialog) => self.dialog = Some(dialog()),
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
        self.lists.values_mut().for_each(List::clear);
    }

    fn in_menu(&self) -> bool {
        self.screen == Screen::Home && !self.in_overview()
    }

    /// True for a screen of one interface while more of them are looked at.
    fn lacks_interface(&self, screen: Screen) -> bool {
        (screen == Screen::Detailed || matches!(screen, Screen::Counted(view) if view.one_interface))
            && !matches!(&self.scope.0[..], [Point { interface: Some(_), .. }])
    }

    /// Detailed statistics can be a sum; counted facilities of one interface cannot.
    fn choose_interface(&mut self, screen: Screen) {
        let picker = Picker::interfaces(self.fleet.as_ref(), screen == Screen::Detailed, &self.scope);
        if picker.choices.is_empty() {
            self.open(screen);
        } else {
            self.dialog = Some(Dialog::Scope(picker, Some(screen)));
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
            Command::Enter if self.screen == Screen::Home => self.choose(&menu::ENTRIES[self.menu]),
            Command::Enter => self.enter(),
            Command::Back if self.started_on_facility && self.traffic.opened.is_none() => {
                self.effects.push(Effect::Quit);
            }
            Command::Back => self.back(),
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Redraw => self.effects.push(Effect::Redraw),
            Command::Help => self.dialog = Some(Dialog::Help(0)),
            Command::Missing => self.dialog = Some(Dialog::Missing(0)),
            Command::Scope => self.dialog = Some(Dialog::Scope(Picker::new(self.fleet.as_ref(), &self.scope), None)),
            Command::Interface => self.choose_interface(self.screen),
            Command::Sort if self.list().is_some() => self.dialog = Some(Dialog::Sort),
            // Packets come in the order of time.
            Command::Sort => {}
            Command::Freeze => self.freeze(),
            Command::Filter => self.dialog = Some(Prompt::open(Entry::Filter, self.filter_text())),
            Command::Settings => {
                let sensor = self.sensor_states().get(self.sensors.selected);
                self.dialog = sensor.map(|sensor| SensorSettings::open(sensor, None));
            }
            Command::Describe => {
                let key = self.selected().and_then(|row| counted(&row.item)).map(|counted| counted.key);
                if let Some(Key::Mac(mac)) = key {
                    self.dialog = Some(self.describing(mac));
                }
            }
            Command::Moment => self.dialog = Some(Prompt::open(Entry::Moment, "")),
            Command::Group => self.dialog = Some(Dialog::Group),
            Command::Pane if self.screen == Screen::Sensors => self.details.1 = !self.details.1,
            Command::Pane => {
                self.traffic.pane = if self.traffic.pane == Pane::Upper { Pane::Lower } else { Pane::Upper };
            }
            Command::Others => {
                self.traffic.others = self.traffic.others.next();
                self.traffic.packets = PacketWindow::default();
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
            Command::Time(windows) => self.time.step(windows, now),
            Command::Pause => self.time.pause(now),
            Command::Zoom(steps) => self.time.zoom(steps),
            Command::Shift(steps) => {
                self.traffic.shift = self.traffic.shift.saturating_add_signed(steps * SHIFT as i16).min(4 * SHIFT);
            }
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
                let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
                let to = to(self.sensors.selected, sensors.len());
                self.sensors.go(to, |place| Some(sensors.get(place)?.id.clone()), sensors.len(), page);
                self.details.0 = 0;
            }
            _ => {
                if let Some((list, report)) = self.list_mut() {
                    list.go(to, report, page);
                } else if self.screen == Screen::Traffic {
                    self.traffic.packets.go(to, page);
                }
            }
        }
    }

    /// Rows keep their places, or move again.
    pub(super) fn freeze(&mut self) {
        if self.screen == Screen::Traffic {
            let traffic = &mut self.traffic;
            let continuous = !traffic.upper.continuous;
            for list in [&mut traffic.upper, &mut traffic.lower, &mut traffic.groups] {
                list.continuous = continuous;
            }
        } else if let Some((list, _)) = self.list_mut() {
            list.continuous = !list.continuous;
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
            self.dialog = Some(Dialog::Details(Box::new(row), 0));
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
}
