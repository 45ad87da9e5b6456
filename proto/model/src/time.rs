//! Points and stretches of time. Nobody here reads a clock: time is an argument.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

impl Timestamp {
    /// From whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The start of the aligned step of `step` nanoseconds that holds this moment.
    pub const fn floor(self, step: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(step)))
    }

    /// Nanoseconds from `earlier` to here; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Later by `duration`, saturating.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `duration`, saturating.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339, UTC, with a fraction of nine digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.9}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse()?;
        Ok(Self(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)))
    }
}

/// A stretch of time, half-open: `[from, to)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// First moment inside.
    pub from: Timestamp,
    /// First moment after.
    pub to: Timestamp,
}

impl Interval {
    /// From `from` up to, but without, `to`.
    pub const fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// Nanoseconds inside; zero when it is empty or turned around.
    pub fn nanos(self) -> i64 {
        self.to.since(self.from).max(0)
    }

    /// True if `at` lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self::new(self.from.min(other.from), self.to.max(other.to))
    }
}

/// Reads a length of time as people write it: `90s`, `15m`, `1h30m`, `2 days`; a bare number is seconds.
pub fn length(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let bare = text.ends_with(|last: char| last.is_ascii_digit());
    let span: jiff::Span = if bare { format!("{text}s") } else { text }.parse().ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_in_utc_with_its_fraction_and_parses_back() {
        let at = Timestamp(1_700_000_000_000_000_001);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(at.to_string().parse::<Timestamp>().ok(), Some(at));
    }

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("1h30m", 5_400),
            ("1h 30 min", 5_400),
            ("15M", 900),
            ("2d", 172_800),
            ("1 week", 604_800),
            ("1m30", 90),
            ("PT15M", 900),
            ("2500ms", 2),
            ("1 hour 5 minutes", 3_900),
        ] {
            assert_eq!(length(text).map(|time| time.as_secs()), Some(seconds), "{text}");
        }
        for wrong in ["", "1h x", "soon", "-3s", "1 month", "1y", "s", "99999999999999999999s"] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for at in [Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            let _ = (at.to_string(), at.floor(10 * SECOND), at.since(Timestamp(1)), at.seconds());
        }
    }
}
