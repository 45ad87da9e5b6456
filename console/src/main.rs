//! `traf`: what the command line asks for; the exit code says how it went.

use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use traf_console::cli::{Cli, Command, SensorCommand, TableCommand};
use traf_console::client::Client;
use traf_console::config::{Config, Folders};
use traf_console::failure::{Usage, exit_code};
use traf_console::filter_option::check_filter;
use traf_console::look::Look;
use traf_console::runner::Files;
use traf_console::start::StartOptions;
use traf_console::theme::Theme;
use traf_console::{admin, clock, command, join, local, runner};
use traf_peer::Credentials;

fn main() -> ExitCode {
    let Err(error) = start(Cli::parse()) else { return ExitCode::SUCCESS };
    let Some(code) = exit_code(&error) else { return ExitCode::SUCCESS };
    command::say(&format!("{error:#}"));
    ExitCode::from(code)
}

/// Values that every command needs.
struct Environment {
    folders: Folders,
    credentials: PathBuf,
    look: Look,
    files: Files,
}

fn start(cli: Cli) -> Result<()> {
    let folders = Folders::find(|name| std::env::var_os(name))?;
    let config = Config::read(cli.config.as_deref(), &folders)?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = Look {
        zone: config.zone().context("finding the time zone")?,
        units: config.rates,
        theme: if config.colour.unwrap_or(!no_colour) { config.theme() } else { Theme::Mono },
        ..Look::default()
    };
    let credentials = cli.credentials.unwrap_or_else(|| config.credentials(&folders));
    let files = Files { path: Config::path(cli.config.as_deref(), &folders), folder: folders.config.clone(), config };
    let environment = Environment { folders, credentials, look, files };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(run(cli.command, cli.start, environment));
    // A thread that still waits for a key, or a name server, must not hold us up.
    runtime.shutdown_background();
    done
}

async fn run(command: Option<Command>, options: StartOptions, environment: Environment) -> Result<()> {
    if command.is_some() && !options.is_none() {
        let words = "-i, -g, -d, -s, -z, -l and -t open the screens: leave the command out, or (traf local) write them behind it";
        return Err(Usage(words.to_owned()).into());
    }
    let out = BufWriter::new(io::stdout());
    match command {
        None => {
            screens_possible()?;
            let (client, look) = connect(&environment)?;
            runner::run(client, look, environment.files, &options).await
        }
        Some(Command::Join(join)) => join::run(&join, &environment.credentials).await,
        Some(Command::Local(local)) => {
            if !local.once {
                screens_possible()?;
            }
            local::run(&local, &environment.folders.state, environment.look, environment.files).await
        }
        Some(Command::Sensors(sensors)) => {
            let (client, look) = connect(&environment)?;
            match &sensors.command {
                None => command::sensors(&client, &sensors, &look, out).await,
                Some(SensorCommand::Set { name, changes }) => admin::set(&client, name, changes, out).await,
            }
        }
        Some(Command::Filters(filters)) => admin::filters(&connect(&environment)?.0, &filters, out).await,
        Some(Command::Table(TableCommand { subject, table })) => {
            // A wrong question is told before anybody is asked.
            table.window(clock::now(), &environment.look.zone)?;
            check_filter(&table.filter)?;
            let (client, look) = connect(&environment)?;
            command::table(&client, subject, &table, &look, out).await
        }
    }
}

fn screens_possible() -> Result<(), Usage> {
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Usage(
        "the screens need a terminal; for pipes and scripts there are traf traffic, traf interfaces, traf sensors …"
            .to_owned(),
    ))
}

fn connect(environment: &Environment) -> Result<(Client, Look)> {
    let credentials = Credentials::load(&environment.credentials, "traf")?;
    credentials.check(clock::now().seconds())?;
    let look = Look { collector: credentials.url.to_string(), ..environment.look.clone() };
    Ok((Client::new(&credentials)?, look))
}
