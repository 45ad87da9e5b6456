//! The configuration on screen: IPTraf's toggles and timers, with what they are now beside them. What belongs to a sensor
//! leads to that sensor's settings.

use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::settings::{CAPTURE, IDLE, LOG, LOG_INTERVAL, PORTS, PROMISCUOUS};
use traf_model::{Mac, SensorState, Setting};
use tui_input::Input;

use super::super::App;
use super::Dialog;
use super::sensor::SensorSettings;
use crate::config::Config;
use crate::event::Effect;
use crate::number::Units;
use crate::theme::Theme;
use crate::widget::dialog::{Sheet, at_start, moved, turned};
use crate::widget::input::{Typed, typed};

/// An entry of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Host names.
    Dns,
    /// Service names.
    ServiceNames,
    /// Colours.
    Colour,
    /// Bits or bytes.
    Activity,
    /// Source MAC addresses.
    Macs,
    /// Seconds between frames.
    Update,
    /// Minutes until closed and idle connections leave.
    Persistence,
    /// The theme.
    Theme,
    /// Of the reader.
    Zone,
    /// A setting of a sensor.
    Sensor(&'static Setting),
    /// A setting that only the file of a sensor has.
    Tunnels,
    /// Descriptions of MAC addresses.
    Descriptions,
    /// Back.
    Exit,
}

/// The menu, in IPTraf's order: entry, title, help line.
pub static MENU: [(Item, &str, &str); 18] = [
    (Item::Dns, "Reverse DNS lookups", "Resolves IP addresses into host names; names come late and hold up nothing"),
    (Item::ServiceNames, "TCP/UDP service names", "Shows service names instead of port numbers"),
    (Item::Sensor(&PROMISCUOUS), "Force promiscuous mode", "Belongs to a sensor: opens its settings"),
    (Item::Colour, "Color", "Colours, or the terminal's own two"),
    (Item::Sensor(&LOG), "Logging", "Belongs to a sensor: opens its settings"),
    (Item::Activity, "Activity mode", "Rates in kbit/s or in kbyte/s"),
    (Item::Macs, "Source MAC addrs in traffic monitor", "Lines of the lower window name the source MAC"),
    (
        Item::Tunnels,
        "Show v6-in-v4 traffic as IPv6",
        "Belongs to a sensor's own file: tunnels = true opens all tunnels",
    ),
    (Item::Sensor(&IDLE), "TCP timeout...", "Belongs to a sensor: silence after which a connection is idle"),
    (Item::Sensor(&LOG_INTERVAL), "Logging interval...", "Belongs to a sensor: between two dumps of statistics"),
    (Item::Update, "Screen update interval...", "Seconds between two frames; 0 draws whenever there is something new"),
    (
        Item::Persistence,
        "TCP closed/idle persistence...",
        "Minutes until closed and idle connections leave; 0 keeps them",
    ),
    (
        Item::Sensor(&PORTS),
        "Additional ports...",
        "Belongs to a sensor: served ports beside those below 1024; add, delete",
    ),
    (Item::Sensor(&CAPTURE), "Capture filter...", "Belongs to a sensor: what is captured at all"),
    (Item::Descriptions, "Host descriptions...", "What you call the machines behind MAC addresses"),
    (Item::Theme, "Theme", "The next set of colours"),
    (Item::Zone, "Time zone...", "In which times are shown and read"),
    (Item::Exit, "Exit configuration", "Back"),
];

/// The dialog of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    /// The entry with the bar.
    pub selected: usize,
    /// The pane over the menu.
    pub pane: ConfigurePane,
    /// Reason why an entry was not accepted.
    pub wrong: String,
}

/// The pane over the menu.
#[derive(Clone, Debug, Default)]
pub enum ConfigurePane {
    /// Nothing.
    #[default]
    Menu,
    /// A value is typed.
    Value(Input),
    /// One's own descriptions, with the bar.
    Descriptions(usize),
    /// A new one, by its MAC address.
    NewMac(Input),
}

impl Configure {
    /// The entry with the bar.
    pub fn item(&self) -> Item {
        MENU[self.selected.min(MENU.len() - 1)].0
    }

