//! Dialogs: a box of lines in the middle of the screen, a prompt and a foot over its last two lines.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;
use tui_input::Input;

use super::layout::Areas;
use crate::number::plural;
use crate::text::{clean, fit, width, wrap};
use crate::theme::{Role, Theme};

/// Names or keys, and words.
pub type Lines = Vec<(String, String)>;

/// A line to type in, over the strip and the keys: the text, and below it what is wrong with it, under its place.
pub fn prompt(
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
pub fn foot(buffer: &mut Buffer, areas: Areas, words: &str, keys: &str, theme: Theme) {
    for (area, text, role) in [(areas.strip, words, Role::Dialog), (areas.keys, keys, Role::DialogHot)] {
        let columns = usize::from(area.width);
        let line = format!(" {:room$}", fit(&clean(text), columns.saturating_sub(2)), room = columns.saturating_sub(1));
        buffer.set_stringn(area.x, area.y, line, columns, theme.style(role));
    }
}

/// A cursor that stays inside its area, whatever the size of the terminal.
pub fn cursor_in((x, y): (u16, u16), area: Rect) -> (u16, u16) {
    (x.min(area.right().saturating_sub(1)), y.min(area.bottom().saturating_sub(1)))
}

/// A box in the middle: keys or names at the left, words at the right.
pub fn dialog(buffer: &mut Buffer, body: Rect, title: &str, lines: &Lines, first: usize, theme: Theme) {
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

/// The row of the bar after a key in a list of `length` rows; `None` for other keys.
pub fn moved(at: usize, length: usize, key: KeyCode) -> Option<usize> {
    let last = length.saturating_sub(1);
    Some(match key {
        KeyCode::Up => at.saturating_sub(1),
        KeyCode::Down => (at + 1).min(last),
        KeyCode::PageUp => at.saturating_sub(10),
        KeyCode::PageDown => (at + 10).min(last),
        KeyCode::Home => 0,
        KeyCode::End => last,
        _ => return None,
    })
}

/// The same in a menu, where the bar goes on at the other end.
pub fn turned(at: usize, length: usize, key: KeyCode) -> Option<usize> {
    let last = length.saturating_sub(1);
    match key {
        KeyCode::Up if at == 0 => Some(last),
        KeyCode::Down if at >= last => Some(0),
        key => moved(at, length, key),
    }
}

/// A box of rows to choose from, with the bar on row `at`; without it the rows are words only.
pub fn choices(buffer: &mut Buffer, body: Rect, title: &str, rows: Lines, at: Option<usize>, theme: Theme) {
    let page = usize::from(body.height.saturating_sub(2)).max(1);
    let first = at.map_or(0, |at| at.saturating_add(1).min(rows.len()).saturating_sub(page));
    let marked = rows.into_iter().enumerate().map(|(place, (key, words))| {
        let bar = at.map_or("", |at| if place == at { "›" } else { " " });
        (if key.is_empty() { bar.to_owned() } else { format!("{bar} {key}") }, words)
    });
    dialog(buffer, body, title, &marked.collect(), first, theme);
}

/// The rows, or words where there are none.
pub fn or_words(rows: Lines, words: &str) -> Lines {
    if rows.is_empty() { vec![(String::new(), words.to_owned())] } else { rows }
}

/// An empty box.
pub fn plane(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let style = theme.style(Role::Dialog);
    let inner = usize::from(area.width).saturating_sub(2);
    let line = |ends: [char; 2], fill: &str| format!("{}{}{}", ends[0], fill.repeat(inner), ends[1]);
    for y in area.top()..area.bottom() {
        buffer.set_string(area.x, y, line(['│', '│'], " "), style);
    }
    buffer.set_string(area.x, area.y, line(['┌', '┐'], "─"), style);
    buffer.set_string(area.x, area.bottom().saturating_sub(1), line(['└', '┘'], "─"), style);
}
