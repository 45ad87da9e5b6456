//! Areas of the screen. Drawing and paging use the same functions, so that they agree.

use ratatui::layout::{Constraint, Layout, Rect};

/// The parts that every screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Scope, who reports, when.
    pub head: Rect,
    /// The screen itself.
    pub body: Rect,
    /// Notes about the report; no rows when there are none.
    pub notes: Rect,
    /// Time itself.
    pub strip: Rect,
    /// Keys, prompts.
    pub keys: Rect,
}

/// The parts of a terminal of this many columns and rows.
pub fn areas((width, height): (u16, u16), notes: bool) -> Areas {
    let lines = [1, height.saturating_sub(3 + u16::from(notes)), u16::from(notes), 1, 1].map(Constraint::Length);
    let [head, body, notes, strip, keys] = Layout::vertical(lines).areas(Rect::new(0, 0, width, height));
    Areas { head, body, notes, strip, keys }
}

/// The upper and the lower rows inside a box that a line divides; `share` of ten for the upper.
pub fn panes(body: Rect, share: u16) -> (Rect, Rect) {
    let inside = body.height.saturating_sub(3);
    let upper = (inside * share / 10).next_multiple_of(2).min(inside);
    let row = |y: u16, height: u16| {
        Rect::new(body.x + 1, body.y + y, body.width.saturating_sub(2), height).intersection(body)
    };
    (row(1, upper), row(2 + upper, inside - upper))
}

/// The rows inside a box.
pub fn inside(body: Rect) -> Rect {
    Rect::new(body.x + 1, body.y + 1, body.width.saturating_sub(2), body.height.saturating_sub(2)).intersection(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_one_owner_at_any_size() {
        for size in [(80, 24), (132, 40), (20, 5), (1, 1), (0, 0)] {
            for notes in [false, true] {
                let all = areas(size, notes);
                let lines = [all.head, all.body, all.notes, all.strip, all.keys].map(|area| area.height);
                assert!(lines.iter().sum::<u16>() <= size.1.max(3), "{size:?}: {lines:?}");
                let (upper, lower) = panes(all.body, 6);
                assert!(upper.height + lower.height <= all.body.height);
                assert_eq!(inside(all.body).intersection(all.body), inside(all.body));
            }
        }
        assert_eq!(areas((80, 24), false).body.height, 21);
    }
}
