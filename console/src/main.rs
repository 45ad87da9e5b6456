//! `traf`: what the command line asks for; the exit code says how it went.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use traf_console::cli::{Cli, Command, OfSensor, Table};
use traf_console::client::Client;
use traf_console::command::Subject;
use traf_console::config::{Config, Places};
use traf_console::failure::{Usage, exit_code};
use traf_console::look::Look;
use traf_console::runner::{Files, Start};
use traf_console::straight::Straight;
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

/// What every command needs.
struct Setting {
    places: Places,
    credentials: PathBuf,
    look: Look,
    files: Files,
}

fn start(cli: Cli) -> Result<()> {
    let places = Places::find(|name| std::env::var_os(name))?;
    let config = Config::read(cli.config.as_deref(), &places)?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = Look {
        zone: config.zone().context("finding the time zone")?,
        units: config.rates.into(),
        theme: if config.colour.unwrap_or(!no_colour) { config.theme() } else { Theme::MONO },
        ..Look::default()
    };
    let credentials = cli.credentials.unwrap_or_else(|| config.credentials(&places));
    let files = Files { path: Config::path(cli.config.as_deref(), &places), folder: places.config.clone(), config };
    let setting = Setting { places, credentials, look, files };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(run(cli.command, cli.straight, setting));
    // A thread that still waits for a key, or a name server, must not hold us up.
    runtime.shutdown_background();
    done
}

async fn run(command: Option<Command>, straight: Straight, setting: Setting) -> Result<()> {
    if command.is_some() && !straight.is_none() {
        let words = "-i, -g, -d, -s, -z, -l and -t open the screens: leave the command out, or (traf local) write them behind it";
        return Err(Usage(words.to_owned()).into());
    }
    let out = BufWriter::new(io::stdout());
    match command {
        None => {
            screens_possible()?;
            let (client, look) = connect(&setting)?;
            let start = Start::of(&straight, &client).await?;
            runner::run(client, look, setting.files, start).await
        }
        Some(Command::Join(join)) => join::run(&join, &setting.credentials).await,
        Some(Command::Local(local)) => {
            if !local.once {
                screens_possible()?;
            }
            local::run(&local, &setting.places.state, setting.look, setting.files).await
        }
        Some(Command::Sensors(sensors)) => {
            let (client, look) = connect(&setting)?;
            match &sensors.command {
                None => command::sensors(&client, &sensors, &look, out).await,
                Some(OfSensor::Set { name, changes }) => admin::set(&client, name, changes, out).await,
            }
        }
        Some(Command::Filters(filters)) => {
            let (client, _) = connect(&setting)?;
            admin::filters(&client, &filters, out).await
        }
        Some(Command::Traffic(traffic)) => {
            let subject = Subject { group: traffic.group, ..Facility::Traffic.into() };
            print(&setting, subject, &traffic.table, out).await
        }
        Some(Command::Interface(of)) => {
            let subject = Subject { detailed: true, ..Facility::Interfaces.into() };
            print(&setting, subject, &of.table(), out).await
        }
        Some(Command::Lines(table)) => print(&setting, Facility::Lines.into(), &table, out).await,
        Some(Command::Interfaces(table)) => print(&setting, Facility::Interfaces.into(), &table, out).await,
        Some(Command::Counted(of)) => print(&setting, of.view.facility.into(), &of.table, out).await,
    }
}

async fn print(setting: &Setting, subject: Subject, table: &Table, out: impl Write) -> Result<()> {
    // A wrong question is told before anybody is asked.
    table.window(clock::now(), &setting.look.zone)?;
    table.check_filter()?;
    let (client, look) = connect(setting)?;
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

fn connect(setting: &Setting) -> Result<(Client, Look)> {
    let credentials = Credentials::load(&setting.credentials, "traf")?;
    credentials.check(clock::now().seconds())?;
    let look = Look { collector: credentials.url.to_string(), ..setting.look.clone() };
    Ok((Client::new(&credentials)?, look))
}
