//! The configuration, the active filter, and messages about changes.

use traf_model::filter::{Expression, Test};
use traf_model::time::SECOND;
use traf_model::{Filter, NamedFilter, Timestamp};

use super::App;
use super::dialog::{Dialog, Entry, Prompt};
use crate::condition::both;
use crate::config::Config;
use crate::event::Effect;
use crate::theme::Theme;

/// Time for which a message is shown.
const SPOKEN: i64 = 8 * SECOND;

impl App {
    /// Begins with a configuration: as if each of its settings had been made just now, but nothing is written.
    pub fn begin(&mut self, config: Config) {
        self.take(&config);
        let filter = config.filter.clone();
        self.config = config;
        self.set_filter(&filter);
    }

    /// Makes a configuration hold, and keeps it.
    pub fn configure(&mut self, config: Config) {
        if config == self.config {
            return;
        }
        self.take(&config);
        let before = std::mem::replace(&mut self.config, config.clone());
        self.effects.push(Effect::Config(Box::new((before, config))));
    }

    fn take(&mut self, config: &Config) {
        self.look.units = config.rates;
        (self.look.macs, self.look.persistence) = (config.mac_addresses, config.persistence);
        let colours = config.colour.unwrap_or(self.look.theme != Theme::Mono);
        self.look.theme = if colours { config.theme() } else { Theme::Mono };
        if let Ok(zone) = config.zone() {
            self.look.zone = zone;
        }
        (self.names.resolve, self.names.name_services) = (config.reverse_dns, config.service_names);
    }

    /// Makes a filter active and keeps it over restarts: words, or `@` and the name of one that all consoles share. False
    /// when it means nothing.
    pub fn use_filter(&mut self, text: &str) -> bool {
        if !self.set_filter(text) {
            return false;
        }
        self.configure(Config { filter: text.to_owned(), ..self.config.clone() });
        true
    }

    fn set_filter(&mut self, text: &str) -> bool {
        let filter = match text.strip_prefix('@') {
            None => text.parse().ok(),
            // Until its rules are there nothing is shown, rather than what it may leave out.
            Some(name) => self.named(name).or_else(|| (!self.filters_known).then(nothing)),
        };
        let Some(filter) = filter else { return false };
        (self.filter, self.traffic.opened) = (filter, None);
        true
    }

    /// The filter behind this name; `None` where it is not known.
    fn named(&self, name: &str) -> Option<Filter> {
        self.filters.iter().find(|filter| filter.name == name).map(|filter| filter.rules.compiled())
    }

    /// Takes the named filters; the active one follows its rules.
    pub(super) fn on_filters(&mut self, filters: Vec<NamedFilter>) {
        let active = self.config.filter.clone();
        let name = active.strip_prefix('@');
        let before = name.and_then(|name| self.named(name));
        (self.filters, self.filters_known) = (filters, true);
        let Some(name) = name else { return };
        if (before.is_some() && before == self.named(name)) || self.set_filter(&active) {
            return;
        }
        self.filter = Filter::default();
        self.configure(Config { filter: String::new(), ..self.config.clone() });
        self.say(format!("the filter `{name}` is no longer there: everything is shown"));
    }

    /// The active filter in words, its name first; empty when everything is shown.
    pub fn filter_words(&self) -> String {
        let active = &self.config.filter;
        match active.strip_prefix('@').map(|name| self.named(name)) {
            Some(None) => format!("{active} …"),
            Some(Some(filter)) if filter == self.filter && filter.is_all() => active.clone(),
            Some(Some(filter)) if filter == self.filter => format!("{active}: {filter}"),
            _ => self.filter.to_string(),
        }
    }

    /// As the prompt shows the active filter.
    pub fn filter_text(&self) -> String {
        let active = &self.config.filter;
        let named = active.strip_prefix('@').and_then(|name| self.named(name));
        if named.is_some_and(|filter| filter == self.filter) { active.clone() } else { self.filter.to_string() }
    }

    /// A filter without the packets that are switched off in the traffic monitor: ARP, RARP and other non-IP packets.
    pub(super) fn visible(&self, filter: Filter) -> Filter {
        let test = Expression::Test;
        let or = |a: Expression, b: Expression| Expression::Or(a.into(), b.into());
        let Config { arp, rarp, non_ip, .. } = self.config;
        let mut filter = filter;
        for (shown, kind) in [(arp, Test::Arp), (rarp, Test::Rarp)] {
            if !shown {
                filter = both(&filter, Expression::Not(Box::new(test(kind))));
            }
        }
        if !non_ip {
            let ip = or(test(Test::Ipv4), test(Test::Ipv6));
            filter = both(&filter, or(or(ip, test(Test::Arp)), test(Test::Rarp)));
        }
        filter
    }

    /// Takes the result of a change.
    pub(super) fn on_changed(&mut self, outcome: Result<String, String>) {
        let refused = outcome.is_err();
        self.say(outcome.unwrap_or_else(|why| why));
        self.refresh_desk(refused);
    }

    /// An open dialog of a sensor's settings follows what the collector has.
    pub(super) fn refresh_desk(&mut self, refused: bool) {
        let desk = match &mut self.dialog {
            Some(Dialog::Sensor(desk) | Dialog::Ports(desk, _)) => desk,
            Some(Dialog::Prompt(Prompt { entry: Entry::Setting(desk) | Entry::Port(desk), .. })) => desk,
            _ => return,
        };
        let sensors = self.fleet.as_ref().map_or(&[][..], |fleet| &fleet.sensors);
        desk.refresh(sensors, refused);
    }

    /// The error of a filter that is typed, and its column.
    pub fn wrong_filter(&self, text: &str) -> Option<(usize, String)> {
        match text.trim().strip_prefix('@') {
            None => text.parse::<Filter>().err().map(|error| (error.column, error.message)),
            Some(name) if self.filters.iter().any(|filter| filter.name == name) => None,
            Some(_) if self.filters.is_empty() => Some((1, "no named filter; none is defined".to_owned())),
            Some(_) => {
                let names: Vec<&str> = self.filters.iter().map(|filter| filter.name.as_str()).collect();
                Some((1, format!("no named filter; there are {}", names.join(", "))))
            }
        }
    }

    /// Says what was done, for a while, in the line of notes.
    pub fn say(&mut self, words: String) {
        self.message = Some((Timestamp(self.now.0.saturating_add(SPOKEN)), words));
    }

    /// The last message, while it is shown.
    pub fn last_message(&self) -> Option<&str> {
        self.message.as_ref().filter(|(until, _)| self.now < *until).map(|(_, words)| words.as_str())
    }
}

/// A filter that no packet passes.
fn nothing() -> Filter {
    traf_model::Rules::default().compiled()
}
