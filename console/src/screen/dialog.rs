//! What lies over a screen: help, dialogs, prompts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::Scope;
use tui_input::Input;

use super::details::details;
use crate::app::App;
use crate::app::layout::Areas;
use crate::app::menu::BREAKDOWNS;
use crate::app::overlay::{self, GROUPINGS, Overlay, Picker};
use crate::facility::condition;
use crate::facility::detail::Lines;
use crate::key::bindings;
use crate::moment;
use crate::number::plural;
use crate::text::{clean, fit, width, wrap};
use crate::theme::{Role, Theme};

/// Draws what is open; says where the terminal's own cursor stands, if anything is typed.
pub(super) fn draw(app: &App, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    match app.overlay.as_ref()? {
        Overlay::Help(first) => help(app, buffer, areas.body, *first),
        Overlay::Sort => sort(app, buffer, areas.body),
        Overlay::Group => group(app, buffer, areas.body),
        Overlay::Breakdowns(at) => breakdowns(*at, buffer, areas.body, theme),
        Overlay::Missing(first) => missing(app, buffer, areas.body, *first),
        Overlay::Scope(picker) => {
            scope("What to look at · enter chooses", picker, buffer, areas.body, theme, Picker::label);
        }
        Overlay::Interface(picker, _) => {
            scope("Select Interface", picker, buffer, areas.body, theme, |choice| match &choice.0[..] {
                [] => "All interfaces".to_owned(),
                _ => choice.to_string(),
            });
        }
        Overlay::Details(row, line) => {
            let traffic = if condition(row).is_some() { "t shows its traffic, " } else { "" };
            let title = format!("Details · {traffic}any other key closes");
            dialog(buffer, areas.body, &title, &details(row, app), *line, theme);
        }
        Overlay::About => about(app, buffer, areas.body),
        Overlay::Filters(open) => return super::filters::draw(app, open, buffer, areas),
        Overlay::Sensor(desk) => return super::settings::of_sensor(app, desk, buffer, areas),
        Overlay::Configure(open) => return super::settings::configuration(app, open, buffer, areas),
        Overlay::Describe(mac, input) => {
            let words = "what you call this machine; enter keeps it, empty deletes it, esc leaves it";
            return Some(prompt(buffer, areas, &mac.to_string(), input, None, words, theme));
        }
        Overlay::Filter(input) => {
            let wrong = app.wrong_filter(input.value());
            return Some(prompt(
                buffer,
                areas,
                "filter",
                input,
                wrong,
                "enter shows it, tab: named filters, esc leaves; empty: everything",
                theme,
            ));
        }
        Overlay::Moment(input) => {
            let typed = overlay::typed_moment(input, app.now, &app.look.zone);
            let (wrong, words) = match (typed, input.value().is_empty()) {
                (_, true) => (None, "-2h, 14:00, yesterday 14:00, monday 05:20, 2026-11-22 05:20".to_owned()),
                (Ok(at), _) => (None, format!("→ {}", moment::show_full(at, &app.look.zone))),
                (Err(error), _) => (Some((input.value().chars().count(), error.to_string())), String::new()),
            };
            return Some(prompt(buffer, areas, "time", input, wrong, &words, theme));
        }
    }
    None
}

