//! Facilities that count traffic under a key. Each is one row of [`ALL`]: its columns, orders, letters and words. One list,
//! one drawing and one command serve all of them; traffic, interfaces and single packets have screens of their own.
//! A view's `columns` are of the screen, its `text` is of the command; `tests/snapshots` has a picture of each.

pub mod cell;
pub mod detail;
mod dscp;
mod hosts;
mod plain;
mod protocols;
pub mod row;
mod services;
mod sizes;
mod stations;
pub mod view;
mod vlans;

use traf_model::filter::Expression;
use traf_model::{Facility, GroupKey, Item, Row};

use crate::condition::of_group;
use row::{CountedRow, counted};
use view::View;

/// All counted facilities, in the order of the menus and of the command line.
pub static ALL: [&View; 7] =
    [&sizes::VIEW, &services::VIEW, &vlans::VIEW, &dscp::VIEW, &protocols::VIEW, &stations::VIEW, &hosts::VIEW];

/// The facility beside the main menu.
pub static OVERVIEW: &View = &hosts::VIEW;

/// The view of a facility; `None` for facilities with screens of their own.
pub fn view(facility: Facility) -> Option<&'static View> {
    ALL.into_iter().find(|view| Facility::Counted(view.facility) == facility)
}

/// The view and the parts of a counted row; `None` for rows of other tables.
pub fn of_item(item: &Item) -> Option<(&'static View, CountedRow<'_>)> {
    let counted = counted(item)?;
    Some((view(counted.facility.into())?, counted))
}

/// The filter that selects the traffic of a row; `None` where there is none.
pub fn condition(row: &Row) -> Option<Expression> {
    match &row.item {
        Item::Flow(flow) => Some(of_group(&GroupKey::Pair(flow.key.source.address, flow.key.destination.address))),
        Item::Group(key, ..) => Some(of_group(key)),
        item => of_item(item).and_then(|(view, counted)| (view.condition)(&counted.key)),
    }
}
