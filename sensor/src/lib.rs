//! Captures and meters the traffic of a host's interfaces, and streams summaries to a collector.

pub mod attach;
pub mod backoff;
pub mod capture;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod export;
pub mod file;
pub mod interfaces;
pub mod join;
pub mod keeper;
pub mod link;
pub mod listing;
pub mod live;
pub mod machine;
pub mod meter;
pub mod own;
mod packet;
mod parse;
pub mod read;
pub mod run;
pub mod said;
pub mod sealer;
pub mod slicer;
pub mod spool;
pub mod table;
pub mod window;
