//! Filter expressions for groups of flows.

use traf_model::filter::{End, Expression, Test};
use traf_model::{Filter, GroupKey};

/// A filter, and a condition beside it.
pub fn both(filter: &Filter, part: Expression) -> Filter {
    Filter::new(match filter.expression() {
        Some(expression) => Expression::And(Box::new(expression.clone()), Box::new(part)),
        None => part,
    })
}

/// The flows of a group: both directions, so of an address also those that it began itself.
pub fn of_group(key: &GroupKey) -> Expression {
    let test = Expression::Test;
    let host = |address| test(Test::Host(End::Either, address));
    match key {
        GroupKey::Address(address) => host(*address),
        GroupKey::Port(protocol @ (6 | 17 | 132), port) if *port > 0 => {
            test(Test::Port(End::Either, Some(*protocol), *port, *port))
        }
        GroupKey::Port(protocol, _) => test(Test::Protocol(*protocol)),
        GroupKey::Pair(source, destination) if source == destination => host(*source),
        GroupKey::Pair(source, destination) => Expression::And(Box::new(host(*source)), Box::new(host(*destination))),
        GroupKey::Sensor(name) => test(Test::Sensor(name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_opened_with_the_filter_that_selects_its_flows() {
        for (key, words) in [
            (GroupKey::Address([10, 0, 0, 9].into()), "host 10.0.0.9"),
            (GroupKey::Port(6, 443), "tcp port 443"),
            (GroupKey::Port(47, 0), "proto 47"),
            (GroupKey::Pair([10, 0, 0, 3].into(), [10, 0, 0, 9].into()), "host 10.0.0.3 and host 10.0.0.9"),
            (GroupKey::Sensor("web1".to_owned()), "sensor web1"),
        ] {
            assert_eq!(Filter::new(of_group(&key)), words.parse().unwrap_or_default(), "{words}");
        }
    }
}
