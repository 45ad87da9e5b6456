//! The filter dialog: menu, named filters, rules, and one rule as IPTraf's form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::dialog::{cursor_in, dialog, foot, prompt};
use crate::app::App;
use crate::app::filters::{Editor, Filters, Item, MENU, Open, name_error, typed_rule};
use crate::app::layout::Areas;
use crate::app::rule::{ESP, Field, Form, PROTOCOLS};
use crate::facility::detail::Lines;
use crate::text::{clean, fit, width};
use crate::theme::{Role, Theme};
use tui_input::Input;

/// Draws it; says where the terminal's own cursor stands.
pub(super) fn draw(app: &App, open: &Filters, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    match open {
        Filters::Menu(at) => {
            menu(app, *at, buffer, areas);
            None
        }
        Filters::Pick(verb, at) => {
            let lines: Lines = app
                .filters
                .iter()
                .enumerate()
                .map(|(place, filter)| {
                    let words = filter.rules.compiled().to_string();
                    let words = if words.is_empty() { "everything".to_owned() } else { words };
                    (format!("{} {}", if place == *at { "›" } else { " " }, filter.name), fit(&words, 44).into_owned())
                })
                .collect();
            let empty = vec![(String::new(), "none is defined yet: d in the filter menu defines one".to_owned())];
            let lines = if lines.is_empty() { &empty } else { &lines };
            let page = usize::from(areas.body.height.saturating_sub(2)).max(1);
            dialog(buffer, areas.body, verb.title(), lines, (at + 1).saturating_sub(page), theme);
            foot(
                buffer,
                areas,
                "Filters are shared by all consoles of this collector",
                "↑↓ move  enter select  x close",
                theme,
            );
            None
        }
        Filters::Name(input) => {
            let wrong = (!input.value().is_empty()).then(|| name_error(input.value(), app)).flatten();
            let wrong = wrong.map(|words| (0, words));
            Some(prompt(
                buffer,
                areas,
                "name",
                input,
                wrong,
                "a name for the new filter; enter goes on to its rules, esc cancels",
                theme,
            ))
        }
        Filters::Rules(editor) => rules(app, editor, buffer, areas),
    }
}

fn menu(app: &App, at: usize, buffer: &mut Buffer, areas: Areas) {
    let seen = |visible: bool| if visible { "visible" } else { "not visible" }.to_owned();
    let active = app.filter_words();
    let lines: Lines = MENU
        .iter()
        .enumerate()
        .map(|(place, (_, item, title, _))| {
            let state = match item {
                Item::Type if active.is_empty() => "no filter active".to_owned(),
                Item::Type => fit(&active, 40).into_owned(),
                Item::Arp => seen(app.config.arp),
                Item::Rarp => seen(app.config.rarp),
                Item::NonIp => seen(app.config.non_ip),
                _ => String::new(),
            };
            (format!("{} {title}", if place == at { "›" } else { " " }), state)
        })
        .collect();
    dialog(buffer, areas.body, "Filters", &lines, 0, app.look.theme);
    let words = MENU.get(at).map_or("", |(.., words)| words);
    foot(buffer, areas, words, "↑↓ move  enter execute  t d a c e l r v n x letters", app.look.theme);
}

/// The list of rules, with arrows and I/E as IPTraf has them.
fn rules(app: &App, editor: &Editor, buffer: &mut Buffer, areas: Areas) -> Option<(u16, u16)> {
    let theme = app.look.theme;
    if let Open::Form(form, _) = &editor.open {
        return Some(self::form(form, buffer, areas, theme));
    }
    let area = areas.body;
    plane(buffer, area, theme);
    let columns = usize::from(area.width);
    let style = theme.style(Role::Dialog);
    let half = columns.saturating_sub(14) / 2;
    let title = format!(" Source {} Destination ", "─".repeat(half.saturating_sub(8)));
    buffer.set_stringn(area.x + 2, area.y, title, columns.saturating_sub(8), style);
    buffer.set_string(area.right().saturating_sub(7), area.y, " I/E ", style);
    let name = format!(" {}{} ", clean(&editor.name), if editor.changed { " (changed)" } else { "" });
    buffer.set_stringn(area.x + 2, area.bottom() - 1, fit(&name, columns.saturating_sub(4)), columns, style);
    let page = usize::from(area.height.saturating_sub(2)).max(1);
    let first = (editor.selected + 1).saturating_sub(page);
    for ((place, rule), y) in editor.rules.iter().enumerate().skip(first).zip(area.top() + 1..area.bottom() - 1) {
        let bar = if place == editor.selected { "›" } else { " " };
        let room = columns.saturating_sub(10);
        let words = match Form::of(rule) {
            Some(form) => {
                let arrow = if form.opposite { "<->" } else { "-->" };
                let protocols = form.protocol_words();
                format!("{:half$} {arrow} {}  {protocols}", fit(&form.end(false), half), form.end(true))
            }
            None => rule.filter.to_string(),
        };
        buffer.set_string(area.x + 1, y, bar, theme.style(Role::DialogHot));
        buffer.set_stringn(area.x + 3, y, fit(&clean(&words), room), room, style);
        buffer.set_string(
            area.right().saturating_sub(5),
            y,
            if rule.include { "I" } else { "E" },
            theme.style(Role::DialogHot),
        );
    }
    if editor.rules.is_empty() {
        buffer.set_stringn(
            area.x + 3,
            area.y + 1,
            "no rules yet: i inserts one; what no rule includes is not shown",
            columns - 4,
            style,
        );
    }
    match &editor.open {
        Open::Text(input, _) => {
            let wrong = typed_rule(input).err().map(|error| (error.column, error.message));
            let words = "include or exclude, and a filter in tcpdump's words; enter takes it, esc leaves it";
            Some(prompt(buffer, areas, "rule", input, wrong, words, theme))
        }
        Open::Leaving => {
            foot(
                buffer,
                areas,
                "Keep what was changed?",
                "y keeps it for all consoles  n forgets it  esc goes on",
                theme,
            );
            None
        }
        _ => {
            let words = if editor.wrong.is_empty() {
                "The first rule that matches decides; what none matches is not shown"
            } else {
                &editor.wrong
            };
            foot(
                buffer,
                areas,
                words,
                "↑↓ i insert  a add  enter edit  t as text  n new as text  +- move  d delete  x exit",
                theme,
            );
            None
        }
    }
}

