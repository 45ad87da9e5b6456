//! The commands that do their work and end: `join`, `interfaces`, `spool` and `doctor`.

pub mod doctor;
pub mod join;
pub mod listing;
