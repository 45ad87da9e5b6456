//! The machine below: its clocks, its interfaces, its connections, and the few calls that need `unsafe`.

pub mod clock;
pub mod connections;
pub mod interfaces;
pub mod machine;
