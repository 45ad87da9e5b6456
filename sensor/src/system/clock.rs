//! The clocks: read here, at the edge, and handed on as arguments.
#![allow(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]

use nix::time::{ClockId, clock_gettime};
use traf_model::Timestamp;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}

/// Compares the wall clock with the one that counts since boot (asleep or awake), which nobody can set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    offset: i64,
}

impl Steps {
    /// Two clocks cannot be read at the same moment: smaller differences are the reading, not the clock.
    const NOISE: i64 = 1_000_000;

    /// From now on.
    pub(crate) fn start() -> Self {
        Self { offset: offset() }
    }

    /// By how many nanoseconds the wall clock was moved since this was asked last.
    pub(crate) fn take(&mut self) -> i64 {
        let offset = offset();
        let step = offset.saturating_sub(self.offset);
        if step.abs() < Self::NOISE {
            return 0;
        }
        self.offset = offset;
        step
    }
}

fn offset() -> i64 {
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| time.tv_sec().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec()));
    now().0.saturating_sub(boot)
}

/// This boot of the machine, by the kernel's name for it; empty where there is none.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_sets_does_not_step() {
        let mut steps = Steps::start();
        assert_eq!(steps.take(), 0);
        assert!(now() > Timestamp::from_seconds(1_700_000_000));
        assert_eq!(boot_id(), boot_id());
    }
}