/// A line to type in, over the strip and the keys: the text, and below it what is wrong with it, under its place.
pub(super) fn prompt(
    buffer: &mut Buffer,
    areas: Areas,
    name: &str,
    input: &Input,
    wrong: Option<(usize, String)>,
    words: &str,
    theme: Theme,
) -> (u16, u16) {
    let (line, below) = (areas.strip, areas.keys);
    let columns = usize::from(line.width);
    let blank = " ".repeat(columns);
    for area in [line, below] {
        buffer.set_string(area.x, area.y, &blank, theme.style(Role::Dialog));
    }
    let start = name.len() + 3;
    buffer.set_stringn(line.x, line.y, format!(" {name}: "), columns, theme.style(Role::DialogHot));
    let room = columns.saturating_sub(start + 2);
    let scroll = input.visual_scroll(room);
    let shown: String = input.value().chars().skip(scroll).collect();
    buffer.set_stringn(line.x + start as u16, line.y, fit(&clean(&shown), room), room, theme.style(Role::Dialog));
    match wrong {
        Some((column, message)) => {
            let at = (start + column.saturating_sub(scroll)).min(columns.saturating_sub(4));
            // The words stand right of the mark, or left of it where there is more room.
            let right = columns.saturating_sub(at + 3);
            let line = if width(&message) <= right || right >= at {
                format!("{:at$}^ {}", "", fit(&message, right))
            } else {
                format!("{:>at$} ^", fit(&message, at.saturating_sub(1)), at = at.saturating_sub(1))
            };
            buffer.set_stringn(below.x, below.y, clean(&line), columns, theme.style(Role::DialogHot));
        }
        None => {
            let words = fit(words, columns.saturating_sub(start));
            buffer.set_stringn(
                below.x + start as u16,
                below.y,
                words,
                columns - start.min(columns),
                theme.style(Role::Dialog),
            );
        }
    }
    let cursor = start + input.visual_cursor().saturating_sub(scroll).min(room);
    (line.x + cursor as u16, line.y)
}

/// Words about what has the bar, and the keys of a dialog, over the strip and the keys of the screen.
pub(super) fn foot(buffer: &mut Buffer, areas: Areas, words: &str, keys: &str, theme: Theme) {
    for (area, text, role) in [(areas.strip, words, Role::Dialog), (areas.keys, keys, Role::DialogHot)] {
        let columns = usize::from(area.width);
        let line = format!(" {:room$}", fit(&clean(text), columns.saturating_sub(2)), room = columns.saturating_sub(1));
        buffer.set_stringn(area.x, area.y, line, columns, theme.style(role));
    }
}

/// A cursor that stays inside its area, whatever the size of the terminal.
pub(super) fn cursor_in((x, y): (u16, u16), area: Rect) -> (u16, u16) {
    (x.min(area.right().saturating_sub(1)), y.min(area.bottom().saturating_sub(1)))
}

/// A box in the middle: keys or names at the left, words at the right.
pub(super) fn dialog(buffer: &mut Buffer, body: Rect, title: &str, lines: &Lines, first: usize, theme: Theme) {
    let left = lines.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let words = lines.iter().map(|(_, words)| width(&clean(words))).max().unwrap_or(0);
    let columns = (left + words + 7).max(width(title) + 6).min(usize::from(body.width)) as u16;
    let room = usize::from(columns).saturating_sub(left + 6);
    let lines: Lines = lines
        .iter()
        .flat_map(|(key, words)| {
            let keys = std::iter::once(key.clone()).chain(std::iter::repeat(String::new()));
            keys.zip(wrap(&clean(words), room))
        })
        .collect();
    let rows = (lines.len() as u16 + 2).min(body.height);
    let area = Rect::new(body.x + (body.width - columns) / 2, body.y + (body.height - rows) / 2, columns, rows);
    let style = theme.style(Role::Dialog);
    let inner = usize::from(columns).saturating_sub(2);
    let line = |ends: [char; 2]| format!("{}{}{}", ends[0], "─".repeat(inner), ends[1]);
    buffer.set_string(area.x, area.y, line(['┌', '┐']), style);
    buffer.set_string(area.x, area.bottom() - 1, line(['└', '┘']), style);
    buffer.set_stringn(area.x + 2, area.y, format!(" {} ", fit(title, inner.saturating_sub(4))), inner, style);
    let first = first.min(lines.len().saturating_sub(usize::from(rows) - 2));
    let below = lines.len().saturating_sub(first + usize::from(rows) - 2);
    if below > 0 {
        let more = format!(" ↓ {} ", plural(below as u64, "more line", "more lines"));
        buffer.set_stringn(area.x + 2, area.bottom() - 1, more, inner, theme.style(Role::DialogHot));
    }
    let shown = lines.iter().skip(first);
    let mut shown = shown.map(Some).chain(std::iter::repeat(None));
    for y in area.top() + 1..area.bottom() - 1 {
        buffer.set_string(area.x, y, format!("│{}│", " ".repeat(inner)), style);
        let Some(Some((key, words))) = shown.next() else { continue };
        buffer.set_stringn(area.x + 2, y, clean(key), inner.saturating_sub(2), theme.style(Role::DialogHot));
        buffer.set_stringn(area.x + 4 + left as u16, y, words, room, style);
    }
}

