//! A machine: a network namespace with its interfaces, and the programs that run in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use traf_model::Traffic;

use crate::counters;
use crate::namespaces::Namespaces;
use crate::process::{Process, binary};

/// A machine of the lab.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name, and the name of its network namespace.
    pub name: String,
    /// The namespaces of its lab.
    pub namespaces: Arc<Namespaces>,
    folder: PathBuf,
}

impl Machine {
    /// Makes a machine with a loopback that is up, and nothing else. Logs go into `folder`.
    pub fn new(namespaces: &Arc<Namespaces>, name: &str, folder: &Path) -> Result<Self> {
        ensure!(name.len() <= 12, "{name:?} is too long for the name of a host: 12 letters at most");
        let machine = Self::existing(namespaces, name, folder);
        run(namespaces.command("ip").args(["netns", "add", name]))?;
        // Quiet and quick: nothing is sent that nobody asked for, and a static address works at once.
        machine.sh(
            "ip link set lo up; \
             for c in all default; do \
               sysctl -qw net.ipv6.conf.$c.disable_ipv6=0 net.ipv6.conf.$c.accept_dad=0 net.ipv6.conf.$c.dad_transmits=0 \
                 net.ipv6.conf.$c.router_solicitations=0 net.ipv6.conf.$c.accept_ra=0 net.ipv6.conf.$c.addr_gen_mode=1 \
                 net.ipv4.conf.$c.rp_filter=0 net.ipv6.conf.$c.mldv2_unsolicited_report_interval=100 \
                 net.ipv4.conf.$c.igmpv3_unsolicited_report_interval=100; \
             done",
        )?;
        Ok(machine)
    }

    /// A machine that was made before.
    pub fn existing(namespaces: &Arc<Namespaces>, name: &str, folder: &Path) -> Self {
        Self { name: name.to_owned(), namespaces: Arc::clone(namespaces), folder: folder.to_owned() }
    }

    /// A command in this machine.
    pub fn command(&self, program: &str) -> Command {
        self.namespaces.command_in(&self.name, program)
    }

    /// Runs a command to its end and returns its output. It is an error if the command fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        run(self.command(program).args(arguments))
    }

    /// Runs a line of shell to its end; the first command that fails ends it.
    pub fn sh(&self, line: &str) -> Result<String> {
        self.run("sh", &["-ec", line])
    }

    /// Starts a program; its output goes to a log of the lab.
    pub fn start(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        let short = Path::new(program).file_name().map_or_else(|| program.into(), |name| name.to_string_lossy());
        self.start_as(&short, program, arguments)
    }

    /// Runs one of the lab's own generators (`traf-lab traffic …`) to its end.
    pub fn traffic(&self, words: &[&str]) -> Result<String> {
        self.run(&binary("traf-lab")?, &[&["traffic"], words].concat())
    }

    /// Starts one of the lab's own generators. It gives way to the programs that count what it sends: on a machine that is slow there
    /// is less traffic, and not less of it counted.
    pub fn start_traffic(&self, words: &[&str]) -> Result<Process> {
        let name = format!("traffic-{}", words.first().unwrap_or(&"none"));
        self.start_as(&name, "nice", &[&["-n", "10", &binary("traf-lab")?, "traffic"], words].concat())
    }

    /// Starts `traf-lab traffic serve` at these addresses; returns when it serves.
    pub fn serve(&self, addresses: &[&str]) -> Result<Process> {
        let server = self.start_traffic(&[&["serve"], addresses].concat())?;
        server.wait_for_log("serving")?;
        Ok(server)
    }

    fn start_as(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Process> {
        let (name, mut command) = (format!("{name}@{}", self.name), self.command(program));
        command.args(arguments);
        Process::start(&name, command, self.folder.join(format!("{name}.log")))
    }

    /// The kernel's counters of all its interfaces, by name.
    pub fn counters(&self) -> Result<BTreeMap<String, Traffic>> {
        let text = self.run("ip", &["-s", "-j", "link", "show"])?;
        let links: Vec<Value> = serde_json::from_str(&text).context("reading ip -s -j link show")?;
        let named = links.iter().map(|link| {
            let name = link["ifname"].as_str().context("a link without a name")?;
            Ok((name.to_owned(), counters::of_link(link)?))
        });
        named.collect()
    }
}

/// Runs a command to its end and returns its standard output; the error of one that fails holds all that it printed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(
        output.status.success(),
        "`{}` failed ({}): {}{}",
        words.join(" "),
        output.status,
        stderr.trim(),
        stdout.trim(),
    );
    Ok(stdout.into_owned())
}
