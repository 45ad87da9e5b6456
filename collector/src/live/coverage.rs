//! Which observation points see how much of a key, and what follows for its count in the LAN.
//!
//! Where one point sees all that is known of a key, its count is the LAN's, whatever the others say. Else every known flow is shared
//! out evenly among the points that see it, and what a point counts is multiplied by its share. A key of which nothing is known
//! counts once, as the point has it that counts most.

use std::ops::AddAssign;
use std::sync::Arc;

use traf_model::Traffic;

use super::points::PointIndex;
use crate::report::point::Share;

/// Percent of the known octets of a key from which on a point sees all of it: flows at the border of a slice stand in another one
/// for another clock.
const ALL: u128 = 98;
/// Sets of points of one key. Flows of further ones tell nothing.
const SETS: usize = 512;

/// Traffic, and a number of flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) traffic: Traffic,
    pub(crate) flows: u64,
}

/// The known flows of a key, by the points that see them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    sights: Vec<Sight>,
    /// Octets that points saw once more.
    again: Vec<(PointIndex, u64)>,
}

/// Flows that the same points see.
#[derive(Clone, Debug)]
struct Sight {
    points: Arc<[PointIndex]>,
    /// The point whose rows count.
    leader: PointIndex,
    octets: u64,
}

/// How the counts of several points become one.
#[derive(Debug, PartialEq)]
pub(crate) enum Join {
    /// That of the point in this place.
    Whole(usize),
    /// These parts of each.
    Parts(Vec<Share>),
}

/// How flows are shared out that several points see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing<'a> {
    /// Evenly: all that see them are there.
    Even,
    /// To the point whose rows count: those of some points are counted already, or only those of one matter.
    Led(&'a [PointIndex]),
}

impl Coverage {
    /// Adds a flow. `points` are in rising order.
    pub(crate) fn add(&mut self, points: &Arc<[PointIndex]>, leader: PointIndex, octets: u64) {
        let same = |sight: &&mut Sight| sight.leader == leader && Arc::ptr_eq(&sight.points, points);
        if let Some(sight) = self.sights.iter_mut().find(same) {
            sight.octets = sight.octets.saturating_add(octets);
        } else if self.sights.len() < SETS {
            self.sights.push(Sight { points: points.clone(), leader, octets });
        }
    }

    /// True if no flow is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.sights.is_empty()
    }

    /// Adds octets that a point saw once more.
    pub(crate) fn add_again(&mut self, point: PointIndex, octets: u64) {
        match self.again.iter_mut().find(|(other, _)| *other == point) {
            Some((_, sum)) => *sum = sum.saturating_add(octets),
            None => self.again.push((point, octets)),
        }
    }

    /// Of what a point counts, the part that it sees for the first time.
    pub(crate) fn once(&self, point: PointIndex) -> Share {
        let Some((_, again)) = self.again.iter().find(|(other, _)| *other == point) else { return Share::default() };
        let sights = self.sights.iter().filter(|sight| sight.points.contains(&point));
        let counted = sights.fold(0_u64, |sum, sight| sum.saturating_add(sight.octets));
        Share { counted, seen: counted.saturating_add(*again) }
    }

    /// The place of a point that sees everything which is known to be seen by those that count, which are in rising order, with their
    /// octets; of several the one that counts most.
    pub(crate) fn whole(&self, counts: &[(PointIndex, u64)]) -> Option<usize> {
        let (mut seen, mut all) = (vec![0_u64; counts.len()], 0_u64);
        for Sight { points, octets, .. } in &self.sights {
            let mut inside = false;
            for place in points.iter().filter_map(|point| place(counts, *point)) {
                seen[place] = seen[place].saturating_add(*octets);
                inside = true;
            }
            all = all.saturating_add(if inside { *octets } else { 0 });
        }
        let sees_all = |place: &usize| u128::from(seen[*place]) * 100 >= u128::from(all) * ALL;
        (0..counts.len()).filter(sees_all).max_by_key(|place| (counts[*place].1, usize::MAX - place))
    }

    /// The part of each point's count that counts in the LAN.
    pub(crate) fn parts(&self, counts: &[(PointIndex, u64)], sharing: Sharing<'_>) -> Vec<Share> {
        let mut parts = vec![Share::default(); counts.len()];
        for Sight { points, leader, octets } in &self.sights {
            let places = || points.iter().filter_map(|point| place(counts, *point));
            let inside = places().count().max(1) as u64;
            // Of flows whose leader is away the first that is here.
            let led = |before: &[PointIndex]| match place(counts, *leader) {
                Some(place) => Some(place),
                None if before.contains(leader) => None,
                None => places().next(),
            };
            for place in places() {
                let counted = match sharing {
                    Sharing::Even => *octets / inside,
                    Sharing::Led(before) if led(before) == Some(place) => *octets,
                    Sharing::Led(_) => 0,
                };
                parts[place].add(Share { counted, seen: *octets });
            }
        }
        for (point, octets) in &self.again {
            if let Some(place) = place(counts, *point) {
                parts[place].add(Share { counted: 0, seen: *octets });
            }
        }
        parts
    }

    /// The way to join the octets that points count.
    pub(crate) fn join(&self, counts: &[(PointIndex, u64)], sharing: Sharing<'_>) -> Join {
        let whole = if sharing == Sharing::Even { self.whole(counts) } else { None };
        whole.map_or_else(|| Join::Parts(self.parts(counts, sharing)), Join::Whole)
    }
}

