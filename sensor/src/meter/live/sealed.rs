//! Wishes for slices, and their answers of slices that were sealed lately.
//!
//! Answers cost passes over the flow table, and while they are made nothing is captured: so a seal answers as many wishes as there
//! is time for. For the others the collector has what they were answered last while the slice ran, until the slice is committed.

use traf_model::time::SECOND;
use traf_model::{Answer, Interval, Timestamp, Wish};

use super::batches::Batches;

/// Nanoseconds for which a sealed slice is answered.
const ANSWERED: i64 = 3 * SECOND;
/// Sealed slices that are answered at once.
const SLICES: usize = 2;

/// Wishes for slices, and their answers of sealed slices.
#[derive(Default)]
pub(in crate::meter) struct SealedAnswers {
    wishes: Vec<SliceWish>,
    slices: Vec<(Interval, Vec<Answer>)>,
    /// Number of seals.
    seals: u64,
    batches: Batches,
}

struct SliceWish {
    wish: Wish,
    /// The seal that answered it last; zero for none.
    answered: u64,
}

impl SealedAnswers {
    /// Notes the wishes that are to be answered when the slice is sealed.
    pub(in crate::meter) fn look(&mut self, wishes: &[Wish]) {
        let of_slices = || wishes.iter().filter(|wish| wish.slice);
        if self.wishes.iter().map(|known| &known.wish).eq(of_slices()) {
            return;
        }
        let before = std::mem::take(&mut self.wishes);
        let answered = |wish: &Wish| before.iter().find(|known| known.wish.id == wish.id).map(|known| known.answered);
        let noted = |wish: &Wish| SliceWish { answered: answered(wish).unwrap_or(0), wish: wish.clone() };
        self.wishes = of_slices().map(noted).collect();
    }

    /// True if somebody wishes for slices.
    pub(in crate::meter) fn are_wished(&self) -> bool {
        !self.wishes.is_empty()
    }

    /// Answers wishes about a slice that is being sealed, as long as there is `time`, but some at least: those that were left out for
    /// the longest come first.
    pub(in crate::meter) fn seal(
        &mut self,
        slice: Interval,
        mut answer: impl FnMut(&[&Wish]) -> Vec<Answer>,
        time: impl FnMut() -> bool,
    ) {
        self.seals += 1;
        let mut wishes: Vec<&mut SliceWish> = self.wishes.iter_mut().collect();
        wishes.sort_by_key(|known| known.answered);
        let (mut answers, seals) = (Vec::new(), self.seals);
        let make = |wishes: &mut [&mut SliceWish]| {
            wishes.iter_mut().for_each(|known| known.answered = seals);
            answers.extend(answer(&wishes.iter().map(|known| &known.wish).collect::<Vec<_>>()));
        };
        self.batches.take(wishes, |known| &known.wish, make, time);
        if self.slices.len() >= SLICES {
            self.slices.remove(0);
        }
        if !answers.is_empty() {
            self.slices.push((slice, answers));
        }
    }

    /// Answers of slices that ended lately, to wishes that still stand.
    pub(in crate::meter) fn answers(&mut self, now: Timestamp) -> Vec<Answer> {
        self.slices.retain(|(slice, _)| (-ANSWERED..=ANSWERED).contains(&now.since(slice.to)));
        let wished = |answer: &&Answer| self.wishes.iter().any(|known| known.wish.id == answer.id);
        self.slices.iter().flat_map(|(_, answers)| answers).filter(wished).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use traf_model::{Facility, Group, Order};

    use super::*;

    /// Each under a filter of its own.
    fn wish(id: u64) -> Wish {
        let filter = format!("port {id}").parse().unwrap_or_default();
        let (order, group, also) = (Order::default(), Group::Flow, Vec::new());
        Wish { id, facility: Facility::Traffic, filter, group, order, also, limit: 9, slice: true }
    }

    /// Wishes that are answered when a slice is sealed, and each batch takes so many of the milliseconds that there are.
    fn seal(sealed: &mut SealedAnswers, second: i64, (takes, there_are): (u64, u64)) -> Vec<u64> {
        let slice = Interval::new(Timestamp::from_seconds(second - 10), Timestamp::from_seconds(second));
        let spent = std::cell::Cell::new(0);
        let mut answered = Vec::new();
        let answer = |wishes: &[&Wish]| {
            spent.set(spent.get() + if wishes.is_empty() { 0 } else { takes });
            answered.extend(wishes.iter().map(|wish| wish.id));
            wishes.iter().map(|wish| Answer { id: wish.id, ..Answer::default() }).collect()
        };
        sealed.seal(slice, answer, || spent.get() < there_are);
        assert!(spent.get() < there_are + takes, "{} ms", spent.get());
        let sent: Vec<u64> = sealed.answers(slice.to).iter().map(|answer| answer.id).collect();
        assert_eq!(sent, answered);
        answered
    }

    #[test]
    fn a_seal_takes_its_time_and_no_more_and_every_wish_has_its_turn() {
        let (mut sealed, mut wishes) = (SealedAnswers::default(), (1..=60).map(wish).collect::<Vec<_>>());
        sealed.look(&wishes);
        // Batches of sixteen take 150 ms each, of 200 ms: two at a seal.
        assert_eq!(seal(&mut sealed, 10, (150, 200)), (1..=32).collect::<Vec<u64>>());
        assert_eq!(seal(&mut sealed, 20, (150, 200)), (33..=60).chain(1..=4).collect::<Vec<u64>>());
        // What was left out comes first, also when others come and go; new ones with it.
        wishes.retain(|wish| wish.id != 6);
        wishes.push(wish(61));
        sealed.look(&wishes);
        let next: Vec<u64> = [61, 5].into_iter().chain(7..=20).collect();
        assert_eq!(seal(&mut sealed, 30, (300, 200)), next, "one batch");
        assert_eq!(seal(&mut sealed, 40, (300, 200)), (21..=28).collect::<Vec<u64>>(), "and a smaller one after it");
        assert_eq!(seal(&mut sealed, 50, (0, 1)).len(), 60, "all that there is time for");
    }
}