fn help(app: &App, buffer: &mut Buffer, body: Rect, first: usize) {
    let lines: Lines =
        bindings(app.key_context()).map(|binding| (binding.label.to_owned(), binding.words.to_owned())).collect();
    dialog(buffer, body, &format!("{}: keys", app.screen.title()), &lines, first, app.look.theme);
}

fn sort(app: &App, buffer: &mut Buffer, body: Rect) {
    let Some((list, _)) = app.list() else { return };
    let mark = |by| if list.order.by == by { " ◂" } else { "" };
    let mut lines: Lines = overlay::orders(app.screen, app.traffic.group)
        .iter()
        .map(|(key, by, words)| (key.to_ascii_uppercase().to_string(), format!("{words}{}", mark(*by))))
        .collect();
    let continuous =
        if list.continuous { "rows move as their numbers do" } else { "rows keep their places until the next sort" };
    lines.push(("C".to_owned(), format!("continuous: {continuous}")));
    lines.push((String::new(), "any other key cancels".to_owned()));
    dialog(buffer, body, "Select sort criterion", &lines, 0, app.look.theme);
}

fn group(app: &App, buffer: &mut Buffer, body: Rect) {
    let mark = |group| if app.traffic.group == group { " ◂" } else { "" };
    let mut lines: Lines = GROUPINGS
        .iter()
        .map(|(key, group, words)| (key.to_ascii_uppercase().to_string(), format!("{words}{}", mark(*group))))
        .collect();
    lines.push((String::new(), "any other key cancels".to_owned()));
    dialog(buffer, body, "A row for each", &lines, 0, app.look.theme);
}

fn breakdowns(at: usize, buffer: &mut Buffer, body: Rect, theme: Theme) {
    let lines: Lines = BREAKDOWNS
        .iter()
        .enumerate()
        .map(|(place, entry)| {
            let bar = if place == at { "›" } else { " " };
            (format!("{bar} {}", entry.hot.to_ascii_uppercase()), entry.title.to_owned())
        })
        .collect();
    dialog(buffer, body, "Statistical breakdowns", &lines, 0, theme);
}

fn missing(app: &App, buffer: &mut Buffer, body: Rect, first: usize) {
    let mut lines: Lines = app.missing().into_iter().map(|words| (String::new(), words)).collect();
    if lines.is_empty() {
        lines.push((String::new(), "nothing is known to be missing from these numbers".to_owned()));
    }
    dialog(buffer, body, "What is missing · any key closes", &lines, first, app.look.theme);
}

fn scope(title: &str, picker: &Picker, buffer: &mut Buffer, body: Rect, theme: Theme, label: fn(&Scope) -> String) {
    let page = usize::from(body.height.saturating_sub(2)).max(1);
    let first = (picker.selected + 1).saturating_sub(page);
    let lines: Lines = picker
        .choices
        .iter()
        .enumerate()
        .map(|(place, choice)| (if place == picker.selected { "›" } else { " " }.to_owned(), label(choice)))
        .collect();
    dialog(buffer, body, title, &lines, first, theme);
}

fn about(app: &App, buffer: &mut Buffer, body: Rect) {
    let pair = |name: &str, words: String| (name.to_owned(), words);
    let lines = vec![
        pair("Trafalgar", "IPTraf for the whole network".to_owned()),
        pair("version", env!("CARGO_PKG_VERSION").to_owned()),
        pair("licence", "MIT or Apache-2.0".to_owned()),
        pair("collector", app.look.collector.clone()),
        pair("times", app.look.zone.iana_name().unwrap_or("this machine's time zone").to_owned()),
    ];
    dialog(buffer, body, "About · any key closes", &lines, 0, app.look.theme);
}
