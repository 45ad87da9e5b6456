//! Boxes with words in their lines, as IPTraf draws them.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::layout::inside;
use crate::text::{clean, fit, width, wrap};
use crate::theme::{Role, Theme};

/// Draws an empty box, filled with the background; returns the area inside, a column away from the lines.
pub fn frame(buffer: &mut Buffer, area: Rect, theme: Theme) -> Rect {
    framed(buffer, area, theme, Role::Text, Role::Border);
    inside(area).inner(Margin::new(1, 0))
}

/// An empty box in these roles.
pub(super) fn framed(buffer: &mut Buffer, area: Rect, theme: Theme, inside: Role, border: Role) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    Block::bordered().style(theme.style(inside)).border_style(theme.style(border)).render(area, buffer);
}

/// A divider of a box.
pub fn divider(buffer: &mut Buffer, area: Rect, y: u16, theme: Theme) {
    let area = area.intersection(buffer.area);
    if area.width < 2 || y >= area.bottom() {
        return;
    }
    let line = format!("├{}┤", "─".repeat(usize::from(area.width) - 2));
    buffer.set_string(area.x, y, line, theme.style(Role::Border));
}

/// Words in a line, from the left, at most up to column `end`.
pub fn title(buffer: &mut Buffer, area: Rect, y: u16, title: &str, end: u16, theme: Theme) {
    words(buffer, area, y, title, end, theme.style(Role::Border));
}

/// The same in a style of its own. Whoever wrote them, they do nothing to the terminal.
pub fn words(buffer: &mut Buffer, area: Rect, y: u16, words: &str, end: u16, style: Style) {
    let room = usize::from(end.min(area.right().saturating_sub(1)).saturating_sub(area.x + 1));
    if room < 4 || words.is_empty() || y >= area.bottom() {
        return;
    }
    let words = format!(" {} ", fit(&clean(words), room - 2));
    buffer.set_string(area.x + 1, y, words, style);
}

/// Pieces in a line, the last one ending at the right; each has a role. Those that find no room are left out, first ones
/// first.
pub fn right(buffer: &mut Buffer, area: Rect, y: u16, from: u16, pieces: &[(String, Role)], theme: Theme) {
    let mut end = area.right().saturating_sub(2);
    if y >= area.bottom() {
        return;
    }
    for (words, role) in pieces.iter().rev() {
        let words = format!(" {words} ");
        let Some(start) = end.checked_sub(width(&words) as u16).filter(|start| *start > from) else { return };
        buffer.set_string(start, y, words, theme.style(*role));
        end = start.saturating_sub(2);
    }
}

/// Lines that are broken to fit into so many columns, each part in the role of its line.
pub fn wrapped(lines: Vec<(String, Role)>, columns: usize) -> Vec<(String, Role)> {
    let parts = |(line, role): (String, Role)| wrap(&clean(&line), columns).into_iter().map(move |part| (part, role));
    lines.into_iter().flat_map(parts).collect()
}

/// Lines below each other, as many as there is room for.
pub fn paragraph(buffer: &mut Buffer, area: Rect, lines: &[(String, Role)], theme: Theme) {
    for ((line, role), y) in lines.iter().zip(area.top()..area.bottom()) {
        buffer.set_stringn(area.x, y, line, usize::from(area.width), theme.style(*role));
    }
}

/// Lines in the middle of an empty box.
pub fn message(buffer: &mut Buffer, area: Rect, lines: &[String], theme: Theme) {
    let top = area.y + (area.height.saturating_sub(lines.len() as u16)) / 2;
    for (line, y) in lines.iter().zip(top..area.bottom()) {
        let line = fit(&clean(line), usize::from(area.width.saturating_sub(2))).into_owned();
        Line::styled(line, theme.style(Role::Text)).centered().render(Rect { y, height: 1, ..area }, buffer);
    }
}
