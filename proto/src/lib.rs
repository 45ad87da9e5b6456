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

mod codec;
mod counted;
mod field;
mod live;
mod model;
mod query;
mod report;
mod room;
mod rows;
mod summary;

pub use codec::{decode_export, decode_snapshot};
pub use summary::{decode, decode_after_measure, encode, measure};

pub use generated::*;

use traf_model::FilterError;

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
    /// A filter or rules that do not parse.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A name or a setting that will not do.
    #[error("{0}")]
    Refused(String),
    /// More of something than is allowed.
    #[error("{1} of `{0}` in one message")]
    TooMany(&'static str, usize),
    /// Parts that would take too much memory, however few octets they are on the wire.
    #[error("its parts need more than {0} MiB of memory")]
    Room(usize),
    /// A text that is longer than any.
    #[error("`{0}` is {1} octets long, {2} at most")]
    Long(&'static str, usize, usize),
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

#[cfg(test)]
mod tests;
