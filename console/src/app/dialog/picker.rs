//! Choosing a scope or an interface.

use ratatui::crossterm::event::KeyCode;
use traf_model::{Fleet, Point, Scope};

use crate::start::up;
use crate::widget::dialog::{Sheet, moved};

/// Scopes to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Picker {
    /// All sensors, then each sensor with its interfaces.
    pub choices: Vec<Scope>,
    /// The one with the bar.
    pub selected: usize,
}

impl Picker {
    /// All scopes of a fleet; the bar is on `now`.
    pub fn new(fleet: Option<&Fleet>, now: &Scope) -> Self {
        let mut choices = vec![Scope::default()];
        for sensor in fleet.iter().flat_map(|fleet| &fleet.sensors) {
            choices.push(Scope(vec![Point { sensor: sensor.name.clone(), interface: None }]));
            choices.extend(up(sensor).map(|point| Scope(vec![point])));
        }
        if !choices.contains(now) {
            choices.push(now.clone());
        }
        Self::on(choices, now)
    }

    /// One interface of those that are up, by name; all of them first where that is allowed.
    pub fn interfaces(fleet: Option<&Fleet>, all: bool, now: &Scope) -> Self {
        let mut points: Vec<Point> = fleet.iter().flat_map(|fleet| &fleet.sensors).flat_map(up).collect();
        points.sort();
        let all = all.then(Scope::default);
        Self::on(all.into_iter().chain(points.into_iter().map(|point| Scope(vec![point]))).collect(), now)
    }

    fn on(choices: Vec<Scope>, now: &Scope) -> Self {
        let selected = choices.iter().position(|choice| choice == now).unwrap_or(0);
        Self { choices, selected }
    }

    /// Moves the bar, or chooses.
    pub fn on_key(&mut self, key: KeyCode) -> Option<Scope> {
        let key = match key {
            KeyCode::Enter => return self.choices.get(self.selected).cloned(),
            KeyCode::Char('-') => KeyCode::PageUp,
            KeyCode::Char(' ') => KeyCode::PageDown,
            key => key,
        };
        self.selected = moved(self.selected, self.choices.len(), key).unwrap_or(self.selected);
        None
    }

    /// Draws the choices; `all` names the choice of everything, and interfaces stand below their sensor without it.
    pub(super) fn draw(&self, sheet: &mut Sheet<'_>, title: &str, all: Option<&str>) {
        let label = |choice: &Scope| match (&choice.0[..], all) {
            ([], Some(all)) => all.to_owned(),
            ([Point { interface: Some(interface), .. }], None) => format!("  {interface}"),
            _ => choice.to_string(),
        };
        let rows = self.choices.iter().map(|choice| (String::new(), label(choice)));
        sheet.choices(title, rows, self.selected, "");
    }
}
