//! The rows of a table: their order, the bar, and which of the report's rows they are.

use std::collections::HashMap;

use traf_model::{Class, Counted, FlowKey, GroupKey, Item, Key, Order, OrderBy, Point, Query, Report, Row, Timestamp};

use super::cursor::Cursor;

/// Identity of a row, which stays the same while its numbers change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowId {
    site: String,
    /// The observation point, where it tells rows apart.
    point: Option<Point>,
    key: ItemKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ItemKey {
    /// The same key used again is another flow.
    Flow(FlowKey, Timestamp),
    Interface,
    Counted(Counted, Key),
    Group(GroupKey),
    Line(u64),
    Other(Class),
}

/// The identity of a row.
pub fn id(row: &Row) -> RowId {
    // A flow is the same however many see it; all else is told apart by the one who does.
    let point = || if let [point] = &row.observed_by[..] { Some(point.clone()) } else { None };
    let (key, point) = match &row.item {
        Item::Flow(flow) => (ItemKey::Flow(flow.key, flow.first), None),
        Item::Interface(_) => (ItemKey::Interface, row.observed_by.first().cloned()),
        Item::Group(key, ..) => (ItemKey::Group(key.clone()), None),
        Item::Packet(line) => (ItemKey::Line(line.number), point()),
        Item::Other(class, ..) => (ItemKey::Other(*class), point()),
        Item::Counted(facility, key, _) => (ItemKey::Counted(*facility, *key), point()),
    };
    RowId { site: row.site.clone(), point, key }
}

/// A table's state.
#[derive(Clone, Debug)]
pub struct List {
    /// The order that the collector sorts by.
    pub order: Order,
    /// Rows move as their numbers do; else a row keeps its place until the next sort.
    pub continuous: bool,
    /// Position of the bar: each row has as many places as it has lines that the bar can be on.
    pub cursor: Cursor<(RowId, usize)>,
    /// Rows asked for: more as one scrolls.
    pub limit: u32,
    /// Lines of a row that the bar can be on.
    lines: usize,
    /// Sorted by a person since the last report: rows that keep their places take new ones, once.
    sorted: bool,
    rows: Vec<usize>,
}

/// Rows of the first question; live answers stay small unless one scrolls.
const FIRST_LIMIT: u32 = 200;

impl List {
    /// With an order; the greatest comes first, but of keys the smallest.
    pub fn new(by: OrderBy) -> Self {
        Self {
            order: Order { by, ascending: by == OrderBy::Key },
            continuous: true,
            cursor: Cursor::default(),
            limit: FIRST_LIMIT,
            lines: 1,
            sorted: false,
            rows: Vec::new(),
        }
    }

    /// The same, where the bar can be on each of a row's lines.
    pub fn of_lines(self, lines: usize) -> Self {
        Self { lines: lines.max(1), ..self }
    }

    /// Takes the rows of a new report that are to be shown; `before` is the report it replaces.
    pub fn arrange(&mut self, report: &Report, before: Option<&Report>, page: usize, shown: impl Fn(&Row) -> bool) {
        let mut rows: Vec<usize> = (0..report.rows.len()).filter(|place| shown(&report.rows[*place])).collect();
        if let Some(before) = before.filter(|_| !self.continuous && !self.sorted) {
            let known = self.rows.iter().enumerate();
            let known: HashMap<RowId, usize> =
                known.filter_map(|(place, row)| Some((id(before.rows.get(*row)?), place))).collect();
            // New ones come last.
            rows.sort_by_cached_key(|row| known.get(&id(&report.rows[*row])).copied().unwrap_or(usize::MAX));
        }
        self.sorted = false;
        self.rows = rows;
        let (rows, lines) = (&self.rows, self.lines);
        self.cursor.follow(|place| key(rows, lines, report, place), rows.len() * lines, page);
    }

    /// Sorts anew, and once also where rows keep their places.
    pub fn sort(&mut self, order: Order) {
        self.order = order;
        self.sorted = true;
        (self.cursor.selected, self.cursor.offset) = (0, 0);
    }

