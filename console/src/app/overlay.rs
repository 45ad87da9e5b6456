//! What lies over a screen for a while: help, dialogs, prompts.

use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use traf_proto::{Filter, FilterError, Fleet, Order, OrderBy, Point, Row, Scope, Timestamp};
use tui_input::{Input, InputRequest};

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
    /// All that is known of a row.
    Details(Box<Row>),
    /// Who made this.
    About,
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
    #[must_use]
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

    /// The name of a choice, set in under its sensor.
    #[must_use]
    pub fn label(choice: &Scope) -> String {
        match &choice.0[..] {
            [Point { interface: Some(interface), .. }] => format!("  {interface}"),
            _ => choice.to_string(),
        }
    }
}

/// Orders by the key that chooses them.
pub const ORDERS: [(char, OrderBy, &str); 6] = [
    ('p', OrderBy::Packets, "packets"),
    ('b', OrderBy::Octets, "octets (bytes)"),
    ('r', OrderBy::Rate, "rate"),
    ('f', OrderBy::First, "first seen, newest first"),
    ('l', OrderBy::Last, "last seen, newest first"),
    ('k', OrderBy::Key, "address"),
];

/// The order that a key chooses.
#[must_use]
pub fn order(key: char) -> Option<Order> {
    let (_, by, _) = ORDERS.iter().find(|(letter, ..)| letter.eq_ignore_ascii_case(&key))?;
    Some(Order { by: *by, ascending: *by == OrderBy::Key })
}

/// The filter that is typed.
///
/// # Errors
/// Where it is wrong.
pub fn typed_filter(input: &Input) -> Result<Filter, FilterError> {
    input.value().parse()
}

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
