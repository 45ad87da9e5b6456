//! `traf-lab`: a network on one machine.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use traf_lab::traffic::Traffic;
use traf_lab::{Lan, wait::Stopwatch};

/// A network on one machine: hosts behind a switch, made of namespaces. Works as root, and without.
#[derive(Debug, Parser)]
#[command(version)]
struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says whether this machine can hold a lab, by building one and pinging through it.
    Check {
        /// Keeps it until this program is ended.
        #[arg(long)]
        hold: bool,
    },
    /// Traffic with exact counts, sent from where it is started.
    #[command(subcommand)]
    Traffic(Traffic),
}

fn main() -> ExitCode {
    match run(&Words::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("traf-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Check { hold } => check(*hold),
        Command::Traffic(traffic) => traffic.run(),
    }
}

fn check(hold: bool) -> Result<()> {
    let watch = Stopwatch::start();
    let lan = Lan::new(&["anna", "ben"])?;
    let built = watch.elapsed();
    let [anna, _] = &lan.hosts[..] else { unreachable!("two hosts were named") };
    for address in [lan.plugs[1].ipv4.to_string(), lan.plugs[1].ipv6.to_string()] {
        anna.run("ping", &["-c", "1", "-W", "2", &address])?;
    }
    let mirrored = lan.watch.counters()?["mon0"].rx.frames;
    ensure!(mirrored >= 4, "the mirror port saw {mirrored} frames of two pings");
    println!("a lab stands here under {}: built in {built:?}, pinged by IPv4 and IPv6, mirrored", lan.realm().ground());
    if hold {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}
