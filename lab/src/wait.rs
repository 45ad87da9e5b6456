//! Waiting for an observable event, with a deadline; the only place of the lab that pauses.
//!
//! A test never sleeps "long enough": it names the event that it waits for, and fails in those words.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(20);

/// A point in time after which waiting has failed.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline so long from now.
    #[allow(clippy::disallowed_methods)] // The lab's one clock for waiting.
    pub fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// A deadline so many seconds from now.
    pub fn seconds(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
    }

    /// True if it is over.
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
    #[allow(clippy::disallowed_methods)] // The lab's one clock for measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Probes until `probe` returns `Done`; past the deadline fails with `what` and the last thing that was seen.
pub fn eventually<T>(what: &str, deadline: Deadline, mut probe: impl FnMut() -> Result<Probe<T>>) -> Result<T> {
    loop {
        let seen = match probe()? {
            Probe::Done(value) => return Ok(value),
            Probe::NotYet(seen) => seen,
        };
        if deadline.passed() {
            bail!("waited in vain for {what}; last seen: {seen}");
        }
        std::thread::sleep(PAUSE);
    }
}

/// The result of one look at an observable.
#[derive(Debug)]
pub enum Probe<T> {
    /// It is there.
    Done(T),
    /// Not yet, with the thing that was seen instead, for the words of a failure.
    NotYet(String),
}

impl<T> Probe<T> {
    /// Done if there is a value.
    pub fn some(value: Option<T>, otherwise: impl FnOnce() -> String) -> Self {
        value.map_or_else(|| Self::NotYet(otherwise()), Self::Done)
    }
}

impl Probe<()> {
    /// Done if it is true.
    pub fn when(done: bool, otherwise: impl FnOnce() -> String) -> Self {
        Self::some(done.then_some(()), otherwise)
    }
}

/// Looks at a value until it has stayed the same for `still`.
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

/// Waits for many things at once, each on a thread of its own; their results in the same order. A process that is started in
/// it ends with its thread.
pub fn together<T: Sync, A: Send>(what: &[T], wait: impl Fn(&T) -> A + Sync) -> Vec<A> {
    std::thread::scope(|scope| {
        let waits: Vec<_> = what.iter().map(|what| scope.spawn(|| wait(what))).collect();
        let ended = waits.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
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
