//! Dialog of the settings of one sensor. Each change goes to the collector at once; its state is shown below.

use ratatui::crossterm::event::KeyCode;
use traf_model::settings::{SETTINGS, Value};
use traf_model::{PortRange, SensorState, Setting, Settings};

use super::super::App;
use super::Dialog;
use super::prompt::{Entry, Prompt};
use crate::event::{Change, Effect};
use crate::settings::standing;
use crate::text::clean;
use crate::widget::dialog::{Lines, Sheet, moved, turned};

/// Settings of one sensor while they are changed.
#[derive(Clone, Debug)]
pub struct SensorSettings {
    /// The sensor's name.
    pub sensor: String,
    /// Settings that the sensor shall have.
    pub settings: Settings,
    /// Row of the table with the bar.
    pub selected: usize,
}

impl SensorSettings {
    /// The dialog on a setting, or on the first one.
    pub fn open(sensor: &SensorState, setting: Option<&'static Setting>) -> Dialog {
        let selected = SETTINGS.iter().position(|other| Some(*other) == setting).unwrap_or(0);
        let desk = Self { sensor: sensor.name.clone(), settings: sensor.wanted.clone(), selected };
        match desk.setting().default {
            Value::Ports(_) => Dialog::Ports(desk, 0),
            _ => Dialog::Sensor(desk),
        }
    }

    /// Returns the setting with the bar.
    pub fn setting(&self) -> &'static Setting {
        SETTINGS[self.selected.min(SETTINGS.len() - 1)]
    }

    /// Returns the ports that the sensor shall have.
    pub fn ports(&self) -> &[PortRange] {
        self.settings.ports(self.setting())
    }

    /// Takes a key of the list of settings; returns the dialog that is open afterwards.
    pub(super) fn in_list(mut self, key: KeyCode, app: &mut App) -> Dialog {
        match key {
            KeyCode::Char('d' | 'D') | KeyCode::Delete => self.change(None, app),
            KeyCode::Enter | KeyCode::Char(' ') => {
                let now = self.settings.get(self.setting()).cloned().or_else(|| self.now(app));
                match self.setting().default {
                    Value::Switch(_) => self.change(Some(Value::Switch(now != Some(Value::Switch(true)))), app),
                    Value::Ports(_) => return Dialog::Ports(self, 0),
                    _ => {
                        let now = now.map_or(String::new(), |value| value.to_string());
                        return Prompt::open(Entry::Setting(self), now);
                    }
                }
            }
            key => self.selected = turned(self.selected, SETTINGS.len(), key).unwrap_or(self.selected),
        }
        Dialog::Sensor(self)
    }

    /// Takes a key of the list of ports, where row `at` has the bar; returns the dialog that is open afterwards.
    pub(super) fn in_ports(mut self, at: usize, key: KeyCode, app: &mut App) -> Dialog {
        let length = self.ports().len();
        match key {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => Dialog::Sensor(self),
            KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert => Prompt::open(Entry::Port(self), ""),
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < length => {
                let mut ports = self.ports().to_vec();
                ports.remove(at);
                self.change(Some(Value::Ports(ports)), app);
                Dialog::Ports(self, at.min(length.saturating_sub(2)))
            }
            key => Dialog::Ports(self, moved(at, length, key).unwrap_or(at)),
        }
    }

    /// Gives the setting with the bar a typed value.
    pub(super) fn set(&mut self, text: &str, app: &mut App) -> Result<(), String> {
        let mut settings = self.settings.clone();
        settings.set(self.setting(), text)?;
        self.send(settings, app);
        Ok(())
    }

    /// Adds a typed port or range.
    pub(super) fn add(&mut self, text: &str, app: &mut App) -> Result<(), String> {
        let new: PortRange = text.parse()?;
        new.check(self.ports())?;
        if self.ports().len() >= PortRange::MOST {
            return Err(format!("{} ports and ranges are the most: delete one first", PortRange::MOST));
        }
        let mut ports = [self.ports(), &[new]].concat();
        ports.sort_unstable();
        self.change(Some(Value::Ports(ports)), app);
        Ok(())
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

/// Draws a sensor's settings.
pub(super) fn draw(open: &SensorSettings, app: &App, sheet: &mut Sheet<'_>) {
    let found = app.sensor_states().iter().find(|sensor| sensor.name == open.sensor);
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
    let state = match found {
        Some(sensor) if sensor.wanted.revision < open.settings.revision => Some(format!("waiting for {}", sensor.name)),
        _ => found.and_then(standing).map(|(words, _)| words),
    };
    lines.push(("  State".to_owned(), state.unwrap_or_else(|| "never changed from here".to_owned())));
    let trouble = found.map(|sensor| &sensor.settings.trouble).filter(|trouble| !trouble.is_empty());
    lines.extend(trouble.map(|words| ("  Trouble".to_owned(), words.clone())));
    lines.extend(app.last_message().map(|said| ("  Last".to_owned(), said.to_owned())));
    sheet.lines(&format!("Settings of {}", clean(&open.sensor)), &lines, 0);
}

/// Draws the ports of a sensor, where row `at` has the bar.
pub(super) fn draw_ports(open: &SensorSettings, at: usize, sheet: &mut Sheet<'_>) {
    let rows = open.ports().iter().map(|range| (String::new(), range.to_string()));
    let title = format!("{} of {}", open.setting().title, clean(&open.sensor));
    sheet.choices(&title, rows, at, "none: only ports below 1024 are served; a adds one");
}
