//! Finished slices on their way to the sealer. The capture never waits for it.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use traf_model::{InterfaceSummary, Interval, Loss, LossReason};

use crate::slice::InterfaceSlice;

/// Slices that found no room in the channel wait here; the oldest of too many becomes a loss with its count.
pub(super) struct SliceQueue {
    parts: mpsc::Sender<InterfaceSlice>,
    waiting: VecDeque<WaitingSlice>,
    lost: Vec<Loss>,
}

/// A finished slice, the generation of its digests, and its counts.
type WaitingSlice = (Interval, u32, Box<InterfaceSummary>);

impl SliceQueue {
    /// Slices that may wait: over a minute of the sealer's silence, beyond what the channel holds.
    const ROOM: usize = 8;
    /// Losses that are told one by one.
    const LOSSES: usize = 32;

    /// In front of the sealer's channel.
    pub(super) fn new(parts: mpsc::Sender<InterfaceSlice>) -> Self {
        Self { parts, waiting: VecDeque::new(), lost: Vec::new() }
    }

    /// Takes a finished slice.
    pub(super) fn put(&mut self, slice: Interval, generation: u32, summary: InterfaceSummary) {
        if self.waiting.len() >= Self::ROOM
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.lose(oldest);
        }
        self.waiting.push_back((slice, generation, Box::new(summary)));
        self.send();
    }

    /// Sends what there is room for.
    pub(super) fn send(&mut self) {
        let Self { parts, waiting, lost } = self;
        while !waiting.is_empty()
            && let Ok(room) = parts.try_reserve()
            && let Some((slice, generation, summary)) = waiting.pop_front()
        {
            room.send(InterfaceSlice { slice, generation, summary: Some(summary), losses: std::mem::take(lost) });
        }
    }

    /// The thread ends: only now may it wait.
    pub(super) fn last(&mut self) {
        for (slice, generation, summary) in self.waiting.drain(..) {
            let losses = std::mem::take(&mut self.lost);
            // An error means that the sealer has ended.
            let _ = self.parts.blocking_send(InterfaceSlice { slice, generation, summary: Some(summary), losses });
        }
    }

    fn lose(&mut self, (interval, _, summary): WaitingSlice) {
        let total = summary.classes().group(traf_model::ClassGroup::Total).total();
        let counted = (total.packets, total.octets);
        let crowded = self.lost.len() >= Self::LOSSES;
        match self.lost.last_mut() {
            Some(last) if crowded => {
                last.interval = last.interval.hull(interval);
                last.counted = last.counted.map(|(packets, octets)| (packets + counted.0, octets + counted.1));
            }
            _ => self.lost.push(Loss {
                reason: LossReason::SpoolFull,
                interval,
                records: 0,
                counted: Some(counted),
                interface: Some(summary.interface.name),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::{Class, Classes, Counters, Second, Timestamp, Traffic};

    use super::*;

    fn summary(packets: u64) -> InterfaceSummary {
        let rows = [(Class::at(0).unwrap(), Traffic::inbound(Counters::new(packets, packets * 60)))];
        let second = Second { at: Timestamp(0), classes: Classes::from_iter(rows) };
        InterfaceSummary { seconds: vec![second], ..InterfaceSummary::default() }
    }

    #[test]
    fn when_the_sealer_is_away_for_long_every_packet_is_there_or_declared() {
        let (parts, mut received) = mpsc::channel(2);
        let mut queue = SliceQueue::new(parts);
        for packets in 1..=100 {
            queue.put(Interval::new(Timestamp(packets), Timestamp(packets + 1)), 0, summary(packets as u64));
        }
        let (mut kept, mut lost) = (0, 0);
        for _ in 0..20 {
            while let Ok(part) = received.try_recv() {
                kept += part.summary.unwrap().classes().group(traf_model::ClassGroup::Total).total().packets;
                lost += part.losses.iter().map(|loss| loss.counted.unwrap().0).sum::<u64>();
            }
            queue.send();
        }
        assert_eq!((kept + lost, lost > 0), ((1..=100).sum(), true));
    }
}