    /// Moves the bar: from where it is and the number of places to where it shall be.
    pub fn go(&mut self, to: impl Fn(usize, usize) -> usize, report: Option<&Report>, page: usize) {
        let (rows, lines, places) = (&self.rows, self.lines, self.places());
        self.cursor.go(to(self.cursor.selected, places), |place| key(rows, lines, report?, place), places, page);
        if self.cursor.selected / lines + page.max(20) >= self.limit as usize {
            self.limit = (self.limit * 2).min(Query::LIMIT);
        }
    }

    /// Keeps the bar inside a page of another size.
    pub fn fit(&mut self, page: usize) {
        self.cursor.fit(self.places(), page);
    }

    /// Forgets what it listed: another table, another time.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Number of rows that are listed.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row.
    pub fn row<'a>(&self, report: &'a Report, place: usize) -> Option<&'a Row> {
        report.rows.get(*self.rows.get(place)?)
    }

    /// Rows from the first that is seen, each with the line of it that is the first.
    pub fn seen<'a>(&'a self, report: Option<&'a Report>) -> impl Iterator<Item = (&'a Row, usize)> {
        (self.cursor.offset..self.places())
            .map_while(move |place| Some((self.row(report?, place / self.lines)?, place % self.lines)))
    }

    /// The row with the bar, and which line of it.
    pub fn selected<'a>(&self, report: Option<&'a Report>) -> Option<(&'a Row, usize)> {
        Some((self.row(report?, self.cursor.selected / self.lines)?, self.cursor.selected % self.lines))
    }

    /// Distance of the bar from the first place that is seen; `None` where there is no row.
    pub fn bar(&self) -> Option<usize> {
        (!self.rows.is_empty()).then(|| self.cursor.selected.saturating_sub(self.cursor.offset))
    }

    fn places(&self) -> usize {
        self.rows.len() * self.lines
    }
}

fn key(rows: &[usize], lines: usize, report: &Report, place: usize) -> Option<(RowId, usize)> {
    Some((id(report.rows.get(*rows.get(place / lines)?)?), place % lines))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use traf_model::facility::HOSTS;

    use traf_model::Traffic;

    use super::*;
    use traf_model::Counts;

    fn report(hosts: &[u8]) -> Report {
        let row = |last: &u8| {
            Row::new(
                Traffic::default(),
                Item::Counted(HOSTS, Key::Address(IpAddr::from([10, 0, 0, *last])), Counts::default()),
            )
        };
        Report { facility: HOSTS.into(), rows: hosts.iter().map(row).collect(), ..Report::default() }
    }

    fn listed(list: &List, report: &Report) -> Vec<String> {
        list.seen(Some(report))
            .map(|(row, _)| match &row.item {
                Item::Counted(_, address, _) => address.to_string().replace("10.0.0.", ""),
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn rows_that_keep_their_places_take_new_ones_when_somebody_sorts() {
        let mut list = List { continuous: false, ..List::new(OrderBy::Rate) };
        let (first, second) = (report(&[1, 2, 3]), report(&[3, 4, 1, 2]));
        list.arrange(&first, None, 10, |_| true);
        list.arrange(&second, Some(&first), 10, |_| true);
        assert_eq!(listed(&list, &second), ["1", "2", "3", "4"]);
        list.sort(list.order);
        list.arrange(&second, Some(&second), 10, |_| true);
        assert_eq!(listed(&list, &second), ["3", "4", "1", "2"]);
        list.arrange(&first, Some(&second), 10, |_| true);
        assert_eq!(listed(&list, &first), ["3", "1", "2"], "once");
    }

    #[test]
    fn what_is_not_to_be_shown_is_in_no_place() {
        let mut list = List::new(OrderBy::Rate).of_lines(2);
        let all = report(&[1, 2, 3]);
        list.arrange(&all, None, 4, |row| *row != all.rows[1]);
        list.go(|_, places| places, Some(&all), 4);
        let last = list.selected(Some(&all));
        assert_eq!(last.map(|(row, line)| (row == &all.rows[2], line)), Some((true, 1)));
    }
}
