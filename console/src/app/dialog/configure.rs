//! The configuration on screen: IPTraf's toggles and timers, with what they are now beside them. What belongs to a sensor
//! leads to that sensor's settings.

use jiff::tz::TimeZone;
use ratatui::crossterm::event::KeyCode;
use traf_model::settings::{CAPTURE, IDLE, LOG, LOG_INTERVAL, PORTS, PROMISCUOUS};
use traf_model::{Mac, SensorState, Setting};

use super::super::App;
use super::Dialog;
use super::prompt::{Entry, Prompt};
use super::sensor::SensorSettings;
use crate::config::Config;
use crate::event::Effect;
use crate::number::Units;
use crate::theme::Theme;
use crate::widget::dialog::{Sheet, moved, turned};

/// An entry of the menu.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// A switch: the label of its value, and its place in the configuration.
    Switch(&'static str, fn(&mut Config) -> &mut bool),
    /// Colours.
    Colour,
    /// Bits or bytes.
    Activity,
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

const DNS: Item = Item::Switch("Reverse DNS lookups:", |config| &mut config.reverse_dns);
const SERVICE_NAMES: Item = Item::Switch("Service names:", |config| &mut config.service_names);
const MACS: Item = Item::Switch("MAC addresses:", |config| &mut config.mac_addresses);

/// The menu, in IPTraf's order: entry, title, help line.
pub(super) static MENU: [(Item, &str, &str); 18] = [
    (DNS, "Reverse DNS lookups", "Resolves IP addresses into host names; names come late and hold up nothing"),
    (SERVICE_NAMES, "TCP/UDP service names", "Shows service names instead of port numbers"),
    (Item::Sensor(&PROMISCUOUS), "Force promiscuous mode", "Belongs to a sensor: opens its settings"),
    (Item::Colour, "Color", "Colours, or the terminal's own two"),
    (Item::Sensor(&LOG), "Logging", "Belongs to a sensor: opens its settings"),
    (Item::Activity, "Activity mode", "Rates in kbit/s or in kbyte/s"),
    (MACS, "Source MAC addrs in traffic monitor", "Lines of the lower window name the source MAC"),
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

/// Takes a key of the menu; returns the dialog that is open afterwards.
pub(super) fn in_menu(at: usize, key: KeyCode, app: &mut App) -> Option<Dialog> {
    if !matches!(key, KeyCode::Enter | KeyCode::Char(' ')) {
        return Some(Dialog::Configure(turned(at, MENU.len(), key).unwrap_or(at), ""));
    }
    let mut config = app.config.clone();
    let value = |text: String| Some(Prompt::open(Entry::Value(at), text));
    match MENU[at].0 {
        Item::Switch(_, place) => {
            let on = place(&mut config);
            *on = !*on;
        }
        Item::Colour => config.colour = Some(app.look.theme == Theme::Mono),
        Item::Activity => {
            config.rates = if config.rates == Units::Bits { Units::Bytes } else { Units::Bits };
        }
        Item::Theme => {
            let at = Theme::ALL.iter().position(|theme| *theme == app.look.theme).unwrap_or(0);
            let next = Theme::ALL[(at + 1) % Theme::ALL.len()];
            (config.theme, config.colour) = (Some(next.name().to_owned()), Some(true));
        }
        Item::Sensor(setting) => {
            // The sensor that is looked at.
            let inside = app.sensor_states().iter().find(|sensor| app.scope.holds_sensor(&sensor.name));
            let none = Dialog::Configure(at, "no sensor is looked at: choose one with v");
            return Some(inside.map_or(none, |sensor| SensorSettings::open(sensor, Some(setting))));
        }
        Item::Tunnels => {
            let words = "a sensor's own file decides: tunnels = true in /etc/traf/sensor.toml";
            return Some(Dialog::Configure(at, words));
        }
        Item::Descriptions => return Some(Dialog::Descriptions(0)),
        Item::Exit => return None,
        Item::Update => return value(config.update_interval.to_string()),
        Item::Persistence => return value(config.persistence.to_string()),
        Item::Zone => return value(config.time_zone.unwrap_or_default()),
    }
    app.configure(config);
    Some(Dialog::Configure(at, ""))
}

/// Takes a key of the list of descriptions; returns the dialog that is open afterwards.
pub(super) fn in_descriptions(at: usize, key: KeyCode, app: &mut App) -> Dialog {
    let own: Vec<Mac> = app.names.descriptions.own().map(|(mac, _)| mac).collect();
    let last = own.len().saturating_sub(1);
    match (key, own.get(at.min(last))) {
        (KeyCode::Esc | KeyCode::Char('x' | 'X' | 'q' | 'Q'), _) => {
            let back = MENU.iter().position(|(item, ..)| matches!(item, Item::Descriptions));
            Dialog::Configure(back.unwrap_or(0), "")
        }
        (KeyCode::Char('a' | 'A' | 'i' | 'I') | KeyCode::Insert, _) => Prompt::open(Entry::Mac, ""),
        (KeyCode::Enter | KeyCode::Char('e' | 'E'), Some(mac)) => app.describing(*mac),
        (KeyCode::Char('d' | 'D') | KeyCode::Delete, Some(mac)) => {
            app.describe(*mac, "");
            Dialog::Descriptions(at.min(last.saturating_sub(1)))
        }
        (key, _) => Dialog::Descriptions(moved(at, own.len(), key).unwrap_or(at)),
    }
}

impl App {
    /// The prompt for the description of a MAC address; only what one has described oneself is changed.
    pub(in crate::app) fn describing(&self, mac: Mac) -> Dialog {
        let now = self.names.descriptions.get(mac).filter(|_| self.names.descriptions.is_own(mac));
        Prompt::open(Entry::Description(mac), now.unwrap_or_default())
    }

    /// Describes a MAC address; empty words delete the description.
    pub(super) fn describe(&mut self, mac: Mac, words: &str) {
        match self.names.descriptions.describe(mac, words) {
            Ok(()) => self.effects.push(Effect::Descriptions(Box::new(self.names.descriptions.clone()))),
            Err(error) => self.say(error.to_string()),
        }
    }
}

/// The configuration with a typed value of an entry.
pub(super) fn changed(at: usize, text: &str, config: &Config) -> Result<Config, String> {
    let number = |most: u32, unit: &str| match text.parse::<u32>() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("a number of {unit} from 0 to {most}")),
    };
    let mut config = config.clone();
    match MENU[at].0 {
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
        Item::Switch(label, place) => (label, on(*place(&mut config.clone()))),
        Item::Colour => ("Color:", on(app.look.theme != Theme::Mono)),
        Item::Activity => {
            ("Activity mode:", if config.rates == Units::Bits { "kbits/s" } else { "kbytes/s" }.to_owned())
        }
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

/// Draws the configuration.
pub(super) fn draw(at: usize, app: &App, sheet: &mut Sheet<'_>) {
    let rows = MENU.iter().map(|(item, title, _)| {
        let (name, value) = value(*item, app);
        ((*title).to_owned(), if name.is_empty() { value } else { format!("{name:<21}{value:>12}") })
    });
    sheet.choices("Configure", rows, at, "");
}

/// Draws the descriptions of MAC addresses.
pub(super) fn draw_descriptions(at: usize, app: &App, sheet: &mut Sheet<'_>) {
    let own = app.names.descriptions.own().map(|(mac, words)| (mac.to_string(), words.to_owned()));
    sheet.choices("Host descriptions", own, at, "none yet: a adds one");
}
