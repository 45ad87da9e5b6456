//! The settings of one sensor: each change goes to the collector at once, and what became of it is seen below.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::settings::{check_ports, range_words};
use traf_model::{SensorState, Settings};
use tui_input::Input;

use super::super::App;
use crate::event::{Change, Effect};
use crate::settings::{Field, OWN, range, standing};
use crate::text::clean;
use crate::widget::dialog::{Lines, choices, dialog, foot, moved, or_words, prompt, turned};
use crate::widget::input::{Typed, typed};
use crate::widget::layout::Areas;

/// The dialog.
#[derive(Clone, Debug)]
pub struct SensorDesk {
    /// The sensor's name.
    pub sensor: String,
    /// Settings that the sensor shall have.
    pub settings: Settings,
    /// The field with the bar.
    pub selected: usize,
    /// The pane over the list.
    pub open: Open,
    /// Reason why an entry was not accepted.
    pub wrong: String,
}

/// The panes over the list of fields.
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
    pub(super) fn on_key(mut self, key: KeyEvent, app: &mut App) -> Option<Self> {
        self.wrong.clear();
        match std::mem::replace(&mut self.open, Open::List) {
            Open::List => {
                if !self.in_list(key, app) {
                    return None;
                }
            }
            Open::Value(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => {}
                Typed::Open => self.open = Open::Value(input),
                Typed::Entered => {
                    let mut settings = self.settings.clone();
                    match self.field().set(&mut settings, input.value()) {
                        Ok(()) => self.send(settings, app),
                        Err(wrong) => (self.wrong, self.open) = (wrong, Open::Value(input)),
                    }
                }
            },
            Open::Ports(at) => self.in_ports(at, key, app),
            Open::Port(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => self.open = Open::Ports(0),
                Typed::Open => self.open = Open::Port(input),
                Typed::Entered => match self.added(input.value()) {
                    Ok(ports) => {
                        self.send(Settings { ports: Some(ports), ..self.settings.clone() }, app);
                        self.open = Open::Ports(self.ports().len().saturating_sub(1));
                    }
                    Err(wrong) => (self.wrong, self.open) = (wrong, Open::Port(input)),
                },
            },
        }
        Some(self)
    }

    fn in_list(&mut self, key: KeyEvent, app: &mut App) -> bool {
        match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return false,
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
            code => self.selected = turned(self.selected, Field::ALL.len(), code).unwrap_or(self.selected),
        }
        true
    }

    fn in_ports(&mut self, at: usize, key: KeyEvent, app: &mut App) {
        let last = self.ports().len().saturating_sub(1);
        self.open = match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => Open::List,
            KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert => Open::Port(Input::default()),
            KeyCode::Char('d' | 'D') | KeyCode::Delete if at < self.ports().len() => {
                let mut ports = self.ports().to_vec();
                ports.remove(at);
                self.send(Settings { ports: Some(ports), ..self.settings.clone() }, app);
                Open::Ports(at.min(last.saturating_sub(1)))
            }
            code => Open::Ports(moved(at, self.ports().len(), code).unwrap_or(at)),
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

    /// Settings that the sensor runs with, as it reports them.
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
    pub(in crate::app) fn refresh(&mut self, sensors: &[SensorState], refused: bool) {
        let Some(sensor) = sensors.iter().find(|sensor| sensor.name == self.sensor) else { return };
        if refused || sensor.wanted.revision > self.settings.revision {
            self.settings = sensor.wanted.clone();
        }
    }
}

/// One line of the list: name, what is wanted, what the sensor runs with.
fn line(field: Field, desk: &SensorDesk, now: Option<&Settings>) -> (String, String, String) {
    let wanted = field.value(&desk.settings).unwrap_or_else(|| "as its file says".to_owned());
    let now = now.and_then(|now| field.value(now)).unwrap_or_else(|| "-".to_owned());
    (field.title().to_owned(), wanted, now)
}

/// The ports that are wanted, a line each.
fn port_lines(desk: &SensorDesk) -> Vec<String> {
    desk.ports().iter().map(|range| range_words(*range)).collect()
}

/// Draws a sensor's settings; says where the terminal's own cursor stands.
pub(super) fn draw(app: &App, desk: &SensorDesk, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    let found = app.sensor_states().iter().find(|sensor| sensor.name == desk.sensor);
    if let Open::Ports(_) | Open::Port(_) = desk.open {
        return ports(app, desk, buffer, areas);
    }
    let now = found.map(|sensor| &sensor.settings.settings);
    let mut lines: Lines = vec![(String::new(), format!("{:<24}{}", "wanted", "in force there"))];
    for (place, field) in Field::ALL.into_iter().enumerate() {
        let (title, wanted, now) = line(field, desk, now);
        let bar = if place == desk.selected { "›" } else { " " };
        lines.push((format!("{bar} {title}"), format!("{wanted:<24}{now}")));
    }
    lines.push((String::new(), String::new()));
    // Until the collector says so itself, a change that was just made is on its way.
    let state = found.and_then(|sensor| {
        if sensor.wanted.revision < desk.settings.revision {
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
    dialog(buffer, areas.body, &format!("Settings of {}", clean(&desk.sensor)), &lines, 0, theme);
    if let Open::Value(input) = &desk.open {
        let wrong = (!desk.wrong.is_empty()).then(|| (0, desk.wrong.clone()));
        return Some(prompt(buffer, areas, desk.field().name(), input, wrong, desk.field().words(), theme));
    }
    foot(buffer, areas, desk.field().words(), "↑↓ move  enter change  d as its file says  x close", theme);
    None
}

fn ports(app: &App, desk: &SensorDesk, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    let at = if let Open::Ports(at) = desk.open { at } else { usize::MAX };
    let ports = port_lines(desk);
    let at = Some(at).filter(|_| !ports.is_empty());
    let rows = ports.into_iter().map(|words| (String::new(), words)).collect();
    let rows = or_words(rows, "none: only ports below 1024 are services; a adds one");
    choices(buffer, areas.body, &format!("Additional ports of {}", clean(&desk.sensor)), rows, at, theme);
    if let Open::Port(input) = &desk.open {
        let wrong = (!desk.wrong.is_empty()).then(|| (0, desk.wrong.clone()));
        return Some(prompt(
            buffer,
            areas,
            "port",
            input,
            wrong,
            "a port such as 8080, or a range such as 9000-9100",
            theme,
        ));
    }
    foot(
        buffer,
        areas,
        "Ports and ranges that are services beside those below 1024",
        "↑↓ move  a add  d delete  x back",
        theme,
    );
    None
}
