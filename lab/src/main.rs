//! `traf-lab`: a network on one machine.

use std::os::unix::process::CommandExt;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use traf_lab::persistent::{self, PersistentLab};
use traf_lab::traffic::Traffic;
use traf_lab::{Demo, Lan, fleet, screens, wait::Stopwatch};

/// A network on one machine: hosts behind a switch, made of namespaces. Works as root, and without.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds a LAN that stays: hosts on a switch, a watcher at its mirror port, a tower for a collector.
    Up {
        /// The hosts.
        #[arg(default_values = ["anna", "ben", "carl"])]
        hosts: Vec<String>,
    },
    /// Clears away the LAN that stays, and whatever killed labs left behind.
    Down,
    /// Runs a command in a host of the LAN that stays: `traf-lab exec anna ping 10.77.1.2`.
    Exec {
        /// The host.
        host: String,
        /// The command.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Four hosts with lively traffic, a sensor on each, and the console on them; all of it goes when the console is left.
    Demo {
        /// Words for `traf`, to print a table where otherwise the screens open: `traf-lab demo traffic`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Prints every screen of the console as it stands in a terminal over the demo, live and past: `docs/screens.md`.
    Screens,
    /// Says whether this machine can hold a lab, by building one and pinging through it.
    Check {
        /// Keeps it until this program is ended.
        #[arg(long)]
        hold: bool,
    },
    /// Many simulated sensors that report to a real collector; prints how fast it was and how far from the truth.
    Fleet(fleet::Plan),
    /// Traffic with exact counts, sent from where it is started.
    #[command(subcommand)]
    Traffic(Traffic),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("traf-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Up { hosts } => up(hosts),
        Command::Down => {
            let ended = persistent::down()?;
            println!("the lab is cleared away ({ended} processes ended)");
            Ok(())
        }
        Command::Exec { host, words } => exec(host, words),
        Command::Demo { words } => demo(words),
        Command::Screens => {
            print!("{}", screens::document()?);
            Ok(())
        }
        Command::Check { hold } => check(*hold),
        Command::Fleet(plan) => {
            println!("{}", plan.title());
            let figures = fleet::run(plan)?;
            print!("{figures}");
            plan.within.map_or(Ok(()), |percent| figures.check(percent))
        }
        Command::Traffic(traffic) => traffic.run(),
    }
}

fn up(hosts: &[String]) -> Result<()> {
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let lab = PersistentLab::up(&names)?;
    println!("a lab stands, under {}: {}", lab.namespaces.privilege, lab.names()?.join(" "));
    println!("  traf-lab exec {} ip address    a command in a host", names[0]);
    println!("  traf-lab down                  clears it away");
    Ok(())
}

/// Becomes the command.
fn exec(host: &str, words: &[String]) -> Result<()> {
    let lab = PersistentLab::find()?;
    let names = lab.names()?;
    ensure!(names.iter().any(|name| name == host), "no host {host:?} in the lab; there are {}", names.join(" "));
    let mut command = lab.machine(host).command(&words[0]);
    let error = command.args(&words[1..]).stdin(Stdio::inherit()).exec();
    Err(error).context("starting nsenter (package util-linux)")
}

fn demo(words: &[String]) -> Result<()> {
    eprintln!("lab: four hosts, five sensors and a collector are coming up");
    let status = Demo::new()?.open(words)?;
    ensure!(status.success(), "traf ended with {status}");
    Ok(())
}

fn check(hold: bool) -> Result<()> {
    let watch = Stopwatch::start();
    let lan = Lan::new(&["anna", "ben"])?;
    let built = watch.elapsed();
    let [anna, _] = &lan.machines[..] else { unreachable!("two hosts were named") };
    for address in [lan.interfaces[1].ipv4.to_string(), lan.interfaces[1].ipv6.to_string()] {
        anna.run("ping", &["-c", "1", "-W", "2", &address])?;
    }
    let mirrored = lan.watch.counters()?["mon0"].inbound.packets;
    ensure!(mirrored >= 4, "the mirror port saw {mirrored} frames of two pings");
    println!(
        "a lab stands here under {}: built in {built:?}, pinged by IPv4 and IPv6, mirrored",
        lan.tower.namespaces.privilege
    );
    if hold {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}