fn plane(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let style = theme.style(Role::Dialog);
    let inner = usize::from(area.width).saturating_sub(2);
    let line = |ends: [char; 2], fill: &str| format!("{}{}{}", ends[0], fill.repeat(inner), ends[1]);
    for y in area.top()..area.bottom() {
        buffer.set_string(area.x, y, line(['│', '│'], " "), style);
    }
    buffer.set_string(area.x, area.y, line(['┌', '┐'], "─"), style);
    buffer.set_string(area.x, area.bottom().saturating_sub(1), line(['└', '┘'], "─"), style);
}

/// Columns of the form: labels, source, destination.
const SOURCE: u16 = 23;
const DESTINATION: u16 = 50;

fn form(form: &Form, buffer: &mut Buffer, areas: Areas, theme: Theme) -> (u16, u16) {
    let area = areas.body;
    plane(buffer, area, theme);
    let style = theme.style(Role::Dialog);
    let label = |buffer: &mut Buffer, x: u16, y: u16, words: &str| {
        let room = usize::from(area.width.saturating_sub(x + 1));
        if !buffer.area.contains((area.x + x, area.y + y).into()) {
            return;
        }
        buffer.set_stringn(area.x + x, area.y + y, words, room, style);
    };
    let title = format!(" Source {} Destination ", "─".repeat(usize::from(DESTINATION - SOURCE) - 8));
    label(buffer, SOURCE - 1, 0, &title);
    for (y, words) in [
        (2, "IP address"),
        (4, "Wildcard mask"),
        (6, "Port"),
        (9, "Protocols to match"),
        (10, "(Enter Y beside each"),
        (11, "protocol to match.)"),
    ] {
        label(buffer, 2, y, words);
    }
    label(buffer, SOURCE + 6, 6, "to");
    label(buffer, DESTINATION + 6, 6, "to");
    label(buffer, SOURCE, 7, "Port fields apply only to TCP, UDP and SCTP packets");
    label(buffer, SOURCE, 15, "Additional protocols or ranges (e.g. 8, 18-20, 69, 90)");
    label(buffer, 2, 18, "Include/Exclude (I/E)");
    label(buffer, 34, 18, "Match opposite (Y/N)");

    let mut cursor = (area.x, area.y);
    for field in Field::all() {
        let selected = form.field() == field;
        let (x, y, columns) = place(field);
        let (x, y) = (area.x + x, area.y + y);
        match field {
            Field::Text(at) => {
                let at = text_field(buffer, (x, y), columns, &form.texts[at], theme);
                if selected {
                    cursor = at;
                }
            }
            Field::Protocol(at) => {
                let name = PROTOCOLS.get(at).unwrap_or(&ESP).0;
                label(buffer, (x - area.x).saturating_sub(width(name) as u16 + 1), y - area.y, name);
                letter(buffer, (x, y), if form.marks[at] { "y" } else { " " }, theme);
            }
            Field::Include => letter(buffer, (x, y), if form.include { "I" } else { "E" }, theme),
            Field::Opposite => letter(buffer, (x, y), if form.opposite { "Y" } else { "N" }, theme),
        }
        if selected && !matches!(field, Field::Text(_)) {
            cursor = (x, y);
        }
    }
    let words = form
        .wrong
        .as_ref()
        .map_or("Blank fields match anything; a bare address means that host only", |(_, words)| words);
    foot(buffer, areas, words, "tab next field  enter accept  ctrl-x cancel", theme);
    cursor_in(cursor, area)
}

/// Column, line and width of a field.
fn place(field: Field) -> (u16, u16, u16) {
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

fn letter(buffer: &mut Buffer, (x, y): (u16, u16), letter: &str, theme: Theme) {
    if buffer.area.contains((x, y).into()) {
        buffer.set_stringn(x, y, letter, 1, theme.style(Role::Desktop));
    }
}

/// A field to type in; says where the cursor stands in it.
fn text_field(buffer: &mut Buffer, (x, y): (u16, u16), columns: u16, input: &Input, theme: Theme) -> (u16, u16) {
    let room = usize::from(columns);
    let scroll = input.visual_scroll(room.saturating_sub(1));
    let shown: String = clean(input.value()).chars().skip(scroll).take(room).collect();
    if buffer.area.contains((x, y).into()) {
        buffer.set_stringn(x, y, format!("{shown:room$}"), room, theme.style(Role::Desktop));
    }
    (x + input.visual_cursor().saturating_sub(scroll).min(room) as u16, y)
}
