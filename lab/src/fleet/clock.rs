//! Clocks of simulated sensors: a little ahead of the true time, or wrong.

use traf_model::time::SECOND;
use traf_model::{Interval, Timestamp};

use super::random::Random;

/// Nanoseconds of a slice.
pub(super) const SLICE: i64 = 10 * SECOND;
/// Nanoseconds by which the clocks of a fleet are ahead of the true time at most.
const SPREAD: u64 = SECOND.unsigned_abs() / 2;

/// A sensor's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// Nanoseconds ahead of the true time, less than a slice: packets near the end of a slice fall into the next one.
    pub(super) offset: i64,
    /// The way in which it is wrong; `None` if it is right but for the offset.
    pub(super) fault: Option<Fault>,
}

/// A way for a clock to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Two minutes ahead of the collector's.
    Ahead,
    /// A year ahead.
    Year,
    /// A day late.
    Late,
}

impl Fault {
    /// True if the collector takes no slice of it for one of the LAN's.
    pub(super) const fn is_set_aside(self) -> bool {
        matches!(self, Self::Ahead | Self::Year)
    }

    /// Nanoseconds to add to the times of slices, the first of which began at `begin`, if they are delivered from `now` on. A
    /// clock that is ahead is so when its slice arrives, however long the slice has waited.
    pub(super) fn shift(self, begin: Timestamp, now: Timestamp) -> i64 {
        let present = now.floor(SLICE).since(begin);
        match self {
            Self::Ahead => present + 120 * SECOND,
            Self::Year => present + 365 * DAY,
            Self::Late => -DAY,
        }
    }
}

const DAY: i64 = 24 * 3600 * SECOND;

impl Clock {
    /// A clock that is right within half a second, or else wrong in this way.
    pub(super) fn new(random: &mut Random, fault: Option<Fault>) -> Self {
        Self { offset: random.below(SPREAD) as i64, fault }
    }

    /// The time that it shows at a true time, if it is right.
    pub(super) const fn shows(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0 + self.offset)
    }

    /// The stretch of true time that a sensor with this clock puts into `slice`.
    pub(super) const fn window(self, slice: Interval) -> Interval {
        Interval::new(Timestamp(slice.from.0 - self.offset), Timestamp(slice.to.0 - self.offset))
    }
}

/// Now, as the collector knows it.
#[allow(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
pub(super) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}
