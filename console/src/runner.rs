//! The edge between the application and the world: terminal, signals, clock, collector.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};

use crate::app::{App, Look};
use crate::client::{Client, keep_fleet, keep_watch};
use crate::clock;
use crate::event::{Action, Event, Watch};
use crate::screen;

/// Events that wait for the application; who finds no room waits, and the collector then sends only its newest report.
const WAITING: usize = 64;

/// How often the screen is drawn when nothing happens: clocks move on.
const TICK: Duration = Duration::from_millis(250);

/// Shows the screens until someone leaves them, or a signal ends us.
///
/// # Errors
/// When there is no terminal to show them on.
pub async fn run(client: Client, look: Look) -> Result<()> {
    let mut ends = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()
        .context("listening for signals")?;
    // ratatui's own hook gives the terminal back before a panic speaks; the guard does in every other case.
    let terminal = ratatui::try_init().context("opening the terminal")?;
    let _guard = Guard;
    let (events, mut inbox) = channel(WAITING);
    let mut feeds = Feeds { client, events: events.clone(), tasks: JoinSet::new(), watches: HashMap::new() };
    feeds.tasks.spawn(keep_fleet(feeds.client.clone(), events.clone()));
    read_keys(events);

    let mut screens = Screens { app: App::new(look), terminal, feeds };
    let size = screens.terminal.size().context("asking the terminal for its size")?;
    let first = screens.app.start((size.width, size.height), clock::now());
    screens.act(first)?;
    let mut tick = tokio::time::interval(TICK);
    let [terminate, interrupt, hangup] = &mut ends[..] else { return Ok(()) };
    // Builds for tests can be told to panic, so that a test can see what a panic leaves behind.
    let panics = cfg!(debug_assertions) && std::env::var_os("TRAF_PANIC").is_some();
    loop {
        screens.draw()?;
        assert!(!panics, "TRAF_PANIC is set");
        let event = tokio::select! {
            event = inbox.recv() => event,
            _ = tick.tick() => Some(Event::Tick),
            Some(ended) = screens.feeds.tasks.join_next() => {
                // A panic elsewhere is ours as well: without that task the screen would stand still.
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
                continue;
            }
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            _ = hangup.recv() => None,
        };
        let Some(event) = event else { return Ok(()) };
        if screens.take(event, &mut inbox)? {
            return Ok(());
        }
    }
}

struct Screens {
    app: App,
    terminal: DefaultTerminal,
    feeds: Feeds,
}

impl Screens {
    /// Takes an event and all that wait behind it, so that a frame is drawn once for all of them. True: leave.
    fn take(&mut self, first: Event, inbox: &mut Receiver<Event>) -> Result<bool> {
        let mut next = Some(first);
        while let Some(event) = next {
            let action = self.app.on(event, clock::now());
            if self.act(action)? {
                return Ok(true);
            }
            next = inbox.try_recv().ok();
        }
        Ok(false)
    }

    fn act(&mut self, action: Option<Action>) -> Result<bool> {
        match action {
            Some(Action::Quit) => return Ok(true),
            Some(Action::Redraw) => self.terminal.clear().context("clearing the terminal")?,
            Some(Action::Watch(watches)) => self.feeds.watch(watches),
            None => {}
        }
        Ok(false)
    }

    fn draw(&mut self) -> Result<()> {
        let app = &self.app;
        self.terminal.draw(|frame| screen::draw(app, frame)).context("drawing on the terminal")?;
        Ok(())
    }
}

/// Open questions as tasks.
struct Feeds {
    client: Client,
    events: Sender<Event>,
    tasks: JoinSet<()>,
    watches: HashMap<u64, AbortHandle>,
}

impl Feeds {
    fn watch(&mut self, watches: Vec<Watch>) {
        self.watches.retain(|id, task| {
            let wanted = watches.iter().any(|watch| watch.id == *id);
            if !wanted {
                task.abort();
            }
            wanted
        });
        for watch in watches {
            let id = watch.id;
            self.watches
                .entry(id)
                .or_insert_with(|| self.tasks.spawn(keep_watch(self.client.clone(), watch, self.events.clone())));
        }
    }
}

/// Gives the terminal back.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        // In a panic the hook has done it already, and spoken: a second time would put the cursor over its words.
        if !std::thread::panicking() {
            ratatui::restore();
        }
    }
}

/// Keys and resizes, from a thread of their own: reading a terminal blocks.
fn read_keys(events: Sender<Event>) {
    std::thread::spawn(move || {
        loop {
            // The pause bounds how long the thread outlives the screens.
            match event::poll(Duration::from_millis(200)) {
                Ok(false) if events.is_closed() => return,
                Ok(false) => continue,
                Ok(true) => {}
                Err(_) => return,
            }
            let event = match event::read() {
                Ok(event::Event::Key(key)) => Event::Key(key),
                Ok(event::Event::Resize(width, height)) => Event::Resize(width, height),
                Ok(_) => continue,
                Err(_) => return,
            };
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    });
}
