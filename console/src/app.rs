//! The application's state. Events change it, and it says what to ask of the collector; it reads no clock, draws nothing
//! and waits for nobody.
//!
//! ```text
//! Event ─► App::on ─► state ─► screen::draw
//!             └─► Action (watch, redraw, quit)
//! ```

pub mod cursor;
pub mod feed;
mod input;
pub mod layout;
pub mod menu;
pub mod overlay;
pub mod timebar;
pub mod traffic;

use jiff::tz::TimeZone;
use traf_proto::filter::{Expression, Test};
use traf_proto::{
    Facility, Filter, Fleet, Group, Item, Order, OrderBy, Query, Report, Row, Scope, SensorState, Strip, Timestamp,
};

use crate::event::{Action, Event};
use crate::number::Units;
use crate::theme::Theme;
use cursor::Cursor;
use feed::Feeds;
use overlay::Overlay;
use timebar::{TimeBar, When};
use traffic::{Pane, TrafficState};

/// What is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Main menu and overview.
    #[default]
    Home,
    /// IP traffic monitor.
    Traffic,
    /// General interface statistics.
    Interfaces,
    /// Who reports.
    Sensors,
}

/// Whether the collector is there.
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

/// How things are written: what does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Look {
    /// Of the reader.
    pub zone: TimeZone,
    /// Of rates.
    pub units: Units,
    /// Colours.
    pub theme: Theme,
    /// The collector, for About and for the first seconds.
    pub collector: String,
}

impl Default for Look {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, units: Units::default(), theme: Theme::default(), collector: String::new() }
    }
}

