//! The kernel's counts of a capture socket, beside our own.

use pcap::{Active, Capture, Stat};

/// Frames delivered to us, and frames that the kernel received and dropped, cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KernelCounters {
    /// Delivered since the last slice was closed.
    frames: u64,
    /// Delivered in closed slices.
    delivered: u64,
    /// By the kernel's count, with those dropped.
    pub(super) received: u64,
    dropped: u64,
    /// Of `dropped`, what a slice has declared.
    declared: u64,
    /// libpcap's counts, which wrap.
    last: (u32, u32),
}

impl KernelCounters {
    /// One frame was delivered.
    #[inline]
    pub(super) fn frame(&mut self) {
        self.frames += 1;
    }

    /// The frames delivered in the slice that ends here.
    pub(super) fn take(&mut self) -> u64 {
        let frames = std::mem::take(&mut self.frames);
        self.delivered += frames;
        frames
    }

    /// Asks the kernel; gives what it dropped and no slice has declared yet.
    pub(super) fn ask(&mut self, handle: &mut Capture<Active>) -> u64 {
        self.look(handle);
        let dropped = self.dropped - self.declared;
        self.declared = self.dropped;
        dropped
    }

    /// Asks the kernel. An interface that is gone keeps its last counts.
    pub(super) fn look(&mut self, handle: &mut Capture<Active>) {
        if let Ok(stat) = handle.stats() {
            self.count(stat);
        }
    }

    fn count(&mut self, stat: Stat) {
        self.received += u64::from(stat.received.wrapping_sub(self.last.0));
        self.dropped += u64::from(stat.dropped.wrapping_sub(self.last.1));
        self.last = (stat.received, stat.dropped);
    }

    /// Since the start: delivered and dropped together, and dropped.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.delivered + self.frames + self.dropped, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_where_libpcaps_wrap() {
        let mut kernel = KernelCounters::default();
        let stat = |received, dropped| Stat { received, dropped, if_dropped: 0 };
        kernel.count(stat(u32::MAX - 1, 5));
        kernel.count(stat(3, 7));
        assert_eq!(kernel.received, u64::from(u32::MAX) + 4);
        (0..4).for_each(|_| kernel.frame());
        assert_eq!(kernel.take(), 4);
        kernel.frame();
        assert_eq!(kernel.totals(), (12, 7));
    }
}
