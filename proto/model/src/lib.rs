//! The model that Trafalgar's programs share. It knows neither gRPC nor TLS nor a runtime, and reads no clock.
//!
//! ```
//! use traf_model::{Counters, Tally, Traffic};
//!
//! // Room for two keys: detail may be shed, totals never.
//! let mut tally = Tally::with_capacity(2);
//! for (service, octets) in [("tcp/443", 1500), ("udp/53", 80), ("tcp/22", 100), ("tcp/443", 700)] {
//!     tally.add(service, Traffic::inbound(Counters::new(1, octets)));
//! }
//! assert_eq!(tally.row(&"tcp/443").map(|traffic| traffic.inbound), Some(Counters::new(2, 2200)));
//! assert_eq!(tally.other().inbound, Counters::new(1, 100));
//! ```
//!
//! A question, with a filter in tcpdump's words:
//!
//! ```
//! use traf_model::{Facility, Query};
//!
//! # fn main() -> Result<(), traf_model::FilterError> {
//! let filter = "dst host 10.0.0.3 and tcp port https".parse()?;
//! let query = Query { facility: Facility::Traffic, filter, limit: 10, ..Query::default() };
//! assert_eq!(query.filter.to_string(), "dst host 10.0.0.3 and tcp port 443");
//! # Ok(())
//! # }
//! ```
//!
//! * [`Traffic`] under a key ([`FlowKey`], [`Class`], or the [`Key`] of a [`Counted`] facility), [`Tally`]
//! * what a sensor sends ([`Summary`], [`Snapshot`]), what a console asks and gets ([`Query`], [`Report`])
//! * [`Filter`]: tcpdump's words, parsed, printed, matched
//! * [`record`]: rows as JSON, CSV and text, for every program that prints them
//! * [`names`] of protocol numbers and ports
//!
//! Nothing here captures, sends, stores or draws.

#![forbid(unsafe_code)]

#[macro_use]
mod enumeration;

pub mod class;
pub mod evidence;
pub mod facility;
pub mod filter;
pub mod flow;
pub mod interface;
pub mod key;
pub mod mac;
pub mod names;
pub mod port;
pub mod query;
pub mod record;
pub mod report;
pub mod service;
pub mod settings;
pub mod single_packet;
pub mod size;
pub mod snapshot;
pub mod summary;
pub mod tally;
pub mod text;
pub mod time;
pub mod traffic;

pub use class::{Cast, Class, ClassGroup, Classes, Family, Transport};
pub use evidence::Evidence;
pub use facility::{Counted, Facility};
pub use filter::{Filter, FilterError, NamedFilter, Rules};
pub use flow::{AggregatedFlow, Endpoint, Flow, FlowKey, FlowState, Half, Word};
pub use interface::{Interface, Ledger, Nic};
pub use key::{Counts, Key, Learnt};
pub use mac::Mac;
pub use port::PortRange;
pub use query::{Group, GroupKey, Order, OrderBy, Point, Query, Scope, Window};
pub use report::{Fleet, Gap, InterfaceState, InterfaceStats, Item, Presence, Report, Row, SensorState, Strip};
pub use service::{Ports, Service};
pub use settings::{Setting, Settings, SettingsState};
pub use single_packet::{PacketEnd, PacketKind, SinglePacket};
pub use size::{Bracket, Brackets};
pub use snapshot::{Answer, InterfaceSnapshot, Snapshot, SpoolState, Wish};
pub use summary::{InterfaceSummary, Loss, LossReason, Second, Summary};
pub use tally::{Merge, Tally};
pub use time::{Interval, Timestamp};
pub use traffic::{Counters, Traffic};
