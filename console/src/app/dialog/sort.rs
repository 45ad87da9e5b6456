//! Choosing the order of a table, and the grouping of flows.

use traf_model::{Group, Order, OrderBy};

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

/// The order that a key chooses; of keys the smallest comes first.
pub(super) fn order(orders: Orders, key: char) -> Option<Order> {
    let (_, by, _) = orders.iter().find(|(letter, ..)| letter.eq_ignore_ascii_case(&key))?;
    Some(Order { by: *by, ascending: *by == OrderBy::Key })
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
    lines.push((String::new(), "any other key cancels".to_owned()));
    sheet.lines("Select sort criterion", &lines, 0);
}

/// Draws the groupings.
pub(super) fn draw_groups(app: &App, sheet: &mut Sheet<'_>) {
    let mut lines = marked(&GROUPINGS, app.traffic.group);
    lines.push((String::new(), "any other key cancels".to_owned()));
    sheet.lines("A row for each", &lines, 0);
}

/// A line for each choice, with a mark at the present one.
fn marked<T: PartialEq>(choices: &[(char, T, &str)], now: T) -> Lines {
    let mark = |choice: &T| if *choice == now { " ◂" } else { "" };
    let line = |(key, choice, words): &(char, T, &str)| {
        (key.to_ascii_uppercase().to_string(), format!("{words}{}", mark(choice)))
    };
    choices.iter().map(line).collect()
}