/// Everything the screens know.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// How things are written.
    pub look: Look,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The moment of the last event, by the collector's clock: windows of the past are windows of its past.
    pub now: Timestamp,
    /// Nanoseconds that the collector's clock is ahead of ours.
    skew: i64,
    /// When the collector was heard last.
    heard: Timestamp,
    /// What is on the screen.
    pub screen: Screen,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// The entry of the main menu that has the bar.
    pub menu: usize,
    /// What is looked at.
    pub scope: Scope,
    /// Which traffic.
    pub filter: Filter,
    /// Which time.
    pub time: TimeBar,
    /// The IP traffic monitor.
    pub traffic: TrafficState,
    /// Rows of the interface statistics.
    pub interfaces: Cursor<String>,
    /// Their second set of columns.
    pub directions: bool,
    /// Rows of the sensors.
    pub sensors: Cursor<String>,
    /// First line of the details below the sensors that is seen, and whether they have the keys.
    pub details: (usize, bool),
    /// Open questions and answers.
    pub feeds: Feeds,
    /// Who reports.
    pub fleet: Option<Fleet>,
    /// Whether the collector is there.
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
    #[must_use]
    pub fn new(look: Look) -> Self {
        Self { look, size: (80, 24), ..Self::default() }
    }

    /// The first questions.
    pub fn start(&mut self, size: (u16, u16), now: Timestamp) -> Option<Action> {
        (self.size, self.now) = (size, now);
        self.feeds.ask(self.wanted())
    }

    /// Takes an event that happened at `now`.
    pub fn on(&mut self, event: Event, now: Timestamp) -> Option<Action> {
        let before = self.now.seconds();
        self.now = Timestamp(now.0.saturating_add(self.skew));
        if matches!(event, Event::Report(..) | Event::Fleet(_) | Event::Refused(..)) {
            self.link = Link::Up;
            self.heard = self.now;
        }
        match event {
            Event::Key(key) => {
                if let Some(action) = self.on_key(key) {
                    return Some(action);
                }
            }
            Event::Resize(width, height) => {
                self.size = (width, height);
                self.keep_in_place();
            }
            Event::Tick => self.listen(),
            Event::Report(id, report) => self.on_report(id, *report),
            Event::Fleet(fleet) => {
                self.compare_clocks(fleet.at, now);
                self.fleet = Some(*fleet);
                self.keep_in_place();
            }
            Event::Refused(id, reason) => {
                if let Some((_, feed)) = self.feeds.find(id) {
                    feed.refused = Some(reason);
                }
            }
            Event::Away(reason) => {
                let since = if let Link::Away(since, _) = self.link { since } else { self.now };
                self.link = Link::Away(since, reason);
            }
        }
        if self.now.seconds() != before {
            self.time.tick(self.now);
        }
        self.feeds.ask(self.wanted())
    }

    /// The questions whose answers the present screen shows.
    fn wanted(&self) -> Vec<Query> {
        let ask = |facility, filter, order, limit| Query {
            facility,
            window: self.time.window(),
            scope: self.scope.clone(),
            filter,
            group: Group::Flow,
            order,
            limit,
        };
        let by_key = Order { by: OrderBy::Key, ascending: true };
        let interfaces = ask(Facility::Interfaces, Filter::default(), by_key, Query::LIMIT);
        match self.screen {
            Screen::Home => {
                let by_rate = Order { by: OrderBy::Rate, ascending: false };
                vec![interfaces, ask(Facility::Hosts, self.filter.clone(), by_rate, 20)]
            }
            Screen::Traffic => {
                let tcp = Expression::Test(Test::Protocol(6));
                let others = Expression::Not(Box::new(tcp.clone()));
                let flows =
                    |part| ask(Facility::Traffic, both(&self.filter, part), self.traffic.order, self.traffic.limit);
                vec![flows(tcp), flows(others)]
            }
            Screen::Interfaces | Screen::Sensors => vec![interfaces],
        }
    }

    /// A connection may be dead long before it is known to be: a collector that says nothing is away.
    fn listen(&mut self) {
        if self.link == Link::Up && self.now.since(self.heard) > SILENCE {
            self.link = Link::Away(self.heard, "connected, but it says nothing".to_owned());
        }
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
        let paused = matches!(self.time.when, When::Paused(_));
        let pages = (self.page_of(Pane::Upper), self.page_of(Pane::Lower));
        let Some((place, feed)) = self.feeds.find(id) else { return };
        if report.facility != feed.query.facility || (paused && feed.fresh) || feed.pass_over(&report) {
            return;
        }
        if report.live {
            self.strip.clone_from(&report.strip);
        }
        let before = feed.report.replace(report);
        (feed.fresh, feed.refused) = (true, None);
        let feed = feed.report.as_ref();
        if let (Screen::Traffic, Some(report)) = (self.screen, feed) {
            match place {
                0 => self.traffic.arrange_upper(report, before.as_ref(), pages.0),
                _ => self.traffic.arrange_lower(report, before.as_ref(), pages.1),
            }
        }
        self.keep_in_place();
    }

    /// The answer that the screen is about.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.feeds.report(0)
    }

    /// Traffic over time: of the answer, or, while that is still to come, as it was a moment ago.
    #[must_use]
    pub fn strip(&self) -> Option<&Strip> {
        let live = self.time.when == When::Live;
        self.report().map(|report| &report.strip).or_else(|| live.then_some(&self.strip))
    }

    /// The screen shows an answer to another question, or none: the right one is still to come.
    #[must_use]
    pub fn asking(&self) -> bool {
        self.feeds.get(0).is_some_and(|feed| !feed.fresh && feed.refused.is_none())
    }

    /// Sensors, by name.
    #[must_use]
    pub fn sensor_states(&self) -> &[SensorState] {
        self.fleet.as_ref().map_or(&[], |fleet| &fleet.sensors)
    }

    /// More than one sensor is looked at: rows name theirs.
    #[must_use]
    pub fn several_sensors(&self) -> bool {
        match &self.scope.0[..] {
            [] => self.fleet.as_ref().is_none_or(|fleet| fleet.sensors.len() != 1),
            [first, rest @ ..] => rest.iter().any(|point| point.sensor != first.sensor),
        }
    }

    /// What the reports cannot say, once each; or why the collector is away.
    #[must_use]
    pub fn notes(&self) -> Vec<&str> {
        if let Link::Away(_, reason) = &self.link {
            return vec![reason];
        }
        let mut notes: Vec<&str> = Vec::new();
        for note in self.feeds.fresh().flat_map(|report| &report.notes) {
            if !notes.contains(&note.as_str()) {
                notes.push(note);
            }
        }
        notes
    }

    /// Where things are.
    #[must_use]
    pub fn areas(&self) -> layout::Areas {
        layout::areas(self.size, !self.notes().is_empty())
    }

    /// Rows of tables that are seen at once.
    fn page(&self) -> usize {
        let body = self.areas().body;
        match self.screen {
            Screen::Traffic => self.page_of(self.traffic.pane),
            Screen::Sensors => usize::from(layout::panes(body, 5).0.height),
            Screen::Home | Screen::Interfaces => usize::from(layout::inside(body).height),
        }
    }

    fn page_of(&self, pane: Pane) -> usize {
        let (upper, lower) = layout::panes(self.areas().body, 6);
        usize::from(if pane == Pane::Upper { upper.height } else { lower.height })
    }

    /// Bars stay on their rows and inside their lists, whatever came or went.
    fn keep_in_place(&mut self) {
        let page = self.page();
        match self.screen {
            Screen::Interfaces => {
                let Some(report) = self.feeds.report(0) else { return };
                let key = |place: usize| report.rows.get(place).and_then(interface_key);
                self.interfaces.follow(key, report.rows.len(), page);
                self.renew_details();
            }
            Screen::Sensors => {
                let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
                self.sensors.follow(|place| Some(sensors.get(place)?.id.clone()), sensors.len(), page);
            }
            Screen::Traffic => {
                let (upper, lower) = (self.page_of(Pane::Upper), self.page_of(Pane::Lower));
                self.traffic.upper.step(0, self.traffic.connections() * 2, upper);
                self.traffic.lower.step(0, self.traffic.others(), lower);
                self.renew_details();
            }
            Screen::Home => {}
        }
    }

    /// Details show the newest numbers of their row.
    fn renew_details(&mut self) {
        let Some(Overlay::Details(shown)) = &mut self.overlay else { return };
        let newest = self.feeds.reports().flat_map(|report| &report.rows).find(|row| same_row(row, shown));
        if let Some(row) = newest {
            **shown = row.clone();
        }
    }
}

/// `web1/eth0` of a row that is an interface.
fn interface_key(row: &Row) -> Option<String> {
    match &row.item {
        Item::Interface(stats) => {
            let sensor = row.observed_by.first().map_or("", |point| &point.sensor);
            Some(format!("{sensor}/{}", stats.interface.name))
        }
        _ => None,
    }
}

/// Whether both are the same conversation or the same interface, with whatever counts.
fn same_row(a: &Row, b: &Row) -> bool {
    match (&a.item, &b.item) {
        (Item::Flow(_), Item::Flow(_)) => traffic::id(a) == traffic::id(b),
        (Item::Interface(_), Item::Interface(_)) => interface_key(a) == interface_key(b),
        _ => false,
    }
}

fn both(filter: &Filter, part: Expression) -> Filter {
    Filter::new(match filter.expression() {
        Some(expression) => Expression::And(Box::new(expression.clone()), Box::new(part)),
        None => part,
    })
}
