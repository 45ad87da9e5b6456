//! Packet sizes of an interface.

use traf_model::{Brackets, Counters};

use super::counter::Indexed;

/// Octets of an MTU that is not known.
const MTU: u32 = 1500;

/// Traffic of each size bracket of the MTU.
pub(super) struct Sizes {
    brackets: Brackets,
    pub(super) counts: Indexed,
}

impl Sizes {
    pub(super) fn new(mtu: Option<u32>) -> Self {
        Self { brackets: Brackets::new(mtu.unwrap_or(MTU)), counts: Indexed::new(Brackets::COUNT as u16 + 1) }
    }

    /// Counts a packet of `size` octets without the link header.
    #[inline(always)]
    pub(super) fn count(&mut self, size: u32, sent: bool, count: impl FnOnce(&mut Counters)) {
        let place = self.brackets.place(size);
        self.counts.count(place, || self.brackets.bracket(place).key(), sent, count);
    }

    /// Begins anew if the MTU is another one.
    pub(super) fn set_mtu(&mut self, mtu: Option<u32>) {
        if self.brackets != Brackets::new(mtu.unwrap_or(MTU)) {
            *self = Self::new(mtu);
        }
    }
}
