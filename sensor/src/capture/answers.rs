//! Answers of an interface to the wishes of the consoles. Most cost passes over the flow table, and while they are made nothing is
//! captured: so the oldest are made anew for as long as the time for them lasts, and the others stay as they are.

use traf_model::{Answer, Wish};

use crate::meter::batches::Batches;

/// Answers as they were made last.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: Vec<Known>,
    /// Number of the round.
    round: u64,
    batches: Batches,
}

#[derive(Debug)]
struct Known {
    wish: Wish,
    /// The round in which they were made; 0 before the first.
    made: u64,
    answers: Vec<Answer>,
}

impl Answers {
    /// Answers to all wishes, in their order. `make` makes those of some wishes anew, as long as there is `time`, but of one
    /// batch at least; the oldest first, and those to new wishes before all.
    pub(super) fn renew(
        &mut self,
        wishes: &[Wish],
        mut make: impl FnMut(&[&Wish]) -> Vec<Answer>,
        time: impl FnMut() -> bool,
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
        let round = self.round;
        let make = |wishes: &mut [&mut Known]| {
            let mut answers = make(&wishes.iter().map(|known| &known.wish).collect::<Vec<_>>());
            for known in wishes {
                known.answers = answers.extract_if(.., |answer| answer.id == known.wish.id).collect();
                known.made = round;
            }
        };
        self.batches.take(oldest, |known| &known.wish, make, time);
        self.known.iter().flat_map(|known| known.answers.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use traf_model::{Facility, Filter, Group, Order, OrderBy};

    use super::*;

    fn wish(id: u64) -> Wish {
        let (order, filter, group, also) = (Order::default(), Filter::default(), Group::Flow, Vec::new());
        Wish { id, facility: Facility::Traffic, filter, group, order, also, limit: 9, slice: false }
    }

    /// Wishes that are answered anew, and all that is answered, when there is time for so many batches.
    fn round(answers: &mut Answers, wishes: &[Wish], matched: u64, most: usize) -> (Vec<u64>, Vec<(u64, u64)>) {
        let (mut made, batches) = (Vec::new(), Cell::new(0));
        let make = |wishes: &[&Wish]| {
            batches.set(batches.get() + usize::from(!wishes.is_empty()));
            made.extend(wishes.iter().map(|wish| wish.id));
            wishes.iter().map(|wish| Answer { id: wish.id, matched, ..Answer::default() }).collect()
        };
        let time = || batches.get() < most;
        let all = answers.renew(wishes, make, time);
        (made, all.iter().map(|answer| (answer.id, answer.matched)).collect())
    }

    #[test]
    fn the_oldest_are_made_anew_and_the_others_stay() {
        // Batches of sixteen wishes, and fewer when one took all the time.
        let (mut answers, wishes) = (Answers::default(), (1..=32).map(wish).collect::<Vec<_>>());
        let all = |of: &dyn Fn(u64) -> u64| (1..=32).map(|id| (id, of(id))).collect::<Vec<_>>();
        assert_eq!(round(&mut answers, &wishes, 10, 9), ((1..=32).collect(), all(&|_| 10)));
        assert_eq!(
            round(&mut answers, &wishes, 11, 1),
            ((1..=16).collect(), all(&|id| if id <= 16 { 11 } else { 10 }))
        );
        assert_eq!(round(&mut answers, &wishes, 12, 1).0, (17..=24).collect::<Vec<u64>>());
        // A new wish and one of other orders come first; what nobody wishes is forgotten.
        let rate = Order { by: OrderBy::Rate, ascending: false };
        let wishes = [&[Wish { also: vec![rate], ..wish(29) }][..], &wishes[..28], &[wish(33)]].concat();
        let (made, answered) = round(&mut answers, &wishes, 13, 1);
        assert_eq!(made, [29, 33, 25, 26]);
        assert_eq!(answered[0], (29, 13));
        assert!(answered.contains(&(16, 11)) && answered.contains(&(17, 12)) && answered.len() == 30);
        assert_eq!(round(&mut answers, &wishes, 14, 1).0, [27, 28]);
        assert_eq!(round(&mut answers, &[], 15, 1), (vec![], vec![]));
    }
}
