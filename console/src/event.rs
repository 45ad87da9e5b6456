//! What reaches the application, and what it asks for.

use std::net::IpAddr;

use ratatui::crossterm::event::KeyEvent;
use traf_model::{Fleet, NamedFilter, Query, Report, Settings};

use crate::config::Config;
use crate::names::{Descriptions, Known};

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
    /// What a host is called.
    Name(IpAddr, Known),
    /// Why host names are missing; empty when they come again.
    Resolver(String),
    /// The named filters that all consoles share.
    Filters(Vec<NamedFilter>),
    /// What was changed is kept, or why not: in words for the one who changed it.
    Changed(Result<String, String>),
}

/// A question that stays open until it is replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Numbers are not used twice, so late answers to old questions are known.
    pub id: u64,
    /// What is asked.
    pub query: Query,
}

/// A change that the collector keeps.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Save a named filter.
    SaveFilter(NamedFilter),
    /// Delete the named filter of this name.
    DeleteFilter(String),
    /// Settings that a sensor is to run with.
    Settings(String, Box<Settings>),
}

/// What the application asks of the runner.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Keep exactly these watches open.
    Watch(Vec<Watch>),
    /// Clear the terminal and draw again.
    Redraw,
    /// Leave the program.
    Quit,
    /// Look up the name of a host.
    LookUp(IpAddr),
    /// Write the configuration: before and after.
    Config(Box<(Config, Config)>),
    /// Write the descriptions of MAC addresses.
    Descriptions(Box<Descriptions>),
    /// Hand a change to the collector.
    Change(Change),
}
