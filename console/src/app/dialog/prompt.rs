//! A line that is typed over the screen or over a dialog: what it is for, what enter does with it, what is wrong with it.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use traf_model::filter::Rule;
use traf_model::{FilterError, Mac};
use tui_input::Input;

use super::super::App;
use super::filters::check_new;
use super::rules::{self, RulePosition, RulesEditor};
use super::sensor::{self, SensorSettings};
use super::{Dialog, configure};
use crate::moment;
use crate::widget::dialog::Sheet;
use crate::widget::input::edit;

/// A line that is typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its purpose.
    pub entry: Entry,
    /// The text.
    pub input: Input,
    /// Reason why the text was not accepted.
    pub wrong: String,
}

/// Purpose of a prompt, and the dialog that it belongs to.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A filter.
    Filter,
    /// A moment.
    Moment,
    /// The description of a MAC address.
    Description(Mac),
    /// The name of a new filter.
    Name,
    /// A rule of a filter.
    Rule(Box<RulesEditor>, RulePosition),
    /// The value of an entry of the configuration.
    Value(usize),
    /// A MAC address to describe.
    Mac,
    /// The value of a sensor's setting.
    Setting(SensorSettings),
    /// A port or a range of them.
    Port(SensorSettings),
}

impl Prompt {
    /// A prompt with a text to be changed.
    pub fn open(entry: Entry, text: impl Into<Input>) -> Dialog {
        Dialog::Prompt(Self { entry, input: text.into(), wrong: String::new() })
    }

    /// Takes a key; returns the dialog that is open afterwards.
    pub(super) fn on_key(mut self, key: KeyEvent, app: &mut App) -> Option<Dialog> {
        self.wrong.clear();
        match (key.code, &self.entry) {
            (KeyCode::Esc, _) => return self.below(),
            (KeyCode::Tab, Entry::Filter) => return Some(Dialog::Filters(0)),
            (KeyCode::Enter, _) => match app.entered(&mut self.entry, self.input.value()) {
                Ok(next) => return next,
                Err(wrong) => self.wrong = wrong,
            },
            _ => edit(&mut self.input, key),
        }
        Some(Dialog::Prompt(self))
    }

    /// The dialog that is open after it was given up.
    fn below(self) -> Option<Dialog> {
        match self.entry {
            Entry::Filter | Entry::Moment | Entry::Description(_) => None,
            Entry::Name => Some(Dialog::Filters(0)),
            Entry::Rule(editor, _) => Some(Dialog::Rules(editor)),
            Entry::Value(at) => Some(Dialog::Configure(at, "")),
            Entry::Mac => Some(Dialog::Descriptions(0)),
            Entry::Setting(desk) => Some(Dialog::Sensor(desk)),
            Entry::Port(desk) => Some(Dialog::Ports(desk, 0)),
        }
    }

    /// Draws it over its dialog; returns the place of the terminal's cursor.
    pub(super) fn draw(&self, app: &App, sheet: &mut Sheet<'_>) -> (u16, u16) {
        // No row of a list has the bar while another one is typed.
        match &self.entry {
            Entry::Filter | Entry::Moment | Entry::Description(_) | Entry::Name => {}
            Entry::Rule(editor, _) => rules::draw(editor, sheet),
            Entry::Value(at) => configure::draw(*at, app, sheet),
            Entry::Mac => configure::draw_descriptions(usize::MAX, app, sheet),
            Entry::Setting(desk) => sensor::draw(desk, app, sheet),
            Entry::Port(desk) => sensor::draw_ports(desk, usize::MAX, sheet),
        }
        let text = self.input.value();
        let stated = (!self.wrong.is_empty()).then(|| (0, self.wrong.clone()));
        let (machine, when);
        let (name, words, wrong) = match &self.entry {
            Entry::Filter => {
                ("filter", "enter shows it, tab: named filters, esc leaves; empty: everything", app.wrong_filter(text))
            }
            Entry::Moment => match moment::parse(text, app.now, &app.look.zone) {
                _ if text.is_empty() => ("time", "-2h, 14:00, yesterday 14:00, monday 05:20, 2026-11-22 05:20", None),
                Ok(at) => {
                    when = format!("→ {}", moment::show_full(at, &app.look.zone));
                    ("time", &*when, None)
                }
                Err(error) => ("time", "", Some((text.chars().count(), error.to_string()))),
            },
            Entry::Description(mac) => {
                machine = mac.to_string();
                (&*machine, "what you call this machine; enter keeps it, empty deletes it, esc leaves it", None)
            }
            Entry::Name => {
                let wrong = check_new(text, app).err().filter(|_| !text.is_empty()).map(|words| (0, words));
                ("name", "a name for the new filter; enter goes on to its rules, esc cancels", wrong)
            }
            Entry::Rule(..) => {
                let wrong = text.parse::<Rule>().err().map(|error| (error.column, error.message));
                ("rule", "include or exclude, and a filter in tcpdump's words; enter takes it, esc leaves it", wrong)
            }
            Entry::Value(at) => ("value", configure::MENU[*at].2, stated),
            Entry::Mac => ("MAC", "of the machine to describe: 00:0c:29:b9:94:62", stated),
            Entry::Setting(desk) => (desk.setting().name, desk.setting().help, stated),
            Entry::Port(_) => ("port", "a port such as 8080, or a range such as 9000-9100", stated),
        };
        sheet.prompt(name, &self.input, wrong, words)
    }
}

impl App {
    /// Takes what was entered; returns the dialog that is open afterwards, or the reason why it is not accepted.
    fn entered(&mut self, entry: &mut Entry, text: &str) -> Result<Option<Dialog>, String> {
        Ok(match entry {
            Entry::Filter if self.use_filter(text.trim()) => None,
            // What is wrong with it is pointed at while it is typed.
            Entry::Filter => return Err(String::new()),
            Entry::Moment => {
                let at = moment::parse(text, self.now, &self.look.zone).map_err(|error| error.to_string())?;
                self.time.jump(at, self.now);
                None
            }
            Entry::Description(mac) => {
                self.describe(*mac, text);
                None
            }
            Entry::Name => {
                check_new(text, self)?;
                let editor = RulesEditor { changed: true, ..RulesEditor::new(text.to_owned(), Vec::new()) };
                Some(Dialog::Rules(Box::new(editor)))
            }
            Entry::Rule(editor, position) => {
                editor.put(text.parse().map_err(|error: FilterError| error.message)?, *position);
                Some(Dialog::Rules(editor.clone()))
            }
            Entry::Value(at) => {
                self.configure(configure::changed(*at, text.trim(), &self.config)?);
                Some(Dialog::Configure(*at, ""))
            }
            Entry::Mac => {
                let mac = text.trim().parse().map_err(|_| "a MAC address such as 00:0c:29:b9:94:62".to_owned())?;
                Some(self.describing(mac))
            }
            Entry::Setting(desk) => {
                desk.set(text, self)?;
                Some(Dialog::Sensor(desk.clone()))
            }
            Entry::Port(desk) => {
                desk.add(text, self)?;
                Some(Dialog::Ports(desk.clone(), desk.ports().len().saturating_sub(1)))
            }
        })
    }
}