    /// Takes a key; returns the dialog that is open afterwards.
    pub(super) fn on_key(mut self, key: KeyEvent, app: &mut App) -> Option<Dialog> {
        self.wrong.clear();
        match std::mem::replace(&mut self.pane, ConfigurePane::Menu) {
            ConfigurePane::Menu => match key.code {
                KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => return None,
                KeyCode::Enter | KeyCode::Char(' ') => return self.choose(app),
                code => self.selected = turned(self.selected, MENU.len(), code).unwrap_or(self.selected),
            },
            ConfigurePane::Value(mut input) => match typed(&mut input, key) {
                Typed::Cancelled => {}
                Typed::Open => self.pane = ConfigurePane::Value(input),
                Typed::Entered => match changed(self.item(), input.value(), &app.config) {
                    Ok(config) => app.configure(config),
                    Err(wrong) => (self.wrong, self.pane) = (wrong, ConfigurePane::Value(input)),
                },
            },
            ConfigurePane::Descriptions(at) => return self.in_descriptions(at, key, app),
            ConfigurePane::NewMac(mut input) => match (typed(&mut input, key), input.value().trim().parse()) {
                (Typed::Cancelled, _) => self.pane = ConfigurePane::Descriptions(0),
                (Typed::Entered, Ok(mac)) => return Some(Dialog::Describe(mac, description(mac, app))),
                (state, _) => {
                    if state == Typed::Entered {
                        self.wrong = "a MAC address such as 00:0c:29:b9:94:62".to_owned();
                    }
                    self.pane = ConfigurePane::NewMac(input);
                }
            },
        }
        Some(Dialog::Configure(self))
    }

    fn choose(mut self, app: &mut App) -> Option<Dialog> {
        let mut config = app.config.clone();
        match self.item() {
            Item::Dns => config.reverse_dns = !config.reverse_dns,
            Item::ServiceNames => config.service_names = !config.service_names,
            Item::Colour => config.colour = Some(app.look.theme == Theme::Mono),
            Item::Activity => {
                config.rates = if config.rates == Units::Bits { Units::Bytes } else { Units::Bits };
            }
            Item::Macs => config.mac_addresses = !config.mac_addresses,
            Item::Theme => {
                let at = Theme::ALL.iter().position(|theme| *theme == app.look.theme).unwrap_or(0);
                let next = Theme::ALL[(at + 1) % Theme::ALL.len()];
                (config.theme, config.colour) = (Some(next.name().to_owned()), Some(true));
            }
            Item::Sensor(field) => return self.sensor(field, app),
            Item::Tunnels => {
                self.wrong = "a sensor's own file decides: tunnels = true in /etc/traf/sensor.toml".to_owned();
            }
            Item::Descriptions => self.pane = ConfigurePane::Descriptions(0),
            Item::Exit => return None,
            Item::Update => self.pane = ConfigurePane::Value(config.update_interval.to_string().into()),
            Item::Persistence => self.pane = ConfigurePane::Value(config.persistence.to_string().into()),
            Item::Zone => self.pane = ConfigurePane::Value(config.time_zone.clone().unwrap_or_default().into()),
        }
        app.configure(config);
        Some(Dialog::Configure(self))
    }

    /// The settings of the sensor that is looked at.
    fn sensor(mut self, setting: &'static Setting, app: &App) -> Option<Dialog> {
        let inside = app.sensor_states().iter().find(|sensor| app.scope.holds_sensor(&sensor.name));
        match inside {
            Some(sensor) => Some(Dialog::Sensor(SensorSettings::new(sensor, Some(setting)))),
            None => {
                self.wrong = "no sensor is looked at: choose one with v".to_owned();
                Some(Dialog::Configure(self))
            }
        }
    }

    fn in_descriptions(mut self, at: usize, key: KeyEvent, app: &mut App) -> Option<Dialog> {
        let own: Vec<Mac> = app.names.descriptions.own().map(|(mac, _)| mac).collect();
        let last = own.len().saturating_sub(1);
        self.pane = match key.code {
            KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q') => ConfigurePane::Menu,
            KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert => ConfigurePane::NewMac(Input::default()),
            KeyCode::Enter | KeyCode::Char('e' | 'E') if !own.is_empty() => {
                let mac = own[at.min(last)];
                return Some(Dialog::Describe(mac, description(mac, app)));
            }
            KeyCode::Char('d' | 'D') | KeyCode::Delete if !own.is_empty() => {
                app.describe(own[at.min(last)], "");
                ConfigurePane::Descriptions(at.min(last.saturating_sub(1)))
            }
            code => ConfigurePane::Descriptions(moved(at, own.len(), code).unwrap_or(at)),
        };
        Some(Dialog::Configure(self))
    }
}

/// The description of a MAC address, to be changed.
pub fn description(mac: Mac, app: &App) -> Input {
    let now = if app.names.descriptions.is_own(mac) { app.names.descriptions.get(mac) } else { None };
    now.unwrap_or_default().to_owned().into()
}

