//! The first rows of an order, in bounded memory.

use traf_model::{Answer, Item, Merge, Order, Row, Traffic, Wish};

/// The first rows of an order.
pub(super) struct Top {
    answer: Answer,
    others: Vec<Row>,
    order: Order,
    limit: usize,
}

impl Top {
    pub(super) fn new(wish: &Wish) -> Self {
        let answer = Answer { id: wish.id, ..Answer::default() };
        Self { answer, others: Vec::new(), order: wish.order, limit: wish.limit.min(Wish::LIMIT) as usize }
    }

    pub(super) fn push(&mut self, rate: Traffic, item: Item) {
        self.answer.matched += 1;
        self.answer.total.merge(item.traffic());
        self.answer.rows.push(Row::new(rate, item));
        if self.answer.rows.len() >= 2 * self.limit + 64 {
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

    fn prune(&mut self) {
        let (rows, order) = (&mut self.answer.rows, self.order);
        if rows.len() > self.limit {
            if self.limit > 0 {
                rows.select_nth_unstable_by(self.limit - 1, |a, b| a.compare(b, order));
            }
            rows.truncate(self.limit);
        }
    }

    pub(super) fn answer(mut self) -> Answer {
        self.prune();
        let order = self.order;
        self.answer.rows.sort_by(|a, b| a.compare(b, order));
        self.answer.rows.append(&mut self.others);
        self.answer
    }
}
