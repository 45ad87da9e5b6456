//! The end of a slice of the history. Pure: packets and the clock are arguments.
//!
//! Slices are aligned to the wall clock. A packet at or after the end closes the slice first, so that live and past agree;
//! without a packet the clock does, a little late, so that packets still in the ring find their slice open.

use std::time::Duration;

use traf_model::{Interval, Timestamp};

/// Knows the open slice of one interface.
#[derive(Clone, Debug)]
pub(crate) struct Slicer {
    step: Duration,
    open: Interval,
}

impl Slicer {
    /// Time after the end of a slice at which the clock alone closes it. More than the 100 ms that a packet stays in the ring.
    pub(crate) const GRACE: Duration = Duration::from_millis(300);

    /// The slice that holds `now` is open; `step` is not zero.
    pub(crate) fn new(step: Duration, now: Timestamp) -> Self {
        Self { step, open: around(step, now) }
    }

    /// The open slice.
    pub(crate) fn open(&self) -> Interval {
        self.open
    }

    /// A packet of this time is about to be counted: the slice that must be closed before. A late packet counts in the
    /// open slice.
    #[inline]
    pub(crate) fn packet(&mut self, at: Timestamp) -> Option<Interval> {
        if at < self.open.to { None } else { Some(self.turn(at)) }
    }

    /// The clock shows `now`: the slice that is over. A clock that was put back by more than a slice opens a new one, else
    /// everything until then would be counted in the present one.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Option<Interval> {
        let over = now >= self.open.to.after(Self::GRACE);
        let back = now < self.open.from.before(self.step);
        (over || back).then(|| self.turn(now))
    }

    fn turn(&mut self, at: Timestamp) -> Interval {
        std::mem::replace(&mut self.open, around(self.step, at))
    }
}

/// The slice of this length that holds a moment.
pub(crate) fn around(step: Duration, at: Timestamp) -> Interval {
    let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX).max(1);
    let from = at.floor(step);
    Interval::new(from, Timestamp(from.0.saturating_add(step)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    fn at(millis: i64) -> Timestamp {
        Timestamp(1_700_000_000_000_000_000 + millis * 1_000_000)
    }

    fn slice(from: i64) -> Interval {
        Interval::new(at(from), at(from + 10_000))
    }

    #[test]
    fn a_packet_at_the_end_of_a_slice_closes_it_and_a_late_one_does_not() {
        let mut slicer = Slicer::new(STEP, at(3_000));
        assert_eq!(slicer.open(), slice(0));
        assert_eq!(slicer.packet(at(9_999)), None);
        assert_eq!(slicer.packet(at(10_000)), Some(slice(0)));
        assert_eq!(slicer.packet(at(9_998)), None, "a late packet counts in the open slice");
        assert_eq!(slicer.packet(at(45_000)), Some(slice(10_000)), "an idle stretch is skipped");
        assert_eq!(slicer.open(), slice(40_000));
    }

    #[test]
    fn the_clock_closes_a_slice_when_its_packets_had_time_to_arrive() {
        let mut slicer = Slicer::new(STEP, at(0));
        assert_eq!(slicer.tick(at(10_299)), None);
        assert_eq!(slicer.tick(at(10_300)), Some(slice(0)));
        assert_eq!(slicer.tick(at(10_300)), None);
    }

    #[test]
    fn a_clock_that_is_put_back_opens_a_slice_of_its_own() {
        let mut slicer = Slicer::new(STEP, at(3_600_000));
        assert_eq!(slicer.tick(at(3_595_000)), None, "a small step back counts in the open slice");
        assert_eq!(slicer.tick(at(0)), Some(slice(3_600_000)));
        assert_eq!(slicer.open(), slice(0));
    }

    proptest! {
        #[test]
        fn slices_are_aligned_and_never_overlap_while_time_goes_on(steps in prop::collection::vec(0..40_000i64, 1..200)) {
            let mut slicer = Slicer::new(STEP, at(0));
            let (mut now, mut last) = (0, slice(-10_000));
            for step in steps {
                now += step;
                if let Some(closed) = slicer.packet(at(now)) {
                    prop_assert_eq!(closed.from.floor(10_000_000_000), closed.from);
                    prop_assert!(closed.from >= last.to && closed.to <= at(now));
                    last = closed;
                }
                prop_assert!(slicer.open().contains(at(now)));
            }
        }
    }
}
