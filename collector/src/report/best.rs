//! The first rows in an order, of as many as come: no more than a few times as many are held as are wanted.

use traf_model::{Order, Query, Row};

/// Rows that are held beside those that are wanted: then few of them are sorted often.
const SPARE: usize = 1_000;

/// A row, and the points that saw it.
pub(crate) type Draft = (Row, Vec<usize>);

/// The first rows in a query's order.
pub(crate) struct Best {
    order: Order,
    limit: usize,
    drafts: Vec<Draft>,
    /// Rows that came.
    pub(crate) count: u64,
}

impl Best {
    pub(crate) fn new(query: &Query) -> Self {
        Self { order: query.order, limit: query.limit as usize, drafts: Vec::new(), count: 0 }
    }

    pub(crate) fn push(&mut self, draft: Draft) {
        self.count += 1;
        self.drafts.push(draft);
        if self.drafts.len() > 2 * self.limit + SPARE {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let (order, limit) = (self.order, self.limit);
        if limit > 0 && self.drafts.len() > limit {
            self.drafts.select_nth_unstable_by(limit - 1, |(a, _), (b, _)| a.compare(b, order));
        }
        self.drafts.truncate(limit);
    }

    /// The rows in their order; `name` gives them the names of those who saw them.
    pub(crate) fn rows(mut self, name: impl Fn(Draft) -> Row) -> Vec<Row> {
        self.cut();
        let mut rows: Vec<Row> = self.drafts.into_iter().map(name).collect();
        rows.sort_by(|a, b| a.compare(b, self.order));
        rows
    }
}
