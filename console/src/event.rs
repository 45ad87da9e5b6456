//! Events that reach the application, and effects that it asks for.

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
    /// The sensors, and which of them report.
    Fleet(Box<Fleet>),
    /// The collector will not answer this watch, and why.
    Refused(u64, String),
    /// The collector cannot be reached, and why.
    Away(String),
    /// Name of a host.
    Name(IpAddr, Known),
    /// Reason why host names are missing; empty when they come again.
    Resolver(String),
    /// The named filters that all consoles share.
    Filters(Vec<NamedFilter>),
    /// Result of a change: a message, or the reason why it was not kept.
    Changed(Result<String, String>),
}

/// A question that stays open until it is replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Numbers are not used twice, so late answers to old questions are known.
    pub id: u64,
    /// The query.
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

/// Effects that the runner carries out.
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
