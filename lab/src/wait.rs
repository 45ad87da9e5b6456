//! Waiting for an observable event, with a deadline; the only place of the lab that pauses.
//!
//! A test never sleeps "long enough": it names what it waits for, and fails in those words.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often an observable is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A point in time after which waiting has failed.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // The lab's one clock for waiting.
    pub fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// Seconds from now.
    #[must_use]
    pub fn seconds(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
    }

    /// Whether it lies behind us.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // See `after`.
    pub fn passed(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Measures a span of real time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // The lab's one clock for measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Looks until `look` finds what is waited for; past the deadline fails with `what` and the last thing it saw.
///
/// # Errors
/// Past the deadline, or when `look` itself fails for good.
pub fn eventually<T>(what: &str, deadline: Deadline, mut look: impl FnMut() -> Result<Probe<T>>) -> Result<T> {
    loop {
        let seen = match look()? {
            Probe::Done(value) => return Ok(value),
            Probe::NotYet(seen) => seen,
        };
        if deadline.passed() {
            bail!("waited in vain for {what}; last seen: {seen}");
        }
        std::thread::sleep(LOOK);
    }
}

/// What a look at an observable brought.
#[derive(Debug)]
pub enum Probe<T> {
    /// It is there.
    Done(T),
    /// Not yet; what was seen instead, for the failure's words.
    NotYet(String),
}

impl<T> Probe<T> {
    /// Done when there is a value.
    pub fn at(value: Option<T>, otherwise: impl FnOnce() -> String) -> Self {
        value.map_or_else(|| Self::NotYet(otherwise()), Self::Done)
    }
}

/// Looks at a value until it has stayed the same for `still`.
///
/// # Errors
/// When it has not come to rest at the deadline, or cannot be read.
pub fn at_rest<T: PartialEq + std::fmt::Debug>(
    what: &str,
    still: Duration,
    deadline: Deadline,
    mut read: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut last = (read()?, Stopwatch::start());
    eventually(&format!("{what} to rest for {still:?}"), deadline, || {
        let now = read()?;
        if now != last.0 {
            last = (now, Stopwatch::start());
        } else if last.1.elapsed() >= still {
            return Ok(Probe::Done(now));
        }
        Ok(Probe::NotYet(format!("{:?}", last.0)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_wait_in_vain_says_what_it_saw() {
        let error = eventually::<()>("rain", Deadline::after(Duration::ZERO), || Ok(Probe::NotYet("sun".into())));
        assert_eq!(error.unwrap_err().to_string(), "waited in vain for rain; last seen: sun");
    }

    #[test]
    fn rest_is_a_value_that_stays() {
        let mut steps = [1, 2, 3].into_iter();
        let rest = at_rest("steps", Duration::from_millis(50), Deadline::seconds(5), || Ok(steps.next().unwrap_or(3)));
        assert_eq!(rest.unwrap(), 3);
    }
}
