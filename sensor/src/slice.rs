//! Slices of the history: where they begin and end on one interface, and one summary of what all interfaces report.

pub(crate) mod assembler;
pub(crate) mod slicer;
