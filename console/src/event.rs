//! What reaches the application, and what it asks for.

use ratatui::crossterm::event::KeyEvent;
use traf_proto::{Fleet, Query, Report};

/// Something happened. The moment is given beside it.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// Some time went by.
    Tick,
    /// An answer to the watch of this number.
    Report(u64, Box<Report>),
    /// Who reports.
    Fleet(Box<Fleet>),
    /// The collector will not answer this watch, and why.
    Refused(u64, String),
    /// The collector cannot be reached, and why.
    Away(String),
}

/// A question that stays open until it is replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Numbers are not used twice, so late answers to old questions are known.
    pub id: u64,
    /// What is asked.
    pub query: Query,
}

/// What the edge has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Exactly these watches, from now on.
    Watch(Vec<Watch>),
    /// Clear the terminal and draw again.
    Redraw,
    /// Leave.
    Quit,
}
