//! A console that is driven by keys, as people do, and answered from the sample LAN.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../sample/mod.rs"]
pub mod sample;

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use traf_console::app::App;
use traf_console::event::{Effect, Event, Watch};
use traf_console::look::Look;
use traf_console::screen;
use traf_console::theme::Theme;
use traf_model::{Facility, Group, Item, Key, Point, Query, Report, Timestamp, Window};

pub const SMALL: (u16, u16) = (80, 24);
pub const LARGE: (u16, u16) = (132, 40);
pub const HUGE: (u16, u16) = (200, 60);

/// A console that is driven, and answered from the sample LAN.
pub struct Console {
    pub app: App,
    pub now: Timestamp,
    pub watches: Vec<Watch>,
    pub effects: Vec<Effect>,
    pub answer: fn(&Query) -> Report,
}

pub fn answer(query: &Query) -> Report {
    let filter = query.filter.to_string();
    let mut report = match query.facility {
        Facility::Traffic if query.group != Group::Flow => sample::groups(query.group),
        Facility::Traffic if filter.ends_with("udp") => sample::datagrams(),
        Facility::Traffic if filter.ends_with("not tcp") => sample::others(),
        Facility::Traffic => sample::connections(),
        Facility::Interfaces => sample::interfaces(),
        Facility::Counted(facility) => sample::counted(facility),
        Facility::Packets => sample::lines(),
    };
    report.rows.retain(|row| {
        let inside = |point: &Point| query.scope.holds(&point.sensor, point.interface.as_deref().unwrap_or_default());
        row.observed_by.iter().any(inside)
    });
    if let Window::Past(window) = query.window {
        (report.live, report.interval) = (false, window);
    }
    report
}

pub fn nothing(query: &Query) -> Report {
    Report { sensors_reporting: 2, sensors_known: 3, ..sample::report(query.facility, Vec::new()) }
}

pub fn nobody(query: &Query) -> Report {
    Report { sensors_reporting: 0, sensors_known: 0, ..sample::report(query.facility, Vec::new()) }
}

impl Console {
    pub fn silent(size: (u16, u16)) -> Self {
        let collector = "https://collector.lan:7440".to_owned();
        let look = Look { collector, theme: Theme::Mono, ..Look::default() };
        let mut console =
            Self { app: App::new(look), now: sample::now(), watches: Vec::new(), effects: Vec::new(), answer };
        let effects = console.app.start(size, console.now);
        console.take(effects);
        console
    }

    pub fn with(size: (u16, u16), answer: fn(&Query) -> Report) -> Self {
        let mut console = Self { answer, ..Self::silent(size) };
        console.on(Event::Fleet(Box::new(sample::fleet())));
        console.answer();
        console
    }

    pub fn new(size: (u16, u16)) -> Self {
        Self::with(size, answer)
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            if let Effect::Watch(watches) = effect {
                self.watches.clone_from(watches);
            }
        }
        self.effects.extend(effects);
    }

    pub fn on(&mut self, event: Event) {
        let effects = self.app.update(event, self.now);
        self.take(effects);
    }

    pub fn answer(&mut self) {
        for watch in self.watches.clone() {
            self.on(Event::Report(watch.id, Box::new((self.answer)(&watch.query))));
        }
    }

    /// Types `keys`: characters, and names in angle brackets.
    pub fn keys(mut self, keys: &str) -> Self {
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (code, length) = match rest.split_once('>').filter(|_| first == '<') {
                Some((name, _)) => (named(&name[1..]), name.len() + 1),
                None => (KeyEvent::new(KeyCode::Char(first), KeyModifiers::NONE), first.len_utf8()),
            };
            rest = &rest[length..];
            self.on(Event::Key(code));
            self.answer();
        }
        self
    }

    pub fn after(mut self, seconds: u64) -> Self {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.on(Event::Tick);
        self
    }

    pub fn screen(&self) -> String {
        let (width, height) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen::draw(&self.app, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
    }
}

fn named(name: &str) -> KeyEvent {
    let (name, modifiers) = match name.split_once('-') {
        Some(("ctrl", name)) => (name, KeyModifiers::CONTROL),
        Some(("shift", name)) => (name, KeyModifiers::SHIFT),
        _ => (name, KeyModifiers::NONE),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgdn" => KeyCode::PageDown,
        "pgup" => KeyCode::PageUp,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "lt" => KeyCode::Char('<'),
        "gt" => KeyCode::Char('>'),
        letter => KeyCode::Char(letter.chars().next().expect("a key")),
    };
    KeyEvent::new(code, modifiers)
}

/// As many rows as a report may have, each another flow, host, service …
pub fn many(query: &Query) -> Report {
    let mut report = answer(query);
    let rows: Vec<_> = report.rows.iter().filter(|row| !matches!(row.item, Item::Other(..))).cloned().collect();
    if rows.is_empty() {
        return report;
    }
    report.rows = rows.into_iter().cycle().take(Query::LIMIT as usize).collect();
    for (place, row) in (0u16..).zip(&mut report.rows) {
        match &mut row.item {
            Item::Flow(flow) => flow.key.source.port = 1_024 + place,
            Item::Counted(_, Key::Address(address), _) => {
                *address = [10, 1, (place / 256) as u8, (place % 256) as u8].into();
            }
            Item::Counted(_, Key::Number(number), _) => *number = (*number & !0xffff) | u64::from(1_024 + place),
            Item::Counted(_, Key::Mac(mac), _) => (mac.0[4], mac.0[5]) = ((place / 256) as u8, (place % 256) as u8),
            _ => {}
        }
    }
    report.matched = 100_000;
    report
}
