//! Wishes of consoles, one for all that look at the same table. An order or a number of rows is no table of its own: one
//! answer has the first rows of every order that somebody looks at.
//!
//! Nobody is refused for the rows of others: a sensor shares out the octets of its stream among the wishes.

use traf_model::{Answer, Class, Facility, Order, Query, Scope, Wish};

use crate::report::filter::specialise;

/// All wishes, and who wants them.
#[derive(Default)]
pub(super) struct Wishes {
    last: u64,
    open: Vec<SharedWish>,
}

struct SharedWish {
    /// Without its further orders and the number of rows, which are those of its users.
    wish: Wish,
    /// Everyone who looks.
    users: Vec<User>,
}

struct User {
    id: u64,
    scope: Scope,
    order: Order,
    limit: u32,
}

/// A wish that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    /// The wish's.
    pub(super) id: u64,
    user: u64,
}

impl Wishes {
    /// Grants a wish; `None` if as many different ones stand as a sensor takes.
    pub(super) fn add(&mut self, query: &Query, slice: bool) -> Option<Granted> {
        let Query { facility, filter, group, order, limit, .. } = query.clone();
        let same = |SharedWish { wish, .. }: &SharedWish| {
            // The list of packets has one order.
            (wish.facility, &wish.filter, wish.group, wish.slice) == (facility, &filter, group, slice)
                && (facility != Facility::Packets || wish.order == order)
        };
        let known = self.open.iter().position(same);
        if known.is_none() && self.open.len() >= Wish::MOST {
            return None;
        }
        self.last += 1;
        let user = User { id: self.last, scope: query.scope.clone(), order, limit };
        let place = known.unwrap_or_else(|| {
            let wish = Wish { id: user.id, facility, filter, group, order, also: Vec::new(), limit: 0, slice };
            self.open.push(SharedWish { wish, users: Vec::new() });
            self.open.len() - 1
        });
        let open = &mut self.open[place];
        let granted = Granted { id: open.wish.id, user: user.id };
        open.users.push(user);
        Some(granted)
    }

    pub(super) fn remove(&mut self, granted: &Granted) {
        for open in &mut self.open {
            open.users.retain(|user| user.id != granted.user);
        }
        self.open.retain(|open| !open.users.is_empty());
    }

    /// Leaves of a sensor's answers those to wishes that stand, each with no more rows than were wished.
    pub(super) fn sift(&self, answers: &mut Vec<Answer>) {
        answers.retain_mut(|answer| {
            let wish = self.open.iter().find(|open| open.wish.id == answer.id);
            wish.iter().for_each(|wish| answer.rows.truncate(wish.rows()));
            wish.is_some()
        });
    }

    /// Those that have to do with a sensor.
    pub(super) fn of(&self, sensor: &str) -> Vec<Wish> {
        self.open.iter().filter_map(|open| open.of(sensor)).collect()
    }
}

impl SharedWish {
    /// Rows of the largest answer: the first of every order, and one of each class for the rest.
    fn rows(&self) -> usize {
        let limit = self.users.iter().map(|user| user.limit).max().unwrap_or_default() as usize;
        limit.saturating_mul(self.users.len().min(Wish::ORDERS)).saturating_add(Class::COUNT)
    }

