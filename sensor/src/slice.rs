//! Slices of the history: where they begin and end on one interface, and one summary of what all interfaces report. Pure:
//! packets and the clock are arguments.
//!
//! Slices are aligned to the wall clock. A packet at or after the end closes the slice first, so that live and past agree;
//! without a packet the clock does, a little late, so that packets still in the ring find their slice open.
//!
//! A slice is sealed when every interface has reported, or a while after its end: an interface that is later goes into a
//! record of its own, and the collector adds.

use std::collections::BTreeMap;
use std::time::Duration;

use traf_model::{InterfaceSummary, Interval, Loss, Summary, Tally, Timestamp};

/// Report of one interface.
#[derive(Clone, Debug)]
pub struct InterfaceSlice {
    /// Of which slice.
    pub slice: Interval,
    /// Generation of the key of its digests; zero for none.
    pub generation: u32,
    /// Counts; `None` if there are only losses.
    pub summary: Option<Box<InterfaceSummary>>,
    /// Known losses.
    pub losses: Vec<Loss>,
}

/// The slices that are not complete.
#[derive(Debug, Default)]
pub(crate) struct SliceAssembler {
    open: BTreeMap<Interval, OpenSlice>,
}

#[derive(Debug, Default)]
struct OpenSlice {
    /// Each with the generation of its digests.
    interfaces: Vec<(u32, InterfaceSummary)>,
    losses: Vec<Loss>,
}

impl SliceAssembler {
    /// Time after its end for which a slice waits for the last interface.
    pub(crate) const PATIENCE: Duration = Duration::from_millis(1_500);
    /// Slices that may be incomplete at once; then the oldest is sealed as it is.
    const ROOM: usize = 16;
    /// Rows of one summary, unless a single interface has more: at some 150 octets each, half of the largest message.
    const ROWS: usize = 100_000;

    /// Takes a part.
    pub(crate) fn add(&mut self, part: InterfaceSlice) {
        let open = self.open.entry(part.slice).or_default();
        open.interfaces.extend(part.summary.map(|summary| (part.generation, *summary)));
        open.losses.extend(part.losses);
    }

    /// The summaries that are complete, of so many `interfaces`, or have waited enough.
    pub(crate) fn ready(&mut self, now: Timestamp, interfaces: usize) -> Vec<Summary> {
        let mut crowded = self.open.len().saturating_sub(Self::ROOM);
        let ready = self.open.extract_if(.., |slice, open| {
            let complete = interfaces > 0 && open.interfaces.len() >= interfaces;
            // After a step of the clock a slice may lie in the future for long.
            let skewed = slice.from.since(now) > 2 * slice.nanos();
            let oldest = crowded > 0;
            crowded = crowded.saturating_sub(1);
            oldest || complete || skewed || now >= slice.to.after(Self::PATIENCE)
        });
        ready.flat_map(|(slice, open)| open.seal(slice, now)).collect()
    }

    /// Everything, complete or not: the sensor ends.
    pub(crate) fn rest(&mut self, now: Timestamp) -> Vec<Summary> {
        std::mem::take(&mut self.open).into_iter().flat_map(|(slice, open)| open.seal(slice, now)).collect()
    }
}

