//! A counted facility as the console shows it: titles, columns, orders, letters and words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traf_model::filter::Expression;
use traf_model::{Counted, Key, OrderBy, Report, Row, Traffic};

use super::cell::{Col, RowContext};
use super::row::{CountedRow, counted};
use crate::key::KeyContext;
use crate::theme::{Role, Theme};
use crate::widget::dialog::Lines;
use crate::widget::table::Cell;

/// Columns of the terminal from which on a row with a headline takes one line.
const ONE_LINE: u16 = 120;

/// Orders of a table by the key that chooses them.
pub type Orders = &'static [(char, OrderBy, &'static str)];

/// A counted facility as the console shows it.
pub struct View {
    /// The table that the collector is asked for.
    pub facility: Counted,
    /// Title of the screen.
    pub title: &'static str,
    /// One row, in messages.
    pub noun: &'static str,
    /// Help of the command.
    pub help: &'static str,
    /// Entry of the menu.
    pub menu: MenuEntry,
    /// Option of the command line that starts with this screen.
    pub start: Option<StartOption>,
    /// Keys that hold on this screen.
    pub keys: KeyContext,
    /// The table is of one interface; several cannot be added up.
    pub one_interface: bool,
    /// Order of the screen before a person chooses another.
    pub order: OrderBy,
    /// Orders to choose from.
    pub orders: Orders,
    /// Layout of the screen.
    pub layout: Layout,
    /// True for rows that a key hides.
    pub hideable: fn(&Key) -> bool,
    /// Columns of the table on standard output.
    pub text: for<'a> fn(&RowContext<'a>) -> Vec<Col<'a>>,
    /// Details of a row.
    pub details: fn(&Row, &CountedRow<'_>, &RowContext<'_>) -> Lines,
    /// The filter that selects the traffic of a key; `None` where there is none.
    pub condition: fn(&Key) -> Option<Expression>,
    /// The condition of an SQL query for a key; `None` where the history has none.
    pub history: fn(&Key) -> Option<String>,
}

/// An entry of the main menu or of the statistical breakdowns.
pub struct MenuEntry {
    /// As it stands in the menu.
    pub title: &'static str,
    /// The letter that chooses it.
    pub letter: char,
    /// The help line.
    pub help: &'static str,
    /// It is a statistical breakdown.
    pub breakdown: bool,
    /// A line is drawn above it.
    pub apart: bool,
}

impl MenuEntry {
    /// An entry of the main menu.
    pub(super) const fn main(title: &'static str, letter: char, help: &'static str) -> Self {
        Self { title, letter, help, breakdown: false, apart: false }
    }

    /// An entry of the statistical breakdowns.
    pub(super) const fn breakdown(title: &'static str, letter: char, help: &'static str) -> Self {
        Self { breakdown: true, ..Self::main(title, letter, help) }
    }
}

/// An option such as `-s IF`.
#[derive(Clone, Copy)]
pub struct StartOption {
    /// The letter.
    pub letter: char,
    /// The option also takes `all`.
    pub all: bool,
    /// The help text.
    pub help: &'static str,
}

/// Layout of a screen.
pub enum Layout {
    /// Rows that can be moved through and sorted.
    Table(TableLayout),
    /// A drawing of all rows at once: the footer, and the function that draws.
    Chart(fn(&Report, &RowContext<'_>) -> String, fn(&Report, &mut Buffer, Rect, Theme)),
}

/// A table on the screen.
pub struct TableLayout {
    /// Columns for a table of this width, with or without a headline for each row.
    pub columns: for<'a> fn(&RowContext<'a>, u16, bool) -> Vec<Col<'a>>,
    /// Headline of a row on narrow terminals, where a row takes two lines.
    pub headline: Option<fn(&&Row, &RowContext<'_>) -> Cell>,
    /// The line below the table, about the rate of the highlighted row.
    pub summary: Option<fn(Traffic, &RowContext<'_>) -> Pieces>,
    /// Title in the upper line of the box.
    pub title: fn(&Shown<'_>) -> String,
    /// Words in the lower line of the box.
    pub footer: fn(&Shown<'_>) -> String,
}

/// Pieces of a line, each with its role.
pub type Pieces = Vec<(String, Role)>;

/// Words about the rows of a table.
pub struct Shown<'a> {
    /// Number of rows shown, and of how many.
    pub entries: String,
    /// The order.
    pub order: String,
    /// Number of rows that a key has hidden; `None` while none are.
    pub hidden: Option<u64>,
    /// Each row has a headline.
    pub headlines: bool,
    /// The report and the units.
    pub context: &'a RowContext<'a>,
}

impl View {
    /// The name in commands and in SQL.
    pub fn name(&self) -> &'static str {
        self.facility.name
    }

    /// The layout of a table; `None` for a chart.
    pub const fn table(&self) -> Option<&TableLayout> {
        match &self.layout {
            Layout::Table(table) => Some(table),
            Layout::Chart(..) => None,
        }
    }

    /// Lines of a row on a screen of this width.
    pub fn lines(&self, width: u16) -> usize {
        let headline = self.table().is_some_and(|table| table.headline.is_some());
        if headline && width < ONE_LINE { 2 } else { 1 }
    }

    /// True for rows that a key hides.
    pub fn hides(&self, row: &Row) -> bool {
        counted(&row.item).is_some_and(|counted| (self.hideable)(&counted.key))
    }
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.facility == other.facility
    }
}

impl Eq for View {}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
