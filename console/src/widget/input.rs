//! Editing a line of text.

use ratatui::crossterm::event::{Event, KeyEvent};
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
