//! `traf-sensor`: captures and meters this host's traffic for a Trafalgar collector.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use traf_peer::exit_code;
use traf_sensor::command::listing::ListingFormat;
use traf_sensor::command::{doctor, join, listing};
use traf_sensor::config::{Config, ConfigError, Options, RunOptions};
use traf_sensor::{CaptureError, InterfaceError, read, run};

/// Captures and meters this host's traffic for a Trafalgar collector.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 69 collector away, 77 no permission, 78 bad configuration.
#[derive(Parser)]
#[command(name = "traf-sensor", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Capture, and deliver to the collector
    Run(Box<RunOptions>),
    /// Become a sensor of a collector, with a token that it made
    Join(join::JoinArgs),
    /// Meter capture files, and print what was in them
    Read(read::ReadArgs),
    /// List this host's interfaces
    Interfaces(ListingArgs),
    /// Check permissions, interfaces, credentials, collector, clock and disk
    Doctor(ListingArgs),
    /// List what waits for the collector
    Spool(ListingArgs),
}

#[derive(clap::Args)]
struct ListingArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: ListingFormat,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Fails only when another one is installed, and there is no other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match work(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("traf-sensor: {}", words(&error));
            ExitCode::from(exit_code(error.as_ref(), code))
        }
    }
}

fn work(Arguments { options, command }: Arguments) -> Result<bool> {
    if let Command::Read(args) = command {
        start_log(options.log.as_deref().unwrap_or("info"))?;
        return read::run(&args).map(|()| true);
    }
    let run = if let Command::Run(run) = &command { run.as_ref().clone() } else { RunOptions::default() };
    let config = Config::load(options, run)?;
    start_log(&config.log)?;
    match command {
        Command::Run(_) => run::run(config)?,
        Command::Join(args) => print(&format!("{}\n", join::run(&args, &config.data)?))?,
        Command::Interfaces(ListingArgs { format }) => print(&listing::interfaces(&config, format)?)?,
        Command::Spool(ListingArgs { format }) => print(&listing::spool(&config.spool_folder(), format)?)?,
        Command::Doctor(ListingArgs { format }) => {
            let (report, good) = doctor::run(&config, format)?;
            print(&report)?;
            return Ok(good);
        }
        Command::Read(_) => {}
    }
    Ok(true)
}

fn start_log(filter: &str) -> Result<(), ConfigError> {
    let filter = Targets::from_str(filter).map_err(|_| ConfigError::Value {
        name: "log",
        value: format!("{filter:?}"),
        reason: "write error, warn, info, debug or trace",
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
    Ok(())
}

/// A reader that has seen enough is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The error and its causes, each once: some already say what caused them.
fn words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |words, cause| match words.as_str() {
        "" => cause,
        known if known.contains(&cause) => words,
        _ => format!("{words}: {cause}"),
    })
}

/// The exit code of an error that only a sensor has.
fn code(cause: &(dyn Error + 'static)) -> Option<u8> {
    match cause.downcast_ref() {
        Some(CaptureError::Permission(..)) => Some(77),
        _ if matches!(cause.downcast_ref(), Some(InterfaceError::Unknown { .. })) => Some(2),
        _ => cause.is::<ConfigError>().then_some(78),
    }
}
