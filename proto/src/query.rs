//! Questions: what is asked of which points, in which window and order.

use std::time::Duration;

use super::{WireError, from_each, need, pick, place, time};
use crate as wire;
use traf_model::{Facility, Group, Interval, Order, OrderBy, Point, Query, Scope, Window};

pub(super) fn facility(number: u32) -> Result<Facility, WireError> {
    Facility::of_number(number).ok_or(WireError::Range("facility", u64::from(number)))
}

impl From<&Order> for wire::Order {
    fn from(order: &Order) -> Self {
        Self { by: place(&OrderBy::ALL, &order.by), ascending: order.ascending }
    }
}

impl TryFrom<wire::Order> for Order {
    type Error = WireError;

    fn try_from(wire: wire::Order) -> Result<Self, WireError> {
        Ok(Self { by: pick(&OrderBy::ALL, wire.by, "by")?, ascending: wire.ascending })
    }
}

impl From<&Window> for wire::Window {
    fn from(window: &Window) -> Self {
        Self {
            window: Some(match window {
                Window::Live => wire::window::Window::Live(wire::Live {}),
                Window::Last(length) => {
                    wire::window::Window::Last(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
                }
                Window::Past(Interval { from, to }) => {
                    wire::window::Window::Past(wire::Past { from: from.0, to: to.0 })
                }
            }),
        }
    }
}

impl TryFrom<wire::Window> for Window {
    type Error = WireError;

    fn try_from(wire: wire::Window) -> Result<Self, WireError> {
        Ok(match need(wire.window, "window")? {
            wire::window::Window::Live(_) => Self::Live,
            wire::window::Window::Last(nanos) => match u64::try_from(nanos) {
                Ok(nanos) if nanos > 0 => Self::Last(Duration::from_nanos(nanos)),
                _ => return Err(WireError::Range("last", nanos as u64)),
            },
            wire::window::Window::Past(past) if past.from < past.to => {
                Self::Past(Interval::new(time(past.from), time(past.to)))
            }
            wire::window::Window::Past(past) => return Err(WireError::Range("to", past.to as u64)),
        })
    }
}

impl From<&Point> for wire::ScopePoint {
    fn from(point: &Point) -> Self {
        Self { sensor: point.sensor.clone(), interface: point.interface.clone().unwrap_or_default() }
    }
}

impl From<wire::ScopePoint> for Point {
    fn from(wire: wire::ScopePoint) -> Self {
        Self { sensor: wire.sensor, interface: (!wire.interface.is_empty()).then_some(wire.interface) }
    }
}

pub(super) fn points(wire: Vec<wire::ScopePoint>) -> Vec<Point> {
    wire.into_iter().map(Point::from).collect()
}

/// Observation points that one query may name.
const MAX_POINTS: usize = 1_000;

impl From<&Query> for wire::Query {
    fn from(query: &Query) -> Self {
        Self {
            facility: query.facility.number(),
            window: Some((&query.window).into()),
            scope: from_each(&query.scope.0),
            filter: query.filter.to_string(),
            order: Some((&query.order).into()),
            limit: query.limit,
            group: place(&Group::ALL, &query.group),
        }
    }
}

impl TryFrom<wire::Query> for Query {
    type Error = WireError;

    fn try_from(wire: wire::Query) -> Result<Self, WireError> {
        if wire.scope.len() > MAX_POINTS {
            return Err(WireError::TooMany("scope", wire.scope.len()));
        }
        Ok(Self {
            facility: facility(wire.facility)?,
            window: need(wire.window, "window")?.try_into()?,
            scope: Scope(points(wire.scope)),
            filter: wire.filter.parse()?,
            group: pick(&Group::ALL, wire.group, "group")?,
            order: wire.order.unwrap_or_default().try_into()?,
            limit: match wire.limit {
                0 => 200,
                limit if limit <= Self::LIMIT => limit,
                limit => return Err(WireError::Range("limit", u64::from(limit))),
            },
        })
    }
}
