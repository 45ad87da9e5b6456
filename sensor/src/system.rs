//! The machine below: its clocks, its interfaces, its connections, and the few calls that need `unsafe`.

pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod interfaces;
pub(crate) mod machine;
