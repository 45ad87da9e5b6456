//! The application's state. Events change it, and it says what to ask of the collector; it reads no clock, draws nothing
//! and waits for nobody.
//!
//! ```text
//! Event ─► App::update ─► state ─► screen::draw
//!               └─► Effect ─► runner
//! ```

pub mod cursor;
pub mod dialog;
pub mod feed;
mod input;
pub mod list;
pub mod menu;
mod notes;
pub mod overview;
pub mod packet_window;
mod question;
mod rows;
mod shared;
pub mod timebar;
pub mod traffic;

use std::collections::HashMap;

use traf_model::{Facility, Filter, Fleet, NamedFilter, OrderBy, Report, Scope, SensorState, Strip, Timestamp};

use crate::config::Config;
use crate::event::{Effect, Event};
use crate::facility;
use crate::facility::cell::RowContext;
use crate::facility::view::View;
use crate::look::Look;
use crate::names::Names;
use crate::widget::layout::{Areas, areas};
use cursor::Cursor;
use dialog::Dialog;
use feed::Feeds;
use list::List;
use overview::Overview;
use timebar::{TimeBar, When};
use traffic::TrafficState;

/// The screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Main menu and overview.
    #[default]
    Home,
    /// IP traffic monitor.
    Traffic,
    /// General interface statistics.
    Interfaces,
    /// Detailed interface statistics.
    Detailed,
    /// Traffic that is counted under a key.
    Counted(&'static View),
    /// The sensors, and which of them report.
    Sensors,
}

impl Screen {
    /// In titles.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Home => "Main menu and overview",
            Self::Traffic => "IP traffic monitor",
            Self::Interfaces => "General interface statistics",
            Self::Detailed => "Detailed interface statistics",
            Self::Counted(view) => view.title,
            Self::Sensors => "Sensors",
        }
    }

    /// The facility of a screen that is one table.
    pub const fn facility(self) -> Option<Facility> {
        match self {
            Self::Interfaces => Some(Facility::Interfaces),
            Self::Counted(view) => Some(Facility::Counted(view.facility)),
            _ => None,
        }
    }
}

/// State of the connection to the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing heard yet.
    #[default]
    Connecting,
    /// It answers.
    Up,
    /// It does not, since when, and why.
    Away(Timestamp, String),
}

/// Everything the screens know.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// Units, time zone and colours.
    pub look: Look,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The moment of the last event, by the collector's clock: windows of the past are windows of its past.
    pub now: Timestamp,
    /// Nanoseconds that the collector's clock is ahead of ours.
    skew: i64,
    /// Moment at which the collector was heard last.
    heard: Timestamp,
    /// The screens.
    pub screen: Screen,
    /// The dialog over it.
    pub dialog: Option<Dialog>,
    /// The entry of the main menu that has the bar.
    pub menu: usize,
    /// The lines beside it.
    pub overview: Overview,
    /// The scope that is looked at.
    pub scope: Scope,
    /// The filter of the traffic.
    pub filter: Filter,
    /// The time that is shown.
    pub time: TimeBar,
    /// The IP traffic monitor.
    pub traffic: TrafficState,
    /// Rows of the screens that are one table, by facility.
    lists: HashMap<Facility, List>,
    /// The second set of columns, where a screen has two.
    pub second: bool,
    /// MAC addresses without broadcast and multicast.
    pub no_groups: bool,
    /// Rows of the sensors.
    pub sensors: Cursor<String>,
    /// First line of the details below the sensors that is seen, and whether they have the keys.
    pub details: (usize, bool),
    /// Open questions and answers.
    pub feeds: Feeds,
    /// The sensors, and which of them report.
    pub fleet: Option<Fleet>,
    /// The configuration.
    pub config: Config,
    /// The named filters that all consoles share, by name.
    pub filters: Vec<NamedFilter>,
    /// The collector has told them.
    pub filters_known: bool,
    /// Effects of the present event, in their order.
    effects: Vec<Effect>,
    /// The last message, and the moment until which it is shown.
    message: Option<(Timestamp, String)>,
    /// A facility was asked for at the start: leaving it leaves the program.
    pub started_on_facility: bool,
    /// Of addresses, ports, cards and machines.
    pub names: Names,
    /// State of the connection to the collector.
    pub link: Link,
    /// The newest strip of the present: shown while a new question waits for its first answer.
    strip: Strip,
    /// `x` was pressed in the main menu: once more leaves.
    pub leaving: bool,
}

/// The list of sensors comes each second; after this long without it nobody is there.
const SILENCE: i64 = 5_000_000_000;

/// Clocks that differ by less are the same.
const SAME_CLOCK: i64 = 1_500_000_000;

impl App {
    /// A console that has heard nothing yet. Tell it the terminal's size and the first moment with [`App::start`].
    pub fn new(look: Look) -> Self {
        let counted = facility::ALL.into_iter().map(|view| (Facility::Counted(view.facility), List::new(view.order)));
        let lists = counted.chain([(Facility::Interfaces, List::new(OrderBy::Key))]).collect();
        Self { look, size: (80, 24), lists, ..Self::default() }
    }

