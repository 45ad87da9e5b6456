//! Wishes that are answered in one go.

use traf_model::Wish;

/// Wishes of one go, at most: what they add up is in memory at the same time.
const TOGETHER: usize = 16;

/// Puts those together that ask for a slice under one filter; the others stay alone. The order is that of the first of each.
pub(crate) fn together<T>(wishes: Vec<T>, wish: impl Fn(&T) -> &Wish) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = Vec::new();
    for one in wishes {
        let Wish { slice, filter, .. } = wish(&one);
        let fits = |others: &&mut Vec<T>| {
            let first = others.first().map(&wish).filter(|first| first.slice && *slice && first.filter == *filter);
            first.is_some() && others.len() < TOGETHER
        };
        match all.iter_mut().find(fits) {
            Some(others) => others.push(one),
            None => all.push(vec![one]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use traf_model::{Facility, Filter, Group, Order};

    use super::*;

    #[test]
    fn wishes_for_a_slice_under_one_filter_are_answered_together() {
        let wish = |id: u64| {
            let filter: Filter = if id.is_multiple_of(3) { "udp" } else { "" }.parse().unwrap_or_default();
            let (facility, group, order, also) = (Facility::Traffic, Group::Flow, Order::default(), Vec::new());
            Wish { id, facility, filter, group, order, also, limit: 9, slice: id > 4 }
        };
        let found = together((1..=12).map(wish).collect(), |wish| wish);
        let found: Vec<Vec<u64>> = found.iter().map(|wishes| wishes.iter().map(|wish| wish.id).collect()).collect();
        assert_eq!(found, [vec![1], vec![2], vec![3], vec![4], vec![5, 7, 8, 10, 11], vec![6, 9, 12]]);
        let many = together((0..2 * TOGETHER + 1).map(|_| wish(5)).collect(), |wish| wish);
        assert!(many.iter().map(Vec::len).eq([TOGETHER, TOGETHER, 1]));
    }
}
