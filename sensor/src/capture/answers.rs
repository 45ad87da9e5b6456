//! Answers of an interface to the wishes of the consoles. They cost passes over the flow table, and while they are made nothing is
//! captured: so the oldest are made anew for as long as the time for them lasts, with those that cost little beside them, and the
//! others stay as they are.

use traf_model::{Answer, Wish};

use crate::meter::together;

/// Answers as they were made last.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: Vec<Known>,
    /// Number of the round.
    round: u64,
}

#[derive(Debug)]
struct Known {
    wish: Wish,
    /// The round in which they were made; 0 before the first.
    made: u64,
    answers: Vec<Answer>,
}

impl Answers {
    /// Answers to all wishes, in their order. `make` makes those of a wish anew, as long as there is `time`, but at least one; the
    /// oldest first, and those to new wishes before all.
    pub(super) fn renew(
        &mut self,
        wishes: &[Wish],
        mut make: impl FnMut(&[&Wish]) -> Vec<Answer>,
        mut time: impl FnMut() -> bool,
    ) -> Vec<Answer> {
        self.round += 1;
        let mut before = std::mem::take(&mut self.known);
        for wish in wishes {
            let place = before.iter().position(|known| known.wish.id == wish.id);
            let known = place.map(|place| before.swap_remove(place));
            self.known.push(match known {
                // The old answer holds until there is one in the new orders.
                Some(known) if known.wish != *wish => Known { wish: wish.clone(), made: 0, ..known },
                Some(known) => known,
                None => Known { wish: wish.clone(), made: 0, answers: Vec::new() },
            });
        }
        let mut oldest: Vec<&mut Known> = self.known.iter_mut().collect();
        oldest.sort_by_key(|known| known.made);
        for (place, wishes) in together(oldest, |known| &known.wish).into_iter().enumerate() {
            if place > 0 && !time() {
                break;
            }
            let mut answers = make(&wishes.iter().map(|known| &known.wish).collect::<Vec<_>>());
            for known in wishes {
                known.answers = answers.extract_if(.., |answer| answer.id == known.wish.id).collect();
                known.made = self.round;
            }
        }
        self.known.iter().flat_map(|known| known.answers.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Facility, Filter, Group, Order, OrderBy};

    use super::*;

    fn wish(id: u64) -> Wish {
        let (order, filter, group, also) = (Order::default(), Filter::default(), Group::Flow, Vec::new());
        Wish { id, facility: Facility::Traffic, filter, group, order, also, limit: 9, slice: false }
    }

    /// Wishes that are answered anew, and all that is answered, when there is time for `most`.
    fn round(answers: &mut Answers, wishes: &[Wish], matched: u64, most: usize) -> (Vec<u64>, Vec<(u64, u64)>) {
        let (mut made, mut left) = (Vec::new(), most - 1);
        let make = |wishes: &[&Wish]| {
            made.extend(wishes.iter().map(|wish| wish.id));
            wishes.iter().map(|wish| Answer { id: wish.id, matched, ..Answer::default() }).collect()
        };
        let time = || {
            left = left.wrapping_sub(1);
            left != usize::MAX
        };
        let all = answers.renew(wishes, make, time);
        (made, all.iter().map(|answer| (answer.id, answer.matched)).collect())
    }

    #[test]
    fn the_oldest_are_made_anew_and_the_others_stay() {
        let (mut answers, wishes) = (Answers::default(), [1, 2, 3].map(wish));
        assert_eq!(round(&mut answers, &wishes, 10, 9), (vec![1, 2, 3], vec![(1, 10), (2, 10), (3, 10)]));
        assert_eq!(round(&mut answers, &wishes, 11, 2), (vec![1, 2], vec![(1, 11), (2, 11), (3, 10)]));
        assert_eq!(round(&mut answers, &wishes, 12, 1), (vec![3], vec![(1, 11), (2, 11), (3, 12)]));
        // A new wish and one of other orders come first; what nobody wishes is forgotten.
        let rate = Order { by: OrderBy::Rate, ascending: false };
        let wishes = [Wish { also: vec![rate], ..wish(3) }, wish(2), wish(4)];
        assert_eq!(round(&mut answers, &wishes, 13, 2), (vec![3, 4], vec![(3, 13), (2, 11), (4, 13)]));
        assert_eq!(round(&mut answers, &wishes, 14, 1).0, [2]);
        assert_eq!(round(&mut answers, &[], 15, 1), (vec![], vec![]));
    }
}
