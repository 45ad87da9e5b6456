//! What consoles look at, once for all that look at the same.

use traf_proto::{Facility, Filter, Group, Order, Query, Scope, Wish};

use crate::view::specialise;

/// Wishes at once: more than that many different screens are a rare thing, and each costs every sensor a pass.
pub(super) const MOST: usize = 16;
/// Rows of all wishes together, which bounds what a sensor sends each second: three tables of a whole LAN, and some more.
pub(super) const ROWS: u32 = 4_000;

/// All wishes, and who wants them.
#[derive(Default)]
pub(super) struct Wishes {
    last: u64,
    open: Vec<Open>,
}

struct Open {
    id: u64,
    facility: Facility,
    filter: Filter,
    group: Group,
    order: Order,
    /// Of everyone who looks.
    users: Vec<(u64, u32, Scope)>,
}

/// A wish that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The wish's.
    pub(crate) id: u64,
    /// Rows that will come, which may be fewer than asked for.
    pub(crate) limit: u32,
    user: u64,
}

/// Why a wish does not stand, in words for the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many different tables are open on this collector: close one, or look at the past")]
pub(crate) struct NotGranted;

impl Wishes {
    pub(super) fn add(&mut self, query: &Query) -> Result<Granted, NotGranted> {
        self.last += 1;
        let user = self.last;
        let taken: u32 = self.open.iter().map(Open::limit).sum();
        let same = |open: &&mut Open| {
            (open.facility, &open.filter, open.group, open.order)
                == (query.facility, &query.filter, query.group, query.order)
        };
        if let Some(open) = self.open.iter_mut().find(same) {
            let limit = query.limit.min(open.limit() + (ROWS - taken));
            open.users.push((user, limit, query.scope.clone()));
            return Ok(Granted { id: open.id, limit, user });
        }
        let limit = query.limit.min(ROWS - taken);
        if self.open.len() >= MOST || limit == 0 {
            return Err(NotGranted);
        }
        self.open.push(Open {
            id: user,
            facility: query.facility,
            filter: query.filter.clone(),
            group: query.group,
            order: query.order,
            users: vec![(user, limit, query.scope.clone())],
        });
        Ok(Granted { id: user, limit, user })
    }

    pub(super) fn remove(&mut self, granted: &Granted) {
        for open in &mut self.open {
            open.users.retain(|(user, ..)| *user != granted.user);
        }
        self.open.retain(|open| !open.users.is_empty());
    }

    /// Those that have to do with a sensor.
    pub(super) fn of(&self, sensor: &str) -> Vec<Wish> {
        self.open
            .iter()
            .filter(|open| open.users.iter().any(|(.., scope)| scope.holds_sensor(sensor)))
            .filter_map(|open| {
                // A sensor does not know the name that it has here.
                let filter = specialise(&open.filter, sensor)?;
                let (id, facility, group, order) = (open.id, open.facility, open.group, open.order);
                Some(Wish { id, facility, filter, group, order, limit: open.limit() })
            })
            .collect()
    }
}

impl Open {
    fn limit(&self) -> u32 {
        self.users.iter().map(|(_, limit, _)| *limit).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_proto::Point;

    use super::*;

    fn query(filter: &str, limit: u32) -> Query {
        Query { filter: filter.parse().unwrap(), limit, ..Query::default() }
    }

    #[test]
    fn those_who_look_at_the_same_share_a_wish() {
        let mut wishes = Wishes::default();
        let (first, second) = (wishes.add(&query("tcp", 20)).unwrap(), wishes.add(&query("tcp", 50)).unwrap());
        assert_eq!(first.id, second.id);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.limit).collect::<Vec<_>>(), [50]);
        wishes.remove(&second);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.limit).collect::<Vec<_>>(), [20]);
        wishes.remove(&first);
        assert!(wishes.of("web1").is_empty());
    }

    #[test]
    fn groups_of_the_same_flows_are_wished_apart() {
        let mut wishes = Wishes::default();
        let grouped = Query { group: Group::Port, ..query("tcp", 20) };
        assert_ne!(wishes.add(&grouped).unwrap().id, wishes.add(&query("tcp", 20)).unwrap().id);
        assert_eq!(wishes.of("web1").iter().map(|wish| wish.group).collect::<Vec<_>>(), [Group::Port, Group::Flow]);
    }

    #[test]
    fn a_sensor_is_asked_only_what_concerns_it() {
        let mut wishes = Wishes::default();
        let scope = Scope(vec![Point::new("web1", "eth0")]);
        wishes.add(&Query { scope, limit: 5, ..Query::default() }).unwrap();
        assert_eq!((wishes.of("web1").len(), wishes.of("web2").len()), (1, 0));
    }

    #[test]
    fn rows_and_wishes_are_bounded() {
        let mut wishes = Wishes::default();
        for port in 0..4 {
            wishes.add(&query(&format!("port {port}"), 950)).unwrap();
        }
        assert_eq!(wishes.add(&query("port 4", 600)).unwrap().limit, 200);
        assert_eq!(wishes.add(&query("port 5", 600)), Err(NotGranted));
        assert_eq!(wishes.add(&query("port 4", 600)).unwrap().limit, 200);

        let mut wishes = Wishes::default();
        let granted = (0..20).filter(|port| wishes.add(&query(&format!("port {port}"), 1)).is_ok()).count();
        assert_eq!(granted, MOST);
    }
}
