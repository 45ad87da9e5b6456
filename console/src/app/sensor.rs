//! The settings of one sensor: each change goes to the collector at once, and what became of it is seen below.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::settings::{check_ports, range_words};
use traf_model::{SensorState, Settings};
use tui_input::Input;

use super::App;
use super::overlay::{Overlay, edit};
use crate::event::{Change, Effect};
use crate::settings::{Field, OWN, range};

/// The dialog.
#[derive(Clone, Debug)]
pub struct SensorDesk {
    /// The sensor's name.
    pub sensor: String,
    /// What is wanted of it now.
    pub settings: Settings,
    /// The field with the bar.
    pub selected: usize,
    /// What lies over the list.
    pub open: Open,
    /// Why something was not done.
    pub wrong: String,
}

/// What lies over the list of fields.
#[derive(Clone, Debug)]
pub enum Open {
    /// Nothing.
    List,
    /// A value is typed.
    Value(Input),
    /// Ports and ranges, with the bar.
    Ports(usize),
    /// A port or range is typed.
    Port(Input),
}

impl SensorDesk {
    /// Of a sensor.
    pub fn new(sensor: &SensorState, field: Option<Field>) -> Self {
        let selected = field.and_then(|field| Field::ALL.iter().position(|other| *other == field)).unwrap_or(0);
        let open = if field == Some(Field::Ports) { Open::Ports(0) } else { Open::List };
        Self { sensor: sensor.name.clone(), settings: sensor.wanted.clone(), selected, open, wrong: String::new() }
    }

    /// The field with the bar.
    pub fn field(&self) -> Field {
        Field::ALL[self.selected.min(Field::ALL.len() - 1)]
    }

    /// The ports that are wanted.
    pub fn ports(&self) -> &[(u16, u16)] {
        self.settings.ports.as_deref().unwrap_or_default()
    }

    /// A key; what is open afterwards.
    pub(super) fn on_key(mut self, key: KeyEvent, app: &mut App) -> Option<Overlay> {
        self.wrong.clear();
        match std::mem::replace(&mut self.open, Open::List) {
            Open::List => {
                if !self.in_list(key, app) {
                    return None;
                }
            }
            Open::Value(mut input) => match key.code {
                KeyCode::Esc => {}
                KeyCode::Enter => {
                    let mut settings = self.settings.clone();
                    match self.field().set(&mut settings, input.value()) {
                        Ok(()) => self.send(settings, app),
                        Err(wrong) => (self.wrong, self.open) = (wrong, Open::Value(input)),
                    }
                }
                _ => {
                    edit(&mut input, key);
                    self.open = Open::Value(input);
                }
            },
            Open::Ports(at) => self.in_ports(at, key, app),
            Open::Port(mut input) => match key.code {
                KeyCode::Esc => self.open = Open::Ports(0),
                KeyCode::Enter => match self.added(input.value()) {
                    Ok(ports) => {
                        self.send(Settings { ports: Some(ports), ..self.settings.clone() }, app);
                        self.open = Open::Ports(self.ports().len().saturating_sub(1));
                    }
                    Err(wrong) => (self.wrong, self.open) = (wrong, Open::Port(input)),
                },
                _ => {
                    edit(&mut input, key);
                    self.open = Open::Port(input);
                }
            },
        }
        Some(Overlay::Sensor(self))
    }

    fn in_list(&mut self, key: KeyEvent, app: &mut App) -> bool {
        let last = Field::ALL.len() - 1;
        match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return false,
            KeyCode::Up => self.selected = self.selected.checked_sub(1).unwrap_or(last),
            KeyCode::Down => self.selected = if self.selected == last { 0 } else { self.selected + 1 },
            KeyCode::Char('d' | 'D') | KeyCode::Delete => {
                let mut settings = self.settings.clone();
                if self.field().set(&mut settings, OWN).is_ok() {
                    self.send(settings, app);
                }
            }
            KeyCode::Enter | KeyCode::Char(' ') => match self.field() {
                Field::Promiscuous => {
                    let on = self.settings.promiscuous.or(self.now(app).and_then(|now| now.promiscuous));
                    self.send(Settings { promiscuous: Some(!on.unwrap_or(false)), ..self.settings.clone() }, app);
                }
                Field::Log => {
                    let on = self.settings.log.or(self.now(app).and_then(|now| now.log));
                    self.send(Settings { log: Some(!on.unwrap_or(false)), ..self.settings.clone() }, app);
                }
                Field::Ports => self.open = Open::Ports(0),
                field => {
                    let now = field.value(&self.settings).or_else(|| field.value(&self.now(app)?));
                    self.open = Open::Value(now.unwrap_or_default().into());
                }
            },
            _ => {}
        }
        true
    }

    fn in_ports(&mut self, at: usize, key: KeyEvent, app: &mut App) {
        let last = self.ports().len().saturating_sub(1);
        self.open = match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => Open::List,
            KeyCode::Up => Open::Ports(at.saturating_sub(1)),
            KeyCode::Down => Open::Ports((at + 1).min(last)),
            KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert => Open::Port(Input::default()),
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < self.ports().len() => {
                let mut ports = self.ports().to_vec();
                ports.remove(at);
                self.send(Settings { ports: Some(ports), ..self.settings.clone() }, app);
                Open::Ports(at.min(last.saturating_sub(1)))
            }
            _ => Open::Ports(at),
        };
    }

    fn added(&self, text: &str) -> Result<Vec<(u16, u16)>, String> {
        let new = range(text)?;
        check_ports(new, self.ports())?;
        if self.ports().len() >= Settings::PORTS {
            return Err(format!("{} ports and ranges are the most: delete one first", Settings::PORTS));
        }
        let mut ports = self.ports().to_vec();
        ports.push(new);
        ports.sort_unstable();
        Ok(ports)
    }

    /// What the sensor says that it runs with.
    fn now(&self, app: &App) -> Option<Settings> {
        let sensor = app.sensor_states().iter().find(|sensor| sensor.name == self.sensor)?;
        Some(sensor.settings.settings.clone())
    }

    fn send(&mut self, settings: Settings, app: &mut App) {
        if settings == self.settings {
            return;
        }
        app.effects.push(Effect::Change(Change::Settings(self.sensor.clone(), Box::new(settings.clone()))));
        // The collector gives the next revision; if it does not take the change, what it has comes back.
        self.settings = Settings { revision: settings.revision + 1, ..settings };
    }

    /// The collector's word: what it has counts.
    pub(super) fn refresh(&mut self, sensors: &[SensorState], refused: bool) {
        let Some(sensor) = sensors.iter().find(|sensor| sensor.name == self.sensor) else { return };
        if refused || sensor.wanted.revision > self.settings.revision {
            self.settings = sensor.wanted.clone();
        }
    }
}

/// One line of the list: name, what is wanted, what the sensor runs with.
pub fn line(field: Field, desk: &SensorDesk, now: Option<&Settings>) -> (String, String, String) {
    let wanted = field.value(&desk.settings).unwrap_or_else(|| "as its file says".to_owned());
    let now = now.and_then(|now| field.value(now)).unwrap_or_else(|| "-".to_owned());
    (field.title().to_owned(), wanted, now)
}

/// The ports that are wanted, a line each.
pub fn port_lines(desk: &SensorDesk) -> Vec<String> {
    desk.ports().iter().map(|range| range_words(*range)).collect()
}
