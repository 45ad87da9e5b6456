//! Dialog of the settings of one sensor. Each change goes to the collector at once; its state is shown below.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::settings::{SETTINGS, Value};
use traf_model::{PortRange, SensorState, Setting, Settings};
use tui_input::Input;

use super::super::App;
use crate::event::{Change, Effect};
use crate::settings::standing;
use crate::text::clean;
use crate::widget::dialog::{Lines, Sheet, at_start, moved, turned};
use crate::widget::input::{Typed, typed};

/// The dialog.
#[derive(Clone, Debug)]
pub struct SensorSettings {
    /// The sensor's name.
    pub sensor: String,
    /// Settings that the sensor shall have.
    pub settings: Settings,
    /// Row of the table with the bar.
    pub selected: usize,
    /// Pane that takes the keys.
    pub pane: SettingsPane,
    /// Reason why an entry was not accepted.
    pub wrong: String,
}

/// Panes of the dialog.
#[derive(Clone, Debug)]
pub enum SettingsPane {
    /// List of the settings.
    List,
    /// Entry of a value.
    Value(Input),
    /// Ports and ranges, with the bar.
    Ports(usize),
    /// Entry of a port or range.
    Port(Input),
}

impl SensorSettings {
    /// Opens the dialog on a setting, or on the first one.
    pub fn new(sensor: &SensorState, setting: Option<&'static Setting>) -> Self {
        let selected = SETTINGS.iter().position(|other| Some(*other) == setting).unwrap_or(0);
        let pane = match setting.map(|setting| &setting.default) {
            Some(Value::Ports(_)) => SettingsPane::Ports(0),
            _ => SettingsPane::List,
        };
        Self { sensor: sensor.name.clone(), settings: sensor.wanted.clone(), selected, pane, wrong: String::new() }
    }

    /// Returns the setting with the bar.
    pub fn setting(&self) -> &'static Setting {
        SETTINGS[self.selected.min(SETTINGS.len() - 1)]
    }

    /// Returns the ports that the sensor shall have.
    pub fn ports(&self) -> &[PortRange] {
        self.settings.ports(self.setting())
    }

    /// A key; what is open afterwards.
    pub(super) fn on_key(mut self, key: KeyEvent, app: &mut App) -> Option<Self> {
        self.wrong.clear();
        match std::mem::replace(&mut self.pane, SettingsPane::List) {
            SettingsPane::List => {
                if !self.in_list(key, app) {
                    return None;
                }
            }
            SettingsPane::Value(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => {}
                Typed::Open => self.pane = SettingsPane::Value(input),
                Typed::Entered => {
                    let mut settings = self.settings.clone();
                    match settings.set(self.setting(), input.value()) {
                        Ok(()) => self.send(settings, app),
                        Err(wrong) => (self.wrong, self.pane) = (wrong, SettingsPane::Value(input)),
                    }
                }
            },
            SettingsPane::Ports(at) => self.in_ports(at, key, app),
            SettingsPane::Port(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => self.pane = SettingsPane::Ports(0),
                Typed::Open => self.pane = SettingsPane::Port(input),
                Typed::Entered => match self.added(input.value()) {
                    Ok(ports) => {
                        self.change(Some(Value::Ports(ports)), app);
                        self.pane = SettingsPane::Ports(self.ports().len().saturating_sub(1));
                    }
                    Err(wrong) => (self.wrong, self.pane) = (wrong, SettingsPane::Port(input)),
                },
            },
        }
        Some(self)
    }

    fn in_list(&mut self, key: KeyEvent, app: &mut App) -> bool {
        match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return false,
            KeyCode::Char('d' | 'D') | KeyCode::Delete => self.change(None, app),
            KeyCode::Enter | KeyCode::Char(' ') => {
                let now = self.settings.get(self.setting()).cloned().or_else(|| self.now(app));
                match self.setting().default {
                    Value::Switch(_) => self.change(Some(Value::Switch(now != Some(Value::Switch(true)))), app),
                    Value::Ports(_) => self.pane = SettingsPane::Ports(0),
                    _ => {
                        let now = now.map_or(String::new(), |value| value.to_string());
                        self.pane = SettingsPane::Value(now.into());
                    }
                }
            }
            code => self.selected = turned(self.selected, SETTINGS.len(), code).unwrap_or(self.selected),
        }
        true
    }

    fn in_ports(&mut self, at: usize, key: KeyEvent, app: &mut App) {
        let last = self.ports().len().saturating_sub(1);
        self.pane = match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => SettingsPane::List,
            KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert => SettingsPane::Port(Input::default()),
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < self.ports().len() => {
                let mut ports = self.ports().to_vec();
                ports.remove(at);
                self.change(Some(Value::Ports(ports)), app);
                SettingsPane::Ports(at.min(last.saturating_sub(1)))
            }
            code => SettingsPane::Ports(moved(at, self.ports().len(), code).unwrap_or(at)),
        };
    }

    fn added(&self, text: &str) -> Result<Vec<PortRange>, String> {
        let new: PortRange = text.parse()?;
        new.check(self.ports())?;
        if self.ports().len() >= PortRange::MOST {
            return Err(format!("{} ports and ranges are the most: delete one first", PortRange::MOST));
        }
        let mut ports = [self.ports(), &[new]].concat();
        ports.sort_unstable();
        Ok(ports)
    }

    /// Returns the value of the setting that is in force at the sensor.
    fn now(&self, app: &App) -> Option<Value> {
        let sensor = app.sensor_states().iter().find(|sensor| sensor.name == self.sensor)?;
        sensor.settings.settings.get(self.setting()).cloned()
    }

    fn change(&mut self, value: Option<Value>, app: &mut App) {
        let mut settings = self.settings.clone();
        settings.put(self.setting(), value);
        self.send(settings, app);
    }

    fn send(&mut self, settings: Settings, app: &mut App) {
        if settings == self.settings {
            return;
        }
        app.effects.push(Effect::Change(Change::Settings(self.sensor.clone(), Box::new(settings.clone()))));
        // The collector gives the next revision; if it does not take the change, what it has comes back.
        let revision = settings.revision + 1;
        self.settings = settings.at(revision);
    }

    /// Takes over the settings of the collector, if they are newer or a change was refused.
    pub(in crate::app) fn refresh(&mut self, sensors: &[SensorState], refused: bool) {
        let Some(sensor) = sensors.iter().find(|sensor| sensor.name == self.sensor) else { return };
        if refused || sensor.wanted.revision > self.settings.revision {
            self.settings = sensor.wanted.clone();
        }
    }
}

