//! The wall clock: the only place that reads it.

use std::time::UNIX_EPOCH;

use traf_model::Timestamp;

/// Now, by this machine's clock.
#[allow(clippy::disallowed_methods)] // the edge
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