impl App {
    /// Describes a MAC address; empty words delete the description.
    pub(super) fn describe(&mut self, mac: Mac, words: &str) {
        match self.names.descriptions.describe(mac, words) {
            Ok(()) => self.effects.push(Effect::Descriptions(Box::new(self.names.descriptions.clone()))),
            Err(error) => self.say(error.to_string()),
        }
    }
}

/// The configuration with a typed value.
fn changed(item: Item, text: &str, config: &Config) -> Result<Config, String> {
    let text = text.trim();
    let number = |most: u32, unit: &str| match text.parse::<u32>() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("a number of {unit} from 0 to {most}")),
    };
    let mut config = config.clone();
    match item {
        Item::Update => config.update_interval = number(3_600, "seconds")?,
        Item::Persistence => config.persistence = number(10_000, "minutes")?,
        Item::Zone if text.is_empty() => config.time_zone = None,
        Item::Zone => {
            TimeZone::get(text)
                .map_err(|_| "a name such as Europe/Berlin or UTC; empty for this machine's".to_owned())?;
            config.time_zone = Some(text.to_owned());
        }
        _ => {}
    }
    Ok(config)
}

/// Present value of an entry, as IPTraf's second box shows it.
fn value(item: Item, app: &App) -> (&'static str, String) {
    let on = |on: bool| if on { "On" } else { "Off" }.to_owned();
    let config = &app.config;
    let of_sensor = |setting: &Setting| {
        let inside = app.sensor_states().iter().filter(|sensor| app.scope.holds_sensor(&sensor.name));
        let value =
            |sensor: &SensorState| sensor.settings.settings.get(setting).or(sensor.wanted.get(setting)).cloned();
        let mut values = inside.map(value);
        let first = values.next().flatten();
        match values.all(|other| other == first) {
            true => first.map_or("-".to_owned(), |value| value.to_string()),
            false => "differs".to_owned(),
        }
    };
    match item {
        Item::Dns => ("Reverse DNS lookups:", on(config.reverse_dns)),
        Item::ServiceNames => ("Service names:", on(config.service_names)),
        Item::Colour => ("Color:", on(app.look.theme != Theme::Mono)),
        Item::Activity => {
            ("Activity mode:", if config.rates == Units::Bits { "kbits/s" } else { "kbytes/s" }.to_owned())
        }
        Item::Macs => ("MAC addresses:", on(config.mac_addresses)),
        Item::Tunnels => ("v6-in-v4 as IPv6:", "sensor".to_owned()),
        Item::Update => ("Update interval:", format!("{} secs", config.update_interval)),
        Item::Persistence => ("Closed/idle persist:", format!("{} mins", config.persistence)),
        Item::Theme => ("Theme:", app.look.theme.name().to_owned()),
        Item::Zone => ("Time zone:", config.time_zone.clone().unwrap_or_else(|| "machine's".to_owned())),
        Item::Sensor(setting) => (setting.label, of_sensor(setting)),
        Item::Descriptions => ("Descriptions:", app.names.descriptions.own().count().to_string()),
        Item::Exit => ("", String::new()),
    }
}

/// Draws the configuration; returns the place of the terminal's cursor.
pub(super) fn draw(app: &App, dialog: &Configure, sheet: &mut Sheet<'_>) -> Option<(u16, u16)> {
    if let ConfigurePane::Descriptions(_) | ConfigurePane::NewMac(_) = dialog.pane {
        let own = app.names.descriptions.own().map(|(mac, words)| (mac.to_string(), words.to_owned()));
        let at = if let ConfigurePane::Descriptions(at) = dialog.pane { at } else { usize::MAX };
        sheet.choices("Host descriptions", own, at, "none yet: a adds one");
        if let ConfigurePane::NewMac(input) = &dialog.pane {
            let words = "of the machine to describe: 00:0c:29:b9:94:62";
            return Some(sheet.prompt("MAC", input, at_start(&dialog.wrong), words));
        }
        let words = "Kept in traf/ethers beside console.toml; /etc/ethers is read too";
        sheet.foot(words, "↑↓ move  a add  enter edit  d delete  x back");
        return None;
    }
    let rows = MENU.iter().map(|(item, title, _)| {
        let (name, value) = value(*item, app);
        ((*title).to_owned(), if name.is_empty() { value } else { format!("{name:<21}{value:>12}") })
    });
    sheet.choices("Configure", rows, dialog.selected, "");
    let words = MENU[dialog.selected.min(MENU.len() - 1)].2;
    if let ConfigurePane::Value(input) = &dialog.pane {
        return Some(sheet.prompt("value", input, at_start(&dialog.wrong), words));
    }
    let words = if dialog.wrong.is_empty() { words } else { &dialog.wrong };
    sheet.foot(words, "↑↓ move  enter execute  x exit; kept at once in console.toml");
    None
}
