//! Choosing the order of a table, and the grouping of flows.

use ratatui::crossterm::event::KeyCode;
use traf_model::{Group, OrderBy};

use super::super::{App, Screen};
use crate::facility::view::Orders;
use crate::widget::dialog::{Lines, Sheet};

/// IPTraf has the first two.
const FLOWS: Orders = &[
    ('p', OrderBy::Packets, "packet count"),
    ('b', OrderBy::Octets, "byte count"),
    ('r', OrderBy::Rate, "rate"),
    ('f', OrderBy::First, "first seen, newest first"),
    ('l', OrderBy::Last, "last seen, newest first"),
    ('k', OrderBy::Key, "address"),
];

const GROUPS: Orders = &[
    ('p', OrderBy::Packets, "packet count"),
    ('b', OrderBy::Octets, "byte count"),
    ('r', OrderBy::Rate, "rate"),
    ('f', OrderBy::Flows, "number of flows"),
    ('k', OrderBy::Key, "name"),
];

/// The orders of a screen.
pub(super) fn orders(screen: Screen, group: Group) -> Orders {
    match (screen, group) {
        (Screen::Counted(view), _) => view.orders,
        (_, Group::Flow) => FLOWS,
        _ => GROUPS,
    }
}

/// The one of several choices that a key stands for.
pub(super) fn chosen<T: Copy>(choices: &[(char, T, &str)], key: KeyCode) -> Option<T> {
    let KeyCode::Char(key) = key else { return None };
    choices.iter().find(|(letter, ..)| letter.eq_ignore_ascii_case(&key)).map(|(_, choice, _)| *choice)
}

/// Groups by the key that chooses them.
pub(super) const GROUPINGS: [(char, Group, &str); 5] = [
    ('f', Group::Flow, "flow: each for itself"),
    ('a', Group::Address, "address: who was asked"),
    ('p', Group::Port, "port: what was asked for"),
    ('i', Group::Pair, "pair: who asked whom"),
    ('s', Group::Sensor, "sensor: who counts it"),
];

/// Draws the orders.
pub(super) fn draw(app: &App, sheet: &mut Sheet<'_>) {
    let Some((list, _)) = app.list() else { return };
    let mut lines = marked(orders(app.screen, app.traffic.group), list.order.by);
    let continuous =
        if list.continuous { "rows move as their numbers do" } else { "rows keep their places until the next sort" };
    lines.push(("C".to_owned(), format!("continuous: {continuous}")));
    letters("Select sort criterion", lines, sheet);
}

/// Draws the groupings.
pub(super) fn draw_groups(app: &App, sheet: &mut Sheet<'_>) {
    letters("A row for each", marked(&GROUPINGS, app.traffic.group), sheet);
}

fn letters(title: &str, mut lines: Lines, sheet: &mut Sheet<'_>) {
    lines.push((String::new(), "any other key cancels".to_owned()));
    sheet.lines(title, &lines, 0);
}

/// A line for each choice, with a mark at the present one.
fn marked<T: PartialEq>(choices: &[(char, T, &str)], now: T) -> Lines {
    let mark = |choice: &T| if *choice == now { " ◂" } else { "" };
    let line = |(key, choice, words): &(char, T, &str)| {
        (key.to_ascii_uppercase().to_string(), format!("{words}{}", mark(choice)))
    };
    choices.iter().map(line).collect()
}
