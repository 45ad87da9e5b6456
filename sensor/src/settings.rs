//! Settings that may be changed while the sensor runs: from a console, through the collector.
//!
//! ```text
//! live ─(wanted)─► active ─► checked ─► file ─► captures, log
//!                    └──────(state)─► live ─► collector
//! ```
//!
//! A value that the collector names is stronger than flags, environment and file, also after a restart; others stay as these
//! say. A change holds as a whole or is refused as a whole, with the reason; then everything goes on as before.

mod active;
mod file;

pub use active::{ActiveSettings, Channels};
