//! `traf`: what the command line asks for; the exit code says how it went.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use traf_console::cli::{Cli, Command, SensorCommand, TableOptions};
use traf_console::client::Client;
use traf_console::command::Subject;
use traf_console::config::{Config, Folders};
use traf_console::failure::{Usage, exit_code};
use traf_console::look::Look;
use traf_console::runner::Files;
use traf_console::start::StartOptions;
use traf_console::text::clean_lines;
use traf_console::theme::Theme;
use traf_console::{admin, clock, command, join, local, runner};
use traf_model::Facility;
use traf_peer::Credentials;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match exit_code(&error) {
            Some(code) => {
                let _ = writeln!(io::stderr(), "traf: {}", clean_lines(&format!("{error:#}")));
                ExitCode::from(code)
            }
            None => ExitCode::SUCCESS,
        },
    }
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
        Some(Command::Filters(filters)) => {
            let (client, _) = connect(&environment)?;
            admin::filters(&client, &filters, out).await
        }
        Some(Command::Traffic(traffic)) => {
            let subject = Subject { group: traffic.group, ..Facility::Traffic.into() };
            print(&environment, subject, &traffic.table, out).await
        }
        Some(Command::Interface(of)) => {
            let subject = Subject { detailed: true, ..Facility::Interfaces.into() };
            print(&environment, subject, &of.table(), out).await
        }
        Some(Command::Lines(table)) => print(&environment, Facility::Packets.into(), &table, out).await,
        Some(Command::Interfaces(table)) => print(&environment, Facility::Interfaces.into(), &table, out).await,
        Some(Command::Counted(of)) => {
            print(&environment, Facility::Counted(of.view.facility).into(), &of.table, out).await
        }
    }
}

async fn print(environment: &Environment, subject: Subject, table: &TableOptions, out: impl Write) -> Result<()> {
    // A wrong question is told before anybody is asked.
    table.window(clock::now(), &environment.look.zone)?;
    table.check_filter()?;
    let (client, look) = connect(environment)?;
    command::table(&client, subject, table, &look, out).await
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
