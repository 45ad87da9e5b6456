//! The gRPC messages and their conversions. A message of a peer becomes a type of the model here, or an error with a name;
//! no other code checks messages.
//!
//! ```
//! use traf_model::Query;
//! use traf_proto as wire;
//!
//! // `From` makes a message, `TryFrom` reads one.
//! let query = Query { limit: 10, ..Query::default() };
//! let message = wire::Query::from(&query);
//! assert_eq!(Query::try_from(message), Ok(query));
//! ```

#![forbid(unsafe_code)]

mod admin;
mod counted;
mod fleet;
mod live;
mod model;
mod query;
mod report;
mod rows;
mod settings;
mod summary;

pub use summary::{decode, encode};

use std::net::IpAddr;

pub use generated::*;

use traf_model::filter::RulesError;
use traf_model::{FilterError, Timestamp};

#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
mod generated {
    tonic::include_proto!("traf.v1");
}

/// Octets of the largest message that any side accepts: a summary with every table full.
pub const MAX_MESSAGE: usize = 32 << 20;

/// An error in a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A part that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A number that means nothing, or is too large for what it counts.
    #[error("`{0}` is out of range: {1}")]
    Range(&'static str, u64),
    /// Neither 4 nor 16 octets.
    #[error("an address of {0} octets is neither IPv4 nor IPv6")]
    Address(usize),
    /// Not 6 octets.
    #[error("a MAC address of {0} octets")]
    Mac(usize),
    /// A filter that does not parse.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Rules that do not parse.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A name that will not do.
    #[error("{0}")]
    Name(String),
    /// A setting that will not do.
    #[error("{0}")]
    Setting(String),
    /// More of something than is allowed.
    #[error("{1} of `{0}` in one message")]
    TooMany(&'static str, usize),
    /// Not a message at all.
    #[error("not a message: {0}")]
    Decode(String),
    /// A key of another kind than the facility's.
    #[error("a row of `{0}` has a key of another kind")]
    Key(&'static str),
    /// A key twice.
    #[error("`{0}` holds the same key twice")]
    Twice(&'static str),
}

fn need<T>(part: Option<T>, name: &'static str) -> Result<T, WireError> {
    part.ok_or(WireError::Missing(name))
}

fn narrow<T: TryFrom<u32>>(number: u32, name: &'static str) -> Result<T, WireError> {
    T::try_from(number).map_err(|_| WireError::Range(name, u64::from(number)))
}

/// The entry at the place that a number names.
fn pick<T: Copy>(all: &[T], number: u32, name: &'static str) -> Result<T, WireError> {
    all.get(number as usize).copied().ok_or(WireError::Range(name, u64::from(number)))
}

/// The number of an entry.
fn place<T: PartialEq>(all: &[T], entry: &T) -> u32 {
    all.iter().position(|other| other == entry).map_or(0, |place| place as u32)
}

fn each<A, B: TryFrom<A, Error = WireError>>(all: Vec<A>) -> Result<Vec<B>, WireError> {
    all.into_iter().map(B::try_from).collect()
}

fn from_each<'a, A: 'a, B: From<&'a A>>(all: impl IntoIterator<Item = &'a A>) -> Vec<B> {
    all.into_iter().map(B::from).collect()
}

fn address(octets: &[u8]) -> Result<IpAddr, WireError> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Ok(v4.into());
    }
    <[u8; 16]>::try_from(octets).map(IpAddr::from).map_err(|_| WireError::Address(octets.len()))
}

fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn time(nanos: i64) -> Timestamp {
    Timestamp(nanos)
}

#[cfg(test)]
mod tests;
