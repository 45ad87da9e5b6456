//! Editing a line of text.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::to_input_request;
use tui_input::{Input, InputRequest};

/// Octets of the longest text that a prompt takes.
const LONGEST: usize = 1_024;

/// A key in a prompt.
pub fn edit(input: &mut Input, key: KeyEvent) {
    let room = input.value().len() < LONGEST;
    match to_input_request(&Event::Key(key)) {
        Some(InputRequest::InsertChar(c)) if !room || crate::text::is_unsafe(c) => {}
        request => drop(request.and_then(|request| input.handle(request))),
    }
}

/// State of a prompt after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// It stays open.
    Open,
    /// It was given up.
    Cancelled,
    /// Its text was entered.
    Entered,
}

/// A key in a prompt: escape, enter, or an edit.
pub fn typed(input: &mut Input, key: KeyEvent) -> Typed {
    match key.code {
        KeyCode::Esc => Typed::Cancelled,
        KeyCode::Enter => Typed::Entered,
        _ => {
            edit(input, key);
            Typed::Open
        }
    }
}
