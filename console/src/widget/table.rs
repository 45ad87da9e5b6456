//! The one table: columns are data, their titles stand in the line above, widths depend on the area and never on the rows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::text::{clean, fit, fit_middle, width};
use crate::theme::{Role, Theme};

/// A piece of text with its meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Made fit for the terminal when it is drawn.
    pub text: String,
    /// The style.
    pub role: Role,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(text, Role::Text)
    }

    /// A count or a rate.
    pub fn number(text: impl Into<String>) -> Self {
        Self::new(text, Role::Number)
    }

    /// With a role.
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role }
    }
}

/// Alignment of text in its column, and the part that is left out when it does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// From the left; its end is left out.
    Left,
    /// From the left; its middle is left out.
    Ends,
    /// From the right.
    Right,
}

/// One column.
#[derive(Clone, Copy)]
pub struct Column<R, C> {
    /// In the line above.
    pub title: &'static str,
    /// Columns of the terminal; 0 takes what the others leave.
    pub width: u16,
    /// Shown where the table is at least this wide.
    pub least: u16,
    /// The alignment.
    pub align: Align,
    /// The text.
    pub cell: fn(&R, &C) -> Cell,
}

impl<R, C> Column<R, C> {
    /// Words, from the left.
    pub const fn left(title: &'static str, width: u16, least: u16, cell: fn(&R, &C) -> Cell) -> Self {
        Self { title, width, least, align: Align::Left, cell }
    }

    /// The name of a row: takes the room that is left, and loses its middle first.
    pub const fn name(cell: fn(&R, &C) -> Cell) -> Self {
        Self { title: "", width: 0, least: 0, align: Align::Ends, cell }
    }

    /// Counts and rates, from the right.
    pub const fn right(title: &'static str, width: u16, least: u16, cell: fn(&R, &C) -> Cell) -> Self {
        Self { title, width, least, align: Align::Right, cell }
    }
}

/// A table on its way to the screen.
pub struct Table<'a, R, C> {
    /// From left to right.
    pub columns: &'a [Column<R, C>],
    /// Values that the cells need beside their row.
    pub context: &'a C,
    /// Colours.
    pub theme: Theme,
    /// Text in a line of its own above the cells of each row; then a row takes two lines.
    pub head: Option<fn(&R, &C) -> Cell>,
}

impl<'a, R, C> Table<'a, R, C> {
    /// A line for each row.
    pub const fn new(columns: &'a [Column<R, C>], context: &'a C, theme: Theme) -> Self {
        Self { columns, context, theme, head: None }
    }

    /// Draws the titles into line `y`, the rows into `area`, and the bar over the row in place `bar`. Says where the
    /// first title begins, so that the words before it keep clear.
    pub fn draw(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        y: u16,
        rows: impl Iterator<Item = R>,
        bar: Option<usize>,
    ) -> u16 {
        let area = area.intersection(buffer.area);
        let places = self.places(area);
        let lines = 1 + u16::from(self.head.is_some());
        for (row, y) in rows.zip((area.top()..area.bottom()).step_by(usize::from(lines))) {
            if let Some(head) = self.head {
                put(buffer, (area.x, y), area.width, Align::Left, head(&row, self.context), self.theme);
            }
            let y = y + lines - 1;
            for (column, x, width) in places.iter().filter(|_| y < area.bottom()) {
                put(buffer, (*x, y), *width, column.align, (column.cell)(&row, self.context), self.theme);
            }
        }
        if let Some(bar) = bar.map(|bar| bar as u16 * lines).filter(|bar| *bar < area.height) {
            let bar = Rect::new(area.x, area.y + bar, area.width, lines);
            buffer.set_style(bar.intersection(area), self.theme.style(Role::Bar));
        }
        let mut first = area.right();
        for (column, x, columns) in places.iter().filter(|(column, ..)| !column.title.is_empty()) {
            let title = format!(" {} ", fit(column.title, usize::from(*columns)));
            let start = match column.align {
                Align::Right => (x + columns + 1).saturating_sub(width(&title) as u16),
                Align::Left | Align::Ends => x.saturating_sub(1),
            };
            let room = usize::from(area.right().saturating_sub(start));
            buffer.set_stringn(start, y, &title, room, self.theme.style(Role::Border));
            first = first.min(start);
        }
        first
    }

