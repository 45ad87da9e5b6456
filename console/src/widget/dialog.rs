//! Dialogs: a box of lines in the middle of the screen, a prompt and a foot over its last two lines.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;
use tui_input::Input;

use super::border::framed;
use super::layout::Areas;
use crate::number::plural;
use crate::text::{clean, fit, width, wrap};
use crate::theme::{Role, Theme};

/// Names or keys, and words.
pub type Lines = Vec<(String, String)>;

/// The paper that a dialog is drawn on: the body of the screen, and a foot over its strip and its keys.
pub struct Sheet<'a> {
    /// Cells of the screen.
    pub buffer: &'a mut Buffer,
    /// Areas of the screen.
    pub areas: Areas,
    /// Colours.
    pub theme: Theme,
}

impl Sheet<'_> {
    /// Draws an empty box.
    pub fn plane(&mut self, area: Rect) {
        framed(self.buffer, area, self.theme, Role::Dialog, Role::Dialog);
    }

    /// Draws a line to type in, and below it what is wrong with the text, under its place, or else words. Returns the place
    /// of the cursor.
    pub fn prompt(&mut self, name: &str, input: &Input, wrong: Option<(usize, String)>, words: &str) -> (u16, u16) {
        let (line, below) = (self.areas.strip, self.areas.keys);
        let columns = usize::from(line.width);
        let [style, hot] = [Role::Dialog, Role::DialogHot].map(|role| self.theme.style(role));
        let start = name.len() + 3;
        let room = columns.saturating_sub(start + 2);
        let scroll = input.visual_scroll(room);
        let shown: String = input.value().chars().skip(scroll).collect();
        let (words, below_style) = match wrong {
            Some((column, message)) => {
                let at = (start + column.saturating_sub(scroll)).min(columns.saturating_sub(4));
                // The words stand right of the mark, or left of it where there is more room.
                let right = columns.saturating_sub(at + 3);
                let line = if width(&message) <= right || right >= at {
                    format!("{:at$}^ {}", "", fit(&message, right))
                } else {
                    format!("{:>at$} ^", fit(&message, at.saturating_sub(1)), at = at.saturating_sub(1))
                };
                (clean(&line).into_owned(), hot)
            }
            None => (format!("{:start$}{}", "", fit(words, columns.saturating_sub(start))), style),
        };
        for (area, text, style) in [(line, format!(" {name}: "), hot), (below, words, below_style)] {
            self.buffer.set_string(area.x, area.y, " ".repeat(columns), self.theme.style(Role::Dialog));
            self.buffer.set_stringn(area.x, area.y, text, columns, style);
        }
        self.buffer.set_stringn(line.x + start as u16, line.y, fit(&clean(&shown), room), room, style);
        let cursor = start + input.visual_cursor().saturating_sub(scroll).min(room);
        (line.x + cursor as u16, line.y)
    }

    /// Draws words about what has the bar, and the keys of the dialog.
    pub fn foot(&mut self, words: &str, keys: &str) {
        for (area, text, role) in [(self.areas.strip, words, Role::Dialog), (self.areas.keys, keys, Role::DialogHot)] {
            let columns = usize::from(area.width);
            let room = columns.saturating_sub(1);
            let line = format!(" {:room$}", fit(&clean(text), columns.saturating_sub(2)));
            self.buffer.set_stringn(area.x, area.y, line, columns, self.theme.style(role));
        }
    }

    /// Draws a box in the middle: keys or names at the left, words at the right.
    pub fn lines(&mut self, title: &str, lines: &Lines, first: usize) {
        let body = self.areas.body;
        let left = lines.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
        let words = lines.iter().map(|(_, words)| width(&clean(words))).max().unwrap_or(0);
        let columns = (left + words + 7).max(width(title) + 6).min(usize::from(body.width)) as u16;
        let room = usize::from(columns).saturating_sub(left + 6);
        let lines = lines.iter().flat_map(|(key, words)| {
            std::iter::once(key.as_str()).chain(std::iter::repeat("")).zip(wrap(&clean(words), room))
        });
        let lines: Vec<(&str, String)> = lines.collect();
        let rows = (lines.len() as u16 + 2).min(body.height);
        let area = Rect::new(body.x + (body.width - columns) / 2, body.y + (body.height - rows) / 2, columns, rows);
        self.plane(area);
        let [style, hot] = [Role::Dialog, Role::DialogHot].map(|role| self.theme.style(role));
        let inner = usize::from(columns).saturating_sub(2);
        let title = format!(" {} ", fit(title, inner.saturating_sub(4)));
        self.buffer.set_stringn(area.x + 2, area.y, title, inner, style);
        let first = first.min(lines.len().saturating_sub(usize::from(rows) - 2));
        let below = lines.len().saturating_sub(first + usize::from(rows) - 2);
        if below > 0 {
            let more = format!(" ↓ {} ", plural(below as u64, "more line", "more lines"));
            self.buffer.set_stringn(area.x + 2, area.bottom() - 1, more, inner, hot);
        }
        for ((key, words), y) in lines.iter().skip(first).zip(area.top() + 1..area.bottom() - 1) {
            self.buffer.set_stringn(area.x + 2, y, clean(key), inner.saturating_sub(2), hot);
            self.buffer.set_stringn(area.x + 4 + left as u16, y, words, room, style);
        }
    }

    /// Draws a box of rows to choose from, with the bar on row `at`; words instead if there are none.
    pub fn choices(&mut self, title: &str, rows: impl Iterator<Item = (String, String)>, at: usize, none: &str) {
        let marked = rows.enumerate().map(|(place, (key, words))| {
            let bar = if place == at { "›" } else { " " };
            (if key.is_empty() { bar.to_owned() } else { format!("{bar} {key}") }, words)
        });
        let mut rows: Lines = marked.collect();
        let page = usize::from(self.areas.body.height.saturating_sub(2)).max(1);
        let first = at.saturating_add(1).min(rows.len()).saturating_sub(page);
        if rows.is_empty() {
            rows.push((String::new(), none.to_owned()));
        }
        self.lines(title, &rows, first);
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