/// Draws a sensor's settings; says where the terminal's own cursor stands.
pub(super) fn draw(app: &App, open: &SensorSettings, sheet: &mut Sheet<'_>) -> Option<(u16, u16)> {
    let found = app.sensor_states().iter().find(|sensor| sensor.name == open.sensor);
    if let SettingsPane::Ports(_) | SettingsPane::Port(_) = open.pane {
        return ports(open, sheet);
    }
    let now = found.map(|sensor| &sensor.settings.settings);
    let mut lines: Lines = vec![(String::new(), format!("{:<24}{}", "wanted", "in force there"))];
    for (place, setting) in SETTINGS.into_iter().enumerate() {
        let wanted = open.settings.get(setting).map_or("as its file says".to_owned(), ToString::to_string);
        let now = now.and_then(|now| now.get(setting)).map_or("-".to_owned(), ToString::to_string);
        let bar = if place == open.selected { "›" } else { " " };
        lines.push((format!("{bar} {}", setting.title), format!("{wanted:<24}{now}")));
    }
    lines.push((String::new(), String::new()));
    // Until the collector says so itself, a change that was just made is on its way.
    let state = found.and_then(|sensor| {
        if sensor.wanted.revision < open.settings.revision {
            return Some(format!("waiting for {}", sensor.name));
        }
        standing(sensor).map(|(words, _)| words)
    });
    lines.push(("  State".to_owned(), state.unwrap_or_else(|| "never changed from here".to_owned())));
    if let Some(sensor) = found.filter(|sensor| !sensor.settings.trouble.is_empty()) {
        lines.push(("  Trouble".to_owned(), sensor.settings.trouble.clone()));
    }
    if let Some(said) = app.last_message() {
        lines.push(("  Last".to_owned(), said.to_owned()));
    }
    sheet.lines(&format!("Settings of {}", clean(&open.sensor)), &lines, 0);
    let help = open.setting().help;
    if let SettingsPane::Value(input) = &open.pane {
        return Some(sheet.prompt(open.setting().name, input, at_start(&open.wrong), help));
    }
    sheet.foot(help, "↑↓ move  enter change  d as its file says  x close");
    None
}

fn ports(open: &SensorSettings, sheet: &mut Sheet<'_>) -> Option<(u16, u16)> {
    let at = if let SettingsPane::Ports(at) = open.pane { at } else { usize::MAX };
    let rows = open.ports().iter().map(|range| (String::new(), range.to_string()));
    let title = format!("{} of {}", open.setting().title, clean(&open.sensor));
    sheet.choices(&title, rows, at, "none: only ports below 1024 are served; a adds one");
    if let SettingsPane::Port(input) = &open.pane {
        let words = "a port such as 8080, or a range such as 9000-9100";
        return Some(sheet.prompt("port", input, at_start(&open.wrong), words));
    }
    let words = "Ports and ranges that are served beside those below 1024";
    sheet.foot(words, "↑↓ move  a add  d delete  x back");
    None
}
