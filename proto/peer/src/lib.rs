//! How a sensor or a console reaches its collector: credentials in a folder, joining with a token, one mTLS channel.
//!
//! The collector is known by its authority's key and by its role in the certificate, not by a host name: it may be
//! reached under any name or address that leads to it.

#![forbid(unsafe_code)]

mod credentials;
pub mod identity;
mod join;
mod tls;
pub mod token;

pub use credentials::{Credentials, CredentialsError};
pub use identity::{Identity, Role};
pub use join::{JoinError, join};
pub use tls::{CollectorUrl, UrlError, channel, explain};