impl OpenSlice {
    /// One summary, or several: an interface that reported twice (it went and came back) has one place in each, all digests of one
    /// are of one generation, and no summary grows larger than a message may be.
    fn seal(mut self, slice: Interval, now: Timestamp) -> Vec<Summary> {
        self.interfaces.sort_by(|(_, a), (_, b)| a.interface.name.cmp(&b.interface.name));
        let rows = |part: &InterfaceSummary| part.flows.len() + part.counted.values().map(Tally::len).sum::<usize>();
        let empty = Summary { slice, sealed: now, ..Summary::default() };
        let mut summaries = vec![Summary { losses: self.losses, ..empty.clone() }];
        for (generation, part) in self.interfaces {
            let fits = |summary: &&mut Summary| {
                summary.interfaces.last().is_none_or(|last| {
                    let more = summary.interfaces.iter().map(rows).sum::<usize>() + rows(&part);
                    let same = summary.generation == generation && last.interface.name != part.interface.name;
                    same && more <= SliceAssembler::ROWS
                })
            };
            match summaries.iter_mut().find(fits) {
                Some(summary) => {
                    summary.generation = generation;
                    summary.interfaces.push(part);
                }
                None => summaries.push(Summary { generation, interfaces: vec![part], ..empty.clone() }),
            }
        }
        summaries
    }
}

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
    use traf_model::facility::HOSTS;
    use traf_model::{Counts, Interface, Key};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn part(name: &str, from: i64) -> InterfaceSlice {
        let interface = Interface { name: name.to_owned(), ..Interface::default() };
        let summary = Some(Box::new(InterfaceSummary { interface, ..InterfaceSummary::default() }));
        InterfaceSlice { slice: Interval::new(at(from), at(from + 10)), generation: 0, summary, losses: vec![] }
    }

    fn names(summaries: &[Summary]) -> Vec<Vec<&str>> {
        summaries.iter().map(|one| one.interfaces.iter().map(|part| part.interface.name.as_str()).collect()).collect()
    }

    #[test]
    fn a_slice_is_sealed_when_every_interface_has_reported() {
        let mut sealer = SliceAssembler::default();
        sealer.add(part("lo", 0));
        assert!(sealer.ready(at(10), 2).is_empty());
        sealer.add(part("eth0", 0));
        assert_eq!(names(&sealer.ready(at(10), 2)), [["eth0", "lo"]]);
        assert!(sealer.ready(at(100), 2).is_empty());
    }

    #[test]
    fn a_late_interface_gets_a_record_of_its_own() {
        let mut sealer = SliceAssembler::default();
        sealer.add(part("lo", 0));
        assert!(sealer.ready(at(11), 2).is_empty());
        assert_eq!(names(&sealer.ready(at(12), 2)), [["lo"]]);
        sealer.add(part("eth0", 0));
        assert_eq!(names(&sealer.ready(at(12), 2)), [["eth0"]]);
    }

    #[test]
    fn at_the_end_everything_is_sealed_in_order() {
        let mut sealer = SliceAssembler::default();
        sealer.add(part("eth0", 10));
        sealer.add(part("eth0", 0));
        let slices: Vec<Timestamp> = sealer.rest(at(13)).iter().map(|summary| summary.slice.from).collect();
        assert_eq!(slices, [at(0), at(10)]);
    }

    #[test]
    fn an_interface_that_went_and_came_back_within_a_slice_is_in_two_summaries() {
        let mut sealer = SliceAssembler::default();
        for name in ["eth0", "lo", "eth0"] {
            sealer.add(part(name, 0));
        }
        assert_eq!(names(&sealer.ready(at(10), 2)), [vec!["eth0", "lo"], vec!["eth0"]]);
    }

    #[test]
    fn digests_of_two_generations_are_in_two_summaries() {
        let mut sealer = SliceAssembler::default();
        for (name, generation) in [("eth0", 1), ("eth1", 2), ("eth2", 1), ("lo", 0)] {
            sealer.add(InterfaceSlice { generation, ..part(name, 0) });
        }
        let sealed: Vec<_> = sealer.ready(at(10), 4);
        let names = |summary: &Summary| summary.interfaces.iter().map(|part| part.interface.name.clone()).collect();
        let sealed: Vec<(u32, Vec<String>)> =
            sealed.iter().map(|summary| (summary.generation, names(summary))).collect();
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(sealed, [(1, own(&["eth0", "eth2"])), (2, own(&["eth1"])), (0, own(&["lo"]))]);
    }

    #[test]
    fn no_summary_grows_larger_than_a_message_may_be() {
        let mut sealer = SliceAssembler::default();
        for name in ["a", "b", "c", "d"] {
            let mut part = part(name, 0);
            if let Some(summary) = &mut part.summary {
                let host = |number: u32| Key::Address(std::net::Ipv4Addr::from(number).into());
                let hosts = summary.counted.entry(HOSTS).or_default();
                (0..40_000).for_each(|number| hosts.add(host(number), Counts::default()));
            }
            sealer.add(part);
        }
        assert_eq!(names(&sealer.ready(at(10), 4)), [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn a_loss_alone_is_sealed_too() {
        let mut sealer = SliceAssembler::default();
        sealer.add(InterfaceSlice { summary: None, ..part("eth0", 0) });
        assert!(sealer.ready(at(11), 0).is_empty());
        assert_eq!(sealer.ready(at(12), 0).len(), 1);
    }

    const STEP: Duration = Duration::from_secs(10);

    fn millis(millis: i64) -> Timestamp {
        Timestamp(1_700_000_000_000_000_000 + millis * 1_000_000)
    }

    fn slice(from: i64) -> Interval {
        Interval::new(millis(from), millis(from + 10_000))
    }

    #[test]
    fn a_packet_at_the_end_of_a_slice_closes_it_and_a_late_one_does_not() {
        let mut slicer = Slicer::new(STEP, millis(3_000));
        assert_eq!(slicer.open(), slice(0));
        assert_eq!(slicer.packet(millis(9_999)), None);
        assert_eq!(slicer.packet(millis(10_000)), Some(slice(0)));
        assert_eq!(slicer.packet(millis(9_998)), None, "a late packet counts in the open slice");
        assert_eq!(slicer.packet(millis(45_000)), Some(slice(10_000)), "an idle stretch is skipped");
        assert_eq!(slicer.open(), slice(40_000));
    }

    #[test]
    fn the_clock_closes_a_slice_when_its_packets_had_time_to_arrive() {
        let mut slicer = Slicer::new(STEP, millis(0));
        assert_eq!(slicer.tick(millis(10_299)), None);
        assert_eq!(slicer.tick(millis(10_300)), Some(slice(0)));
        assert_eq!(slicer.tick(millis(10_300)), None);
    }

    #[test]
    fn a_clock_that_is_put_back_opens_a_slice_of_its_own() {
        let mut slicer = Slicer::new(STEP, millis(3_600_000));
        assert_eq!(slicer.tick(millis(3_595_000)), None, "a small step back counts in the open slice");
        assert_eq!(slicer.tick(millis(0)), Some(slice(3_600_000)));
        assert_eq!(slicer.open(), slice(0));
    }

    proptest! {
        #[test]
        fn slices_are_aligned_and_never_overlap_while_time_goes_on(steps in prop::collection::vec(0..40_000i64, 1..200)) {
            let mut slicer = Slicer::new(STEP, millis(0));
            let (mut now, mut last) = (0, slice(-10_000));
            for step in steps {
                now += step;
                if let Some(closed) = slicer.packet(millis(now)) {
                    prop_assert_eq!(closed.from.floor(10_000_000_000), closed.from);
                    prop_assert!(closed.from >= last.to && closed.to <= millis(now));
                    last = closed;
                }
                prop_assert!(slicer.open().contains(millis(now)));
            }
        }
    }
}
