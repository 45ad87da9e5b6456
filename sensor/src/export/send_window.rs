//! Records on their way: sent, not yet committed. Pure.

use std::collections::VecDeque;

/// Records sent and not yet committed, bounded so that memory stays small and a slow collector is not flooded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendWindow {
    sent: VecDeque<(u64, usize)>,
    octets: usize,
}

impl SendWindow {
    /// Records on their way at most.
    pub(crate) const RECORDS: usize = 32;
    /// Octets on their way at most, unless it is a single record.
    pub(crate) const OCTETS: usize = 4 << 20;

    /// True if another record may be sent. A single record may be of any size.
    pub(crate) fn has_room(&self) -> bool {
        self.sent.len() < Self::RECORDS && self.octets < Self::OCTETS
    }

    /// A record up to `seq` was sent.
    pub(crate) fn sent(&mut self, seq: u64, octets: usize) {
        self.sent.push_back((seq, octets));
        self.octets += octets;
    }

    /// Everything up to `seq` is committed.
    pub(crate) fn acknowledged(&mut self, seq: u64) {
        while let Some((_, octets)) = self.sent.pop_front_if(|(sent, _)| *sent <= seq) {
            self.octets -= octets;
        }
    }

    /// Nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Number of records that are sent and not committed.
    pub(crate) fn records(&self) -> usize {
        self.sent.len()
    }

    /// The last number that was sent.
    pub(crate) fn last(&self) -> Option<u64> {
        self.sent.back().map(|(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_in_records_and_in_octets() {
        let mut window = SendWindow::default();
        (1..=32).for_each(|seq| window.sent(seq, 10));
        assert!(!window.has_room());
        window.acknowledged(1);
        assert!(window.has_room());
        window.sent(33, SendWindow::OCTETS);
        assert!(!window.has_room());
        window.acknowledged(33);
        assert_eq!(window, SendWindow::default());
    }
}
