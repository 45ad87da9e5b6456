//! `traf-collector`: the command line. What it does is in the library.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use traf_collector::{Addresses, Config, Folder};
use traf_peer::Role;

/// Collects what Trafalgar's sensors see, keeps it, and answers questions about it.
#[derive(Parser)]
#[command(name = "traf-collector", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Configuration file [default: /etc/traf/collector.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "TRAF_COLLECTOR_CONFIG")]
    config: Option<PathBuf>,
    /// Data folder [default: /var/lib/traf/collector]
    #[arg(long, global = true, value_name = "DIR", env = "TRAF_COLLECTOR_DATA")]
    data: Option<PathBuf>,
    /// Say more (twice: everything). RUST_LOG is stronger.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Run the collector until SIGTERM or SIGINT
    Run {
        /// Address for sensors and consoles; port 0 takes any free one [default: 0.0.0.0:7440]
        #[arg(long, value_name = "ADDR:PORT", env = "TRAF_COLLECTOR_LISTEN")]
        listen: Option<SocketAddr>,
        /// Address for machines that join; port 0 takes any free one [default: 0.0.0.0:7441]
        #[arg(long, value_name = "ADDR:PORT", env = "TRAF_COLLECTOR_JOIN_LISTEN")]
        join_listen: Option<SocketAddr>,
    },
    /// Tokens, which let machines join
    #[command(subcommand)]
    Token(TokenCommand),
    /// Sensors and consoles that have joined
    #[command(subcommand)]
    Sensors(SensorsCommand),
    /// Check that all totals add up; exits 1 when they do not
    Verify,
    /// Look whether the collector can run here
    Doctor,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it
    Create {
        /// Role of who joins with it: sensor, viewer or admin
        #[arg(long)]
        role: Role,
        /// Validity: 90s, 15m, 1h, 7d
        #[arg(long, default_value = "1h", value_parser = duration)]
        ttl: Duration,
        /// Number of machines that may join with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
    },
    /// Show all tokens, without their secrets
    List,
    /// Take a token back
    Revoke {
        /// As the list shows it
        id: String,
    },
}

#[derive(Subcommand)]
enum SensorsCommand {
    /// Show who has joined
    List,
    /// Shut a sensor or console out
    Revoke {
        /// Its name or identifier
        #[arg(value_name = "NAME|ID")]
        name: String,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.verbose);
    let done = configure(&cli).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
        runtime.block_on(execute(cli.command, config))
    });
    done.unwrap_or_else(|error| {
        eprintln!("traf-collector: {error:#}");
        ExitCode::from(traf_collector::exit_code(&error))
    })
}

/// Before any thread is started: root steps down to the owner of the data folder.
fn configure(cli: &Cli) -> anyhow::Result<Config> {
    let (listen, join_listen) = match &cli.command {
        Command::Run { listen, join_listen } => (*listen, *join_listen),
        _ => (None, None),
    };
    let file = Config::read(cli.config.as_deref())?;
    let config = file.over(cli.data.clone(), listen, join_listen);
    Folder::step_down(&config.data)?;
    Ok(config)
}

async fn execute(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { .. } => run(config).await?,
        Command::Token(TokenCommand::Create { role, ttl, uses }) => {
            let token = traf_collector::create_token(&config, role, ttl, uses).await?;
            let program = if role == Role::Sensor { "traf-sensor" } else { "traf" };
            eprintln!(
                "On the machine that joins, with this line in FILE: {program} join https://THIS-HOST:7441 --token-file FILE"
            );
            print(&format!("{token}\n"));
        }
        Command::Token(TokenCommand::List) => print(&traf_collector::list_tokens(&config).await?),
        Command::Token(TokenCommand::Revoke { id }) => traf_collector::revoke_token(&config, &id).await?,
        Command::Sensors(SensorsCommand::List) => print(&traf_collector::list_sensors(&config).await?),
        Command::Sensors(SensorsCommand::Revoke { name }) => traf_collector::revoke_sensor(&config, &name).await?,
        Command::Verify => {
            let findings = traf_collector::verify::verify(&config).await?;
            findings.iter().for_each(|finding| print(&format!("{finding}\n")));
            return Ok(ExitCode::from(u8::from(findings.iter().any(|finding| finding.wrong > 0))));
        }
        Command::Doctor => {
            let (lines, well) = traf_collector::doctor(&config).await;
            print(&lines);
            return Ok(ExitCode::from(u8::from(!well)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut asked = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let shutdown = async move {
        asked().await;
        // Whoever asks twice does not want to wait.
        tokio::spawn(async move {
            asked().await;
            std::process::exit(1);
        });
    };
    let (ready, addresses) = oneshot::channel::<Addresses>();
    tokio::spawn(async move {
        if let Ok(addresses) = addresses.await {
            eprintln!("traf-collector: ready on {}, joining on {}", addresses.main, addresses.join);
        }
    });
    traf_collector::run(config, ready, shutdown).await
}

/// Data goes to stdout; a reader that has gone away is no failure.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "warn,traf_collector=info",
        1 => "info,traf_collector=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

fn duration(text: &str) -> Result<Duration, String> {
    let valid = |duration: &Duration| (1..=3650 * 86_400).contains(&duration.as_secs());
    let wrong = || format!("`{text}` is not a length of time: write 90s, 15m, 1h or 7d");
    traf_model::time::length(text).filter(valid).ok_or_else(wrong)
}
