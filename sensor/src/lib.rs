//! The sensor: it captures and meters the traffic of a host's interfaces, and streams summaries to a collector.
//!
//! ```
//! use traf_model::{Interface, Interval, Timestamp};
//! use traf_sensor::LinkType;
//! use traf_sensor::meter::{Meter, MeterConfig};
//!
//! // An ARP request, padded to the shortest frame of Ethernet.
//! let mut frame = [0; 60];
//! frame[..6].fill(0xff);
//! frame[12..14].copy_from_slice(&[0x08, 0x06]);
//!
//! let mut meter = Meter::new(MeterConfig::default(), Interface::default(), LinkType::Ethernet, Timestamp(0));
//! meter.frame(Timestamp(7), 60, &frame);
//! let summary = meter.close(Interval::new(Timestamp(0), Timestamp(10)));
//! assert_eq!((summary.ledger.received, summary.ledger.parsed), (1, 1));
//! ```
//!
//! ```text
//! interface ─► capture ─► parse ─► meter ─┬─► slice ─► spool ─► export ─► collector      history: kept until it is committed
//!              a thread   frame    packet ├─► live ─────────────────────► collector      the present: the latest wins
//!              for each   → packet → rows └─► text_log ──► files                        IPTraf's formats
//! file ────────► read ───┘
//! ```
//!
//! * `run` puts it together and takes it down again; `config` and `settings` say how
//! * `capture`: one thread for each interface, and the snapshots that they post
//! * `parse`: frames to packets; `meter`: packets to rows, one flow table for each interface
//! * `slice`: the slices of the history; `spool`: the records that wait on disk
//! * `export`: the records on their way to the collector; `live`: snapshots, as far as consoles want them
//! * `text_log`: IPTraf's text logs
//! * `file` and `read`: capture files, without a collector; `command`: the other commands
//! * `system`: clocks, interfaces, connections and memory of the machine
//!
//! It stores no history, answers no console, and changes nothing that it captures.

mod capture;
pub mod command;
pub mod config;
mod digest_key;
pub mod export;
pub mod file;
mod live;
pub mod meter;
mod parse;
pub mod read;
pub mod run;
pub mod settings;
mod slice;
pub mod spool;
mod system;
mod text_log;

pub use capture::CaptureError;
pub use digest_key::{DigestKey, DigestKeyError};
pub use parse::link_type::LinkType;
pub use slice::InterfaceSlice;
pub use system::interfaces::InterfaceError;
