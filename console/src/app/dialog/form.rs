//! One rule as IPTraf's form: source and destination, protocols, include or exclude, match opposite.
//!
//! The form writes a filter in words, and reads one back where a form can say it; any other rule is edited as text.

use std::net::{IpAddr, Ipv4Addr};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use traf_model::Filter;
use traf_model::filter::{Rule, masked};
use tui_input::Input;

use crate::text::{clean, width};
use crate::theme::Role;
use crate::widget::dialog::Sheet;
use crate::widget::input::edit;

/// Protocols to mark, each with its words in a filter.
pub(super) const PROTOCOLS: [(&str, &[&str]); 12] = [
    ("All IP", &["ip", "ip6"]),
    ("TCP", &["tcp"]),
    ("UDP", &["udp"]),
    ("ICMP", &["icmp", "icmp6"]),
    ("IGMP", &["igmp"]),
    ("OSPF", &["proto 89"]),
    ("IGP", &["proto 9"]),
    ("IGRP", &["proto 88"]),
    ("GRE", &["gre"]),
    ("L2TP", &["proto 115"]),
    ("IPSec AH", &["ah"]),
    ("IPSec ESP", &["esp"]),
];

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A text: addresses, masks and ports of both ends in turn, then additional protocols.
    Text(usize),
    /// A protocol, by its place.
    Protocol(usize),
    /// Include or exclude.
    Include,
    /// Match opposite.
    Opposite,
}

impl Field {
    /// In the order of the tabulator.
    pub fn all() -> Vec<Self> {
        let texts = (0..8).map(Self::Text);
        texts
            .chain((0..PROTOCOLS.len()).map(Self::Protocol))
            .chain([Self::Text(8), Self::Include, Self::Opposite])
            .collect()
    }
}

/// The form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Source and destination address, their masks, source port from and to, destination port from and to, additional
    /// protocols.
    pub texts: [Input; 9],
    /// In the order of [`PROTOCOLS`].
    pub marks: [bool; PROTOCOLS.len()],
    /// Otherwise what matches is left out.
    pub include: bool,
    /// The rule matches with source and destination swapped, too.
    pub opposite: bool,
    /// The field that has the keys.
    pub selected: usize,
    /// The last error, and its field.
    pub wrong: Option<(Field, String)>,
}

impl Default for Form {
    /// Both ways by default, so that a connection is shown whole.
    fn default() -> Self {
        Self {
            texts: Default::default(),
            marks: [false; PROTOCOLS.len()],
            include: true,
            opposite: true,
            selected: 0,
            wrong: None,
        }
    }
}

impl Form {
    /// The field that has the keys.
    pub fn field(&self) -> Field {
        Field::all().get(self.selected).copied().unwrap_or(Field::Opposite)
    }

    /// True if a key gives the form up.
    pub fn is_left(key: KeyEvent) -> bool {
        key.code == KeyCode::Esc || (key.code == KeyCode::Char('x') && key.modifiers.contains(KeyModifiers::CONTROL))
    }

    /// Takes a key; returns the rule when it is entered.
    pub fn on_key(&mut self, key: KeyEvent) -> Option<Rule> {
        let last = Field::all().len() - 1;
        match key.code {
            KeyCode::Tab | KeyCode::Down => self.selected = if self.selected == last { 0 } else { self.selected + 1 },
            KeyCode::BackTab | KeyCode::Up => self.selected = self.selected.checked_sub(1).unwrap_or(last),
            KeyCode::Enter => match self.rule() {
                Ok(rule) => return Some(rule),
                Err(wrong) => {
                    self.selected = Field::all().iter().position(|field| *field == wrong.0).unwrap_or(0);
                    self.wrong = Some(wrong);
                }
            },
            _ => {
                self.wrong = None;
                self.edit(key);
            }
        }
        None
    }

    fn edit(&mut self, key: KeyEvent) {
        let letter = if let KeyCode::Char(letter) = key.code { Some(letter.to_ascii_lowercase()) } else { None };
        let switch = |on: &mut bool, yes: char, no: char| match letter {
            Some(' ') => *on = !*on,
            Some(letter) if letter == yes => *on = true,
            Some(letter) if letter == no => *on = false,
            None if matches!(key.code, KeyCode::Backspace | KeyCode::Delete) => *on = false,
            _ => {}
        };
        match self.field() {
            Field::Text(place) => edit(&mut self.texts[place], key),
            Field::Protocol(place) => switch(&mut self.marks[place], 'y', 'n'),
            Field::Include => switch(&mut self.include, 'i', 'e'),
            Field::Opposite => switch(&mut self.opposite, 'y', 'n'),
        }
    }

