//! Captures and meters the traffic of a host's interfaces, and streams summaries to a collector.

pub mod link;
pub mod meter;
pub mod read;
