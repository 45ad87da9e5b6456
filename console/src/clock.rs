//! The one place where the console reads a clock.

use traf_model::Timestamp;

/// Now.
#[allow(clippy::disallowed_methods)] // The edge: everything behind it takes time as an argument.
pub fn now() -> Timestamp {
    let now = jiff::Timestamp::now().as_nanosecond();
    Timestamp(i64::try_from(now).unwrap_or(i64::MAX))
}