    /// The rule that the form says.
    ///
    /// # Errors
    /// The field, and what is wrong in it.
    pub fn rule(&self) -> Result<Rule, (Field, String)> {
        let text = |place: usize| self.texts[place].value().trim();
        let at = |place: usize| move |message: String| (Field::Text(place), message);
        let (source, destination) =
            (address(text(0), text(2)).map_err(at(0))?, address(text(1), text(3)).map_err(at(1))?);
        let ports = (ports(text(4), text(5)).map_err(at(4))?, ports(text(6), text(7)).map_err(at(6))?);
        let ends = |a: &str, b: &str| {
            let parts = [(a, &source), (a, &ports.0), (b, &destination), (b, &ports.1)].into_iter();
            let words = parts.filter_map(|(end, words)| Some(format!("{end} {}", words.as_ref()?)));
            words.collect::<Vec<_>>().join(" and ")
        };
        let (there, back) = (ends("src", "dst"), ends("dst", "src"));
        let protocols = self.protocols().map_err(at(8))?.join(" or ");
        let both = if self.opposite && !there.is_empty() { format!("({there}) or ({back})") } else { there };
        let parts = [both, protocols].into_iter().filter(|part| !part.is_empty()).map(|part| format!("({part})"));
        let words = parts.collect::<Vec<_>>().join(" and ");
        let filter: Filter = words.parse().map_err(|error: traf_model::FilterError| (Field::Text(0), error.message))?;
        Ok(Rule { include: self.include, filter })
    }

    fn protocols(&self) -> Result<Vec<String>, String> {
        let marks =
            PROTOCOLS.iter().zip(self.marks).filter(|(_, marked)| *marked).flat_map(|((_, words), _)| words.iter());
        let mut words: Vec<String> = marks.map(|word| (*word).to_owned()).collect();
        for word in self.texts[8].value().split([',', ' ']).filter(|word| !word.is_empty()) {
            let wrong =
                || format!("`{word}` is no protocol number and no range of them from 0 to 255: write 8, 18-20, 69");
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            let (Ok(from), Ok(to)) = (from.parse::<u8>(), to.parse::<u8>()) else { return Err(wrong()) };
            if from > to {
                return Err(wrong());
            }
            words.extend((from..=to).map(|number| format!("proto {number}")));
        }
        Ok(words)
    }
}

/// `host …` or `net …`; `None` for any. A bare address means that host only, and bits beyond a mask do not matter.
fn address(text: &str, mask: &str) -> Result<Option<String>, String> {
    let wrong = || "an address such as 10.0.0.3, 10.0.0.0/8 or 2001:db8::/32; names are not looked up".to_owned();
    if text.is_empty() || (mask.is_empty() && matches!(text, "0.0.0.0" | "::")) {
        return Ok(None);
    }
    if !mask.is_empty() {
        let wrong = || "a mask such as 255.255.255.0 goes with an IPv4 address without /".to_owned();
        let (address, mask): (Ipv4Addr, Ipv4Addr) =
            (text.parse().map_err(|_| wrong())?, mask.parse().map_err(|_| wrong())?);
        return Ok((!mask.is_unspecified()).then(|| format!("net {} mask {mask}", address & mask)));
    }
    let Some((address, length)) = text.split_once('/') else {
        let address: IpAddr = text.parse().map_err(|_| wrong())?;
        return Ok(Some(format!("host {address}")));
    };
    let (address, length): (IpAddr, u8) = (address.parse().map_err(|_| wrong())?, length.parse().map_err(|_| wrong())?);
    if length > if address.is_ipv4() { 32 } else { 128 } {
        return Err(wrong());
    }
    Ok((length > 0).then(|| format!("net {}/{length}", masked(address, length))))
}

/// `port …` or `portrange …`; `None` for any.
fn ports(from: &str, to: &str) -> Result<Option<String>, String> {
    let port = |text: &str| match text {
        "" => Ok(0),
        text => text.parse::<u16>().map_err(|_| format!("`{text}` is no port from 0 to 65535")),
    };
    Ok(match (port(from)?, port(to)?) {
        (0, 0) => None,
        (from, 0) => Some(format!("port {from}")),
        (from, to) if from <= to => Some(format!("portrange {from}-{to}")),
        (from, to) => return Err(format!("the range {from} to {to} is empty")),
    })
}