    /// The first questions.
    pub fn start(&mut self, size: (u16, u16), now: Timestamp) -> Vec<Effect> {
        (self.size, self.now) = (size, now);
        self.take_effects()
    }

    /// The effects since the last event, and the watches if other ones are needed now.
    fn take_effects(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.effects);
        effects.extend(self.names.addresses.questions().into_iter().map(Effect::LookUp));
        effects.extend(self.feeds.ask(self.wanted()).map(Effect::Watch));
        effects
    }

    /// Takes an event that happened at `now`.
    pub fn update(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let before = self.now.seconds();
        self.now = Timestamp(now.0.saturating_add(self.skew));
        if matches!(event, Event::Report(..) | Event::Fleet(_) | Event::Refused(..)) {
            self.link = Link::Up;
            self.heard = self.now;
        }
        match event {
            Event::Key(key) => self.on_key(key),
            Event::Resize(width, height) => {
                self.size = (width, height);
                self.keep_in_place();
            }
            // A connection may be dead long before it is known to be: a collector that says nothing is away.
            Event::Tick if self.link == Link::Up && self.now.since(self.heard) > SILENCE => {
                self.link = Link::Away(self.heard, "connected, but it says nothing".to_owned());
            }
            Event::Tick => {}
            Event::Report(id, report) => self.on_report(id, *report),
            Event::Fleet(fleet) => {
                self.compare_clocks(fleet.at, now);
                self.fleet = Some(*fleet);
                self.refresh_desk(false);
                self.keep_in_place();
            }
            Event::Refused(id, reason) => {
                if let Some((_, feed)) = self.feeds.find(id) {
                    feed.refused = Some(reason);
                }
            }
            Event::Name(address, known) => self.names.addresses.answer(address, known, self.now),
            Event::Resolver(words) => self.names.trouble = words,
            Event::Filters(filters) => self.on_filters(filters),
            Event::Changed(outcome) => self.on_changed(outcome),
            Event::Away(reason) => {
                let since = if let Link::Away(since, _) = self.link { since } else { self.now };
                self.link = Link::Away(since, reason);
            }
        }
        if self.now.seconds() != before {
            self.time.tick(self.now);
        }
        self.take_effects()
    }

    /// Follows the collector's clock where it is another; the way of a message is no difference.
    fn compare_clocks(&mut self, collector: Timestamp, ours: Timestamp) {
        let skew = collector.since(ours);
        if skew.saturating_sub(self.skew).abs() > SAME_CLOCK {
            self.now = Timestamp(ours.0.saturating_add(skew));
            (self.skew, self.heard) = (skew, self.now);
        }
    }

    fn on_report(&mut self, id: u64, report: Report) {
        self.names.ask_of(&report, self.now);
        let paused = matches!(self.time.when, When::Paused(_));
        let Some((place, feed)) = self.feeds.find(id) else { return };
        if report.facility != feed.query.facility || (paused && feed.fresh) || feed.pass_over(&report) {
            return;
        }
        if report.live {
            self.strip.clone_from(&report.strip);
        }
        if report.facility == Facility::Packets && !feed.fresh {
            self.traffic.packets.forget_lines();
        }
        let before = feed.report.replace(report);
        (feed.fresh, feed.refused) = (true, None);
        self.arrange(place, before.as_ref());
        self.keep_in_place();
    }

    /// The answer that the screen is about.
    pub fn report(&self) -> Option<&Report> {
        self.feeds.report(0)
    }

    /// Traffic over time: of the answer, or, while that is still to come, as it was a moment ago.
    pub fn strip(&self) -> Option<&Strip> {
        let live = self.time.when == When::Live;
        self.report().map(|report| &report.strip).or_else(|| live.then_some(&self.strip))
    }

    /// The screen shows an answer to another question, or none: the right one is still to come.
    pub fn asking(&self) -> bool {
        self.feeds.get(0).is_some_and(|feed| !feed.fresh && feed.refused.is_none())
    }

    /// Sensors, by name.
    pub fn sensor_states(&self) -> &[SensorState] {
        self.fleet.as_ref().map_or(&[], |fleet| &fleet.sensors)
    }

    /// More than one sensor is looked at: rows name theirs.
    pub fn several_sensors(&self) -> bool {
        match &self.scope.0[..] {
            [] => self.fleet.as_ref().is_none_or(|fleet| fleet.sensors.len() != 1),
            [first, rest @ ..] => rest.iter().any(|point| point.sensor != first.sensor),
        }
    }

    /// Values that the cells of a row need beside the row.
    pub fn row_context(&self) -> RowContext<'_> {
        let (several, width) = (self.several_sensors(), self.size.0);
        RowContext { look: &self.look, names: &self.names, report: self.report(), several, width }
    }

    /// Areas of the screen.
    pub fn areas(&self) -> Areas {
        areas(self.size, !self.notes().is_empty())
    }
}
