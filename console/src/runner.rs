//! The edge between the application and the world: terminal, signals, clock, collector.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::select_all;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use traf_model::Fleet;

use crate::app::App;
use crate::client::{Client, keep_filters, keep_fleet, keep_watch, make_changes};
use crate::clock;
use crate::config::Config;
use crate::event::{Change, Effect, Event, Watch};
use crate::look::Look;
use crate::names::resolver::{self, Sources};
use crate::names::{Descriptions, Names, ServiceNames};
use crate::screen;
use crate::start::StartOptions;

/// Events that wait for the application; who finds no room waits, and the collector then sends only its newest report.
const WAITING: usize = 64;

/// Interval between two frames when nothing happens: clocks move on.
const TICK: Duration = Duration::from_millis(250);

/// The files of the person at the screens: what they hold, and where what is changed is kept.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// As read.
    pub config: Config,
    /// Of the configuration.
    pub path: PathBuf,
    /// Of everything else.
    pub folder: PathBuf,
}

/// Returns a future that is ready when a signal asks the program to end.
pub fn end_signal() -> Result<impl Future<Output = ()>> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let ends = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>();
    let mut ends = ends.context("listening for signals")?;
    Ok(async move {
        select_all(ends.iter_mut().map(|end| Box::pin(end.recv()))).await;
    })
}

/// Shows the screens until someone leaves them, their time is over, or a signal ends us.
pub async fn run(client: Client, look: Look, files: Files, start: &StartOptions) -> Result<()> {
    // The interface is looked up among those that report.
    let fleet = if start.names_interface() { client.fleet_now().await? } else { Fleet::default() };
    let start_screen = start.screen(&fleet)?;
    let names = Names::new(ServiceNames::of_machine(), Descriptions::read(&files.folder)?);
    let mut signalled = std::pin::pin!(end_signal()?);
    // ratatui's own hook gives the terminal back before a panic speaks; the guard does in every other case.
    let terminal = ratatui::try_init().context("opening the terminal")?;
    let _guard = Guard;
    let (events, mut inbox) = channel(WAITING);
    let (names_wanted, questions) = channel(WAITING);
    let (changes, asked) = channel(WAITING);
    let mut feeds = Feeds {
        client,
        events: events.clone(),
        tasks: JoinSet::new(),
        watches: HashMap::new(),
        names: names_wanted,
        changes,
    };
    feeds.tasks.spawn(keep_fleet(feeds.client.clone(), events.clone()));
    feeds.tasks.spawn(keep_filters(feeds.client.clone(), events.clone()));
    feeds.tasks.spawn(make_changes(feeds.client.clone(), asked, events.clone()));
    let sources = Sources::of_machine(files.config.name_server);
    feeds.tasks.spawn(resolver::run(sources, questions, events.clone()));
    read_keys(events);

    let mut screens = Screens { app: App::new(look), terminal, feeds, files, drawn: None, touched: true };
    screens.app.names = names;
    screens.app.begin(screens.files.config.clone());
    if let Some((screen, scope)) = start_screen {
        (screens.app.scope, screens.app.started_on_facility) = (scope, true);
        screens.app.open(screen);
    }
    let length = start.minutes.map_or(Duration::MAX, |minutes| Duration::from_secs(60 * u64::from(minutes)));
    let mut end = std::pin::pin!(tokio::time::sleep(length));
    let size = screens.terminal.size().context("asking the terminal for its size")?;
    let first = screens.app.start((size.width, size.height), clock::now());
    screens.carry_out(first)?;
    let mut tick = tokio::time::interval(TICK);
    // Builds for tests can be told to panic, so that a test can see what a panic leaves behind.
    let panics = cfg!(debug_assertions) && std::env::var_os("TRAF_PANIC").is_some();
    loop {
        screens.draw_in_time()?;
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
            () = &mut end => None,
            () = &mut signalled => None,
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
    files: Files,
    /// Moment of the last frame.
    drawn: Option<Instant>,
    /// Something happened since that waits for no interval.
    touched: bool,
}

impl Screens {
    /// Takes an event and all that wait behind it, so that a frame is drawn once for all of them. True: leave.
    fn take(&mut self, first: Event, inbox: &mut Receiver<Event>) -> Result<bool> {
        let mut next = Some(first);
        while let Some(event) = next {
            self.touched |= matches!(event, Event::Key(_) | Event::Resize(..));
            let effects = self.app.update(event, clock::now());
            if self.carry_out(effects)? {
                return Ok(true);
            }
            next = inbox.try_recv().ok();
        }
        Ok(false)
    }

    /// Carries out effects. True: leave.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<bool> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Redraw => self.terminal.clear().context("clearing the terminal")?,
                Effect::Watch(watches) => self.feeds.watch(watches),
                // Without room it is asked again with the next report.
                Effect::LookUp(address) => drop(self.feeds.names.try_send(address)),
                Effect::Config(change) => self.tell(change.1.keep(&change.0, &self.files.path)),
                Effect::Descriptions(names) => self.tell(names.write(&self.files.folder)),
                Effect::Change(change) => {
                    let full = |_| "too many changes wait for the collector: try again";
                    self.tell(self.feeds.changes.try_send(change).map_err(full));
                }
            }
        }
        Ok(false)
    }

    /// Says why something was not kept.
    fn tell(&mut self, kept: Result<(), impl Display>) {
        if let Err(why) = kept {
            self.app.say(why.to_string());
        }
    }

    /// Draws, unless the person at the screens wants to see a new frame only now and then; a key is answered at once.
    fn draw_in_time(&mut self) -> Result<()> {
        let pause = Duration::from_secs(self.app.config.update_interval.into());
        let rests = self.drawn.is_some_and(|drawn| drawn.elapsed() < pause);
        if rests && !self.touched {
            return Ok(());
        }
        (self.drawn, self.touched) = (Some(Instant::now()), false);
        self.terminal.draw(|frame| screen::draw(&self.app, frame)).context("drawing on the terminal")?;
        Ok(())
    }
}

/// Open questions as tasks.
struct Feeds {
    client: Client,
    events: Sender<Event>,
    tasks: JoinSet<()>,
    watches: HashMap<u64, AbortHandle>,
    names: Sender<IpAddr>,
    changes: Sender<Change>,
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
        while !events.is_closed() {
            // The pause bounds how long the thread outlives the screens.
            let ready = event::poll(Duration::from_millis(200));
            let event = match ready.and_then(|ready| ready.then(event::read).transpose()) {
                Ok(Some(event::Event::Key(key))) => Event::Key(key),
                Ok(Some(event::Event::Resize(width, height))) => Event::Resize(width, height),
                Ok(_) => continue,
                Err(_) => return,
            };
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    });
}
