//! `traf`, the console: IPTraf's views, live and past, over every sensor.
//!
//! ```
//! use clap::Parser;
//! use traf_console::cli::{Cli, Command};
//!
//! let cli = Cli::parse_from(["traf", "traffic", "--filter", "tcp port 443", "--format", "json"]);
//! assert!(matches!(cli.command, Some(Command::Table(_))));
//! ```
//!
//! * the middle: [`app`] (state), [`event`], [`facility`], [`key`], [`screen`] and [`widget`] (drawing), [`condition`],
//!   [`look`], [`number`], [`moment`], [`text`], [`theme`]; no clock, no terminal, no network
//! * the edge: [`cli`] and [`start`] (arguments), [`runner`] (terminal), [`client`] (collector), [`command`] and [`output`]
//!   (tables on standard output), [`admin`], [`join`], [`local`], [`config`] and [`names`] (files, and name servers), [`clock`]

#![forbid(unsafe_code)]
pub mod admin;
pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod condition;
pub mod config;
pub mod event;
pub mod facility;
pub mod failure;
pub mod filter_option;
pub mod join;
pub mod key;
pub mod local;
pub mod look;
pub mod moment;
pub mod names;
pub mod number;
pub mod output;
pub mod runner;
pub mod screen;
pub mod settings;
pub mod start;
pub mod text;
pub mod theme;
pub mod widget;