    /// The wish of those who look at a sensor; `None` if nobody does.
    fn of(&self, sensor: &str) -> Option<Wish> {
        let users = || self.users.iter().filter(|user| user.scope.holds_sensor(sensor));
        let limit = users().map(|user| user.limit).max()?;
        // A sensor does not know the name that it has here.
        let filter = specialise(&self.wish.filter, sensor)?;
        let mut orders: Vec<Order> = Vec::new();
        for user in users() {
            if !orders.contains(&user.order) {
                orders.push(user.order);
            }
        }
        let order = orders.remove(0);
        Some(Wish { filter, order, also: orders, limit, ..self.wish.clone() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::{Group, Item, OrderBy, Point, Row, Traffic};

    use super::*;

    fn query(filter: &str, limit: u32) -> Query {
        Query { filter: filter.parse().unwrap(), limit, ..Query::default() }
    }

    #[test]
    fn those_who_look_at_the_same_share_a_wish() {
        let mut wishes = Wishes::default();
        let (first, second) =
            (wishes.add(&query("tcp", 20), false).unwrap(), wishes.add(&query("tcp", 50), false).unwrap());
        assert_eq!(first.id, second.id);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.limit).collect::<Vec<_>>(), [50]);
        wishes.remove(&second);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.limit).collect::<Vec<_>>(), [20]);
        wishes.remove(&first);
        assert!(wishes.of("web1").is_empty());
    }

    #[test]
    fn every_order_is_in_one_wish_once_and_goes_with_the_last_who_looks() {
        let mut wishes = Wishes::default();
        let by = |by| Query { order: Order { by, ascending: false }, ..query("tcp", 20) };
        let all = [OrderBy::Rate, OrderBy::Octets, OrderBy::Rate, OrderBy::Key]
            .map(|order| wishes.add(&by(order), false).unwrap());
        assert!(all.iter().all(|granted| granted.id == all[0].id));
        let orders = |wishes: &Wishes| -> Vec<Vec<OrderBy>> {
            wishes.of("web1").iter().map(|wish| wish.orders().map(|order| order.by).collect()).collect()
        };
        assert_eq!(orders(&wishes), [[OrderBy::Rate, OrderBy::Octets, OrderBy::Key]]);
        wishes.remove(&all[0]);
        wishes.remove(&all[1]);
        assert_eq!(orders(&wishes), [[OrderBy::Rate, OrderBy::Key]]);
        let packets = |ascending| Query {
            facility: Facility::Packets,
            order: Order { by: OrderBy::Last, ascending },
            ..query("", 20)
        };
        assert_ne!(wishes.add(&packets(true), false).unwrap().id, wishes.add(&packets(false), false).unwrap().id);
    }

    #[test]
    fn answers_that_nobody_wished_and_rows_beyond_the_wish_are_left_out() {
        let mut wishes = Wishes::default();
        let granted = wishes.add(&query("tcp", 2), false).unwrap();
        let row = Row::new(Traffic::default(), Item::Other(Class::at(0).unwrap(), Traffic::default(), 1));
        let answer = |id| Answer { id, rows: vec![row.clone(); 1_000], ..Answer::default() };
        let mut answers = vec![answer(granted.id), answer(granted.id + 1), answer(0)];
        wishes.sift(&mut answers);
        let left = |answers: &[Answer]| answers.iter().map(|answer| (answer.id, answer.rows.len())).collect::<Vec<_>>();
        assert_eq!(left(&answers), [(granted.id, 2 + Class::COUNT)]);
        wishes.remove(&granted);
        wishes.sift(&mut answers);
        assert_eq!(left(&answers), []);
    }

    #[test]
    fn groups_of_the_same_flows_are_wished_apart() {
        let mut wishes = Wishes::default();
        let grouped = Query { group: Group::Port, ..query("tcp", 20) };
        assert_ne!(wishes.add(&grouped, false).unwrap().id, wishes.add(&query("tcp", 20), false).unwrap().id);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.group).collect::<Vec<_>>(), [Group::Port, Group::Flow]);
    }

    #[test]
    fn a_sensor_is_asked_only_what_concerns_it() {
        let mut wishes = Wishes::default();
        let scope = |sensor| Scope(vec![Point::new(sensor, "eth0")]);
        let order = Order { by: OrderBy::Rate, ascending: false };
        wishes.add(&Query { scope: scope("web1"), limit: 5, ..Query::default() }, false).unwrap();
        wishes.add(&Query { scope: scope("web2"), limit: 9, order, ..Query::default() }, false).unwrap();
        let [first, second] = ["web1", "web2"].map(|sensor| wishes.of(sensor));
        assert_eq!(first.iter().map(|wish| (wish.order, wish.limit)).collect::<Vec<_>>(), [(Order::default(), 5)]);
        assert_eq!(second.iter().map(|wish| (wish.order, wish.limit)).collect::<Vec<_>>(), [(order, 9)]);
        assert!(wishes.of("web3").is_empty() && first[0].also.is_empty());
    }

    #[test]
    fn different_tables_are_bounded_and_a_place_is_free_when_somebody_leaves() {
        let mut wishes = Wishes::default();
        let mut granted: Vec<Granted> =
            (0..Wish::MOST).map(|port| wishes.add(&query(&format!("port {port}"), 1_000), false).unwrap()).collect();
        assert_eq!(wishes.add(&query("udp", 1), false), None);
        assert!(wishes.add(&query("port 7", 1), false).is_some(), "the same is no other table");
        wishes.remove(&granted.pop().unwrap());
        assert!(wishes.add(&query("udp", 1), false).is_some());
    }
}
