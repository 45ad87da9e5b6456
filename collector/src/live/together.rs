//! What several points count of one thing in one slice, and what of it is in flows that they name.

use std::sync::Arc;

use super::coverage::{Amount, Coverage, Join, Sharing};
use super::points::{PointIndex, UNKNOWN};
use crate::report::point::Share;

/// Counts of one thing.
#[derive(Default)]
pub(super) struct Together {
    /// Of each point, in rising order.
    counts: Vec<(PointIndex, Amount)>,
    /// Flows that are named, each once.
    named: Amount,
    /// The same as each point counts them.
    named_by: Vec<(PointIndex, Amount)>,
    /// Flows that no committed slice knows: their points, and octets.
    news: Vec<(Arc<[PointIndex]>, u64)>,
}

/// Counts of several points as one.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) amount: Amount,
    /// Octets of it that are shared out.
    pub(super) estimated: u64,
}

impl Together {
    /// Adds what a point counts; points come in rising order.
    pub(super) fn count(&mut self, point: PointIndex, amount: Amount) {
        match self.counts.last_mut() {
            Some((last, sum)) if *last == point => *sum += amount,
            _ => self.counts.push((point, amount)),
        }
    }

    /// Adds a flow that is named.
    pub(super) fn name(&mut self, amount: Amount) {
        self.named += amount;
    }

    /// Adds what a point counts of a flow that is named.
    pub(super) fn named_by(&mut self, point: PointIndex, amount: Amount) {
        match self.named_by.iter_mut().find(|(other, _)| *other == point) {
            Some((_, sum)) => *sum += amount,
            None => self.named_by.push((point, amount)),
        }
    }

    /// Adds a flow that no committed slice knows, and the points that report it.
    pub(super) fn news(&mut self, points: Arc<[PointIndex]>, octets: u64) {
        self.news.push((points, octets));
    }

    /// All of it once, and the part of each point.
    pub(super) fn join(&self, known: Option<&Coverage>, sharing: Sharing<'_>) -> (Joined, Vec<(PointIndex, Share)>) {
        let octets: Vec<(PointIndex, u64)> =
            self.counts.iter().map(|(point, amount)| (*point, amount.octets())).collect();
        if octets.is_empty() {
            return (Joined { amount: self.named, estimated: 0 }, Vec::new());
        }
        let (mut all, none) = (None, Coverage::default());
        let known = known.unwrap_or(&none);
        if !self.news.is_empty() {
            let all = all.insert(known.clone());
            self.news.iter().for_each(|(points, octets)| all.add(points, UNKNOWN, *octets));
        }
        // New flows tell who sees all, and count for themselves: shares are those of the others, where any are known.
        let all = all.as_ref().unwrap_or(known);
        let known = if known.is_empty() { all } else { known };
        let whole = if sharing == Sharing::Even { all.whole(&octets) } else { None };
        let join = whole.map_or_else(|| Join::Parts(known.parts(&octets, sharing)), Join::Whole);
        match join {
            Join::Whole(whole) => {
                let once = all.once(octets[whole].0);
                let part = |(place, (point, octets)): (usize, &(PointIndex, u64))| {
                    (*point, Share { counted: if place == whole { once.of(*octets) } else { 0 }, seen: *octets })
                };
                let shares = octets.iter().enumerate().map(part).collect();
                (Joined { amount: self.counts[whole].1.part(once), estimated: 0 }, shares)
            }
            Join::Parts(parts) => {
                let mut joined = Joined { amount: self.named, estimated: 0 };
                let mut shares = Vec::with_capacity(parts.len());
                for ((point, amount), part) in self.counts.iter().zip(parts) {
                    let named = self.named_by.iter().find(|(other, _)| other == point);
                    let rest = named.map_or(*amount, |(_, named)| amount.beyond(*named));
                    let counted = rest.part(part);
                    if part.counted < part.seen {
                        joined.estimated = joined.estimated.saturating_add(counted.octets());
                    }
                    joined.amount += counted;
                    shares.push((*point, Share { counted: part.of(amount.octets()), seen: amount.octets() }));
                }
                (joined, shares)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Counters, Traffic};

    use super::*;

    fn octets(octets: u64) -> Amount {
        Amount { traffic: Traffic::outbound(Counters::new(octets / 100, octets)), flows: 1 }
    }

    #[test]
    fn a_new_flow_counts_once_beside_the_shares_of_the_rest() {
        let mut coverage = Coverage::default();
        let [one, two, both] = [&[1_u32][..], &[2], &[1, 2]].map(Arc::from);
        coverage.add(&one, 1, 500);
        coverage.add(&two, 2, 300);
        coverage.add(&both, 1, 200);
        let mut together = Together::default();
        together.count(1, octets(700 + 1_000));
        together.count(2, octets(500 + 1_000));
        together.name(octets(1_000));
        together.named_by(1, octets(1_000));
        together.named_by(2, octets(1_000));
        together.news(both, 1_000);
        let (joined, shares) = together.join(Some(&coverage), Sharing::Even);
        // Of 700 octets of the first 600 count, of 500 of the second 400.
        assert_eq!(joined.amount.octets(), 1_000 + 600 + 400);
        assert_eq!(shares.len(), 2);
    }

    #[test]
    fn the_count_of_a_point_that_sees_everything_is_taken_as_it_is() {
        let mut coverage = Coverage::default();
        coverage.add(&Arc::from([1, 2]), 1, 500);
        let mut together = Together::default();
        together.count(1, octets(90));
        together.count(2, octets(100));
        together.name(octets(60));
        together.named_by(1, octets(60));
        let (joined, _) = together.join(Some(&coverage), Sharing::Even);
        assert_eq!((joined.amount, joined.estimated), (octets(100), 0));
    }
}
