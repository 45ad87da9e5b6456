//! A network on one machine: machines and switches made of namespaces, a mirror port, faults, traffic with exact counts.
//!
//! ```no_run
//! use traf_lab::MonitoredLan;
//!
//! # fn main() -> anyhow::Result<()> {
//! let lan = MonitoredLan::new(&["anna", "ben"], false, &[])?;
//! lan.lan.machines[0].run("ping", &["-c", "3", &lan.lan.interfaces[1].ipv4.to_string()])?;
//! let kernel = lan.kernel()?;
//! assert_eq!(lan.stored_like(&kernel)?, kernel);
//! # Ok(())
//! # }
//! ```
//!
//! The end-to-end tests and benchmarks use it, and `traf-lab demo` shows the console on it. It needs Linux with network
//! namespaces, as root or through a user namespace. It leaves the machine's own network alone.
//!
//! Left out: mocks. Programs are the real ones, frames cross a real (virtual) wire, and every wait is for an event.

pub mod collector;
pub mod console;
pub mod counters;
pub mod demo;
pub mod disk;
pub mod fleet;
pub mod lan;
pub mod latency;
pub mod machine;
pub mod monitored_lan;
pub mod namespaces;
pub mod persistent;
pub mod process;
pub mod reference;
pub mod screens;
pub mod sensor;
pub mod switch;
pub mod terminal;
pub mod traffic;
pub mod wait;

pub use collector::Collector;
pub use console::Console;
pub use demo::Demo;
pub use disk::Disk;
pub use lan::Lan;
pub use machine::Machine;
pub use monitored_lan::MonitoredLan;
pub use namespaces::Namespaces;
pub use process::Process;
pub use reference::ReferenceCapture;
pub use sensor::Sensor;
pub use switch::{Interface, Switch};
pub use terminal::Terminal;
