//! The collector: it takes the summaries of sensors, keeps them, and answers consoles.
//!
//! ```
//! use traf_collector::{Config, create_token, list_tokens};
//! use traf_peer::Role;
//!
//! # fn main() -> anyhow::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let data = folder.path().join("collector");
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let config = Config::default().over(Some(data), None, None);
//! let token = create_token(&config, Role::Sensor, std::time::Duration::from_secs(900), 1).await?;
//! println!("traf-sensor join https://collector:7441 --token {token}");
//! assert!(list_tokens(&config).await?.contains("sensor"));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! ```text
//! socket ─► accept ─► access ─┬─► join      token + key → certificate          (a port of its own)
//!            TLS      roles   ├─► ingest ─┬─► writer ─► store                  history: committed, then acknowledged
//!                             │           └─► live                             the present: latest wins
//!                             └─► view ◄──── live or store                     one report, live and past
//! ```
//!
//! * [`run`] puts it together and takes it down again; [`Config`] says how
//! * `authority`, `secrets`, `peers`: who may speak; `tls`, `accept`, `access`: how that is enforced; `places`, `turned_away`:
//!   bounds of connections
//! * `ingest`, `writer`, [`store`]: history; `live`: the present and what consoles wish from sensors; `view`: answers
//! * `report`: the arithmetic of answers; in a LAN each byte counts once, whoever saw it
//! * `shared`, `manage`: what consoles change: named filters, settings of sensors
//! * `memory`: what is free goes back to the system; `retention`: what is old leaves; [`verify`]: do totals add up?; `doctor`, `admin`: commands beside `run`; `folder`: its files
//!
//! It draws nothing, captures nothing, and never trusts a name inside a message.

mod accept;
mod access;
mod admin;
mod authority;
mod clock;
mod collector;
mod config;
mod doctor;
mod failure;
mod folder;
mod ingest;
mod join;
mod live;
mod manage;
mod memory;
mod peers;
mod places;
mod report;
mod retention;
mod run;
mod secrets;
mod shared;
pub mod store;
mod tls;
mod turned_away;
pub mod verify;
mod view;
mod writer;

pub use admin::{create_token, list_sensors, list_tokens, revoke_sensor, revoke_token};
pub use config::{Config, ConfigError, Limits, Retention};
pub use doctor::doctor;
pub use failure::exit_code;
pub use folder::{Folder, FolderError};
pub use run::{Addresses, run};
