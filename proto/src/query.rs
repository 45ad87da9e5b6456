//! Questions: what is asked of which points, in which window and order; named filters.

use std::time::Duration;

use super::WireError;
use super::field::{Field, fields, messages};
use crate as wire;
use traf_model::filter::{NamedFilter, check_name};
use traf_model::{Answer, Interval, Order, Point, Query, Timestamp, Window, Wish};

messages! {
    optional Order = Order { by, ascending };
    required ScopePoint = Point { sensor, interface };
    required Query = Query { facility, window, scope, filter, order, limit, group } check |query: wire::Query| {
        let limit = match query.limit {
            0 => 200,
            limit => at_most(limit, Query::LIMIT)?,
        };
        Ok::<_, WireError>(wire::Query { limit, ..query })
    };
    required Wish = Wish { id, facility, filter, order, also, limit, group, slice } check |wish: wire::Wish| {
        match wish.also.len() {
            count if count >= Wish::ORDERS => Err(WireError::TooMany("also", count)),
            _ => at_most(wish.limit, Wish::LIMIT).map(|_| wish),
        }
    };
    required Answer = Answer {
        id, matched, total, rows, since, slice; largest = (largest_inbound, largest_outbound)
    } check |answer: wire::Answer| match answer.rows.len() {
        count if count > ROWS => Err(WireError::TooMany("rows", count)),
        _ => Ok(answer),
    };
    required NamedFilter = NamedFilter { name, rules } check |filter: wire::NamedFilter| {
        check_name(&filter.name).map_err(WireError::Refused).map(|()| filter)
    };
}

/// Rows of one answer: of every order as many as there may be, which the octets of a snapshot do not allow.
const ROWS: usize = Wish::LIMIT as usize * Wish::ORDERS;

fn at_most(limit: u32, most: u32) -> Result<u32, WireError> {
    if limit <= most { Ok(limit) } else { Err(WireError::Range("limit", u64::from(limit))) }
}

fields! {
    Window as Option<wire::Window>: |window| {
        use wire::window::Window as Wire;
        let window = match window {
            Window::Live => Wire::Live(wire::Live {}),
            Window::Last(length) => Wire::Last(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)),
            Window::Past(Interval { from, to }) => Wire::Past(wire::Past { from: from.0, to: to.0 }),
        };
        Some(wire::Window { window: Some(window) })
    }, |window, name| {
        use wire::window::Window as Wire;
        match window.and_then(|window| window.window).ok_or(WireError::Missing(name))? {
            Wire::Live(_) => Ok(Self::Live),
            Wire::Last(nanos) if nanos > 0 => Ok(Self::Last(Duration::from_nanos(nanos as u64))),
            Wire::Last(nanos) => Err(WireError::Range("last", nanos as u64)),
            Wire::Past(wire::Past { from, to }) if from < to => {
                Ok(Self::Past(Interval::new(Timestamp(from), Timestamp(to))))
            }
            Wire::Past(past) => Err(WireError::Range("to", past.to as u64)),
        }
    };
}

impl From<&[NamedFilter]> for wire::NamedFilters {
    fn from(filters: &[NamedFilter]) -> Self {
        Self { filters: filters.iter().map(Into::into).collect() }
    }
}

impl TryFrom<wire::NamedFilters> for Vec<NamedFilter> {
    type Error = WireError;

    fn try_from(wire: wire::NamedFilters) -> Result<Self, WireError> {
        match wire.filters.len() {
            count if count > NamedFilter::MOST => Err(WireError::TooMany("filters", count)),
            _ => Self::of_wire(wire.filters, "filters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_filter_crosses_whole_and_what_is_wrong_with_it_is_said() {
        let filter = NamedFilter {
            name: "web".to_owned(),
            rules: "exclude host 10.0.0.7\ninclude tcp port 80".parse().unwrap(),
        };
        let wire = wire::NamedFilters::from(&[filter.clone()][..]);
        assert_eq!(Vec::<NamedFilter>::try_from(wire), Ok(vec![filter]));
        for (name, rules, words) in
            [("", "include tcp", "1 to 40"), ("web", "include tcp\nexclude port x", "line 2, column 14")]
        {
            let wire = wire::NamedFilter { name: name.to_owned(), rules: rules.to_owned() };
            assert!(NamedFilter::try_from(wire).unwrap_err().to_string().contains(words), "{name}");
        }
    }
}