impl Form {
    /// As the list of rules shows it: `10.77.0.3/32:1000-2000`, for either end; any is 0.0.0.0/0.
    pub fn end(&self, second: bool) -> String {
        let text = |place: usize| self.texts[place].value();
        let place = usize::from(second);
        let address = match (text(place), text(2 + place)) {
            ("", _) => "0.0.0.0/0".to_owned(),
            (address, "") if address.contains('/') => address.to_owned(),
            (address, "") => format!("{address}/{}", if address.contains(':') { 128 } else { 32 }),
            (address, mask) => format!("{address}/{mask}"),
        };
        let (from, to) = (text(4 + 2 * place), text(5 + 2 * place));
        match (from, to) {
            ("", _) => format!("{address}:0"),
            (from, "") => format!("{address}:{from}"),
            (from, to) => format!("{address}:{from}-{to}"),
        }
    }

    /// The marked protocols, in words; empty for all.
    pub fn protocol_words(&self) -> String {
        let names = PROTOCOLS.iter().zip(self.marks).filter(|(_, marked)| *marked);
        let numbers = self.texts[8].value();
        names.map(|((name, _), _)| *name).chain((!numbers.is_empty()).then_some(numbers)).collect::<Vec<_>>().join(" ")
    }
}

/// Columns of the form: labels, source, destination.
const SOURCE: u16 = 23;
const DESTINATION: u16 = 50;

/// Words of the form, each with its column and line.
const LABELS: [(u16, u16, &str); 12] = [
    (2, 2, "IP address"),
    (2, 4, "Wildcard mask"),
    (2, 6, "Port"),
    (2, 9, "Protocols to match"),
    (2, 10, "(Enter Y beside each"),
    (2, 11, "protocol to match.)"),
    (SOURCE + 6, 6, "to"),
    (DESTINATION + 6, 6, "to"),
    (SOURCE, 7, "Port fields apply only to TCP, UDP and SCTP packets"),
    (SOURCE, 15, "Additional protocols or ranges (e.g. 8, 18-20, 69, 90)"),
    (2, 18, "Include/Exclude (I/E)"),
    (34, 18, "Match opposite (Y/N)"),
];

/// Draws the form; returns the place of the terminal's cursor.
pub(super) fn draw(form: &Form, sheet: &mut Sheet<'_>) -> (u16, u16) {
    let area = sheet.areas.body;
    sheet.plane(area);
    let mut put = |(x, y): (u16, u16), words: &str, columns: u16, role: Role| {
        let (x, y) = (area.x + x, area.y + y);
        if sheet.buffer.area.contains((x, y).into()) {
            let room = usize::from(columns.min(area.right().saturating_sub(x + 1)));
            sheet.buffer.set_stringn(x, y, words, room, sheet.theme.style(role));
        }
    };
    let title = format!(" Source {} Destination ", "─".repeat(usize::from(DESTINATION - SOURCE) - 8));
    put((SOURCE - 1, 0), &title, u16::MAX, Role::Dialog);
    LABELS.iter().for_each(|(x, y, words)| put((*x, *y), words, u16::MAX, Role::Dialog));
    let mut cursor = (0, 0);
    for field in Field::all() {
        let (x, y, columns) = place(field);
        let (words, at) = match field {
            Field::Text(at) => {
                let (input, room) = (&form.texts[at], usize::from(columns));
                let scroll = input.visual_scroll(room.saturating_sub(1));
                let shown: String = clean(input.value()).chars().skip(scroll).take(room).collect();
                (format!("{shown:room$}"), input.visual_cursor().saturating_sub(scroll).min(room))
            }
            Field::Protocol(at) => {
                let name = PROTOCOLS[at].0;
                put((x.saturating_sub(width(name) as u16 + 1), y), name, u16::MAX, Role::Dialog);
                (if form.marks[at] { "y" } else { " " }.to_owned(), 0)
            }
            Field::Include => (if form.include { "I" } else { "E" }.to_owned(), 0),
            Field::Opposite => (if form.opposite { "Y" } else { "N" }.to_owned(), 0),
        };
        put((x, y), &words, columns, Role::Desktop);
        if form.field() == field {
            cursor = (x + at as u16, y);
        }
    }
    let words = "Blank fields match anything; a bare address means that host only";
    let words = form.wrong.as_ref().map_or(words, |(_, words)| words);
    sheet.foot(words, "tab next field  enter accept  ctrl-x cancel");
    // The cursor stays inside, whatever the size of the terminal.
    let (right, bottom) = (area.right().saturating_sub(1), area.bottom().saturating_sub(1));
    ((area.x + cursor.0).min(right), (area.y + cursor.1).min(bottom))
}

