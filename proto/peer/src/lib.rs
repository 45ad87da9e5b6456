//! A sensor's or a console's way to its collector: credentials in a folder, joining with a token, one channel with mutual TLS.
//!
//! ```
//! use traf_peer::CollectorUrl;
//! use traf_peer::token::Token;
//!
//! let token = Token { pin: [7; 32], id: [1; 6], secret: [9; 20] };
//! assert_eq!(token.to_string().parse::<Token>().unwrap().pin, token.pin);
//! assert!("https://collector:7441".parse::<CollectorUrl>().is_ok());
//! ```
//!
//! The collector is known by its authority's key and by its role in the certificate, not by a host name: it may be
//! reached under any name or address that leads to it.

#![forbid(unsafe_code)]

mod backoff;
mod credentials;
mod exit;
pub mod file;
pub mod identity;
mod join;
mod refusal;
mod tls;
pub mod token;

pub use backoff::Backoff;
pub use credentials::{Credentials, CredentialsError};
pub use exit::exit_code;
pub use identity::{Identity, Role};
pub use join::{JoinError, join};
pub use refusal::Refusal;
pub use tls::{CollectorUrl, UrlError, channel, explain};
