//! Wishes that are answered in the same passes over the flow table.

use traf_model::{Facility, Wish};

/// Wishes of one batch, at most: what they add up is in memory at the same time.
const TOGETHER: usize = 16;

/// How many wishes share their passes: fewer after a batch that took all the time there was.
#[derive(Debug)]
pub(crate) struct Batches {
    together: usize,
}

impl Default for Batches {
    fn default() -> Self {
        Self { together: TOGETHER }
    }
}

impl Batches {
    /// Makes the answers to `wishes`, those that have waited longest first: to all that need no pass, and to the others as long as there
    /// is `time`, but to one of them at least.
    pub(crate) fn take<T>(
        &mut self,
        wishes: Vec<T>,
        wish: impl Fn(&T) -> &Wish,
        mut make: impl FnMut(&mut [T]),
        mut time: impl FnMut() -> bool,
    ) {
        let (mut walking, mut others): (Vec<T>, Vec<T>) = wishes.into_iter().partition(|one| walks(wish(one)));
        make(&mut others);
        if !time() {
            walking.first_mut().into_iter().for_each(|first| make(std::slice::from_mut(first)));
            return;
        }
        for (number, together) in walking.chunks_mut(self.together).enumerate() {
            make(together);
            let in_time = time();
            if number == 0 {
                self.together = if in_time { TOGETHER.min(self.together + 1) } else { self.together.div_ceil(2) };
            }
            if !in_time {
                return;
            }
        }
    }
}

/// True if the answer needs passes over the flow table.
fn walks(wish: &Wish) -> bool {
    match wish.facility {
        Facility::Traffic => true,
        Facility::Counted(facility) => facility.shares().is_some(),
        Facility::Interfaces | Facility::Packets => false,
    }
}

#[cfg(test)]
mod tests {
    use traf_model::facility::STATIONS;
    use traf_model::{Filter, Group, Order};

    use super::*;

    fn wish(id: u64, facility: Facility) -> Wish {
        let (filter, order, also) = (Filter::default(), Order::default(), Vec::new());
        Wish { id, facility, filter, group: Group::Flow, order, also, limit: 9, slice: false }
    }

    /// The batches of 40 wishes, of which the last needs no pass, when there is time for so many.
    fn made(batches: &mut Batches, most: usize) -> Vec<Vec<u64>> {
        let last = wish(40, Facility::Counted(STATIONS));
        let made = std::cell::RefCell::new(Vec::new());
        let make = |wishes: &mut [Wish]| made.borrow_mut().push(wishes.iter().map(|wish| wish.id).collect());
        let time = || made.borrow().len() <= most;
        batches.take((1..40).map(|id| wish(id, Facility::Traffic)).chain([last]).collect(), |wish| wish, make, time);
        made.into_inner()
    }

    #[test]
    fn what_costs_little_is_always_answered_and_the_others_together_as_long_as_there_is_time() {
        let mut batches = Batches::default();
        let all: [Vec<u64>; 4] = [vec![40], (1..=16).collect(), (17..=32).collect(), (33..=39).collect()];
        assert_eq!(made(&mut batches, 9), all);
        assert_eq!(made(&mut batches, 2), all[..3]);
        assert_eq!(made(&mut batches, 0), [vec![40], vec![1]], "the time was over before");
        // A batch that takes all the time makes the next one smaller.
        for together in [16, 8, 4, 2, 1, 1] {
            assert_eq!(made(&mut batches, 1), [vec![40], (1..=together).collect()]);
        }
        assert_eq!(made(&mut batches, 99).len(), 1 + 39);
        assert_eq!(made(&mut batches, 9)[1], [1, 2]);
    }
}
