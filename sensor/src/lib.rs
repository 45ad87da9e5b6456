//! Captures and meters the traffic of a host's interfaces, and streams summaries to a collector.

pub mod backoff;
pub mod clock;
pub mod file;
pub mod link;
pub mod meter;
pub mod read;
pub mod slicer;
pub mod spool;
mod packet;
mod parse;
mod prefetch;
