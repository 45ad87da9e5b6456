//! A simulated fleet: many sensors in one process that report to a real collector over mutual TLS, and a truth known to the octet.
//!
//! ```text
//! conversation ─► network ─► slice ─► sensor ═► collector ─► SQL, traf hosts ─► figures
//!  packets         who sees   summary  spool,    a program                       ▲
//!                  what        of one  export                    truth ──────────┘
//! ```
//!
//! Spool, export, TLS and joining are the sensor's own; what is made up is the traffic. Conversations have heavy tails, a third of
//! them is new in each slice, most are seen by two or three sensors, and all observers of one have evidence of the same packets.
//! Clocks differ by up to half a second, so packets near the end of a slice fall into different slices of different sensors.
//!
//! Left out: live snapshots, and whatever a flow table folds.

mod backlog;
mod clock;
mod collector;
mod conversation;
mod figures;
mod live_sensor;
mod network;
mod plan;
mod random;
mod run;
mod sensor;
mod slice;
mod truth;

pub use figures::{CollectorFigures, Figures};
pub use plan::{Order, Plan};
pub use run::run;
