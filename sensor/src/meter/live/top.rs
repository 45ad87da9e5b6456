//! The first rows of one or several orders, in bounded memory.

use std::cmp::Ordering;

use traf_model::{Answer, Item, Merge, Order, Row, Traffic, Wish};

use super::gather::Span;

/// The first rows of each order, every row once.
#[derive(Default)]
pub(super) struct Top {
    answer: Answer,
    others: Vec<Row>,
    orders: Vec<Order>,
    /// Rows of an order.
    limit: usize,
}

impl Top {
    pub(super) fn new(wish: &Wish) -> Self {
        let answer = Answer { id: wish.id, ..Answer::default() };
        let (orders, limit) = (wish.orders().collect(), wish.limit.min(Wish::LIMIT) as usize);
        Self { answer, others: Vec::new(), orders, limit }
    }

    /// Of a slice the busiest rows come first, whatever the order of the wish.
    pub(super) fn of_span(wish: &Wish, span: Span) -> Self {
        match span {
            Span::Whole => Self::new(wish),
            Span::Slice => Self::new(&Wish { order: Order::default(), ..wish.clone() }),
        }
    }

    pub(super) fn push(&mut self, rate: Traffic, item: Item) {
        self.answer.matched += 1;
        self.answer.total.merge(item.traffic());
        self.answer.rows.push(Row::new(rate, item));
        if self.answer.rows.len() >= 2 * self.limit * self.orders.len() + 64 {
            self.prune();
        }
    }

    pub(super) fn push_other(&mut self, item: Item) {
        self.answer.total.merge(item.traffic());
        self.others.push(Row::new(Traffic::default(), item));
    }

    pub(super) fn add_total(&mut self, traffic: Traffic) {
        self.answer.total.merge(traffic);
    }

    /// Drops the rows that are among the first of no order.
    fn prune(&mut self) {
        let (rows, limit) = (&mut self.answer.rows, self.limit);
        if rows.len() <= limit {
            return;
        }
        // Those of the first orders stand in front.
        let mut kept = 0;
        for order in &self.orders {
            // A row in front may be one of this order, too: it is in the first rows of the rest or before all of them.
            let rest = &mut rows[kept..];
            if rest.len() > limit && limit > 0 {
                rest.select_nth_unstable_by(limit - 1, |a, b| a.compare(b, *order));
            }
            kept += rest.len().min(limit);
        }
        rows.truncate(kept);
    }

    pub(super) fn answer(mut self) -> Answer {
        self.prune();
        self.answer.rows = ranked(self.answer.rows, &self.orders, self.limit);
        self.answer.rows.append(&mut self.others);
        self.answer
    }
}

/// Rows by their best place in any of the orders, so that whatever cuts the last ones cuts all orders alike; without those
/// that are among the first `limit` of no order.
fn ranked(mut rows: Vec<Row>, orders: &[Order], limit: usize) -> Vec<Row> {
    if let [order] = orders {
        rows.sort_by(|a, b| a.compare(b, *order));
        return rows;
    }
    let mut best = vec![usize::MAX; rows.len()];
    let mut places: Vec<usize> = (0..rows.len()).collect();
    for order in orders {
        let by = |a: &usize, b: &usize| -> Ordering { rows[*a].compare(&rows[*b], *order) };
        places.sort_unstable_by(by);
        for (rank, place) in places.iter().take(limit).enumerate() {
            best[*place] = best[*place].min(rank);
        }
    }
    let mut rows: Vec<(usize, Row)> = best.into_iter().zip(rows).filter(|(rank, _)| *rank < limit).collect();
    rows.sort_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use traf_model::facility::HOSTS;
    use traf_model::{Counters, Counts, Facility, Filter, Group, Key, OrderBy};

    use super::*;

    fn wish(also: Vec<Order>, limit: u32) -> Wish {
        let (order, filter, group) = (Order::default(), Filter::default(), Group::Flow);
        Wish { id: 1, facility: Facility::Counted(HOSTS), filter, group, order, also, limit, slice: false }
    }

    /// Ten thousand hosts whose octets, packets and addresses have different orders.
    fn hosts() -> Vec<Item> {
        let host = |number: u64| {
            let key = Key::Address(std::net::Ipv4Addr::from(number as u32).into());
            let counters = Counters::new(number * 7_919 % 10_007, number * 104_729 % 10_009);
            Item::Counted(HOSTS, key, Counts::from(Traffic::inbound(counters)))
        };
        (1..=10_000).map(host).collect()
    }

    fn answer(wish: &Wish) -> Answer {
        let mut top = Top::new(wish);
        hosts().into_iter().for_each(|item| top.push(Traffic::default(), item));
        top.answer()
    }

    fn keys(rows: &[Row]) -> Vec<Key> {
        let key = |row: &Row| match row.item {
            Item::Counted(_, key, _) => Some(key),
            _ => None,
        };
        rows.iter().filter_map(key).collect()
    }

    #[test]
    fn one_answer_has_the_first_rows_of_every_order_and_each_row_once() {
        let by = |by, ascending| Order { by, ascending };
        let orders = vec![by(OrderBy::Packets, false), by(OrderBy::Key, true), by(OrderBy::Octets, true)];
        let all = answer(&wish(orders.clone(), 60));
        assert_eq!(all.matched, 10_000);
        let total: u64 = hosts().iter().map(|item| item.traffic().total().octets).sum();
        assert_eq!(all.total.total().octets, total);
        let there = keys(&all.rows);
        assert_eq!(there.len(), there.iter().collect::<HashSet<_>>().len());
        assert!(there.len() <= 4 * 60);
        for order in [Order::default()].into_iter().chain(orders) {
            let alone = answer(&Wish { order, also: Vec::new(), ..wish(Vec::new(), 60) });
            assert_eq!(alone.rows.len(), 60);
            let mut rows = all.rows.clone();
            rows.sort_by(|a, b| a.compare(b, order));
            assert_eq!(keys(&rows[..60]), keys(&alone.rows), "{order:?}");
            // The first quarter holds the first 15 of every order: a cut takes the last ones of all.
            let mut cut = all.rows[..60].to_vec();
            cut.sort_by(|a, b| a.compare(b, order));
            assert_eq!(keys(&cut[..15]), keys(&alone.rows[..15]), "{order:?}");
        }
    }
}