/// Column, line and width of a field.
const fn place(field: Field) -> (u16, u16, u16) {
    match field {
        Field::Text(0) => (SOURCE, 2, 25),
        Field::Text(1) => (DESTINATION, 2, 26),
        Field::Text(2) => (SOURCE, 4, 16),
        Field::Text(3) => (DESTINATION, 4, 16),
        Field::Text(4) => (SOURCE, 6, 5),
        Field::Text(5) => (SOURCE + 9, 6, 5),
        Field::Text(6) => (DESTINATION, 6, 5),
        Field::Text(7) => (DESTINATION + 9, 6, 5),
        Field::Text(_) => (SOURCE, 16, 50),
        Field::Protocol(at) => (32 + 10 * (at as u16 % 5), 9 + 2 * (at as u16 / 5), 1),
        Field::Include => (24, 18, 1),
        Field::Opposite => (55, 18, 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn form(texts: [&str; 9], marks: &[usize], include: bool, opposite: bool) -> Form {
        let mut form = Form { texts: texts.map(Into::into), include, opposite, ..Form::default() };
        marks.iter().for_each(|place| form.marks[*place] = true);
        form
    }

    #[test]
    fn a_form_becomes_a_rule_and_the_rule_the_form_again() {
        for (form, words) in [
            (form([""; 9], &[], true, false), "include all"),
            (form(["10.77.0.2", "", "", "", "", "", "", "", ""], &[], true, false), "include src host 10.77.0.2"),
            (
                form(["10.77.0.3/32", "", "", "", "1000", "2000", "80", "", "8, 18-20, 69"], &[0], false, true),
                "exclude src net 10.77.0.3/32 and src portrange 1000-2000 and dst port 80 or \
                 (dst net 10.77.0.3/32 and dst portrange 1000-2000 and src port 80) and \
                 (ip or ip6 or proto 8 or proto 18 or proto 19 or proto 20 or proto 69)",
            ),
            (
                form(["10.0.0.7", "", "255.0.0.255", "", "", "", "", "", ""], &[1, 3], true, false),
                "include src net 10.0.0.7 mask 255.0.0.255 and (tcp or icmp or icmp6)",
            ),
            (
                form(["", "2001:db8::/32", "", "", "", "", "443", "", ""], &[2, 11], true, false),
                "include dst net 2001:db8::/32 and dst port 443 and (udp or esp)",
            ),
        ] {
            let rule = form.rule().unwrap();
            assert_eq!(rule.to_string(), words);
            let read = Form::of(&rule).unwrap_or_else(|| panic!("{words}"));
            assert_eq!(read.rule().unwrap(), rule);
            assert_eq!((read.end(false), read.end(true)), (form.end(false), form.end(true)));
            assert_eq!((read.protocol_words(), read.opposite), (form.protocol_words(), form.opposite));
        }
    }

    #[test]
    fn what_no_form_can_say_is_left_to_text() {
        for text in
            ["include not tcp", "include host 10.0.0.3", "exclude tcp port 80 or vlan 7", "include sensor web1 and tcp"]
        {
            assert!(Form::of(&text.parse().unwrap()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (texts, field, words) in [
            (["10.0.0", "", "", "", "", "", "", "", ""], 0, "an address such as"),
            (["", "example.org", "", "", "", "", "", "", ""], 1, "names are not looked up"),
            (["10.0.0.1/33", "", "", "", "", "", "", "", ""], 0, "an address such as"),
            (["10.0.0.1", "", "255", "", "", "", "", "", ""], 0, "a mask such as"),
            (["", "", "", "", "x", "", "", "", ""], 4, "no port"),
            (["", "", "", "", "", "", "90", "80", ""], 6, "is empty"),
            (["", "", "", "", "", "", "", "", "256"], 8, "from 0 to 255"),
        ] {
            let (wrong, message) = form(texts, &[], true, false).rule().unwrap_err();
            assert!(wrong == Field::Text(field) && message.contains(words), "{texts:?}: {message}");
        }
    }

    #[test]
    fn bits_beyond_a_mask_do_not_matter_and_nothing_matches_anything() {
        for (address, mask, words) in [
            ("10.77.0.3/24", "", Some("net 10.77.0.0/24")),
            ("10.77.0.3", "255.255.255.0", Some("net 10.77.0.0 mask 255.255.255.0")),
            ("10.77.0.3", "0.0.0.0", None),
            ("10.77.0.3/0", "", None),
            ("2001:db8::1/32", "", Some("net 2001:db8::/32")),
            ("0.0.0.0", "", None),
        ] {
            assert_eq!(super::address(address, mask).unwrap().as_deref(), words, "{address} {mask}");
        }
    }
}
