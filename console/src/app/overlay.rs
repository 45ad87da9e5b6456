//! What lies over a screen for a while: help, dialogs, prompts.

use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use traf_model::{Fleet, Group, Mac, Order, OrderBy, Point, Row, Scope, Timestamp};
use tui_input::{Input, InputRequest};

use super::Screen;
use super::configure::Configure;
use super::filters::Filters;
use super::sensor::SensorDesk;
use crate::facility::view::Orders;
use crate::moment::{self, MomentError};

/// The one that is open.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys of the screen below, from this line on.
    Help(usize),
    /// The next key chooses the order.
    Sort,
    /// A filter is typed.
    Filter(Input),
    /// A moment is typed.
    Moment(Input),
    /// A scope is chosen.
    Scope(Picker),
    /// An interface is chosen, for this screen.
    Interface(Picker, Screen),
    /// The menu of statistical breakdowns, with its bar.
    Breakdowns(usize),
    /// The next key chooses what of the flows makes a row.
    Group,
    /// What is missing, from this line on.
    Missing(usize),
    /// All that is known of a row, from this line on.
    Details(Box<Row>, usize),
    /// Who made this.
    About,
    /// Named filters and their rules.
    Filters(Filters),
    /// The settings of a sensor.
    Sensor(SensorDesk),
    /// What a person sets.
    Configure(Configure),
    /// What people call the machine behind a MAC address is typed.
    Describe(Mac, Input),
}

/// Scopes to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Picker {
    /// All sensors, then each sensor with its interfaces.
    pub choices: Vec<Scope>,
    /// The one with the bar.
    pub selected: usize,
}

impl Picker {
    /// What a fleet offers; the bar is on `now`.
    pub fn new(fleet: Option<&Fleet>, now: &Scope) -> Self {
        let mut choices = vec![Scope::default()];
        for sensor in fleet.iter().flat_map(|fleet| &fleet.sensors) {
            choices.push(Scope(vec![Point { sensor: sensor.name.clone(), interface: None }]));
            let interfaces = sensor.interfaces.iter().filter(|state| !state.gone);
            choices.extend(interfaces.map(|state| Scope(vec![Point::new(&sensor.name, &state.interface.name)])));
        }
        if !choices.contains(now) {
            choices.push(now.clone());
        }
        let selected = choices.iter().position(|choice| choice == now).unwrap_or(0);
        Self { choices, selected }
    }

    /// One interface of those that are up, by name; all of them first where that is allowed.
    pub fn interfaces(fleet: Option<&Fleet>, all: bool, now: &Scope) -> Self {
        let sensors = fleet.map_or(&[][..], |fleet| &fleet.sensors);
        let mut points: Vec<Point> = sensors
            .iter()
            .flat_map(|sensor| {
                let up = sensor.interfaces.iter().filter(|state| !state.gone);
                up.map(|state| Point::new(&sensor.name, &state.interface.name))
            })
            .collect();
        points.sort();
        let all = all.then(Scope::default);
        let choices: Vec<Scope> = all.into_iter().chain(points.into_iter().map(|point| Scope(vec![point]))).collect();
        let selected = choices.iter().position(|choice| choice == now).unwrap_or(0);
        Self { choices, selected }
    }

    /// Moves the bar, or chooses.
    pub fn on_key(&mut self, key: KeyCode) -> Option<Scope> {
        let last = self.choices.len().saturating_sub(1);
        self.selected = match key {
            KeyCode::Up => self.selected.saturating_sub(1),
            KeyCode::Down => (self.selected + 1).min(last),
            KeyCode::PageUp | KeyCode::Char('-') => self.selected.saturating_sub(10),
            KeyCode::PageDown | KeyCode::Char(' ') => (self.selected + 10).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Enter => return self.choices.get(self.selected).cloned(),
            _ => self.selected,
        };
        None
    }

    /// The name of a choice, set in under its sensor.
    pub fn label(choice: &Scope) -> String {
        match &choice.0[..] {
            [Point { interface: Some(interface), .. }] => format!("  {interface}"),
            _ => choice.to_string(),
        }
    }
}

/// IPTraf has the first two.
const FLOWS: Orders = &[
    ('p', OrderBy::Packets, "packet count"),
    ('b', OrderBy::Octets, "byte count"),
    ('r', OrderBy::Rate, "rate"),
    ('f', OrderBy::First, "first seen, newest first"),
    ('l', OrderBy::Last, "last seen, newest first"),
    ('k', OrderBy::Key, "address"),
];

const GROUPS: Orders = &[
    ('p', OrderBy::Packets, "packet count"),
    ('b', OrderBy::Octets, "byte count"),
    ('r', OrderBy::Rate, "rate"),
    ('f', OrderBy::Flows, "number of flows"),
    ('k', OrderBy::Key, "name"),
];

/// The orders of a screen.
pub fn orders(screen: Screen, group: Group) -> Orders {
    match (screen, group) {
        (Screen::Counted(view), _) => view.orders,
        (_, Group::Flow) => FLOWS,
        _ => GROUPS,
    }
}

/// The order that a key chooses; of keys the smallest comes first.
pub fn order(orders: Orders, key: char) -> Option<Order> {
    let (_, by, _) = orders.iter().find(|(letter, ..)| letter.eq_ignore_ascii_case(&key))?;
    Some(Order { by: *by, ascending: *by == OrderBy::Key })
}

/// Groups by the key that chooses them.
pub const GROUPINGS: [(char, Group, &str); 5] = [
    ('f', Group::Flow, "flow: each for itself"),
    ('a', Group::Address, "address: who was asked"),
    ('p', Group::Port, "port: what was asked for"),
    ('i', Group::Pair, "pair: who asked whom"),
    ('s', Group::Sensor, "sensor: who counts it"),
];

/// The moment that is typed.
///
/// # Errors
/// When it is none.
pub fn typed_moment(input: &Input, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    moment::parse(input.value(), now, zone)
}

/// Octets of the longest text that a prompt takes.
const LONGEST: usize = 1_024;

/// A key in a prompt.
pub fn edit(input: &mut Input, key: KeyEvent) {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let request = match key.code {
        KeyCode::Char('a') if ctrl => InputRequest::GoToStart,
        KeyCode::Char('e') if ctrl => InputRequest::GoToEnd,
        KeyCode::Char('u') if ctrl => InputRequest::DeleteLine,
        KeyCode::Char('w') if ctrl => InputRequest::DeletePrevWord,
        KeyCode::Char('k') if ctrl => InputRequest::DeleteTillEnd,
        KeyCode::Char(c) if !ctrl && !crate::text::is_unsafe(c) && input.value().len() < LONGEST => {
            InputRequest::InsertChar(c)
        }
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if ctrl => InputRequest::GoToPrevWord,
        KeyCode::Right if ctrl => InputRequest::GoToNextWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return,
    };
    let _ = input.handle(request);
}
