//! Cells that several tables share: counts, rates and observers of a row.

use traf_model::{ClassGroup, Counters, InterfaceStats, Item, Point, Report, Row};

use super::row::{CountedRow, counted};
use crate::look::Look;
use crate::names::Names;
use crate::number::{count, grouped, rate, short_rate};
use crate::text::{fit, width};
use crate::theme::Role;
use crate::widget::bar::{bar, percent};
use crate::widget::table::{Cell, Column};

/// A column of a table of rows.
pub type Col<'a> = Column<&'a Row, RowContext<'a>>;

/// Values that the cells of a row need beside the row.
#[derive(Clone, Copy, Debug)]
pub struct RowContext<'a> {
    /// Units and time zone.
    pub look: &'a Look,
    /// Names of addresses, ports and MAC addresses.
    pub names: &'a Names,
    /// The answer that the row is of.
    pub report: Option<&'a Report>,
    /// Rows may be of more than one sensor.
    pub several: bool,
    /// Columns of the screen.
    pub width: u16,
}

impl RowContext<'_> {
    /// A rate, in the units of the reader.
    pub fn rate(&self, counters: Counters) -> String {
        rate(counters.octets, self.look.units)
    }

    /// A rate in at most six characters.
    pub fn short_rate(&self, counters: Counters) -> String {
        short_rate(counters.octets, self.look.units)
    }
}

/// A share of a whole, as a number and a short bar.
pub fn share(part: u64, whole: u64) -> Cell {
    Cell::new(format!("{:>3}% {}", percent(part, whole), bar(part, whole, 5)), Role::Mark)
}

/// Packets towards the key.
pub fn packets_in(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().inbound.packets))
}

/// Octets towards the key.
pub fn octets_in(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().inbound.octets))
}

/// Packets from the key.
pub fn packets_out(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().outbound.packets))
}

/// Octets from the key.
pub fn octets_out(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().outbound.octets))
}

/// Packets in both directions.
pub fn packets(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().total().packets))
}

/// Octets in both directions.
pub fn octets(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::number(count(row.item.traffic().total().octets))
}

/// Rate in both directions.
pub fn rate_total(row: &&Row, context: &RowContext<'_>) -> Cell {
    Cell::number(context.rate(row.rate.total()))
}

/// Rate towards the key.
pub fn rate_in(row: &&Row, context: &RowContext<'_>) -> Cell {
    Cell::number(context.rate(row.rate.inbound))
}

/// Rate from the key.
pub fn rate_out(row: &&Row, context: &RowContext<'_>) -> Cell {
    Cell::number(context.rate(row.rate.outbound))
}

/// The key of a row as text; for traffic without a row the number of keys.
pub fn key_text(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::text(match &row.item {
        Item::Group(key, ..) => key.to_string(),
        Item::Other(_, _, keys) => format!("other: {} folded", grouped(*keys)),
        item => counted(item).map(|counted| counted.text()).unwrap_or_default(),
    })
}

/// A cell of a counted row; empty for traffic without a row.
pub fn of_counted(row: &Row, cell: impl Fn(&CountedRow<'_>) -> Cell) -> Cell {
    counted(&row.item).map(|counted| cell(&counted)).unwrap_or_default()
}

/// A cell of an interface; empty for other rows.
pub fn of_interface(row: &Row, cell: impl Fn(&InterfaceStats) -> Cell) -> Cell {
    if let Item::Interface(stats) = &row.item { cell(stats) } else { Cell::default() }
}

/// A count that should be zero.
pub fn bad(number: u64) -> Cell {
    Cell::new(count(number), if number == 0 { Role::Number } else { Role::Alarm })
}

/// The share of a row's rate in a whole; empty while nothing flows.
pub fn share_of_rate(row: &Row, whole: u64) -> Cell {
    match row.rate.total().octets {
        0 => Cell::default(),
        octets => share(octets, whole),
    }
}

/// The name of an interface, with its sensor where there are several.
pub fn interface(row: &Row, several: bool) -> Cell {
    of_interface(row, |stats| match row.observed_by.first() {
        Some(point) if several => Cell::text(format!("{}/{}", point.sensor, stats.interface.name)),
        _ => Cell::text(stats.interface.name.clone()),
    })
}

/// Packets of a group of classes.
pub fn class_packets(row: &Row, group: ClassGroup) -> Cell {
    of_interface(row, |stats| Cell::number(count(stats.classes.group(group).total().packets)))
}

/// Titles of the counts towards and from a key.
pub const IN_AND_OUT: [&str; 4] = ["Packets in", "Octets in", "Packets out", "Octets out"];

/// Columns of a table on standard output: the key, the counts towards and from it, `more`, the rate and the observers.
pub fn text_columns<'a>(
    key: &'static str,
    [packets_to, octets_to, packets_from, octets_from]: [&'static str; 4],
    more: impl IntoIterator<Item = Col<'a>>,
) -> Vec<Col<'a>> {
    let counts = [
        Column::left(key, 0, 0, key_text),
        Column::right(packets_to, 0, 0, packets_in),
        Column::right(octets_to, 0, 0, octets_in),
        Column::right(packets_from, 0, 0, packets_out),
        Column::right(octets_from, 0, 0, octets_out),
    ];
    let rest = [Column::right("Rate", 0, 0, rate_total), Column::left("Seen by", 0, 0, points)];
    counts.into_iter().chain(more).chain(rest).collect()
}

/// All observation points of a row.
pub fn points(row: &&Row, _: &RowContext<'_>) -> Cell {
    Cell::text(row.observed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

/// The column of observers: wider where there is room for more names.
pub fn seen_column<R, C>(several: bool, width: u16, cell: fn(&R, &C) -> Cell) -> Column<R, C> {
    Column::left(if several { "Seen by" } else { "Iface" }, seen_columns(width), 0, cell)
}

/// Columns of the terminal for the observers, in a table of this width.
const fn seen_columns(width: u16) -> u16 {
    match width {
        0..110 => 8,
        110..160 => 20,
        _ => 40,
    }
}

/// The observers of a row, as many as fit.
pub fn seen(row: &&Row, context: &RowContext<'_>) -> Cell {
    // Tables are a frame narrower than the screen.
    let columns = seen_columns(context.width.saturating_sub(4));
    Cell::text(seen_in(&row.observed_by, context.several, columns))
}

/// The observers of a row: the interface alone where there is one sensor, else the sensors, each once.
pub fn seen_by(observed_by: &[Point], several: bool) -> String {
    observers(observed_by, several).join(" ")
}

/// The observers in so many columns: where there is no room for all names, the first and how many more there are.
fn seen_in(observed_by: &[Point], several: bool, columns: u16) -> String {
    let names = observers(observed_by, several);
    let (all, columns) = (names.join(" "), usize::from(columns));
    match &names[..] {
        [first, more @ ..] if !more.is_empty() && width(&all) > columns => {
            let more = format!(" +{}", more.len());
            format!("{}{more}", fit(first, columns.saturating_sub(more.len())))
        }
        _ => all,
    }
}

fn observers(observed_by: &[Point], several: bool) -> Vec<&str> {
    let mut names: Vec<&str> = observed_by
        .iter()
        .map(|point| if several { point.sensor.as_str() } else { point.interface.as_deref().unwrap_or(&point.sensor) })
        .collect();
    names.dedup();
    names
}