    /// The columns that are shown, with their place and width.
    fn places(&self, area: Rect) -> Vec<(&Column<R, C>, u16, u16)> {
        let shown: Vec<_> = self.columns.iter().filter(|column| column.least <= area.width).collect();
        let fixed: u16 = shown.iter().map(|column| column.width).sum();
        let gaps = shown.len().saturating_sub(1) as u16;
        let growing = shown.iter().filter(|column| column.width == 0).count().max(1) as u16;
        let rest = area.width.saturating_sub(fixed + gaps);
        let (mut x, mut places) = (area.x, Vec::with_capacity(shown.len()));
        for column in shown {
            let wanted = if column.width == 0 { rest / growing } else { column.width };
            let width = wanted.min(area.right().saturating_sub(x));
            if width > 0 {
                places.push((column, x, width));
            }
            x += width + 1;
        }
        places
    }
}

/// One cell in its place.
pub fn put(buffer: &mut Buffer, (x, y): (u16, u16), columns: u16, align: Align, cell: Cell, theme: Theme) {
    let columns = usize::from(columns);
    let text = clean(&cell.text);
    let text = match align {
        Align::Ends => fit_middle(&text, columns),
        Align::Left | Align::Right => fit(&text, columns),
    };
    let before = if align == Align::Right { columns.saturating_sub(width(&text)) } else { 0 };
    buffer.set_stringn(x + before as u16, y, &text, columns - before, theme.style(cell.role));
}

/// Pieces of a line one after the other, the rest of it filled as the first is.
pub fn pieces(buffer: &mut Buffer, area: Rect, pieces: &[(String, Role)], theme: Theme) {
    let area = area.intersection(buffer.area);
    if area.height == 0 {
        return;
    }
    let first = pieces.first().map_or(Role::Text, |(_, role)| *role);
    buffer.set_style(area, theme.style(first));
    let mut x = area.x;
    for (words, role) in pieces {
        let room = usize::from(area.right().saturating_sub(x));
        x = buffer.set_stringn(x, area.y, clean(words), room, theme.style(*role)).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u16) -> String {
        let columns = [
            Column {
                title: "",
                width: 0,
                least: 0,
                align: Align::Ends,
                cell: |row: &(&str, u32), _: &()| Cell::text(row.0),
            },
            Column {
                title: "Packets",
                width: 8,
                least: 0,
                align: Align::Right,
                cell: |row, ()| Cell::number(row.1.to_string()),
            },
            Column { title: "Note", width: 6, least: 30, align: Align::Left, cell: |_, ()| Cell::text("a long note") },
        ];
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 3));
        let table = Table::new(&columns, &(), Theme::Mono);
        let rows = [("10.0.0.3:49197", 12), ("a\x1b[2Jb", 3)].into_iter();
        let area = Rect::new(0, 1, width, 2);
        table.draw(&mut buffer, area, 0, rows, Some(0));
        (0..3).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>() + "|\n").collect()
    }

    #[test]
    fn widths_come_from_the_area_and_narrow_tables_leave_columns_out() {
        let wide = [
            "                  Packets Note  |",
            "10.0.0.3:49197         12 a lon…|",
            "a\\u{1b}[2Jb             3 a lon…|",
        ];
        assert_eq!(drawn(32).lines().collect::<Vec<_>>(), wide);
        let narrow = ["           Packets|", "10.0…9197       12|", "a\\u{…[2Jb        3|"];
        assert_eq!(drawn(18).lines().collect::<Vec<_>>(), narrow);
    }
}
