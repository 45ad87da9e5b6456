//! Wishes of consoles, one for all that look at the same.

use traf_model::{Query, Scope, Wish};

use crate::report::filter::specialise;

/// Wishes at once: more than that many different screens are a rare thing, and each costs every sensor a pass.
pub(super) const MOST: usize = 16;
/// Rows of all wishes together, which bounds what a sensor sends each second: three tables of a whole LAN, and some more.
pub(super) const ROWS: u32 = 4_000;

/// All wishes, and who wants them.
#[derive(Default)]
pub(super) struct Wishes {
    last: u64,
    open: Vec<SharedWish>,
}

struct SharedWish {
    /// Without the number of rows, which is that of its users.
    wish: Wish,
    /// Everyone who looks.
    users: Vec<User>,
}

struct User {
    id: u64,
    scope: Scope,
    wanted: u32,
    /// Rows that there is room for; what it has it keeps, and gets more when others leave.
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
    /// Grants a wish; `None` if too many stand, or no rows are left.
    pub(super) fn add(&mut self, query: &Query) -> Option<Granted> {
        self.last += 1;
        let user = User { id: self.last, scope: query.scope.clone(), wanted: query.limit, limit: 0 };
        let same = |open: &SharedWish| {
            let Wish { facility, filter, group, order, .. } = &open.wish;
            (*facility, filter, *group, *order) == (query.facility, &query.filter, query.group, query.order)
        };
        let place = self.open.iter().position(same).unwrap_or_else(|| {
            let Query { facility, filter, group, order, .. } = query.clone();
            let wish = Wish { id: user.id, facility, filter, group, order, limit: 0, slice: false };
            self.open.push(SharedWish { wish, users: Vec::new() });
            self.open.len() - 1
        });
        let open = &mut self.open[place];
        let granted = Granted { id: open.wish.id, user: user.id };
        open.users.push(user);
        self.share_out();
        if self.open.len() > MOST || self.limit(&granted) == 0 {
            self.remove(&granted);
            return None;
        }
        Some(granted)
    }

    pub(super) fn remove(&mut self, granted: &Granted) {
        for open in &mut self.open {
            open.users.retain(|user| user.id != granted.user);
        }
        self.open.retain(|open| !open.users.is_empty());
        self.share_out();
    }

    /// Rows that come of a wish, which may be fewer than were asked for.
    pub(super) fn limit(&self, granted: &Granted) -> u32 {
        let mut users = self.open.iter().flat_map(|open| &open.users);
        users.find(|user| user.id == granted.user).map_or(0, |user| user.limit)
    }

    /// Free rows to those who have fewer than they want, who came first before the others.
    fn share_out(&mut self) {
        let mut free = ROWS - self.open.iter().map(SharedWish::limit).sum::<u32>();
        for open in &mut self.open {
            let before = open.limit();
            for user in &mut open.users {
                user.limit = user.wanted.min(before + free);
            }
            free -= open.limit() - before;
        }
    }

    /// Those that have to do with a sensor.
    pub(super) fn of(&self, sensor: &str) -> Vec<Wish> {
        self.open
            .iter()
            .filter(|open| open.users.iter().any(|user| user.scope.holds_sensor(sensor)))
            .filter_map(|open| {
                // A sensor does not know the name that it has here.
                let filter = specialise(&open.wish.filter, sensor)?;
                Some(Wish { filter, limit: open.limit(), ..open.wish.clone() })
            })
            .collect()
    }
}

impl SharedWish {
    fn limit(&self) -> u32 {
        self.users.iter().map(|user| user.limit).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::{Group, Point};

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
        for _ in 0..2 {
            let late = wishes.add(&query("port 4", 600)).unwrap();
            assert_eq!(wishes.limit(&late), 200);
        }
        assert_eq!(wishes.add(&query("port 5", 600)), None);

        let mut wishes = Wishes::default();
        let granted = (0..20).filter(|port| wishes.add(&query(&format!("port {port}"), 1)).is_some()).count();
        assert_eq!(granted, MOST);
    }

    #[test]
    fn who_got_less_gets_more_when_others_leave_and_takes_nothing_from_those_who_stay() {
        let mut wishes = Wishes::default();
        let [first, second] = ["port 1", "port 2"].map(|filter| wishes.add(&query(filter, 1900)).unwrap());
        let [third, same] = ["port 3", "port 1"].map(|filter| wishes.add(&query(filter, 2000)).unwrap());
        let limits = |wishes: &Wishes| [&first, &second, &third, &same].map(|granted| wishes.limit(granted));
        assert_eq!(limits(&wishes), [1900, 1900, 200, 1900]);
        wishes.remove(&second);
        assert_eq!(limits(&wishes), [1900, 0, 2000, 2000]);
        wishes.remove(&same);
        assert_eq!(limits(&wishes), [1900, 0, 2000, 0]);
    }
}
