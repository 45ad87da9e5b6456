//! Settings that may be changed while the sensor runs: from a console, through the collector.
//!
//! ```text
//! live ───(wanted)───► active ─► checked ─► file ─► captures, log
//!                       │ └──────(state)─► live ─► collector
//! export ─(digest key)─► active ──────────► file ─► captures
//! ```
//!
//! A value that the collector names is stronger than flags, environment and file, also after a restart; others stay as these
//! say. A change holds as a whole or is refused as a whole, with the reason; then everything goes on as before.
//!
//! The key of the digests is no setting, but goes the same way.

mod active;
mod digest;
mod file;

pub use active::{ActiveSettings, Channels};