fn place(counts: &[(PointIndex, u64)], point: PointIndex) -> Option<usize> {
    counts.binary_search_by_key(&point, |(point, _)| *point).ok()
}

impl Amount {
    pub(crate) fn octets(&self) -> u64 {
        self.traffic.total().octets
    }

    /// A part of it.
    pub(crate) fn part(self, share: Share) -> Self {
        Self { traffic: share.of_traffic(self.traffic), flows: share.of(self.flows) }
    }

    /// What is more than another; nothing less than zero.
    pub(crate) fn beyond(self, other: Self) -> Self {
        Self { traffic: self.traffic - other.traffic, flows: self.flows.saturating_sub(other.flows) }
    }

    /// The lesser of both, field by field.
    pub(crate) fn at_most(self, other: Self) -> Self {
        self.beyond(self.beyond(other))
    }

    pub(crate) fn reversed_if(self, reversed: bool) -> Self {
        if reversed { Self { traffic: self.traffic.reversed(), ..self } } else { self }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.traffic += other.traffic;
        self.flows = self.flows.saturating_add(other.flows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(flows: &[(&[PointIndex], PointIndex, u64)]) -> Coverage {
        let mut coverage = Coverage::default();
        flows.iter().for_each(|(points, leader, octets)| coverage.add(&Arc::from(*points), *leader, *octets));
        coverage
    }

    #[test]
    fn a_point_that_sees_everything_is_believed_and_else_flows_are_shared_out() {
        let mirror = coverage(&[(&[1, 9], 1, 600), (&[2, 9], 9, 400)]);
        assert_eq!(mirror.join(&[(1, 700), (2, 500), (9, 1_300)], Sharing::Even), Join::Whole(2));
        // The mirror is away: nobody sees everything.
        let share = |counted, seen| Share { counted, seen };
        let parts = Join::Parts(vec![share(600, 600), share(400, 400)]);
        assert_eq!(mirror.join(&[(1, 700), (2, 500)], Sharing::Even), parts);
        let half = coverage(&[(&[1, 2], 1, 100), (&[2, 3], 3, 100), (&[1, 3], 3, 40)]);
        let parts = Join::Parts(vec![share(70, 140), share(100, 200), share(70, 140)]);
        assert_eq!(half.join(&[(1, 9), (2, 9), (3, 9)], Sharing::Even), parts);
    }

    #[test]
    fn what_a_point_sees_on_both_sides_of_a_router_counts_once() {
        let mut coverage = coverage(&[(&[1, 2], 1, 100), (&[2], 2, 100)]);
        coverage.add_again(2, 150);
        assert_eq!(coverage.join(&[(1, 100), (2, 350)], Sharing::Even), Join::Whole(1));
        assert_eq!(coverage.once(2), Share { counted: 200, seen: 350 });
        assert_eq!(coverage.once(2).of(700), 400);
        assert_eq!(coverage.once(1).of(700), 700);
    }

    #[test]
    fn what_leads_elsewhere_counts_there() {
        let led = coverage(&[(&[1, 2], 1, 100), (&[2, 3], 3, 50), (&[2], 2, 10), (&[2, 4], 7, 5)]);
        let share = |counted, seen| Share { counted, seen };
        // 1 is committed, 3 is there, and 7 is away.
        let parts = Join::Parts(vec![share(15, 165), share(50, 50)]);
        assert_eq!(led.join(&[(2, 9), (3, 9)], Sharing::Led(&[1])), parts);
    }

    #[test]
    fn of_a_key_that_nobody_knows_the_greatest_count_is_taken() {
        assert_eq!(Coverage::default().join(&[(1, 5), (2, 8), (3, 8)], Sharing::Even), Join::Whole(1));
    }
}
